//! Copies and old versions.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::{get, post};
use serde_json::json;

use crate::server::{Server, file};

const ID: &str = "0199a0b1-7c00-7000-8000-000000000001";

#[tokio::test]
async fn copy_asks_for_what_is_said_and_no_more() {
    let copy = async || {
        let made = file(json!({"path": "/taxes/a.pdf"}));
        (axum::http::StatusCode::CREATED, axum::Json(made))
    };
    let routes = Router::new().route(&format!("/v1/files/{ID}/copy"), post(copy));
    let server = Server::start(routes).await;

    let into = server.run(&["cp", ID, "/taxes/"]).await;
    let all = [
        "cp",
        ID,
        "/taxes/2025/b.pdf",
        "--version",
        "2",
        "--expires",
        "24h",
        "--rename",
    ];
    let as_told = server.run(&all).await;
    let nowhere = server.run(&["cp", ID, "b.pdf"]).await;

    into.assert_success();
    as_told.assert_success();
    assert!(into.stdout.starts_with("/taxes/a.pdf"), "{into:?}");
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].header("idempotency-key").is_some());
    assert_eq!(seen[0].json(), json!({"folder": "/taxes"}));
    assert_eq!(
        seen[1].json(),
        json!({
            "folder": "/taxes/2025", "name": "b.pdf", "version": 2, "expires_in_s": 86_400,
            "on_conflict": "rename",
        })
    );
}

#[tokio::test]
async fn versions_are_listed_and_one_is_brought_back() {
    let list = async || {
        let version = json!({
            "version": 2, "size_bytes": 10, "content_type": "text/plain", "sha256": null,
            "owner": "someone", "created_at": "2025-01-31T09:30:00Z",
        });
        axum::Json(json!({"items": [version], "next_cursor": null}))
    };
    let restore = async || axum::Json(file(json!({"version": 3})));
    let show = async || axum::Json(file(json!({})));
    let routes = Router::new()
        .route(&format!("/v1/files/{ID}"), get(show))
        .route(&format!("/v1/files/{ID}/versions"), get(list))
        .route(&format!("/v1/files/{ID}/versions/2/restore"), post(restore));
    let server = Server::start(routes).await;

    let listed = server.run(&["versions", ID]).await;
    let restored = server.run(&["versions", ID, "--restore", "2"]).await;

    listed.assert_success();
    assert!(listed.stdout.contains("text/plain"), "{listed:?}");
    restored.assert_success();
    assert_eq!(restored.stdout, "/bills/january.pdf is at version 3\n");
}

#[tokio::test]
async fn pruning_goes_on_until_nothing_is_left_to_go() {
    static TIMES: AtomicUsize = AtomicUsize::new(0);
    let prune = async || {
        let first = TIMES.fetch_add(1, Ordering::Relaxed) == 0;
        let version = json!({"version": if first { 1 } else { 2 }});
        let receipt = json!({"id": "r", "versions": [version]});
        axum::Json(json!({"receipt": receipt, "remaining": first}))
    };
    let show = async || axum::Json(file(json!({})));
    let routes = Router::new()
        .route(&format!("/v1/files/{ID}"), get(show))
        .route(&format!("/v1/files/{ID}/versions/prune"), post(prune));
    let server = Server::start(routes).await;

    let unsaid = server.run(&["versions", ID, "--prune"]).await;
    let run = server
        .run(&[
            "versions",
            ID,
            "--prune",
            "--keep",
            "3",
            "--older-than",
            "30d",
        ])
        .await;

    assert_eq!(unsaid.code, Some(2), "{unsaid:?}");
    run.assert_success();
    assert_eq!(run.stdout, "removed 1  r\nremoved 2  r\n");
    let body = server.seen().last().unwrap().json();
    assert_eq!(body, json!({"keep": 3, "older_than_s": 30 * 24 * 60 * 60}));
}
