//! Uploads whose bytes go straight to S3.

use std::fmt::Write as _;

use domain::principal::Role;
use e2e::{Target, finished, id, until};
use serde_json::json;

use crate::hash;

#[tokio::test]
async fn a_presigned_put_becomes_a_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let bytes = "direct to the store";
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "a.txt", "size_bytes": bytes.len(), "sha256": hash(bytes.as_bytes())}),
        )
        .await
        .expect(201)
        .json();
    assert_eq!(begun["method"], "single");
    client
        .put_signed(&begun["parts"][0], bytes)
        .await
        .expect(200);
    // Nothing can be written there again.
    client
        .put_signed(&begun["parts"][0], "direct to the st0re")
        .await;

    let path = format!(
        "/v1/uploads/{}/complete",
        begun["upload_id"].as_str().unwrap()
    );
    let file = client.post(&path, &json!({})).await.expect(201).json();
    let again = client.post(&path, &json!({})).await.expect(201).json();

    assert_eq!(file["id"], again["id"]);
    assert_eq!(file["sha256"], hash(bytes.as_bytes()));
    assert_eq!(client.content(&id(&file)).await.expect(200).body, bytes);
}

#[tokio::test]
async fn an_upload_whose_client_never_says_complete_is_finished_by_the_event() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let begun = client
        .post("/v1/uploads", &json!({"name": "a.txt", "size_bytes": 5}))
        .await
        .expect(201)
        .json();
    client
        .put_signed(&begun["parts"][0], "hello")
        .await
        .expect(200);

    let path = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    let upload = until(&client, &path, |answer| {
        answer.json()["state"] == "committed"
    })
    .await
    .json();

    let file = finished(&client, upload["file_id"].as_str().unwrap()).await;
    assert_eq!(file["status"], "completed");
    assert_eq!(file["sha256"], hash(b"hello"));
}

#[tokio::test]
async fn parts_are_listed_signed_again_and_joined() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let mut text = String::new();
    while text.len() < 17 * 1024 * 1024 {
        let _ = writeln!(text, "line {} of a long file", text.len());
    }
    let bytes = text.into_bytes();
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "long.txt", "size_bytes": bytes.len(), "sha256": hash(&bytes)}),
        )
        .await
        .expect(201)
        .json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    let size = usize::try_from(begun["part_size_bytes"].as_u64().unwrap()).unwrap();
    let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
    assert_eq!(begun["part_count"], chunks.len());
    client
        .put_signed(&begun["parts"][0], chunks[0].to_vec())
        .await
        .expect(200);
    let early = client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(409);
    assert_eq!(early.code(), "incomplete");
    let arrived = client.get(&upload).await.expect(200).json();
    assert_eq!(arrived["arrived"].as_array().unwrap().len(), 1);

    let numbers: Vec<usize> = (2..=chunks.len()).collect();
    let signed = client
        .post(&format!("{upload}/parts"), &json!({"numbers": numbers}))
        .await
        .expect(200)
        .json();
    for (part, chunk) in signed["parts"].as_array().unwrap().iter().zip(&chunks[1..]) {
        client.put_signed(part, chunk.to_vec()).await.expect(200);
    }
    let file = client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(201)
        .json();

    // Of parts S3 has no hash of the whole, so the promised one is checked before anyone reads.
    let file = finished(&client, &id(&file)).await;
    assert_eq!(file["sha256"], hash(&bytes));
    let content = client.content(&id(&file)).await.expect(200);
    assert_eq!(hash(&content.body), hash(&bytes));
}

