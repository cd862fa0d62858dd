//! Requests that come again with their Idempotency-Key after they were refused.

use futures::future::join_all;
use http::Method;
use serde_json::json;
use testkit::{Answer, Client};

use crate::{REPEATS, files, start, usage};

/// Uploads a file as the request of this key.
async fn upload(client: &Client, key: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    client
        .send(Method::POST, "/v1/files?name=a.txt", &headers, "mine")
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_is_done_anew_when_it_comes_again() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let taken = client.put("name=a.txt", "someone's").await;

    for _ in 0..2 {
        assert_eq!(
            upload(&client, "one").await.expect(409).code(),
            "name_taken"
        );
    }
    let path = format!("/v1/files/{}?permanent=true", e2e::id(&taken));
    client.delete(&path).await.expect(200);
    let file = upload(&client, "one").await.expect(201).json();
    let again = upload(&client, "one").await.expect(201).json();

    assert_eq!(again["id"], file["id"]);
    assert_eq!(files(&client).await.len(), 1);
    assert_eq!(usage(&client).await, (1, 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_once_are_refused_alike_and_reserve_nothing() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    client.put("name=a.txt", "someone's").await;
    let before = usage(&client).await;

    for round in 0..5 {
        let key = format!("round {round}");
        let answers = join_all((0..REPEATS).map(|_| upload(&client, &key))).await;
        for answer in answers {
            assert_eq!(answer.expect(409).code(), "name_taken");
        }
    }

    assert_eq!(usage(&client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_once_make_one_file_where_the_name_becomes_free_meanwhile() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    for round in 0..5 {
        let taken = client.put("name=a.txt", "someone's").await;
        let key = format!("round {round}");
        let path = format!("/v1/files/{}?permanent=true", e2e::id(&taken));

        let requests = join_all((0..REPEATS).map(|_| upload(&client, &key)));
        let (answers, removed) = tokio::join!(requests, client.delete(&path));
        removed.expect(200);
        let file = upload(&client, &key).await.expect(201).json();

        for answer in answers {
            if answer.status == 201 {
                assert_eq!(answer.json()["id"], file["id"]);
            } else {
                assert_eq!(answer.expect(409).code(), "name_taken");
            }
        }
        assert_eq!(usage(&client).await, (1, 4));
        let path = format!("/v1/files/{}?permanent=true", e2e::id(&file));
        client.delete(&path).await.expect(200);
        sheaf.rest().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_aborted_is_begun_anew_by_the_same_request() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let headers = [
        ("idempotency-key", "one"),
        ("content-type", "application/json"),
    ];
    let body = json!({"name": "a.txt", "size_bytes": 4}).to_string();
    let begin = || client.send(Method::POST, "/v1/uploads", &headers, body.clone());

    let first = begin().await.expect(201).json();
    let again = begin().await.expect(201).json();
    assert_eq!(again["upload_id"], first["upload_id"]);
    let path = format!("/v1/uploads/{}", first["upload_id"].as_str().unwrap());
    client.delete(&path).await.expect(204);
    let anew = begin().await.expect(201).json();

    assert_ne!(anew["upload_id"], first["upload_id"]);
    assert_eq!(anew["state"], "open");
    assert_eq!(usage(&client).await, (1, 4));
}
