//! Invitations, and what they do not do to those who are invited.

use domain::principal::Role;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, Sheaf};

use crate::{accept, each, member, person};

/// Asks for the files of a workspace that is chosen.
async fn files_in(client: &Client, workspace: &str) -> Answer {
    let chosen = [("sheaf-workspace", workspace)];
    client.send(Method::GET, "/v1/files", &chosen, "").await
}

#[tokio::test]
async fn invitation_gives_nothing_until_it_is_accepted() {
    let sheaf = Sheaf::start().await;
    let ann = person(&sheaf, "ann", &Value::Null);
    let invited = sheaf
        .admin()
        .post("/v1/members", &member("ann", "editor"))
        .await
        .expect(200)
        .json();

    assert_eq!(invited["state"], "invited");
    ann.get("/v1/files").await.expect(403);
    files_in(&ann, "acme").await.expect(403);
    assert!(each(&ann, "/v1/workspaces", "id").await.is_empty());
    assert_eq!(each(&ann, "/v1/invitations", "workspace").await, ["acme"]);

    let joined = accept(&ann, "acme").await;
    let again = accept(&ann, "acme").await;

    assert_eq!(joined, json!({"workspace": "acme", "role": "editor"}));
    assert_eq!(again, joined);
    ann.upload("name=a.txt", "a").await.expect(201);
    assert_eq!(each(&ann, "/v1/workspaces", "id").await, ["acme"]);
    assert!(each(&ann, "/v1/invitations", "workspace").await.is_empty());
}

#[tokio::test]
async fn invitation_of_another_workspace_changes_nothing_for_a_member() {
    let sheaf = Sheaf::start().await;
    let ann = person(&sheaf, "ann", &Value::Null);
    let admin = sheaf.admin();
    let stranger = sheaf.client("aaa", Role::Admin);
    admin
        .post("/v1/members", &member("ann", "editor"))
        .await
        .expect(200);
    accept(&ann, "acme").await;

    stranger
        .post("/v1/members", &member("ann", "admin"))
        .await
        .expect(200);
    ann.upload("name=a.txt", "a").await.expect(201);

    assert_eq!(each(&admin, "/v1/files", "name").await, ["a.txt"]);
    assert!(each(&stranger, "/v1/files", "name").await.is_empty());
    accept(&ann, "aaa").await;
    ann.get("/v1/files").await.expect(422);
    files_in(&ann, "acme").await.expect(200);
    files_in(&ann, "aaa").await.expect(200);
}

#[tokio::test]
async fn invitation_is_declined_once_and_not_after_it_was_accepted() {
    let sheaf = Sheaf::start().await;
    let ann = person(&sheaf, "ann", &Value::Null);
    let admin = sheaf.admin();
    let invite = async || {
        let asked = member("ann", "viewer");
        admin.post("/v1/members", &asked).await.expect(200);
    };

    invite().await;
    ann.delete("/v1/invitations/acme").await.expect(204);
    ann.delete("/v1/invitations/acme").await.expect(404);
    let refused = "/v1/invitations/acme/accept";
    ann.post(refused, &Value::Null).await.expect(404);
    assert!(each(&admin, "/v1/members", "id").await.is_empty());

    invite().await;
    accept(&ann, "acme").await;
    ann.delete("/v1/invitations/acme").await.expect(404);
    ann.get("/v1/files").await.expect(200);
    ann.delete("/v1/invitations/No%20Workspace")
        .await
        .expect(404);
}

#[tokio::test]
async fn trusted_token_reaches_the_workspaces_its_holder_has_joined_too() {
    let sheaf = Sheaf::start().await;
    let guest = person(&sheaf, "guest", &json!("acme"));
    let host = sheaf.client("host", Role::Admin);
    for workspace in ["host", "acme"] {
        sheaf
            .client(workspace, Role::Admin)
            .post("/v1/members", &member("guest", "viewer"))
            .await
            .expect(200);
        accept(&guest, workspace).await;
    }
    host.put("name=h.txt", "h").await;

    let there = files_in(&guest, "host").await.expect(200).json();
    let list = guest.get("/v1/workspaces").await.expect(200).json();
    let first = guest.get("/v1/workspaces?limit=1").await.expect(200).json();

    assert_eq!(there["items"][0]["name"], "h.txt");
    // What the token claims is the default, and stands above the membership of the same workspace.
    guest.upload("name=a.txt", "a").await.expect(201);
    assert_eq!(
        list["items"],
        json!([{"id": "acme", "role": "editor"}, {"id": "host", "role": "viewer"}])
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = format!("/v1/workspaces?limit=1&cursor={cursor}");
    assert_eq!(first["items"][0]["id"], "acme");
    assert_eq!(each(&guest, &rest, "id").await, ["host"]);
    files_in(&guest, "elsewhere").await.expect(403);
}