#[tokio::test]
async fn bytes_under_a_wrong_promise_are_never_readable() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let bytes = vec![b'x'; 17 * 1024 * 1024];
    let begun = client
        .post(
            "/v1/uploads",
            &json!({"name": "x.txt", "size_bytes": bytes.len(), "sha256": hash(b"something else")}),
        )
        .await
        .expect(201)
        .json();
    let size = usize::try_from(begun["part_size_bytes"].as_u64().unwrap()).unwrap();
    for (part, chunk) in begun["parts"]
        .as_array()
        .unwrap()
        .iter()
        .zip(bytes.chunks(size))
    {
        client.put_signed(part, chunk.to_vec()).await.expect(200);
    }
    let path = format!(
        "/v1/uploads/{}/complete",
        begun["upload_id"].as_str().unwrap()
    );
    let file = client.post(&path, &json!({})).await.expect(201).json();

    let file = finished(&client, &id(&file)).await;

    assert_eq!(file["status"], "failed");
    assert_eq!(file["failure"]["stage"], "verify");
    assert_eq!(file["failure"]["code"], "checksum_mismatch");
    let refused = client
        .get(&format!("/v1/files/{}/content", id(&file)))
        .await
        .expect(409);
    assert_eq!(refused.code(), "not_verified");
    let listed = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_program_that_came_by_signed_urls_is_refused_and_removed() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let program = |size_bytes: usize| {
        let mut bytes = b"\x7fELF\x02\x01\x01\0".to_vec();
        bytes.resize(size_bytes, 0);
        bytes
    };

    // Whoever comes first refuses it, the event or the client: of a single PUT that is the event.
    for (size_bytes, completes) in [(100, false), (17 * 1024 * 1024, true)] {
        let begun = json!({"name": "notes.txt", "size_bytes": size_bytes});
        let begun = client.post("/v1/uploads", &begun).await.expect(201).json();
        let bytes = program(size_bytes);
        let part_bytes = begun["part_size_bytes"].as_u64().unwrap();
        let chunks = bytes.chunks(usize::try_from(part_bytes).unwrap());
        for (part, chunk) in begun["parts"].as_array().unwrap().iter().zip(chunks) {
            client.put_signed(part, chunk.to_vec()).await.expect(200);
        }
        let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
        if completes {
            let complete = format!("{upload}/complete");
            let refused = client.post(&complete, &json!({})).await;
            assert_eq!(refused.expect(415).code(), "refused_type");
        }

        until(&client, &upload, |answer| {
            answer.json()["state"] == "aborted"
        })
        .await;
        let files = client.get("/v1/files").await.expect(200).json();
        assert_eq!(files["items"], json!([]));
        let usage = client.get("/v1/usage").await.expect(200).json();
        let used = (&usage["used_bytes"], &usage["used_files"]);
        assert_eq!(used, (&json!(0), &json!(0)));
    }
}

#[tokio::test]
async fn an_aborted_upload_is_gone_and_its_quota_returned() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let begun = client
        .post("/v1/uploads", &json!({"name": "a.bin", "size_bytes": 1000}))
        .await
        .expect(201)
        .json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    assert_eq!(
        client.get("/v1/usage").await.expect(200).json()["used_bytes"],
        1000
    );

    client.delete(&upload).await.expect(204);
    client.delete(&upload).await.expect(204);

    client
        .post(&format!("{upload}/complete"), &json!({}))
        .await
        .expect(410);
    assert_eq!(
        client.get("/v1/usage").await.expect(200).json()["used_bytes"],
        0
    );
}

#[tokio::test]
async fn an_upload_that_is_refused_says_why_whoever_refuses_it_first() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let program = "\x7fELF\x02\x01\x01\0";

    // The client comes after the event, then races with it.
    for comes_late in [true, false, false, false, false] {
        let asked = json!({"name": "a.txt", "size_bytes": program.len()});
        let begun = client.post("/v1/uploads", &asked).await.expect(201).json();
        let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
        client
            .put_signed(&begun["parts"][0], program)
            .await
            .expect(200);
        if comes_late {
            until(&client, &upload, |answer| {
                answer.json()["state"] == "aborted"
            })
            .await;
        }

        for _ in 0..2 {
            let complete = client.post(&format!("{upload}/complete"), &json!({})).await;
            assert_eq!(complete.expect(415).code(), "refused_type");
        }
    }
}
