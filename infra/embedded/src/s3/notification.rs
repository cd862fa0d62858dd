//! The events S3 sends when an object was made.

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::objects::Object;

/// What stays as it is in the key of an event: it is encoded like a form, but for slashes.
const KEPT_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*')
    .remove(b' ');

/// How an object came to be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    Put,
    Copy,
    CompleteMultipartUpload,
}

impl Cause {
    const fn event_name(self) -> &'static str {
        match self {
            Self::Put => "ObjectCreated:Put",
            Self::Copy => "ObjectCreated:Copy",
            Self::CompleteMultipartUpload => "ObjectCreated:CompleteMultipartUpload",
        }
    }
}

/// The body of the message S3 sends to SQS.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
pub(super) fn body(
    bucket: &str,
    key: &str,
    object: &Object,
    cause: Cause,
    sequence: i64,
) -> String {
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": milliseconds(object.modified_at),
        "eventName": cause.event_name(),
        "userIdentity": { "principalId": "local" },
        "requestParameters": { "sourceIPAddress": "127.0.0.1" },
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "local",
            "bucket": {
                "name": bucket,
                "ownerIdentity": { "principalId": "local" },
                "arn": format!("arn:aws:s3:::{bucket}"),
            },
            "object": {
                "key": encoded_key(key),
                "size": object.size,
                "eTag": object.etag,
                "sequencer": format!("{sequence:018X}"),
            },
        },
    }]})
    .to_string()
}

fn encoded_key(key: &str) -> String {
    utf8_percent_encode(key, KEPT_IN_KEYS)
        .to_string()
        .replace(' ', "+")
}

fn milliseconds(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_s3_does() {
        assert_eq!(
            encoded_key("inbox/w/my file+1.pdf"),
            "inbox/w/my+file%2B1.pdf"
        );
        assert_eq!(encoded_key("inbox/w/é(1).pdf"), "inbox/w/%C3%A9%281%29.pdf");
    }

    #[test]
    fn times_have_milliseconds() {
        assert_eq!(
            milliseconds(Timestamp::from_millisecond(123).unwrap()),
            "1970-01-01T00:00:00.123Z"
        );
    }
}
