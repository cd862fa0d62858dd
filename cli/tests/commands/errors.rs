//! How errors are told, and how the process exits with them.

use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use crate::server::{Server, problem};

async fn refusing() -> Server {
    let refuse = || async {
        problem(
            422,
            json!({
                "title": "The request is invalid",
                "detail": "2 fields break a rule",
                "errors": [
                    {"pointer": "/type", "detail": "at most 64 characters"},
                    {"pointer": "/tag", "detail": "at most 20 tags"},
                ],
            }),
        )
    };
    Server::start(Router::new().route("/v1/files", get(refuse))).await
}

#[tokio::test]
async fn problem_tells_title_detail_fields_and_request() {
    let server = refusing().await;

    let run = server.run(&["ls"]).await;

    assert_eq!(run.code, Some(1));
    assert_eq!(run.stdout, "");
    assert_eq!(
        run.stderr,
        "error: The request is invalid\n  \
         2 fields break a rule\n  \
         /type: at most 64 characters\n  \
         /tag: at most 20 tags\n  \
         request 0199a0b1-7c00-7000-8000-0000000000ff\n"
    );
}

#[tokio::test]
async fn problem_is_passed_on_as_json_when_asked() {
    let server = refusing().await;

    let run = server.run(&["ls", "--json"]).await;

    let told: Value = serde_json::from_str(&run.stderr).unwrap();
    assert_eq!(run.code, Some(1));
    assert_eq!(told["status"], 422);
    assert_eq!(told["errors"][1]["pointer"], "/tag");
}

#[tokio::test]
async fn missing_credentials_say_how_to_get_some() {
    let refuse = || async { problem(401, json!({"title": "Not signed in", "detail": "no token"})) };
    let server = Server::start(Router::new().route("/v1/files", get(refuse))).await;

    let run = server.run(&["ls"]).await;

    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("next: set SHEAF_TOKEN"), "{run:?}");
}

#[tokio::test]
async fn nobody_listening_asks_whether_serve_is_running() {
    // Bound and not listening, so that no other test is given the port.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());

    let server = Server::start(Router::new()).await;

    let run = server.run(&["ls", "--url", &url]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains(&format!("is `sheaf serve` running at {url}?")),
        "{run:?}"
    );
}

#[tokio::test]
async fn answer_that_is_not_of_this_api_is_said_to_be_so() {
    let page = || async { "<html>welcome</html>" };
    let server = Server::start(Router::new().route("/v1/files", get(page))).await;

    let run = server.run(&["ls"]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr
            .contains("GET /v1/files is not one this version understands"),
        "{run:?}"
    );
}

#[tokio::test]
async fn asking_wrongly_exits_with_2_and_calls_nobody() {
    let server = refusing().await;
    let wrong: &[&[&str]] = &[
        &["put"],
        &["put", "a", "b", "--name", "c"],
        &["put", "-"],
        &["put", "a", "--expires", "soon"],
        &["ls", "--limit", "0"],
        &["ls", "--sort", "name"],
        &["dossier"],
        &["dossier", "--type", "bill"],
        &["show", "/bills/"],
        &["generate", "report", "--format", "csv", "--param", "title"],
        &["ls", "--url", "ftp://example.com"],
        &["fly"],
    ];

    for arguments in wrong {
        let run = server.run(arguments).await;
        assert_eq!(run.code, Some(2), "{arguments:?}: {run:?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }

    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn machine_without_certificates_reaches_a_local_runner() {
    let empty = || async { axum::Json(json!({"items": [], "next_cursor": null})) };
    let server = Server::start(Router::new().route("/v1/files", get(empty))).await;

    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sheaf"))
        .args(["ls", "--url", &server.url])
        .env_clear()
        .env("SSL_CERT_FILE", "/nowhere")
        .env("SSL_CERT_DIR", "/nowhere")
        .output()
        .await
        .unwrap();

    assert!(output.status.success(), "{output:?}");
}
