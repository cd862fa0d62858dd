//! What the function does with its messages, on the embedded stack. Nothing receives from the
//! queues here: each test gives the messages itself, as often and in the order it wants.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod filling;
mod log;
mod versions;

use std::path::PathBuf;

use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use domain::file::{Content, File, Origin, Writer};
use domain::message::{Task, Work};
use domain::name::FolderPath;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME, Upload};
use domain::{Sha256, WorkspaceId};
use extract::{Extractor, Limits};
use ingest::State;
use serde_json::json;
use store::Store;
use store::blob::ObjectKey;
use store::upload::{Beginning, Begun};
use store::work::work_of;
use testkit::Stack;

const BINARY: &str = "application/octet-stream";

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

/// The function, for which every file of more than 64 bytes is too large to be read. It has no
/// reader, so none of the others can be.
fn state(stack: &Stack) -> State {
    let limits = Limits {
        file_bytes: 64,
        ..Limits::default()
    };
    let extractor = Extractor::new(PathBuf::from("/no/such/reader"), limits);
    State::new(stack.stack.store.clone(), extractor)
}

/// Begins an upload of `name`, typed and tagged, under a promised hash, and writes its bytes.
async fn begin(
    store: &Store,
    name: &str,
    bytes: &[u8],
    promised: Option<Sha256>,
    on_conflict: OnConflict,
) -> Upload {
    let beginning = Beginning {
        intent: Intent {
            name: name.parse().unwrap(),
            folder: FolderPath::root(),
            document_type: Some("bill".parse().unwrap()),
            tags: Tags::parse(&["pge", "march"]).unwrap(),
            expires_in: None,
            on_conflict,
            expected: None,
            owner: "someone".to_owned(),
        },
        size_bytes: bytes.len() as u64,
        content_type: None,
        sha256: promised,
        plan: Plan::Single,
        writer: Writer::Client,
        lifetime: SESSION_LIFETIME,
        repeatable: None,
    };
    let Begun::New(upload) = store.begin_upload(&workspace(), beginning).await.unwrap() else {
        panic!("the request cannot be repeated");
    };
    let key = ObjectKey::Blob(workspace(), upload.blob);
    let bytes = Bytes::copy_from_slice(bytes);
    store.blobs.create(&key, bytes, BINARY).await.unwrap();
    upload
}

/// Stores a version of `name`, typed and tagged, under a promised hash.
async fn commit(store: &Store, name: &str, bytes: &[u8], promised: Option<Sha256>) -> File {
    let upload = begin(store, name, bytes, promised, OnConflict::Version).await;
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type: BINARY.to_owned(),
        sha256: None,
        promised_sha256: promised,
    };
    store
        .commit_upload(&workspace(), &upload, &content, Origin::Uploaded)
        .await
        .unwrap()
}

fn reading(file: &File) -> Work {
    let (file, version) = (file.id, file.version);
    work_of(&workspace(), Task::ReadVersion { file, version })
}

fn placing(file: &File) -> Work {
    work_of(&workspace(), Task::PlaceFile { file: file.id })
}

/// Gives the function one message. Says whether it is done with it.
async fn give(state: &State, work: &Work) -> bool {
    give_for_time(state, work, 1).await
}

/// Gives the function one message, so often received. Says whether it is done with it.
async fn give_for_time(state: &State, work: &Work, receive_count: u32) -> bool {
    let body = serde_json::to_string(work).unwrap();
    let response = ingest::handle(state, received(&body, receive_count)).await;
    response.batch_item_failures.is_empty()
}

fn event(body: &str) -> SqsEvent {
    received(body, 1)
}

fn received(body: &str, receive_count: u32) -> SqsEvent {
    let event = json!({"Records": [{
        "messageId": "9b1f2c3d-4e5a-4678-9bcd-0e1f2a3b4c5d",
        "body": body,
        "attributes": {"ApproximateReceiveCount": receive_count.to_string()},
    }]});
    serde_json::from_value(event).unwrap()
}

/// Gives the message of a piece of work until the work is done. Returns how often.
async fn give_until_done(state: &State, work: &Work) -> usize {
    let mut times = 0;
    while is_open(&state.store, work).await {
        assert!(give(state, work).await);
        times += 1;
        assert!(times < 100, "the work does not end");
    }
    times
}

async fn is_open(store: &Store, work: &Work) -> bool {
    let item = store.work(&work.workspace, work.id).await.unwrap();
    item.is_some()
}
