//! Copies of files.

use domain::principal::Role;
use http::Method;
use serde_json::{Value, json};
use store::quota::Quota;
use testkit::{Client, Options, Sheaf};

use crate::route;

const TEXT: &str = "Pine Grove Electric\n\nStatement date: 2024-11-29\nTotal due: $245.67\n";

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

async fn copy(client: &Client, file: &Value, body: &Value) -> testkit::Answer {
    client.post(&format!("{}/copy", route(file)), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_has_the_bytes_type_and_tags_and_is_read_from_what_is_known() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=a.txt&type=bill&tag=power&folder=/bills", TEXT)
        .await;
    let date = json!({"document_date": "2024-12-01", "favorite": true});
    sheaf.rest().await;
    client.patch(&route(&file), &date).await.expect(200);

    let answer = copy(&client, &file, &json!({"folder": "/taxes/2024"})).await;
    let answer = answer.expect(201);
    let location = answer.header("location").to_owned();
    let made = answer.json();
    sheaf.rest().await;

    assert_ne!(id(&made), id(&file));
    assert_eq!(location, route(&made));
    let made = client.file(id(&made)).await;
    assert_eq!(made["path"], "/taxes/2024/a.txt");
    assert_eq!(made["sha256"], file["sha256"]);
    assert_eq!(
        (&made["type"], &made["tags"]),
        (&file["type"], &file["tags"])
    );
    assert_eq!(made["status"], "completed", "{made}");
    assert_eq!(made["document_date"], "2024-12-01");
    assert_eq!(made["favorite"], false);
    assert_eq!(made["version"], 1);
    assert_eq!(client.content(id(&made)).await.expect(200).body, TEXT);
    let text = client.get(&format!("{}/text", route(&made))).await;
    assert!(String::from_utf8_lossy(&text.expect(200).body).contains("245.67"));
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_files"], 2);
    assert_eq!(usage["used_bytes"], 2 * TEXT.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_outlives_what_it_is_a_copy_of_and_a_copy_of_it_does_too() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    let first = copy(&client, &file, &json!({"name": "b.txt"})).await;
    let first = first.expect(201).json();
    let second = copy(&client, &first, &json!({"name": "c.txt"})).await;
    let second = second.expect(201).json();

    for gone in [&file, &first] {
        let permanent = format!("{}?permanent=true", route(gone));
        client.delete(&permanent).await.expect(200);
    }
    sheaf.rest().await;

    assert_eq!(client.content(id(&second)).await.expect(200).body, TEXT);
    assert_eq!(client.file(id(&second)).await["status"], "completed");
}

#[tokio::test]
async fn copy_beside_the_file_needs_another_name_or_finds_one() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;

    let taken = copy(&client, &file, &json!({})).await.expect(409);
    let renamed = copy(&client, &file, &json!({"on_conflict": "rename"})).await;

    assert_eq!(taken.code(), "name_taken");
    assert_eq!(renamed.expect(201).json()["name"], "a (2).txt");
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_files"], 2);
}

#[tokio::test]
async fn copy_goes_to_a_folder_by_path_or_by_id() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    let folder = json!({"path": "/b"});
    let folder = client.post("/v1/folders", &folder).await.expect(201).json();

    let body = json!({"folder_id": folder["id"]});
    let made = copy(&client, &file, &body).await.expect(201).json();
    assert_eq!(made["path"], "/b/a.txt");
    let unknown = json!({"folder_id": "0199a0b1-7c00-7000-8000-000000000001"});
    copy(&client, &file, &unknown).await.expect(404);
    let both = json!({"folder_id": folder["id"], "folder": "/b"});
    let refused = copy(&client, &file, &both).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/folder_id");
}

#[tokio::test]
async fn copy_is_made_of_an_older_version() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    client.put("name=a.txt&on_conflict=version", "two").await;

    let body = json!({"name": "b.txt", "version": 1});
    let made = copy(&client, &file, &body).await.expect(201).json();
    assert_eq!(client.content(id(&made)).await.expect(200).body, "one");
    copy(&client, &file, &json!({"name": "c.txt", "version": 3}))
        .await
        .expect(404);
}

#[tokio::test]
async fn copy_is_gone_when_the_file_is_unless_it_is_given_a_time_of_its_own() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&expires_in_s=60", TEXT).await;

    let like = copy(&client, &file, &json!({"name": "b.txt"})).await;
    let own = json!({"name": "c.txt", "expires_in_s": 3600});
    let own = copy(&client, &file, &own).await.expect(201).json();

    let like = like.expect(201).json();
    assert_eq!(like["expires_at"], file["expires_at"]);
    sheaf.advance(jiff::SignedDuration::from_secs(61));
    client.get(&route(&like)).await.expect(410);
    copy(&client, &file, &json!({"name": "d.txt"}))
        .await
        .expect(410);
    sheaf.sweep().await;
    assert_eq!(client.content(id(&own)).await.expect(200).body, TEXT);
}

#[tokio::test]
async fn request_that_is_repeated_makes_one_copy() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    let path = format!("{}/copy", route(&file));
    let headers = [
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];
    let send = async |body: &'static str| client.send(Method::POST, &path, &headers, body).await;
    let body = r#"{"name": "b.txt", "folder": "/new"}"#;

    let (first, again) = tokio::join!(send(body), send(body));
    let (first, again) = (first.expect(201).json(), again.expect(201).json());
    assert_eq!(first["id"], again["id"]);
    // Also when the file is gone that was copied.
    let permanent = format!("{}?permanent=true", route(&file));
    client.delete(&permanent).await.expect(200);
    let late = send(body).await.expect(201).json();
    assert_eq!(first["id"], late["id"]);
    send(r#"{"name": "c.txt"}"#).await.expect(422);
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_files"], 1);
}

#[tokio::test]
async fn copy_is_refused_where_it_must_be() {
    let sheaf = Sheaf::start_with(Options {
        quota: Quota {
            bytes: 100,
            files: 10,
        },
        ..Options::default()
    })
    .await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", TEXT).await;
    let body = json!({"name": "b.txt"});
    let viewer = sheaf.client("acme", Role::Viewer);
    let stranger = sheaf.client("other", Role::Admin);

    copy(&viewer, &file, &body).await.expect(403);
    copy(&stranger, &file, &body).await.expect(404);
    copy(&client, &file, &body).await.expect(507);
    let path = format!("{}/copy", route(&file));
    let stale = [
        ("if-match", "\"999\""),
        ("content-type", "application/json"),
    ];
    let answer = client
        .send(Method::POST, &path, &stale, body.to_string())
        .await;
    answer.expect(412);
    let version = json!({"name": "b.txt", "on_conflict": "version"});
    let refused = copy(&client, &file, &version).await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/on_conflict");
    client.delete(&route(&file)).await.expect(200);
    let trashed = copy(&client, &file, &body).await.expect(409);
    assert_eq!(trashed.code(), "in_trash");
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(
        usage["used_files"], 1,
        "nothing is reserved for what is refused"
    );
}
