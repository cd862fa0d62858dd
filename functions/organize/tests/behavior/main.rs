//! What the changing routes promise, asked of the whole local runner.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod api_keys;
mod change;
mod delete;
mod dossiers;
mod folders;
mod members;
mod retry;
mod trash;

use serde_json::Value;
use testkit::Client;

/// The route of a file.
fn route(file: &Value) -> String {
    format!("/v1/files/{}", file["id"].as_str().unwrap())
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
