//! Folders, the trash and jobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};

use crate::server::{Server, file, problem};

const FOLDER: &str = "0199a0b1-7c00-7000-8000-0000000000d1";
const JOB: &str = "0199a0b1-7c00-7000-8000-0000000000e1";

fn folder() -> Value {
    json!({"id": FOLDER, "name": "bills", "path": "/bills", "parent_id": null, "state": "active",
           "file_count": 2, "folder_count": 0, "size_bytes": 2048})
}

fn job(state: &str) -> Value {
    json!({"id": JOB, "kind": "delete_folder", "state": state,
           "progress": {"done": 2, "total": null, "failed": 0, "reasons": []}})
}

fn page(items: &[Value]) -> axum::Json<Value> {
    axum::Json(json!({"items": items, "next_cursor": null}))
}

/// A server with the folder `/bills` and no files.
fn routes() -> Router {
    let folders = async |uri: Uri| match uri.query() {
        None | Some("path=%2Fbills") => page(&[folder()]),
        Some(_) => page(&[]),
    };
    Router::new()
        .route("/v1/folders", get(folders))
        .route("/v1/files", get(async || page(&[])))
}

#[tokio::test]
async fn folder_is_made_and_its_path_printed() {
    let make = async || (StatusCode::CREATED, axum::Json(folder()));
    let server = Server::start(Router::new().route("/v1/folders", post(make))).await;

    let run = server.run(&["mkdir", "/bills"]).await;

    run.assert_success();
    assert_eq!(run.stdout, "/bills\n");
    assert_eq!(server.seen()[0].json(), json!({"path": "/bills"}));
}

#[tokio::test]
async fn folder_is_removed_only_when_it_is_meant_and_its_job_waited_for() {
    let looks = Arc::new(AtomicUsize::new(0));
    let remove = async || {
        let answer = json!({"folder": null, "job": job("running")});
        (StatusCode::ACCEPTED, axum::Json(answer))
    };
    let show = {
        let looks = Arc::clone(&looks);
        move || {
            let looks = Arc::clone(&looks);
            async move {
                let first = looks.fetch_add(1, Ordering::SeqCst) == 0;
                axum::Json(job(if first { "running" } else { "done" }))
            }
        }
    };
    let routes = routes()
        .route(
            &format!("/v1/folders/{FOLDER}"),
            axum::routing::delete(remove),
        )
        .route(&format!("/v1/jobs/{JOB}"), get(show));
    let server = Server::start(routes).await;

    let refused = server.run(&["rm", "/bills"]).await;
    let removed = server.run(&["rm", "-r", "/bills", "--permanent"]).await;

    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("--recursive"), "{refused:?}");
    removed.assert_success();
    assert_eq!(removed.stdout, "/bills deleted for good\n");
    assert_eq!(looks.load(Ordering::SeqCst), 2);
    let asked = format!("DELETE /v1/folders/{FOLDER}?permanent=true");
    assert!(server.lines().contains(&asked), "{:?}", server.lines());

    let left = server
        .run(&["rm", "-r", "/bills", "--permanent", "--no-wait"])
        .await;
    left.assert_success();
    assert_eq!(left.stdout, "/bills is being deleted for good\n");
}

#[tokio::test]
async fn what_a_job_could_not_do_is_told() {
    let remove = async || axum::Json(json!({"folder": null, "job": job("running")}));
    let show = async || {
        let mut job = job("failed");
        job["progress"]["failed"] = json!(1);
        job["progress"]["reasons"] = json!([{"code": "refused", "detail": "it is held"}]);
        axum::Json(job)
    };
    let routes = routes()
        .route(
            &format!("/v1/folders/{FOLDER}"),
            axum::routing::delete(remove),
        )
        .route(&format!("/v1/jobs/{JOB}"), get(show));
    let server = Server::start(routes).await;

    let run = server.run(&["rm", "-r", "/bills"]).await;

    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("1 of it failed"), "{run:?}");
    assert!(run.stderr.contains("it is held"), "{run:?}");
}

#[tokio::test]
async fn folder_is_moved_into_one_that_is_there_or_to_a_name_that_is_free() {
    let change = async || axum::Json(folder());
    let routes = routes().route(&format!("/v1/folders/{FOLDER}"), patch(change));
    let server = Server::start(routes).await;

    for target in ["/archive/", "/archive/2025", "/bills"] {
        server.run(&["mv", "/bills", target]).await.assert_success();
    }

    let changes: Vec<Value> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.line.starts_with("PATCH"))
        .map(|seen| seen.json())
        .collect();
    assert_eq!(
        changes,
        [
            json!({"folder": "/archive"}),
            json!({"folder": "/archive", "name": "2025"}),
            json!({"folder": "/bills"}),
        ]
    );
}

#[tokio::test]
async fn trash_is_listed_and_left_by_path() {
    let id = "0199a0b1-7c00-7000-8000-000000000001";
    let routes = Router::new()
        .route("/v1/folders", get(async || page(&[folder()])))
        .route(
            "/v1/files",
            get(async || page(&[file(json!({"path": "/old.pdf"}))])),
        )
        .route(
            &format!("/v1/files/{id}/restore"),
            post(async || axum::Json(file(json!({"path": "/old (2).pdf"})))),
        );
    let server = Server::start(routes).await;

    let listed = server.run(&["trash"]).await;
    let restored = server.run(&["restore", "/old.pdf", "--rename"]).await;
    let missing = server.run(&["restore", "/new.pdf"]).await;

    listed.assert_success();
    assert!(listed.stdout.contains("/bills/"), "{listed:?}");
    assert!(listed.stdout.contains("/old.pdf"), "{listed:?}");
    restored.assert_success();
    assert_eq!(restored.stdout, "/old (2).pdf\n");
    let asked = format!("POST /v1/files/{id}/restore?on_conflict=rename");
    assert!(server.lines().contains(&asked), "{:?}", server.lines());
    assert_eq!(missing.code, Some(1));
}

#[tokio::test]
async fn jobs_are_listed_and_shown() {
    let routes = Router::new()
        .route("/v1/jobs", get(async || page(&[job("done")])))
        .route(
            &format!("/v1/jobs/{JOB}"),
            get(async || problem(404, json!({"title": "Not Found"}))),
        );
    let server = Server::start(routes).await;

    let listed = server.run(&["jobs"]).await;
    let missing = server.run(&["jobs", JOB]).await;

    listed.assert_success();
    assert!(listed.stdout.contains("delete folder  done"), "{listed:?}");
    assert_eq!(missing.code, Some(1));
}
