//! Lists, deletion and administration.

use axum::Router;
use axum::routing::{delete, get, post};
use serde_json::json;

use crate::server::{Server, file};

const ID: &str = "0199a0b1-7c00-7000-8000-000000000001";

#[tokio::test]
async fn filters_are_passed_on_and_json_is_that_of_the_api() {
    let answer = json!({"items": [file(json!({"unknown_field": 1}))], "next_cursor": "c"});
    let list = {
        let answer = answer.clone();
        move || async move { axum::Json(answer) }
    };
    let server = Server::start(Router::new().route("/v1/files", get(list))).await;

    let run = server
        .run(&[
            "ls",
            "--json",
            "--folder",
            "/my bills",
            "--type",
            "bill",
            "--tag",
            "a",
            "--tag",
            "b",
            "--status",
            "completed",
            "--sort",
            "updated_at",
            "--limit",
            "1",
        ])
        .await;

    run.assert_success();
    assert_eq!(run.json(), answer);
    assert_eq!(
        server.lines(),
        [
            "GET /v1/files?folder=%2Fmy%20bills&type=bill&tag=a&tag=b&status=completed\
          &sort=updated_at&limit=1"
        ]
    );
}

#[tokio::test]
async fn all_pages_become_one_list() {
    let list = async |uri: axum::http::Uri| {
        let next = uri
            .query()
            .unwrap_or_default()
            .contains("cursor=2")
            .then_some(());
        axum::Json(match next {
            None => json!({"items": [file(json!({"path": "/a"}))], "next_cursor": "2"}),
            Some(()) => json!({"items": [file(json!({"path": "/b"}))], "next_cursor": null}),
        })
    };
    let server = Server::start(Router::new().route("/v1/files", get(list))).await;

    let all = server.run(&["ls", "--all"]).await;
    let first = server.run(&["ls"]).await;

    all.assert_success();
    assert_eq!(all.stdout.lines().count(), 3, "{all:?}");
    assert_eq!(first.stdout.lines().count(), 2, "{first:?}");
    assert!(first.stderr.contains("--all"), "{first:?}");
}

#[tokio::test]
async fn deletion_for_good_prints_its_receipt() {
    let remove = async || axum::Json(json!({"receipt_id": "r-1", "digest": "abc", "blobs": 1}));
    let show = async || axum::Json(file(json!({})));
    let routes = Router::new().route(&format!("/v1/files/{ID}"), delete(remove).get(show));
    let server = Server::start(routes).await;

    let run = server.run(&["rm", ID, "--permanent"]).await;

    run.assert_success();
    assert_eq!(
        run.stdout,
        "/bills/january.pdf deleted for good\n  receipt id  r-1\n  digest      abc\n  blobs       1\n"
    );
    assert_eq!(
        server.lines()[1],
        format!("DELETE /v1/files/{ID}?permanent=true")
    );
}

#[tokio::test]
async fn one_that_fails_does_not_hold_up_the_others() {
    let remove = async || axum::http::StatusCode::NO_CONTENT;
    let show = async || axum::Json(file(json!({})));
    let routes = Router::new().route(&format!("/v1/files/{ID}"), delete(remove).get(show));
    let server = Server::start(routes).await;
    let missing = "0199a0b1-7c00-7000-8000-000000000009";

    let run = server.run(&["rm", missing, ID]).await;

    assert_eq!(run.code, Some(1));
    assert_eq!(run.stdout, "/bills/january.pdf in the trash\n");
    assert!(
        run.stderr.contains(&format!("error: {missing}: Not Found")),
        "{run:?}"
    );
    assert!(run.stderr.contains("error: 1 of 2 failed"), "{run:?}");
}

#[tokio::test]
async fn failures_are_listed_and_sent_again() {
    let list = async || {
        let failure = json!({"id": "f-1", "stage": "extract", "code": "timeout"});
        axum::Json(json!({"items": [failure], "next_cursor": null}))
    };
    let redrive = async || axum::http::StatusCode::ACCEPTED;
    let routes = Router::new()
        .route("/v1/failures", get(list))
        .route("/v1/failures/f-1/redrive", post(redrive));
    let server = Server::start(routes).await;

    let listed = server.run(&["failures"]).await;
    let sent = server.run(&["failures", "redrive", "f-1"]).await;

    listed.assert_success();
    assert_eq!(listed.stdout, "f-1\n  stage  extract\n  code   timeout\n");
    sent.assert_success();
    assert!(sent.stderr.contains("f-1 is sent again"), "{sent:?}");
}

