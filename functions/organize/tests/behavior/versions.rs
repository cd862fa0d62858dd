//! Old versions: brought back, removed, pruned.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{Answer, Client, Sheaf};

use crate::route;

/// A file of so many versions, each of which says its number.
async fn file_of(client: &Client, versions: u32) -> Value {
    let mut file = Value::Null;
    for number in 1..=versions {
        let query = "name=a.txt&on_conflict=version";
        file = client.put(query, format!("version {number}")).await;
    }
    file
}

/// The numbers of a file's versions, the newest first.
async fn numbers(client: &Client, file: &Value) -> Vec<u64> {
    let list = format!("{}/versions?limit=100", route(file));
    let list = client.get(&list).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|version| version["version"].as_u64().unwrap())
        .collect()
}

async fn restore(client: &Client, file: &Value, number: u32, headers: &[(&str, &str)]) -> Answer {
    let path = format!("{}/versions/{number}/restore", route(file));
    client.send(Method::POST, &path, headers, "").await
}

async fn prune(client: &Client, file: &Value, body: &Value) -> Answer {
    client
        .post(&format!("{}/versions/prune", route(file)), body)
        .await
}

async fn used_bytes(client: &Client) -> u64 {
    let usage = client.get("/v1/usage").await.expect(200).json();
    usage["used_bytes"].as_u64().unwrap()
}

fn removed(receipt: &Value) -> Vec<u64> {
    let versions = receipt["versions"].as_array().unwrap();
    versions
        .iter()
        .map(|version| version["version"].as_u64().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn old_version_becomes_a_new_one_with_the_same_bytes() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 2).await;
    sheaf.rest().await;

    let restored = restore(&client, &file, 1, &[]).await.expect(200).json();
    let again = restore(&client, &file, 1, &[]).await.expect(200).json();
    sheaf.rest().await;

    assert_eq!(restored["version"], 3);
    assert_eq!(again["version"], 3, "it has these bytes already");
    let id = file["id"].as_str().unwrap();
    assert_eq!(client.content(id).await.expect(200).body, "version 1");
    assert_eq!(client.file(id).await["status"], "completed");
    assert_eq!(numbers(&client, &file).await, [3, 2, 1]);
    assert_eq!(used_bytes(&client).await, 27, "each version counts");

    // The bytes stay while one of them has them.
    let first = format!("{}/versions/1", route(&file));
    let receipt = client.delete(&first).await.expect(200).json();
    assert_eq!(receipt["versions"][0]["blob_removed"], false);
    assert_eq!(receipt["reason"], "pruned");
    assert_eq!(client.content(id).await.expect(200).body, "version 1");
    assert_eq!(used_bytes(&client).await, 18);
    let kept = format!("/v1/receipts/{}", receipt["id"].as_str().unwrap());
    assert_eq!(client.get(&kept).await.expect(200).json(), receipt);
}

#[tokio::test]
async fn restoring_repeats_by_key_and_only_as_expected() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 2).await;
    let key = [("idempotency-key", "k")];

    restore(&client, &file, 1, &[("if-match", "\"999\"")])
        .await
        .expect(412);
    restore(&client, &file, 1, &key).await.expect(200);
    file_of(&client, 1).await;
    client
        .put("name=a.txt&on_conflict=version", "another")
        .await;
    let late = restore(&client, &file, 1, &key).await.expect(200).json();

    assert_eq!(late["version"], 5, "it was restored once: {late}");
    restore(&client, &file, 7, &[]).await.expect(404);
    restore(&client, &file, 2, &key).await.expect(422);
    let viewer = sheaf.client("acme", Role::Viewer);
    restore(&viewer, &file, 1, &[]).await.expect(403);
    let stranger = sheaf.client("other", Role::Admin);
    restore(&stranger, &file, 1, &[]).await.expect(404);
}

#[tokio::test]
async fn version_is_made_only_of_the_file_that_was_expected() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    let tag = client.get(&route(&file)).await.expect(200);
    sheaf.rest().await;
    let current = client.get(&route(&file)).await.expect(200);
    let upload = async |query: &str, tag: &str| {
        let path = format!("/v1/files?{query}");
        client
            .send(Method::POST, &path, &[("if-match", tag)], "two")
            .await
    };

    let versions = "name=a.txt&on_conflict=version";
    if tag.header("etag") != current.header("etag") {
        upload(versions, tag.header("etag")).await.expect(412);
    }
    upload(versions, "\"999\"").await.expect(412);
    upload("name=none.txt&on_conflict=version", "*")
        .await
        .expect(412);
    let refused = upload("name=b.txt", "*").await.expect(422).json();
    assert_eq!(refused["errors"][0]["pointer"], "/If-Match");
    let made = upload(versions, current.header("etag")).await.expect(201);
    assert_eq!(made.json()["version"], 2);
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_bytes"], 6, "what is refused reserves nothing");
}

