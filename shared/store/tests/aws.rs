//! What AWS says, and is told, where the embedded stack does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::SdkConfig;
use axum::Router;
use axum::http::StatusCode;
use bytes::Bytes;
use domain::file::{BlobRef, Writer};
use domain::message::Destination;
use domain::{BlobId, Error, Retry};
use runtime::aws::{LocalCredentials, for_endpoint, s3_client};
use serde_json::{Value, json};
use store::blob::{Blobs, ObjectKey};
use store::keys::Key;
use store::queue::{Queue, SqsQueues};
use store::table::{Row, Table};
use tokio::net::TcpListener;
use uuid::Uuid;

/// A service that answers its requests with these statuses and bodies, with the last one from then
/// on.
struct Stub {
    aws: SdkConfig,
    requests: Arc<Mutex<Vec<Bytes>>>,
}

impl Stub {
    async fn start(replies: Vec<(StatusCode, &'static str)>) -> Self {
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let router = Router::new().fallback(move |body: Bytes| async move {
            let mut seen = seen.lock().unwrap();
            seen.push(body);
            replies[seen.len().min(replies.len()) - 1]
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = LocalCredentials {
            access_key: "test".to_owned(),
            secret_key: "test".to_owned(),
        };
        Self {
            aws: for_endpoint(&endpoint, &credentials),
            requests,
        }
    }

    fn requests(&self) -> Vec<Bytes> {
        self.requests.lock().unwrap().clone()
    }

    /// Writes an object where none is.
    async fn create(&self) -> domain::Result<()> {
        let blobs = Blobs::new(s3_client(&self.aws), "bucket".to_owned());
        let blob = BlobRef {
            id: BlobId::new(Uuid::nil()),
            written_by: Writer::Function,
        };
        let key = ObjectKey::Blob("acme".parse().unwrap(), blob);
        let bytes = Bytes::from_static(b"bytes");
        blobs.create(&key, bytes, "text/plain").await
    }
}

/// What S3 says while it decides between two conditional writes of one key.
const UNDECIDED: (StatusCode, &str) = (
    StatusCode::CONFLICT,
    "<Error><Code>ConditionalRequestConflict</Code></Error>",
);

#[tokio::test]
async fn a_write_that_meets_another_is_made_again_until_s3_has_decided() {
    let s3 = Stub::start(vec![UNDECIDED, UNDECIDED, (StatusCode::OK, "")]).await;
    s3.create().await.unwrap();
    assert_eq!(s3.requests().len(), 3);
}

#[tokio::test]
async fn a_write_that_s3_never_decides_about_may_be_tried_later() {
    let s3 = Stub::start(vec![UNDECIDED]).await;
    let error = s3.create().await.unwrap_err();
    assert!(matches!(error, Error::Dependency { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
    assert!(s3.requests().len() < 10);
}

#[tokio::test]
async fn a_message_is_postponed_by_its_receipt() {
    let sqs = Stub::start(vec![(StatusCode::OK, "{}")]).await;
    let url = "https://sqs.example/ingest";
    let queues = SqsQueues::new(
        aws_sdk_sqs::Client::new(&sqs.aws),
        HashMap::from([(Destination::Ingest, url.to_owned())]),
    );

    let wait = Duration::from_secs(12);
    queues
        .postpone(Destination::Ingest, "receipt", wait)
        .await
        .unwrap();

    let [request] = sqs.requests().try_into().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&request).unwrap(),
        json!({"QueueUrl": url, "ReceiptHandle": "receipt", "VisibilityTimeout": 12})
    );
}

/// What DynamoDB says while it has no capacity for a key.
const UNPROCESSED: (StatusCode, &str) = (
    StatusCode::OK,
    r#"{"Responses":{},"UnprocessedKeys":{"table":{"Keys":[{"pk":{"S":"S#reconciler"},"sk":{"S":"A"}}]}}}"#,
);

/// Its answer with the row.
const PROCESSED: (StatusCode, &str) = (
    StatusCode::OK,
    r#"{"Responses":{"table":[{"pk":{"S":"S#reconciler"},"sk":{"S":"A"}}]},"UnprocessedKeys":{}}"#,
);

/// Reads one row in a batch.
async fn read_row(dynamodb: &Stub) -> domain::Result<Vec<Row>> {
    let client = aws_sdk_dynamodb::Client::new(&dynamodb.aws);
    let table = Table::new(client, "table".to_owned());
    table.get_rows(vec![Key::reconciler()]).await
}

#[tokio::test]
async fn a_row_that_is_unprocessed_for_a_moment_is_asked_for_again() {
    let dynamodb = Stub::start(vec![UNPROCESSED, UNPROCESSED, PROCESSED]).await;
    let rows = read_row(&dynamodb).await.unwrap();
    assert_eq!((rows.len(), dynamodb.requests().len()), (1, 3));
}

#[tokio::test]
async fn a_row_that_stays_unprocessed_may_be_read_later() {
    let dynamodb = Stub::start(vec![UNPROCESSED]).await;
    let error = read_row(&dynamodb).await.unwrap_err();
    assert!(matches!(error, Error::Dependency { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
    assert!(dynamodb.requests().len() < 10);
}
