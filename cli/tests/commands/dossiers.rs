//! `sheaf dossier`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde_json::json;

use crate::server::{Server, dossier};

const ID: &str = "5f0c7a52-3c1d-5b7e-9a53-000000000001";

/// The API, where a dossier is pending when made and generated at the second look.
async fn api() -> Server {
    let make = async || {
        let made = dossier(json!({"status": "pending", "summary": null}));
        (StatusCode::ACCEPTED, axum::Json(made))
    };
    let looks = Arc::new(AtomicU32::new(0));
    let look = move || {
        let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            axum::Json(if first {
                dossier(json!({"status": "regenerating"}))
            } else {
                dossier(json!({}))
            })
        }
    };
    let documents = async || {
        let document = json!({"file_id": "d-1", "name": "all-of-them.pdf"});
        axum::Json(json!({"items": [document], "next_cursor": null}))
    };
    let routes = Router::new()
        .route("/v1/dossiers", post(make))
        .route(&format!("/v1/dossiers/{ID}"), get(look))
        .route(&format!("/v1/dossiers/{ID}/documents"), get(documents));
    Server::start(routes).await
}

#[tokio::test]
async fn asked_for_by_type_and_tags_it_is_made_and_waited_for() {
    let server = api().await;

    let run = server
        .run(&[
            "dossier",
            "--type",
            "bill",
            "--tag",
            "electricity",
            "--wait",
            "--json",
        ])
        .await;

    run.assert_success();
    assert_eq!(run.json()["status"], "generated");
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /v1/dossiers");
    assert_eq!(
        seen[0].json(),
        json!({"type": "bill", "tags": ["electricity"]})
    );
    assert_eq!(seen.len(), 3);
}

#[tokio::test]
async fn without_waiting_it_says_how_to() {
    let server = api().await;

    let run = server
        .run(&["dossier", "--type", "bill", "--tag", "electricity"])
        .await;

    run.assert_success();
    assert!(run.stdout.contains("pending (no summary yet)"), "{run:?}");
    assert!(
        run.stderr.contains(&format!("sheaf dossier {ID} --wait")),
        "{run:?}"
    );
    assert_eq!(server.lines().len(), 1);
}

#[tokio::test]
async fn asked_for_by_id_it_is_only_read() {
    let server = api().await;

    let run = server.run(&["dossier", ID, "--documents"]).await;

    run.assert_success();
    assert!(run.stdout.contains("all-of-them.pdf"), "{run:?}");
    assert!(server.lines().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn new_summary_is_waited_for_though_the_old_one_still_stands() {
    let looks = Arc::new(AtomicU32::new(0));
    let look = move || {
        // Asked, then twice before anyone has begun, then the new one.
        let made_at = match looks.fetch_add(1, Ordering::SeqCst) {
            0..=2 => "2025-10-29T12:00:05Z",
            _ => "2025-10-29T12:00:09Z",
        };
        let mut seen = dossier(json!({}));
        seen["summary"]["made_at"] = json!(made_at);
        async move { axum::Json(seen) }
    };
    let routes = Router::new()
        .route(&format!("/v1/dossiers/{ID}"), get(look))
        .route(
            &format!("/v1/dossiers/{ID}/regenerate"),
            post(async || StatusCode::ACCEPTED),
        );
    let server = Server::start(routes).await;

    let run = server
        .run(&["dossier", ID, "--regenerate", "--wait", "--json"])
        .await;

    run.assert_success();
    assert_eq!(run.json()["summary"]["made_at"], "2025-10-29T12:00:09Z");
    assert_eq!(
        server.lines()[1],
        format!("POST /v1/dossiers/{ID}/regenerate")
    );
}

#[tokio::test]
async fn waiting_ends_when_the_time_is_up() {
    let stuck = async || axum::Json(dossier(json!({"status": "outdated"})));
    let routes = Router::new().route(&format!("/v1/dossiers/{ID}"), get(stuck));
    let server = Server::start(routes).await;

    let run = server
        .run(&["dossier", ID, "--wait", "--timeout", "1s"])
        .await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("the dossier is not done after 1 s"),
        "{run:?}"
    );
}
