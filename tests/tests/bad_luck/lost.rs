//! Work that was committed and never sent, as when the process ends between the two: it is done
//! after the next start.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use domain::Sha256;
use domain::file::{Content, File, Origin, Writer};
use domain::message::{Destination, Task, Work};
use domain::name::FolderPath;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME};
use e2e::finished;
use serde_json::json;
use store::Store;
use store::blob::ObjectKey;
use store::queue::Queue;
use store::upload::{Beginning, Begun};
use store::work::work_of;
use testkit::Sheaf;

use crate::{bill, start, workspace};

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

/// Stores a file as the upload function does.
async fn commit(store: &Store) -> File {
    let bytes = bill("2024-11-29", "245.67").into_bytes();
    let content_type = "text/plain".to_owned();
    let beginning = Beginning {
        intent: Intent {
            name: "a.txt".parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Fail,
            owner: "someone".to_owned(),
        },
        size_bytes: bytes.len() as u64,
        content_type: Some(content_type.clone()),
        sha256: Some(Sha256::of(&bytes)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable: None,
    };
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
