//! `sheaf put`: what goes where, in how many parts, how many at once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::server::{Server, TOKEN, file, problem};

const MIB: usize = 1024 * 1024;
const TEST_SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

/// Bytes that differ from part to part.
fn large(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|index| u8::try_from(index / 4_096 % 251).unwrap())
        .collect()
}

#[tokio::test]
async fn small_file_goes_in_one_call_with_its_hash() {
    let store = async || {
        (
            StatusCode::CREATED,
            axum::Json(file(json!({"status": "pending"}))),
        )
    };
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let folder = folder_with(&[("jän 1.txt", b"test")]);

    let run = server
        .run_in(
            folder.path(),
            &[
                "put",
                "jän 1.txt",
                "--type",
                "bill",
                "--tag",
                "a",
                "--tag",
                "b c",
                "--folder",
                "/bills",
                "--expires",
                "24h",
                "--on-conflict",
                "rename",
            ],
        )
        .await;

    run.assert_success();
    assert!(
        run.stdout
            .starts_with("/bills/january.pdf  1.2 MiB  pending"),
        "{run:?}"
    );
    let seen = server.seen();
    assert_eq!(
        seen[0].line,
        "POST /v1/files?name=j%C3%A4n%201.txt&folder=%2Fbills&type=bill&tag=a&tag=b%20c\
         &expires_in_s=86400&on_conflict=rename"
    );
    assert_eq!(seen[0].body, "test");
    assert_eq!(
        seen[0].header("content-digest"),
        Some("sha-256=:n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=:")
    );
}

#[tokio::test]
async fn standard_input_is_stored_under_the_name_given() {
    use tokio::io::AsyncWriteExt as _;
    let store = async || (StatusCode::CREATED, axum::Json(file(json!({}))));
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let state = tempfile::tempdir().unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_sheaf"))
        .args(["put", "-", "--name", "notes.md", "--url", &server.url])
        .env_clear()
        .env("XDG_STATE_HOME", state.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();

    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"test").await.unwrap();
    drop(stdin);

    assert!(child.wait().await.unwrap().success());
    let seen = server.seen();
    assert!(
        seen[0].line.starts_with("POST /v1/files?name=notes.md&"),
        "{}",
        seen[0].line
    );
    assert_eq!(seen[0].body, "test");
}

#[tokio::test]
async fn stored_bytes_other_than_sent_are_an_error() {
    let store = async || {
        (
            StatusCode::CREATED,
            axum::Json(file(json!({"sha256": "00"}))),
        )
    };
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let folder = folder_with(&[("a.txt", b"test")]);

    let run = server.run_in(folder.path(), &["put", "a.txt"]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("what was stored is not what was sent"),
        "{run:?}"
    );
}

/// An object store whose parts fail the first time they are sent, each in its way.
async fn flaky_store() -> Server {
    let tried = Arc::new(Mutex::new(HashSet::new()));
    let take = move |Path(part): Path<String>, headers: HeaderMap| {
        let first = tried.lock().unwrap().insert(part.clone());
        async move {
            assert_eq!(headers.get("x-signed").unwrap(), "yes");
            match part.as_str() {
                "1" if first => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                // This URL has expired and never works again.
                "2" => StatusCode::FORBIDDEN.into_response(),
                _ => [(header::ETAG, format!("\"etag-{part}\""))].into_response(),
            }
        }
    };
    let routes = Router::new()
        .route("/part/{part}", put(take))
        .layer(axum::extract::DefaultBodyLimit::disable());
    Server::start(routes).await
}

/// The API with an upload session of three parts at that object store.
async fn sessions(store: &Server) -> Server {
    let part = |number: u32, path: &str| {
        json!({
            "number": number, "url": format!("{path}/{number}"), "headers": {"x-signed": "yes"},
        })
    };
    let url = format!("{}/part", store.url);
    let session = json!({
        "upload_id": "u-1", "method": "multipart", "part_size_bytes": 5 * MIB, "part_count": 3,
        "parts": [part(1, &url), part(2, &url), part(3, &url)], "expires_at": "2025-10-29T12:00:00Z",
    });
    let renewed = json!({"parts": [part(2, &format!("{url}/renewed-"))]});
    let renewed: Value =
        serde_json::from_str(&renewed.to_string().replace("renewed-/", "renewed-")).unwrap();
    let completed = file(json!({"sha256": null, "status": "pending"}));
    let answer = |status: StatusCode, value: Value| {
        move || {
            let value = value.clone();
            async move { (status, axum::Json(value)) }
        }
    };
    let routes = Router::new()
        .route("/v1/uploads", post(answer(StatusCode::CREATED, session)))
        .route(
            "/v1/uploads/u-1/parts",
            post(answer(StatusCode::OK, renewed)),
        )
        .route(
            "/v1/uploads/u-1/complete",
            post(answer(StatusCode::CREATED, completed)),
        )
        .route("/v1/uploads/u-1", delete(async || StatusCode::NO_CONTENT));
    Server::start(routes).await
}

