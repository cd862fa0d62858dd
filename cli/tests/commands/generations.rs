//! `sheaf generate` and `sheaf templates`.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::server::{Server, file};

const ID: &str = "0199a0b1-7c00-7000-8000-000000000001";

async fn api(store: &Server) -> Server {
    let generated = json!({
        "file_id": ID, "file_name": "report.md", "version": 1, "expires_at": null,
        "download_url": format!("{}/blob", store.url),
    });
    let generate = move || {
        let generated = generated.clone();
        async move { (StatusCode::CREATED, axum::Json(generated)) }
    };
    let location = format!("{}/blob", store.url);
    let content = move || {
        let location = location.clone();
        async move { (StatusCode::FOUND, [(header::LOCATION, location)]) }
    };
    let routes = Router::new()
        .route("/v1/generations", post(generate))
        .route(
            &format!("/v1/files/{ID}"),
            get(async || axum::Json(file(json!({"size_bytes": 4})))),
        )
        .route(&format!("/v1/files/{ID}/content"), get(content));
    Server::start(routes).await
}

async fn store() -> Server {
    Server::start(Router::new().route("/blob", get(async || "test"))).await
}

#[tokio::test]
async fn parameters_of_file_and_command_line_are_put_together() {
    let server = api(&store().await).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("p.json"), r#"{"title": "old", "n": 1}"#).unwrap();

    let run = server
        .run_in(
            folder.path(),
            &[
                "generate",
                "report",
                "--format",
                "markdown",
                "--params",
                "p.json",
                "--param",
                "title=new",
                "--folder",
                "/reports",
                "--expires",
                "7d",
                "--json",
            ],
        )
        .await;

    run.assert_success();
    assert_eq!(run.json()["file_id"], ID);
    let seen = server.seen();
    assert!(seen[0].header("idempotency-key").is_some());
    assert_eq!(
        seen[0].json(),
        json!({
            "template": "report", "format": "markdown", "tags": [],
            "parameters": {"title": "new", "n": 1},
            "folder": "/reports", "expires_in_s": 604_800,
        })
    );
}

#[tokio::test]
async fn generated_file_is_fetched_to_standard_output_alone() {
    let server = api(&store().await).await;

    let run = server
        .run(&["generate", "report", "--format", "markdown", "-o", "-"])
        .await;

    run.assert_success();
    assert_eq!(run.stdout, "test");
}

#[tokio::test]
async fn target_in_the_way_is_noticed_before_anything_is_made() {
    let server = api(&store().await).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.md"), "mine").unwrap();

    let run = server
        .run_in(
            folder.path(),
            &[
                "generate", "report", "--format", "markdown", "-o", "mine.md",
            ],
        )
        .await;

    assert_eq!(run.code, Some(1));
    assert!(server.lines().is_empty(), "{:?}", server.lines());
}

#[tokio::test]
async fn template_is_shown_with_schema_and_example() {
    let template: Value = serde_json::from_str(include_str!("../fixtures/template.json")).unwrap();
    let show = move || async move { axum::Json(template) };
    let server = Server::start(Router::new().route("/v1/templates/report", get(show))).await;

    let run = server.run(&["templates", "report"]).await;

    run.assert_success();
    assert!(run.stdout.contains("\"minLength\": 1"), "{run:?}");
    assert!(
        run.stdout
            .contains("sheaf generate report --format markdown"),
        "{run:?}"
    );
}
