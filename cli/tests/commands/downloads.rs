//! `sheaf get`: what is fetched, checked, written, and what is not given away.

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::json;

use crate::server::{Server, file};

const ID: &str = "0199a0b1-7c00-7000-8000-000000000001";

/// The object store, which holds four bytes: `test`.
async fn store() -> Server {
    Server::start(Router::new().route("/blob", get(async || "test"))).await
}

/// The API, which sends whoever wants the content to the object store.
async fn api(store: &Server) -> Server {
    let location = format!("{}/blob?X-Amz-Signature=abc", store.url);
    let content = move || {
        let location = location.clone();
        async move { (StatusCode::FOUND, [(header::LOCATION, location)]).into_response() }
    };
    let show = async || axum::Json(file(json!({"version": 3, "size_bytes": 4})));
    let routes = Router::new()
        .route(&format!("/v1/files/{ID}"), get(show))
        .route(&format!("/v1/files/{ID}/content"), get(content));
    Server::start(routes).await
}

#[tokio::test]
async fn object_store_never_sees_the_token() {
    let store = store().await;
    let api = api(&store).await;
    let folder = tempfile::tempdir().unwrap();

    let run = api.run_in(folder.path(), &["get", ID]).await;

    run.assert_success();
    assert_eq!(
        std::fs::read_to_string(folder.path().join("january.pdf")).unwrap(),
        "test"
    );
    let seen = store.seen();
    assert_eq!(store.lines(), ["GET /blob?X-Amz-Signature=abc"]);
    assert_eq!(seen[0].header("authorization"), None);
    assert_eq!(seen[0].header("referer"), None);
    assert!(
        api.seen()
            .iter()
            .all(|seen| seen.header("authorization").is_some())
    );
}

#[tokio::test]
async fn version_that_was_looked_at_is_the_one_fetched() {
    let store = store().await;
    let api = api(&store).await;

    let run = api.run(&["get", ID, "-o", "-"]).await;

    run.assert_success();
    assert_eq!(run.stdout, "test");
    assert_eq!(
        api.lines()[1],
        format!("GET /v1/files/{ID}/content?version=3")
    );
}

#[tokio::test]
async fn other_bytes_than_stored_leave_no_file() {
    let store = Server::start(Router::new().route("/blob", get(async || "tess"))).await;
    let api = api(&store).await;
    let folder = tempfile::tempdir().unwrap();

    let run = api.run_in(folder.path(), &["get", ID, "-o", "a.pdf"]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("what arrived is not what was stored"),
        "{run:?}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn file_that_is_there_stays_unless_forced() {
    let store = store().await;
    let api = api(&store).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("january.pdf");
    std::fs::write(&path, "mine").unwrap();

    let refused = api.run_in(folder.path(), &["get", ID]).await;
    let kept = std::fs::read_to_string(&path).unwrap();
    let forced = api.run_in(folder.path(), &["get", ID, "--force"]).await;

    assert_eq!((refused.code, kept.as_str()), (Some(1), "mine"));
    assert!(refused.stderr.contains("--force"), "{refused:?}");
    forced.assert_success();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "test");
}

#[tokio::test]
async fn refusal_of_the_object_store_hides_the_signature() {
    let expired = async || {
        let xml = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        (StatusCode::FORBIDDEN, xml)
    };
    let store = Server::start(Router::new().route("/blob", get(expired))).await;
    let api = api(&store).await;

    let run = api.run(&["get", ID, "-o", "-"]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("AccessDenied: Request has expired"),
        "{run:?}"
    );
    assert!(!run.stderr.contains("Signature"), "{run:?}");
}

#[tokio::test]
async fn path_is_looked_up_by_its_folder_and_name() {
    let list = async |uri: axum::http::Uri| {
        let items = match uri.query() {
            Some("folder=%2Fbills&name=january.pdf") => vec![file(json!({}))],
            _ => Vec::new(),
        };
        axum::Json(json!({"items": items, "next_cursor": null}))
    };
    let show = async || axum::Json(file(json!({})));
    let routes = Router::new()
        .route("/v1/files", get(list))
        .route(&format!("/v1/files/{ID}"), get(show));
    let server = Server::start(routes).await;

    let found = server.run(&["show", "bills/january.pdf", "--json"]).await;
    let missing = server.run(&["show", "/bills/may.pdf"]).await;

    found.assert_success();
    assert_eq!(found.json()["id"], ID);
    assert_eq!(missing.code, Some(1));
    assert!(
        missing
            .stderr
            .contains("there is no file may.pdf in /bills"),
        "{missing:?}"
    );
}
