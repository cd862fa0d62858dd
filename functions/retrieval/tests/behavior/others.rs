//! Templates, usage, workspaces, receipts, failures, the document of the API.

use domain::principal::Role;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::quota::Quota;
use testkit::{Client, Options, Sheaf};

use crate::{all_pages, put_other_bytes_than_promised};

#[tokio::test]
async fn templates_are_listed_and_shown() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.client("acme", Role::Viewer);

    let (names, pages) = all_pages(&client, "/v1/templates?limit=2", "name").await;
    let report = client.get("/v1/templates/report").await.expect(200).json();

    assert!(
        names.is_sorted() && names.contains(&"master_checklist".to_owned()),
        "{names:?}"
    );
    assert_eq!(pages, names.len().div_ceil(2));
    assert_eq!(report["built_in"], true);
    assert!(report["schema"].is_object() && report["example"].is_object());
    client.get("/v1/templates/none").await.expect(404);
}

#[tokio::test]
async fn usage_grows_with_uploads_and_shrinks_with_deletions() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let usage = async || {
        let usage = client.get("/v1/usage").await.expect(200).json();
        (
            usage["used_bytes"].as_u64().unwrap(),
            usage["used_files"].as_u64().unwrap(),
        )
    };

    assert_eq!(usage().await, (0, 0));
    let file = client.put("name=a.txt", "12345").await;
    client.put("name=a.txt&on_conflict=version", "123").await;
    assert_eq!(usage().await, (8, 1));
    sheaf.rest().await;
    let route = format!("/v1/files/{}?permanent=true", file["id"].as_str().unwrap());
    client.delete(&route).await.expect(200);
    assert_eq!(usage().await, (0, 0));
}

#[tokio::test]
async fn workspaces_are_those_of_the_caller() {
    let sheaf = Sheaf::start().await;
    let list = sheaf
        .client("acme", Role::Editor)
        .get("/v1/workspaces")
        .await
        .expect(200)
        .json();
    let stranger = Client::new(sheaf.server.url(), "sheaf_acme.x.y".to_owned());

    assert_eq!(list["items"], json!([{"id": "acme", "role": "editor"}]));
    stranger.get("/v1/workspaces").await.expect(401);
}

#[tokio::test]
async fn usage_tells_what_was_reached_and_how_it_was_on_the_days_before() {
    let quota = Quota {
        bytes: 1000,
        files: 4,
    };
    let sheaf = Sheaf::start_with(Options {
        quota,
        ..Options::default()
    })
    .await;
    let client = sheaf.admin();
    let usage = async || client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage().await["alerts"], json!([]));
    client.put("name=a.txt", "a".repeat(100)).await;
    sheaf.sweep().await;
    // Twenty days later, by the clock of the sweep.
    sheaf.advance(SignedDuration::from_hours(20 * 24));
    sheaf.sweep().await;
    client.put("name=b.txt", "b".repeat(700)).await;
    for name in ["c.txt", "d.txt"] {
        client.put(&format!("name={name}"), "").await;
    }

    let found = usage().await;
    let other = sheaf.client("other", Role::Viewer);
    let other = other.get("/v1/usage").await.expect(200).json();

    assert_eq!(
        found["alerts"],
        json!([{"resource": "bytes", "percent": 80}, {"resource": "files", "percent": 100}])
    );
    let days = found["trend"].as_array().unwrap();
    let used: Vec<_> = days.iter().map(|day| &day["used_bytes"]).collect();
    assert_eq!(used, [100, 100]);
    assert_eq!(found["change_bytes_30d"], 700);
    assert_eq!(found["change_files_30d"], 3);
    assert!(found["full_on"].is_string(), "{found}");
    assert_eq!(other["trend"], json!([]));
    assert_eq!(other["change_bytes_30d"], Value::Null);
    assert_eq!(other["full_on"], Value::Null);
}

#[tokio::test]
async fn receipt_of_a_deletion_is_kept_for_its_workspace() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "12345").await;
    let id = file["id"].as_str().unwrap();
    sheaf.rest().await;
    let deleted = client
        .delete(&format!("/v1/files/{id}?permanent=true"))
        .await
        .expect(200)
        .json();
    let route = format!("/v1/receipts/{}", deleted["id"].as_str().unwrap());

    let receipt = client.get(&route).await.expect(200).json();

    assert_eq!(receipt, deleted);
    assert_eq!(
        (&receipt["file_id"], &receipt["reason"]),
        (&id.into(), &"deleted".into())
    );
    sheaf
        .client("other", Role::Admin)
        .get(&route)
        .await
        .expect(404);
}

#[tokio::test]
async fn failures_are_listed_with_what_they_are_about() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = put_other_bytes_than_promised(&client).await;
    sheaf.rest().await;

    let list = client.get("/v1/failures").await.expect(200).json();
    let others = sheaf
        .client("other", Role::Admin)
        .get("/v1/failures")
        .await
        .expect(200)
        .json();

    let failure = &list["items"][0];
    assert_eq!(failure["task"], "read_version");
    assert_eq!(failure["file_id"], file["id"]);
    assert_eq!(
        (&failure["stage"], &failure["code"]),
        (&"verify".into(), &"checksum_mismatch".into())
    );
    assert!(failure["id"].is_string() && failure["failed_at"].is_string());
    assert_eq!(others["items"], json!([]));
}

#[tokio::test]
async fn process_says_that_it_is_up() {
    let sheaf = Sheaf::start().await;
    let stranger = Client::new(sheaf.server.url(), String::new());

    let health = stranger.get("/healthz").await.expect(200);

    assert_eq!(health.body, "ok\n");
}
