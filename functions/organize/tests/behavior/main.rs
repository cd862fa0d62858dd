//! What the changing routes promise, asked of the whole local runner.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod api_keys;
mod bulk;
mod change;
mod copy;
mod delete;
mod dossiers;
mod facts;
mod folder_trash;
mod folders;
mod invitations;
mod members;
mod retry;
mod revoked;
mod trash;
mod tree;
mod versions;

use serde_json::{Value, json};
use testkit::{Client, Sheaf};

/// The route of a file.
fn route(file: &Value) -> String {
    format!("/v1/files/{}", file["id"].as_str().unwrap())
}

/// Someone of the local issuer, with the claims that say where they come from: none for null.
fn person(sheaf: &Sheaf, subject: &str, workspace: &Value) -> Client {
    let claims = json!({
        "iss": embedded::secrets::ISSUER, "aud": embedded::secrets::AUDIENCE, "sub": subject,
        "exp": 4_000_000_000_i64, "workspace": workspace, "role": "editor",
    });
    let token = sheaf.server.stack.secrets.sign_claims(&claims).unwrap();
    sheaf.admin().with_token(&token)
}

/// Whom an admin invites to have that [`person`] in the workspace.
fn member(subject: &str, role: &str) -> Value {
    json!({"issuer": embedded::secrets::ISSUER, "subject": subject, "role": role})
}

/// Has a person accept the invitation to a workspace.
async fn accept(person: &Client, workspace: &str) -> Value {
    let route = format!("/v1/invitations/{workspace}/accept");
    person.post(&route, &Value::Null).await.expect(200).json()
}

/// A text field of each item of a list.
async fn each(client: &Client, list: &str, field: &str) -> Vec<String> {
    let list = client.get(list).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item[field].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The names of the documents of the dossier with this signature; none when there is none.
async fn documents(client: &Client, signature: &str) -> Vec<String> {
    let list = client.get("/v1/dossiers").await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let Some(dossier) = items.iter().find(|item| item["signature"] == signature) else {
        return Vec::new();
    };
    let id = dossier["id"].as_str().unwrap();
    each(client, &format!("/v1/dossiers/{id}/documents"), "name").await
}
