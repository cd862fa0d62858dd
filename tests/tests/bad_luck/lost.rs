//! Work that was committed and never sent, as when the process ends between the two: it is done
//! after the next start. And a text that is gone: it is read again.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use domain::dossier::Signature;
use domain::file::{Content, File, Origin};
use domain::message::{Destination, Task, Work};
use e2e::{finished, id, until};
use serde_json::{Value, json};
use store::Store;
use store::blob::{ObjectKey, TEXT_PREFIX};
use store::queue::Queue;
use store::upload::Begun;
use store::work::work_of;
use testkit::{Answer, Sheaf, beginning};

use crate::{bill, send, start, workspace};

/// A queue to which everything sent is lost.
struct Lost;

#[async_trait]
impl Queue for Lost {
    async fn send(&self, _: Destination, _: String, _: Duration) -> domain::Result<()> {
        Ok(())
    }

    async fn postpone(&self, _: Destination, _: &str, _: Duration) -> domain::Result<()> {
        Ok(())
    }
}

/// The store of a runner whose messages are lost.
fn losing(sheaf: &Sheaf) -> Store {
    Store {
        queue: Arc::new(Lost),
        ..sheaf.store().clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_was_never_sent_is_done_after_the_next_start() {
    // The steps of the pipeline that still get their message; that of the next one is lost.
    for steps in 0..=2 {
        let Some(sheaf) = start().await else { return };
        let store = losing(&sheaf);
        let file = commit(&store).await;
        let mut ingest = sheaf.server.functions.ingest.clone();
        ingest.store = store;
        let tasks = [
            Task::ReadVersion {
                file: file.id,
                version: 1,
            },
            Task::PlaceFile { file: file.id },
        ];
        for task in tasks.into_iter().take(steps) {
            let response = ingest::handle(&ingest, message(&work_of(&workspace(), task))).await;
            assert!(response.batch_item_failures.is_empty(), "{response:?}");
        }
        sheaf.rest().await;
        let path = file.id.to_string();
        assert_ne!(sheaf.admin().file(&path).await["status"], "completed");

        let sheaf = sheaf.restart().await;

        let file = finished(&sheaf.admin(), &path).await;
        assert_eq!(file["status"], "completed", "after {steps} steps: {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dossier_whose_messages_are_lost_is_filled_and_summed_up_after_the_next_start() {
    // Whether the message to fill it still arrives; that to sum it up is lost.
    for is_filled in [false, true] {
        let Some(sheaf) = start().await else { return };
        let client = sheaf.admin();
        let query = "name=a.txt&type=bill&tag=pge&tag=march";
        let file = client.put(query, bill("2024-11-29", "245.67")).await;
        finished(&client, &id(&file)).await;
        sheaf.rest().await;
        let store = losing(&sheaf);

        // Of a tag that is not the first, no dossier is made by itself.
        let tag = "march".parse().unwrap();
        let signature = Signature::new("bill".parse().unwrap(), [tag]).unwrap();
        let defined = store.define_dossier(&workspace(), &signature).await;
        let filling = defined.unwrap().unwrap();
        let dossier = signature.dossier_id(&workspace());
        let asked = store.want_dossier(&workspace(), dossier, false).await;
        asked.unwrap();
        if is_filled {
            let mut ingest = sheaf.server.functions.ingest.clone();
            ingest.store = store;
            let response = ingest::handle(&ingest, message(&filling)).await;
            assert!(response.batch_item_failures.is_empty(), "{response:?}");
        }
        sheaf.rest().await;
        let path = format!("/v1/dossiers/{dossier}");
        let waiting = client.get(&path).await.expect(200).json();
        assert_eq!(waiting["status"], "pending");
        assert_eq!(waiting["document_count"], u64::from(is_filled));

        let sheaf = sheaf.restart().await;

        let is_generated = |answer: &Answer| answer.json()["status"] == "generated";
        let dossier = until(&sheaf.admin(), &path, is_generated).await.json();
        assert_eq!(dossier["document_count"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn summary_that_is_to_be_written_anew_is_so_though_the_message_was_lost() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let asked = json!({"type": "bill", "tags": ["pge"]});
    let begun = client.post("/v1/dossiers", &asked).await.expect(202).json();
    let path = format!("/v1/dossiers/{}", id(&begun));
    let is_generated = |answer: &Answer| answer.json()["status"] == "generated";
    let first = until(&client, &path, is_generated).await.json();
    sheaf.rest().await;

    let dossier = id(&begun).parse().unwrap();
    let asked = losing(&sheaf)
        .want_dossier(&workspace(), dossier, true)
        .await;
    asked.unwrap();
    sheaf.rest().await;
    let still = client.get(&path).await.expect(200).json();
    assert_eq!(still["summary"], first["summary"]);
    let sheaf = sheaf.restart().await;

    let made_at = |dossier: &Value| dossier["summary"]["made_at"].clone();
    until(&sheaf.admin(), &path, |answer| {
        is_generated(answer) && made_at(&answer.json()) != made_at(&first)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_file_is_read_again_as_asked_though_the_message_was_lost() {
    for is_redriven in [false, true] {
        let Some(sheaf) = start().await else { return };
        let client = sheaf.admin();
        let file = client.put("name=cut.pdf", "%PDF-1.7\n1 0 obj\n<<").await;
        let failed = finished(&client, &id(&file)).await;
        assert_eq!(failed["status"], "failed");
        sheaf.rest().await;

        let store = losing(&sheaf);
        if is_redriven {
            let failures = client.get("/v1/failures").await.expect(200).json();
            let failure = id(&failures["items"][0]).parse().unwrap();
            store.redrive(&workspace(), failure).await.unwrap();
        } else {
            let file = id(&file).parse().unwrap();
            let retried = store.retry_file(&workspace(), file, |_| Ok(())).await;
            retried.unwrap();
        }
        sheaf.rest().await;
        assert_eq!(client.file(&id(&file)).await["status"], "pending");
        let sheaf = sheaf.restart().await;

        let again = finished(&sheaf.admin(), &id(&file)).await;
        assert_eq!(again["failure"], failed["failure"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_lost_is_read_again_when_its_summary_is_redriven() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let store = losing(&sheaf);
    let file = commit(&store).await.id;
    let mut ingest = sheaf.server.functions.ingest.clone();
    ingest.store = store;
    for task in [
        Task::ReadVersion { file, version: 1 },
        Task::PlaceFile { file },
    ] {
        let response = ingest::handle(&ingest, message(&work_of(&workspace(), task))).await;
        assert!(response.batch_item_failures.is_empty(), "{response:?}");
    }
    let blobs = &sheaf.store().blobs;
    let texts = blobs.list(TEXT_PREFIX, None).await.unwrap().objects;
    assert_eq!(texts.len(), 1);
    let text = ObjectKey::parse(&texts[0].path).unwrap();
    blobs.delete(&text).await.unwrap();

    let summarize = work_of(&workspace(), Task::SummarizeVersion { file, version: 1 });
    let body = serde_json::to_string(&summarize).unwrap();
    send(&sheaf, Destination::Summarize, body).await;
    let failed = finished(&client, &file.to_string()).await;
    assert_eq!(failed["failure"]["code"], "text_missing", "{failed}");
    let redrive = format!("/v1/failures/{}/redrive", summarize.id);
    client.post(&redrive, &json!({})).await.expect(202);

    let again = finished(&client, &file.to_string()).await;
    assert_eq!(again["status"], "completed", "{again}");
    let text = client.get(&format!("/v1/files/{file}/text")).await;
    assert!(String::from_utf8_lossy(&text.expect(200).body).contains("245.67"));
}

/// Stores a file as the upload function does.
async fn commit(store: &Store) -> File {
    let bytes = bill("2024-11-29", "245.67").into_bytes();
    let content_type = "text/plain".to_owned();
    let beginning = beginning("/a.txt", &bytes);
    let Begun::New(upload) = store.begin_upload(&workspace(), beginning).await.unwrap() else {
        panic!("the request cannot be repeated");
    };
    let key = ObjectKey::Blob(workspace(), upload.blob);
    store
        .blobs
        .create(&key, Bytes::from(bytes), &content_type)
        .await
        .unwrap();
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type,
        sha256: upload.sha256,
        promised_sha256: None,
    };
    store
        .commit_upload(&workspace(), &upload, &content, Origin::Uploaded)
        .await
        .unwrap()
}

/// The event of one message.
fn message(work: &Work) -> SqsEvent {
    let event = json!({"Records": [{
        "messageId": "9b1f2c3d-4e5a-4678-9bcd-0e1f2a3b4c5d",
        "body": serde_json::to_string(work).unwrap(),
        "attributes": {"ApproximateReceiveCount": "1"},
    }]});
    serde_json::from_value(event).unwrap()
}