#[tokio::test]
async fn signed_upload_becomes_a_version_only_of_the_file_that_was_expected() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    sheaf.rest().await;
    let begin = async |tag: &str| {
        let body = json!({"name": "a.txt", "size_bytes": 3, "on_conflict": "version"});
        let headers = [("if-match", tag), ("content-type", "application/json")];
        let upload = client
            .send(Method::POST, "/v1/uploads", &headers, body.to_string())
            .await
            .expect(201)
            .json();
        client
            .put_signed(&upload["parts"][0], "two")
            .await
            .expect(200);
        format!(
            "/v1/uploads/{}/complete",
            upload["upload_id"].as_str().unwrap()
        )
    };
    let current = client.get(&route(&file)).await.expect(200);
    let (first, late) = (
        begin(current.header("etag")).await,
        begin(current.header("etag")).await,
    );

    let made = client.post(&first, &json!({})).await.expect(201).json();
    client.post(&late, &json!({})).await.expect(412);

    assert_eq!(made["version"], 2);
    assert_eq!(
        client.post(&first, &json!({})).await.expect(201).json()["id"],
        file["id"]
    );
}

#[tokio::test]
async fn current_version_is_never_removed_and_numbers_are_never_used_again() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 3).await;
    let version = |number: u32| format!("{}/versions/{number}", route(&file));

    let current = client.delete(&version(3)).await.expect(409);
    assert_eq!(current.code(), "current_version");
    client.delete(&version(2)).await.expect(200);
    client.delete(&version(2)).await.expect(404);
    client.delete(&version(9)).await.expect(404);
    let content = format!("{}/content?version=2", route(&file));
    client.get(&content).await.expect(404);
    let next = file_of(&client, 1).await;
    sheaf.rest().await;

    assert_eq!(next["version"], 4);
    assert_eq!(numbers(&client, &file).await, [4, 3, 1]);
    let viewer = sheaf.client("acme", Role::Viewer);
    viewer.delete(&version(1)).await.expect(403);
    let stranger = sheaf.client("other", Role::Admin);
    stranger.delete(&version(1)).await.expect(404);
    let id = file["id"].as_str().unwrap();
    assert_eq!(client.file(id).await["status"], "completed");
}

#[tokio::test]
async fn pruning_keeps_so_many_and_says_what_went() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 40).await;

    let mut went = Vec::new();
    loop {
        let pruned = prune(&client, &file, &json!({"keep": 3})).await;
        let pruned = pruned.expect(200).json();
        went.extend(removed(&pruned["receipt"]));
        if pruned["remaining"] == false {
            break;
        }
    }
    let nothing = prune(&client, &file, &json!({"keep": 3})).await;

    assert_eq!(went, (1..=37).collect::<Vec<u64>>());
    assert_eq!(numbers(&client, &file).await, [40, 39, 38]);
    let nothing = nothing.expect(200).json();
    assert_eq!(nothing, json!({"receipt": null, "remaining": false}));
    assert_eq!(used_bytes(&client).await, 30);
}

#[tokio::test]
async fn pruning_by_count_and_age_takes_what_both_say() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 2).await;
    sheaf.advance(SignedDuration::from_hours(48));
    file_of(&client, 2).await;
    let day = 24 * 60 * 60;

    let young = json!({"older_than_s": 3 * day});
    let young = prune(&client, &file, &young).await.expect(200).json();
    assert_eq!(young["receipt"], Value::Null);
    let many = json!({"keep": 3, "older_than_s": day});
    let many = prune(&client, &file, &many).await.expect(200).json();
    assert_eq!(removed(&many["receipt"]), [1]);
    let by_age = json!({"older_than_s": day});
    let by_age = prune(&client, &file, &by_age).await.expect(200).json();
    assert_eq!(removed(&by_age["receipt"]), [2]);
    let all = json!({"older_than_s": 0});
    let all = prune(&client, &file, &all).await.expect(200).json();
    assert_eq!(removed(&all["receipt"]), [3], "never the current one");

    prune(&client, &file, &json!({})).await.expect(422);
    let viewer = sheaf.client("acme", Role::Viewer);
    prune(&viewer, &file, &json!({"keep": 1})).await.expect(403);
    let stranger = sheaf.client("other", Role::Admin);
    prune(&stranger, &file, &json!({"keep": 1}))
        .await
        .expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn prunings_at_once_remove_each_version_once() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = file_of(&client, 12).await;
    let body = json!({"keep": 1});

    let (first, second) = tokio::join!(prune(&client, &file, &body), prune(&client, &file, &body));

    let mut went = Vec::new();
    for pruned in [first, second] {
        let pruned = pruned.expect(200).json();
        if !pruned["receipt"].is_null() {
            went.extend(removed(&pruned["receipt"]));
        }
    }
    went.sort_unstable();
    assert_eq!(went, (1..=11).collect::<Vec<u64>>());
    assert_eq!(used_bytes(&client).await, 10);
}
