//! What the reading routes promise, asked of the whole local runner.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

mod content;
mod document;
mod dossiers;
mod files;
mod folders;
mod listing;
mod methods;
mod others;
mod receipts;
mod text;

use serde_json::{Value, json};
use testkit::Client;

/// The text of a field of each item of a list.
fn each(list: &Value, field: &str) -> Vec<String> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .map(|item| item[field].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// Reads a list page by page, and returns a field of all its items and how many pages there were.
async fn all_pages(client: &Client, route: &str, field: &str) -> (Vec<String>, usize) {
    pages_after(client, route, None, field).await
}

/// Reads a list from behind a cursor to its end.
async fn pages_after(
    client: &Client,
    route: &str,
    cursor: Option<&str>,
    field: &str,
) -> (Vec<String>, usize) {
    let separator = if route.contains('?') { '&' } else { '?' };
    let (mut found, mut pages) = (Vec::new(), 0);
    let mut next = cursor.map(str::to_owned);
    loop {
        let page = next.as_ref().map_or_else(
            || route.to_owned(),
            |cursor| format!("{route}{separator}cursor={cursor}"),
        );
        let page = client.get(&page).await.expect(200).json();
        found.extend(each(&page, field));
        pages += 1;
        assert!(pages < 1_000, "{route} has no end");
        match page["next_cursor"].as_str() {
            Some(cursor) => next = Some(cursor.to_owned()),
            None => return (found, pages),
        }
    }
}

/// Uploads bytes whose SHA-256 is not the one that was promised, in parts: S3 checks no hash of the
/// whole, so it is found when the file is read.
async fn put_other_bytes_than_promised(client: &Client) -> Value {
    let size = 17 * 1024 * 1024;
    let asked = json!({"name": "big.bin", "size_bytes": size, "sha256": "0".repeat(64)});
    let session = client.post("/v1/uploads", &asked).await.expect(201).json();
    let part_size = usize::try_from(session["part_size_bytes"].as_u64().unwrap()).unwrap();
    let bytes = vec![b'a'; size];
    let signed = session["parts"].as_array().unwrap();
    let mut parts = Vec::new();
    for (part, chunk) in signed.iter().zip(bytes.chunks(part_size)) {
        let stored = client.put_signed(part, chunk.to_vec()).await.expect(200);
        parts.push(json!({"number": part["number"], "etag": stored.header("etag")}));
    }
    let id = session["upload_id"].as_str().unwrap();
    let route = format!("/v1/uploads/{id}/complete");
    client
        .post(&route, &json!({"parts": parts}))
        .await
        .expect(201)
        .json()
}
