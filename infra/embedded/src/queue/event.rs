//! The event Lambda makes of a batch of messages.

use std::collections::HashMap;

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::message::Destination;
use s3s::crypto::{Checksum, Md5};

use super::Message;

/// Wraps messages as Lambda's event source mapping does.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
pub(super) fn of(messages: &[Message], from: Destination) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages
        .iter()
        .map(|message| record(message, from))
        .collect();
    event
}

fn record(message: &Message, from: Destination) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.to_string());
    record.receipt_handle = Some(message.receipt.clone());
    record.md5_of_body = Some(hex::encode(Md5::checksum(message.body.as_bytes())));
    record.body = Some(message.body.clone());
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(format!(
        "arn:aws:sqs:us-east-1:000000000000:{}",
        from.name()
    ));
    record.aws_region = Some("us-east-1".to_owned());
    record.attributes = HashMap::from([
        (
            "ApproximateReceiveCount".to_owned(),
            message.receives.to_string(),
        ),
        (
            "SentTimestamp".to_owned(),
            message.sent_at.as_millisecond().to_string(),
        ),
        ("SenderId".to_owned(), "000000000000".to_owned()),
        (
            "ApproximateFirstReceiveTimestamp".to_owned(),
            message.first_received_at.as_millisecond().to_string(),
        ),
    ]);
    record
}
