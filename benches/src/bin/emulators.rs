//! DynamoDB, S3 and SQS of the embedded stack in a process of their own, so that what stands on them can be measured by
//! itself: DynamoDB and SQS behind one loopback port that checks no signatures, S3 behind its own. Says on its first line
//! where they are (`benches::emulators::Emulators`), and runs until it is ended.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends at the first error"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use benches::emulators::Emulators;
use domain::message::Destination;
use embedded::stack::{Stack, StackSettings, listen, loopback};
use serde::Deserialize;
use serde_json::json;
use store::quota::Quota;
use uuid::Uuid;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = StackSettings::new(folder.path().join("data"));
    // One that is free: it is taken again at once.
    settings.s3_port = listen(loopback(0))
        .await
        .map(|free| free.local_addr().expect("an address").port())
        .expect("a port");
    settings.quota = Quota {
        bytes: 1 << 50,
        files: 100_000_000,
    };
    let objects = format!("http://127.0.0.1:{}", settings.s3_port);
    let stack = Stack::start(settings).await.expect("the embedded stack");
    let listener = listen(loopback(0)).await.expect("a port");
    let rows = format!("http://{}", listener.local_addr().expect("an address"));
    println!("{}", Emulators::at(rows, objects, &stack.secrets).to_json());
    let router = Router::new()
        .route("/", post(answer))
        .with_state(Arc::new(stack));
    axum::serve(listener, router).await.expect("requests");
}

async fn answer(State(stack): State<Arc<Stack>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").map(|target| target.to_str());
    let Some(Ok(target)) = target else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if target == "AmazonSQS.SendMessage" {
        return send(&stack, &body).await;
    }
    let (status, body) = stack.tables.answer(target.to_owned(), body.to_vec()).await;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = [("content-type", "application/x-amz-json-1.0")];
    (status, json, body).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    message_body: String,
}

async fn send(stack: &Stack, body: &[u8]) -> Response {
    let Ok(SendMessage { message_body }) = serde_json::from_slice(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let queue = &stack.store.queue;
    let sent = queue.send(Destination::Ingest, message_body, Duration::ZERO);
    match sent.await {
        Ok(()) => axum::Json(json!({"MessageId": Uuid::new_v4()})).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