#[tokio::test]
async fn keys_are_made_listed_and_revoked() {
    let issue = async || axum::Json(json!({"id": "k-1", "name": "ci", "key": "shown-once"}));
    let list = async || {
        let key = json!({"id": "k-1", "name": "ci", "role": "editor"});
        axum::Json(json!({"items": [key], "next_cursor": null}))
    };
    let revoke = async || axum::http::StatusCode::NO_CONTENT;
    let routes = Router::new()
        .route("/v1/api-keys", post(issue).get(list))
        .route("/v1/api-keys/k-1", delete(revoke));
    let server = Server::start(routes).await;

    let made = server
        .run(&[
            "keys",
            "create",
            "ci",
            "--role",
            "editor",
            "--expires",
            "1d",
        ])
        .await;
    let listed = server.run(&["keys", "list"]).await;
    let revoked = server.run(&["keys", "revoke", "k-1"]).await;

    made.assert_success();
    assert!(made.stdout.contains("shown-once"), "{made:?}");
    assert_eq!(
        server.seen()[0].json(),
        json!({"name": "ci", "role": "editor", "expires_in_s": 86_400})
    );
    assert!(listed.stdout.contains("ci    editor"), "{listed:?}");
    revoked.assert_success();
}

#[tokio::test]
async fn members_are_invited_listed_and_removed() {
    let invite = async || axum::Json(json!({"id": "m-1", "role": "editor", "state": "invited"}));
    let list = async || {
        let member = json!({"id": "m-1", "role": "editor", "state": "joined"});
        axum::Json(json!({"items": [member], "next_cursor": null}))
    };
    let remove = async || axum::http::StatusCode::NO_CONTENT;
    let routes = Router::new()
        .route("/v1/members", post(invite).get(list))
        .route("/v1/members/m-1", delete(remove));
    let server = Server::start(routes).await;

    let invited = server
        .run(&[
            "members", "invite", "ann", "--issuer", "i", "--role", "editor",
        ])
        .await;
    let listed = server.run(&["members", "list"]).await;
    let removed = server.run(&["members", "remove", "m-1"]).await;

    invited.assert_success();
    assert!(invited.stderr.contains("until they accept"), "{invited:?}");
    assert_eq!(
        server.seen()[0].json(),
        json!({"issuer": "i", "subject": "ann", "role": "editor"})
    );
    assert!(listed.stdout.contains("joined  editor"), "{listed:?}");
    removed.assert_success();
}

#[tokio::test]
async fn invitations_are_listed_accepted_and_declined() {
    let list = async || {
        let invitation = json!({"workspace": "acme", "role": "editor"});
        axum::Json(json!({"items": [invitation], "next_cursor": null}))
    };
    let accept = async || axum::Json(json!({"workspace": "acme", "role": "editor"}));
    let decline = async || axum::http::StatusCode::NO_CONTENT;
    let routes = Router::new()
        .route("/v1/invitations", get(list))
        .route("/v1/invitations/acme/accept", post(accept))
        .route("/v1/invitations/other", delete(decline));
    let server = Server::start(routes).await;

    let listed = server.run(&["invitations"]).await;
    let accepted = server.run(&["invitations", "accept", "acme"]).await;
    let declined = server.run(&["invitations", "decline", "other"]).await;

    assert!(listed.stdout.contains("acme       editor"), "{listed:?}");
    accepted.assert_success();
    assert!(accepted.stderr.contains("member of acme"), "{accepted:?}");
    declined.assert_success();
}

#[tokio::test]
async fn reader_that_stops_early_is_no_failure() {
    let list = async || {
        let items: Vec<_> = (0..5_000).map(|_| file(json!({}))).collect();
        axum::Json(json!({"items": items, "next_cursor": null}))
    };
    let server = Server::start(Router::new().route("/v1/files", get(list))).await;
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_sheaf"))
        .args(["ls", "--url", &server.url])
        .env_clear()
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();

    drop(child.stdout.take());

    assert!(child.wait().await.unwrap().success());
}