#[tokio::test]
async fn large_file_goes_in_parts_that_are_sent_again_when_they_fail() {
    let store = flaky_store().await;
    let server = sessions(&store).await;
    let bytes = large(11 * MIB + 3);
    let folder = folder_with(&[("large.bin", &bytes)]);

    let run = server
        .run_in(
            folder.path(),
            &[
                "put",
                "large.bin",
                "--tag",
                "big",
                "--on-conflict",
                "version",
            ],
        )
        .await;

    run.assert_success();
    let calls = server.seen();
    let begin = calls[0].json();
    assert_eq!(begin["size_bytes"], bytes.len());
    assert_eq!(begin["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&begin["tags"], &begin["on_conflict"]),
        (&json!(["big"]), &json!("version"))
    );
    let complete = calls
        .iter()
        .find(|call| call.line.ends_with("/complete"))
        .unwrap();
    assert_eq!(
        complete.json(),
        json!({"parts": [
            {"number": 1, "etag": "\"etag-1\""},
            {"number": 2, "etag": "\"etag-renewed-2\""},
            {"number": 3, "etag": "\"etag-3\""},
        ]})
    );
    let arrived = |path: &str| {
        let seen = store.seen();
        let last = seen
            .iter()
            .rev()
            .find(|seen| seen.line == format!("PUT /part/{path}"));
        last.unwrap().body.clone()
    };
    let whole = [arrived("1"), arrived("renewed-2"), arrived("3")].concat();
    assert!(whole == bytes, "the parts are not the file");
}

#[tokio::test]
async fn parts_carry_their_length_and_no_token() {
    let store = flaky_store().await;
    let server = sessions(&store).await;
    let folder = folder_with(&[("large.bin", &large(11 * MIB))]);

    server
        .run_in(folder.path(), &["put", "large.bin"])
        .await
        .assert_success();

    for seen in store.seen() {
        assert_eq!(seen.header("authorization"), None);
        assert_eq!(seen.header("transfer-encoding"), None, "{}", seen.line);
        assert_eq!(
            seen.header("content-length"),
            Some(seen.body.len().to_string().as_str())
        );
    }
}

#[tokio::test]
async fn part_whose_answer_was_lost_is_found_among_those_arrived() {
    let refuse = async || StatusCode::PRECONDITION_FAILED;
    let store = Server::start(Router::new().route("/blob", put(refuse))).await;
    let part = json!({"number": 1, "url": format!("{}/blob", store.url), "headers": {}});
    let session = json!({
        "upload_id": "u-1", "method": "single", "part_size_bytes": 5 * MIB, "part_count": 1,
        "parts": [part], "expires_at": "2025-10-29T12:00:00Z",
    });
    let arrived = async || {
        axum::Json(json!({
            "upload_id": "u-1", "state": "open", "part_size_bytes": 5 * MIB, "part_count": 1,
            "arrived": [{"number": 1, "etag": "\"there\"", "size_bytes": 5 * MIB}],
        }))
    };
    let complete = async || {
        (
            StatusCode::CREATED,
            axum::Json(file(json!({"sha256": null}))),
        )
    };
    let begin = move || async move { (StatusCode::CREATED, axum::Json(session)) };
    let routes = Router::new()
        .route("/v1/uploads", post(begin))
        .route("/v1/uploads/u-1", get(arrived))
        .route("/v1/uploads/u-1/complete", post(complete));
    let server = Server::start(routes).await;
    let folder = folder_with(&[("large.bin", &large(5 * MIB))]);

    let run = server.run_in(folder.path(), &["put", "large.bin"]).await;

    run.assert_success();
    assert_eq!(
        server.seen()[2].json(),
        json!({"parts": [{"number": 1, "etag": "\"there\""}]})
    );
}

#[tokio::test]
async fn upload_that_cannot_succeed_is_given_up() {
    let refuse = async || {
        (
            StatusCode::BAD_REQUEST,
            "<Error><Code>BadDigest</Code></Error>",
        )
    };
    let routes = Router::new().route("/part/{part}", put(refuse));
    let store = Server::start(routes).await;
    let server = sessions(&store).await;
    let folder = folder_with(&[("large.bin", &large(11 * MIB))]);

    let run = server.run_in(folder.path(), &["put", "large.bin"]).await;

    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("BadDigest"), "{run:?}");
    assert_eq!(server.lines().last().unwrap(), "DELETE /v1/uploads/u-1");
}

