//! Files go out as an archive and come back from it.

use domain::principal::Role;
use e2e::{Target, finished, id, until};
use serde_json::{Value, json};
use testkit::Client;

use crate::hash;

async fn ended(client: &Client, job: &Value) -> Value {
    let route = format!("/v1/jobs/{}", id(job));
    let ended = until(client, &route, |answer| answer.json()["state"] != "running");
    ended.await.json()
}

/// Uploads bytes in parts by signed URLs.
#[expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]
async fn upload(client: &Client, mut begun: Value, bytes: &[u8]) -> Value {
    begun["size_bytes"] = bytes.len().into();
    let upload = client.post("/v1/uploads", &begun).await.expect(201).json();
    let part_bytes = usize::try_from(upload["part_size_bytes"].as_u64().unwrap()).unwrap();
    let signed = upload["parts"].as_array().unwrap().iter();
    let mut parts = Vec::new();
    for (part, bytes) in signed.zip(bytes.chunks(part_bytes)) {
        let sent = client.put_signed(part, bytes.to_vec()).await.expect(200);
        parts.push(json!({"number": part["number"], "etag": sent.header("etag")}));
    }
    let upload = upload["upload_id"].as_str().unwrap();
    let complete = format!("/v1/uploads/{upload}/complete");
    let completed = client.post(&complete, &json!({"parts": parts})).await;
    completed.expect(201).json()
}

#[tokio::test]
async fn what_was_exported_is_imported_as_it_was() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    // More than is written in one go, and less.
    let large: Vec<u8> = (0..9_500_000_u32)
        .flat_map(|n| [n.to_le_bytes()[0], n.to_le_bytes()[1]])
        .collect();
    let file = upload(
        &client,
        json!({"name": "large.bin", "folder": "/out"}),
        &large,
    )
    .await;
    finished(&client, &id(&file)).await;
    let small = client
        .put("name=请.txt&folder=/out/ελ&type=note&tag=home", "text")
        .await;
    finished(&client, &id(&small)).await;

    let asked = json!({"folder": "/out", "versions": true});
    let export = client.post("/v1/exports", &asked).await.expect(202).json();
    let job = ended(&client, &export["job"]).await;
    assert_eq!(job["state"], "done", "{job}");
    let route = format!("/v1/exports/{}", id(&export));
    let content = client.get(&format!("{route}/content")).await.expect(302);
    let archive = client.fetch(content.header("location")).await.expect(200);
    client.delete(&route).await.expect(204);
    client.get(&format!("{route}/content")).await.expect(410);

    let archive = upload(&client, json!({"name": "in.zip"}), &archive.body).await;
    let asked = json!({"file_id": id(&archive), "folder": "/in"});
    let import = client.post("/v1/imports", &asked).await.expect(202).json();
    let job = ended(&client, &import["job"]).await;
    assert_eq!(job["state"], "done", "{job}");

    let list = client
        .get("/v1/files?folder=/in&recursive=true")
        .await
        .expect(200)
        .json();
    let items = list["items"].as_array().unwrap();
    let of = |name: &str| items.iter().find(|item| item["name"] == name).unwrap();
    assert_eq!(of("large.bin")["sha256"], hash(&large));
    let note = of("请.txt");
    assert_eq!(note["path"], "/in/ελ/请.txt");
    assert_eq!(
        (&note["type"], &note["tags"]),
        (&json!("note"), &json!(["home"]))
    );
}
