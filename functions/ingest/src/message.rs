//! What arrives on the ingest queue: work of our own, and notifications of S3.

use aws_lambda_events::event::s3::S3Event;
use domain::message::Work;
use runtime::batch;
use serde_json::Value;

/// A message, read.
#[derive(Debug)]
pub(crate) enum Received {
    /// Work of our own.
    Work(Work),
    /// Objects that were written, by key.
    Objects(Vec<String>),
    /// What S3 sends when notifications are set up.
    Test,
}

/// Reads the body of a message.
///
/// # Errors
/// What is wrong with it; it will never be readable.
pub(crate) fn read(body: &str) -> Result<Received, String> {
    let value: Value = batch::parse(body)?;
    if value.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Received::Test);
    }
    if value.get("Records").is_some() {
        let event: S3Event = batch::parse(body)?;
        return Ok(Received::Objects(
            event
                .records
                .into_iter()
                .filter_map(|record| record.s3.object.key)
                .map(|key| decode(&key))
                .collect(),
        ));
    }
    store::worker::read(body).map(Received::Work)
}

/// S3 writes keys in events as a form would: percent-encoded, with `+` for a space.
fn decode(key: &str) -> String {
    let spaced = key.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_events_are_decoded() {
        assert_eq!(
            decode("inbox/acme/May+2024%2B.pdf"),
            "inbox/acme/May 2024+.pdf"
        );
    }

    #[test]
    fn a_message_of_nothing_we_know_is_refused() {
        for body in ["", "{}", "[]", "{\"v\":1}", "not json"] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_test_event_is_known() {
        let body = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}"#;
        assert!(matches!(read(body), Ok(Received::Test)));
    }
}
