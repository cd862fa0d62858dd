//! What is tried again, and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::json;

use crate::server::{Server, TOKEN, file, problem};

/// Answers that it is busy so many times, and then `answer`.
fn busy(counter: &AtomicU32, times: u32, status: u16, answer: Response) -> Response {
    if counter.fetch_add(1, Ordering::SeqCst) < times {
        let mut refusal = problem(status, json!({"title": "Busy"}));
        refusal
            .headers_mut()
            .insert(header::RETRY_AFTER, "0".parse().unwrap());
        refusal
    } else {
        answer
    }
}

#[tokio::test]
async fn storing_is_repeated_under_one_idempotency_key() {
    let counter = Arc::new(AtomicU32::new(0));
    let store = move || {
        let stored = file(json!({"sha256": null, "status": "pending"}));
        let answer = (StatusCode::CREATED, axum::Json(stored)).into_response();
        let answer = busy(&counter, 2, 503, answer);
        async { answer }
    };
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "test").unwrap();

    let run = server.run_in(folder.path(), &["put", "a.txt"]).await;

    run.assert_success();
    let seen = server.seen();
    let keys: Vec<_> = seen
        .iter()
        .map(|seen| seen.header("idempotency-key"))
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(
        keys[0].is_some() && keys.iter().all(|key| *key == keys[0]),
        "{keys:?}"
    );
    assert!(seen.iter().all(|seen| seen.body == "test"));
}

#[tokio::test]
async fn reading_is_repeated_when_throttled() {
    let counter = Arc::new(AtomicU32::new(0));
    let list = move || {
        let answer = axum::Json(json!({"items": [], "next_cursor": null})).into_response();
        let answer = busy(&counter, 1, 429, answer);
        async { answer }
    };
    let server = Server::start(Router::new().route("/v1/files", get(list))).await;

    let run = server.run(&["ls"]).await;

    run.assert_success();
    assert_eq!(server.lines().len(), 2);
    let authorization = format!("Bearer {TOKEN}");
    let seen = server.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.header("authorization") == Some(&authorization))
    );
}

#[tokio::test]
async fn conflict_is_not_repeated() {
    let conflict = || async {
        problem(
            409,
            json!({"title": "Name taken", "code": "name_taken", "detail": "a.txt is there"}),
        )
    };
    let server = Server::start(Router::new().route("/v1/files", post(conflict))).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "test").unwrap();

    let run = server.run_in(folder.path(), &["put", "a.txt"]).await;

    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("--on-conflict"), "{run:?}");
    assert_eq!(server.lines().len(), 1);
}
