//! Objects of the inbox whose event is lost, on the embedded stack. Nothing receives from the queues
//! here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use bytes::Bytes;
use cleanup::State;
use cleanup::sweep;
use domain::WorkspaceId;
use domain::file::Failure;
use domain::message::Task;
use jiff::SignedDuration;
use store::Store;
use store::blob::ObjectKey;
use store::work::work_of;
use testkit::Stack;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

async fn drop_in(store: &Store, path: &str) {
    let key = ObjectKey::Inbox(workspace(), path.to_owned());
    let bytes = Bytes::from_static(b"text");
    store.blobs.put(&key, bytes, "text/plain").await.unwrap();
}

async fn is_asked_for(store: &Store, path: &str) -> bool {
    let path = path.to_owned();
    let work = work_of(&workspace(), Task::TakeIn { path });
    let item = store.work(&workspace(), work.id).await.unwrap();
    item.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_stays_for_an_hour_is_asked_for_once() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let state = State::new(store.clone());
    drop_in(store, "bills/May.pdf").await;
    // A folder as consoles show one.
    drop_in(store, "bills/").await;

    assert_eq!(sweep::run(&state).await.inbox_resent, 0);
    stack.advance(HOUR + SECOND);
    assert_eq!(sweep::run(&state).await.inbox_resent, 1);
    assert_eq!(sweep::run(&state).await.inbox_resent, 0);

    assert!(is_asked_for(store, "bills/May.pdf").await);
    assert!(!is_asked_for(store, "bills/").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_was_refused_is_asked_for_only_when_it_was_written_again() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let state = State::new(store.clone());
    let failure = Failure {
        stage: "inbox".to_owned(),
        code: "quota_exceeded".to_owned(),
        detail: "make room, and redrive it".to_owned(),
    };
    drop_in(store, "a.txt").await;
    let refused = store.refuse_object(&workspace(), "a.txt", &failure).await;
    refused.unwrap();

    stack.advance(HOUR + SECOND);
    assert_eq!(sweep::run(&state).await.inbox_resent, 0);
    drop_in(store, "a.txt").await;
    stack.advance(HOUR + SECOND);
    assert_eq!(sweep::run(&state).await.inbox_resent, 1);
}
