//! Messages and events come again, late, in any order and at once: one file, one summary.

use domain::message::Destination;
use domain::{Sha256, UploadId};
use e2e::{finished, id, until};
use futures::future::join_all;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use serde_json::{Value, json};
use store::blob::ObjectKey;
use testkit::{Client, Sheaf};

use crate::{REPEATS, bill, files, object_event, send, start, usage, works_of, workspace};

/// Sends every message of a file's pipeline ten times, shuffled and at once.
async fn send_all_again(sheaf: &Sheaf, file: &Value, seed: u64) {
    let mut works: Vec<_> = (0..REPEATS).flat_map(|_| works_of(file)).collect();
    works.shuffle(&mut StdRng::seed_from_u64(seed));
    join_all(works.iter().map(|work| {
        let body = serde_json::to_string(work).unwrap();
        send(sheaf, work.task.destination(), body)
    }))
    .await;
}

async fn dossier_of_bills(client: &Client) -> String {
    let asked = json!({"type": "bill", "tags": ["pge"]});
    let dossier = client.post("/v1/dossiers", &asked).await.expect(202).json();
    format!("/v1/dossiers/{}", id(&dossier))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_messages_ten_times_make_one_summary() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let dossier = dossier_of_bills(&client).await;
    let text = bill("2024-11-29", "245.67");

    let file = client
        .put("name=a.txt&type=bill&tag=pge", text.clone())
        .await;
    send_all_again(&sheaf, &file, 1).await;
    let completed = finished(&client, &id(&file)).await;
    sheaf.rest().await;
    send_all_again(&sheaf, &file, 2).await;
    sheaf.rest().await;

    assert_eq!(completed["status"], "completed", "{completed}");
    // What came late changed nothing.
    assert_eq!(client.file(&id(&file)).await, completed);
    let attempts = sheaf
        .store()
        .summary_attempts(&workspace(), Sha256::of(text.as_bytes()))
        .await
        .unwrap();
    assert_eq!(attempts, (1, 1), "summaries, and calls of the model");
    assert_eq!(files(&client).await.len(), 1);
    assert_eq!(usage(&client).await, (1, text.len() as u64));
    let dossier = until(&client, &dossier, |answer| {
        answer.json()["status"] == "generated"
    })
    .await;
    assert_eq!(dossier.json()["document_count"], 1);
    assert_eq!(
        dossier.json()["summary"]["figures"]["currencies"]["USD"]["total"],
        "245.67"
    );
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_ten_times_makes_one_file() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let bytes = "direct to the store";
    let body = json!({"name": "a.txt", "size_bytes": bytes.len()});
    let begun = client.post("/v1/uploads", &body).await.expect(201).json();
    let upload: UploadId = begun["upload_id"].as_str().unwrap().parse().unwrap();
    let blob = sheaf
        .store()
        .upload(&workspace(), upload)
        .await
        .unwrap()
        .blob;
    let event = object_event(&ObjectKey::Blob(workspace(), blob).path());
    let events = || async {
        join_all((0..REPEATS).map(|_| send(&sheaf, Destination::Ingest, event.clone()))).await;
    };

    // Before there are bytes, while the client says complete, and long after.
    events().await;
    client
        .put_signed(&begun["parts"][0], bytes)
        .await
        .expect(200);
    let complete = format!("/v1/uploads/{upload}/complete");
    let nothing = json!({});
    let (answer, ()) = tokio::join!(client.post(&complete, &nothing), events());
    let file = finished(&client, &id(&answer.expect(201).json())).await;
    sheaf.rest().await;
    events().await;
    sheaf.rest().await;

    assert_eq!(file["status"], "completed", "{file}");
    assert_eq!(files(&client).await, [client.file(&id(&file)).await]);
    assert_eq!(client.file(&id(&file)).await, file);
    assert_eq!(file["version"], 1);
    assert_eq!(usage(&client).await, (1, bytes.len() as u64));
    assert_eq!(client.content(&id(&file)).await.expect(200).body, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_arrive_after_their_upload_was_aborted_are_removed_at_once() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let body = json!({"name": "a.txt", "size_bytes": 4});
    let begun = client.post("/v1/uploads", &body).await.expect(201).json();
    let upload = begun["upload_id"].as_str().unwrap();
    client
        .delete(&format!("/v1/uploads/{upload}"))
        .await
        .expect(204);

    // The URL was signed before and still holds.
    client
        .put_signed(&begun["parts"][0], "late")
        .await
        .expect(200);
    sheaf.rest().await;

    let left = sheaf.store().blobs.list("", None).await.unwrap().objects;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(usage(&client).await, (0, 0));
    assert!(files(&client).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_equal_bytes_complete_from_one_call_of_the_model() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let text = bill("2024-11-29", "245.67");

    let (first, second) = tokio::join!(
        client.put("name=a.txt", text.clone()),
        client.put("name=b.txt", text.clone())
    );
    let first = finished(&client, &id(&first)).await;
    let second = finished(&client, &id(&second)).await;
    let third = client.put("name=c.txt", text.clone()).await;
    let third = finished(&client, &id(&third)).await;

    for file in [&first, &second, &third] {
        assert_eq!(file["status"], "completed", "{file}");
        assert_eq!(file["summary"], first["summary"]);
    }
    let attempts = sheaf
        .store()
        .summary_attempts(&workspace(), Sha256::of(text.as_bytes()))
        .await
        .unwrap();
    assert_eq!(attempts, (1, 1), "summaries, and calls of the model");
}