#[tokio::test]
async fn many_files_go_sixteen_at_once() {
    let now = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    // Nobody is answered before sixteen are there, so fewer at once would never end.
    let gate = Arc::new(Barrier::new(16));
    let store = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move || {
            let (now, most, gate) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&gate));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                gate.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                (
                    StatusCode::CREATED,
                    axum::Json(file(json!({"sha256": TEST_SHA256}))),
                )
            }
        }
    };
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..48).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        std::fs::write(folder.path().join(name), "test").unwrap();
    }
    let mut arguments = vec!["put"];
    arguments.extend(names.iter().map(String::as_str));

    let run = server.run_in(folder.path(), &arguments).await;

    run.assert_success();
    assert_eq!(run.stdout.lines().count(), 48);
    assert_eq!(most.load(Ordering::SeqCst), 16);
}

#[tokio::test]
async fn files_that_fail_are_told_and_the_others_stored() {
    let store = |uri: axum::http::Uri| async move {
        if uri.query().unwrap().contains("name=bad") {
            problem(
                415,
                json!({"title": "Refused type", "detail": "executables are refused"}),
            )
        } else {
            (StatusCode::CREATED, axum::Json(file(json!({})))).into_response()
        }
    };
    let server = Server::start(Router::new().route("/v1/files", post(store))).await;
    let folder = folder_with(&[("good.txt", b"test"), ("bad.exe", b"MZ")]);

    let run = server
        .run_in(
            folder.path(),
            &["put", "bad.exe", "missing.txt", ".", "good.txt"],
        )
        .await;

    assert_eq!(run.code, Some(1));
    assert_eq!(run.stdout.lines().count(), 1, "{run:?}");
    assert!(
        run.stderr.contains("error: bad.exe: Refused type"),
        "{run:?}"
    );
    assert!(
        run.stderr
            .contains("error: missing.txt: cannot read missing.txt"),
        "{run:?}"
    );
    assert!(run.stderr.contains("error: .: . is a folder"), "{run:?}");
    assert!(run.stderr.contains("error: 3 of 4 failed"), "{run:?}");
}

/// The API, whose file goes through the document pipeline to this end at the second look.
async fn pipeline(end: Value) -> Server {
    let looks = Arc::new(AtomicUsize::new(0));
    let show = move || {
        let fields = match looks.fetch_add(1, Ordering::SeqCst) {
            0 => json!({"status": "extracted"}),
            _ => end.clone(),
        };
        async move { axum::Json(file(fields)) }
    };
    let store = async || -> Response {
        (
            StatusCode::CREATED,
            axum::Json(file(json!({"status": "pending"}))),
        )
            .into_response()
    };
    let routes = Router::new()
        .route("/v1/files", post(store))
        .route("/v1/files/0199a0b1-7c00-7000-8000-000000000001", get(show));
    Server::start(routes).await
}

#[tokio::test]
async fn waiting_ends_when_the_file_is_completed() {
    let server = pipeline(json!({})).await;
    let folder = folder_with(&[("a.txt", b"test")]);

    let run = server
        .run_in(folder.path(), &["put", "a.txt", "--wait", "--json"])
        .await;

    run.assert_success();
    assert_eq!(run.json()["status"], "completed");
    assert_eq!(server.lines().len(), 3);
    let authorization = format!("Bearer {TOKEN}");
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("authorization") == Some(&authorization))
    );
}

#[tokio::test]
async fn file_that_cannot_be_read_fails_the_wait_and_says_why() {
    let server = pipeline(json!({
        "status": "failed",
        "failure": {"stage": "extract", "code": "encrypted", "detail": "Save it without a password."},
    }))
    .await;
    let folder = folder_with(&[("a.txt", b"test")]);

    let run = server
        .run_in(folder.path(), &["put", "a.txt", "--wait"])
        .await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("At extract: encrypted. Save it without a password."),
        "{run:?}"
    );
}
