//! Runs a handler over the messages of an SQS batch and reports the ones that failed, so that one
//! bad message never holds up its batch.

use std::future::Future;
use std::pin::Pin;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};

/// One message, as a handler needs it.
#[derive(Clone, Debug)]
pub struct Message {
    /// What was sent.
    pub body: String,
    /// How often it has been received, this time included.
    pub receive_count: u32,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done with.
    Done,
    /// It is to come again, until the queue gives up on it.
    Again,
}

/// Handles the messages of a batch one after another.
pub async fn run<F, Fut>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    F: Fn(Message) -> Fut,
    Fut: Future<Output = Outcome> + Send,
{
    let mut response = SqsBatchResponse::default();
    for record in event.records {
        let id = record.message_id.clone().unwrap_or_default();
        // Behind a pointer: handlers are deep, and their callers need not be laid out around them.
        let handling: Pin<Box<dyn Future<Output = Outcome> + Send>> =
            Box::pin(handle(message(record)));
        if handling.await == Outcome::Again {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            response.batch_item_failures.push(failure);
        }
    }
    response
}

fn message(record: SqsMessage) -> Message {
    let receive_count = record
        .attributes
        .get("ApproximateReceiveCount")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    Message {
        body: record.body.unwrap_or_default(),
        receive_count,
    }
}
