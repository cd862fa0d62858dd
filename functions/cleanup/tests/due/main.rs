//! What is due and can stop half-way: work that is not finished, files that are being erased.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod erasing;
mod work;

use bytes::Bytes;
use cleanup::State;
use domain::file::{File, Origin, Writer};
use domain::name::FolderPath;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME};
use domain::{Sha256, WorkspaceId};
use jiff::SignedDuration;
use store::Store;
use store::direct::Stored;
use store::upload::Beginning;
use testkit::Stack;

const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

fn state(stack: &Stack) -> State {
    State::new(stack.stack.store.clone())
}

async fn store_file(store: &Store, name: &str) -> File {
    let bytes = Bytes::from_static(b"Some bytes.");
    let beginning = Beginning {
        intent: Intent {
            name: name.parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Fail,
            expected: None,
            owner: "user-1".to_owned(),
        },
        size_bytes: bytes.len() as u64,
        content_type: Some("text/plain".to_owned()),
        sha256: Some(Sha256::of(&bytes)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable: None,
    };
    let stored = store
        .store_bytes(&workspace(), beginning, bytes, Origin::Uploaded)
        .await;
    match stored.unwrap() {
        Stored::Now(file) => *file,
        Stored::Before { .. } => panic!("the request cannot be repeated"),
    }
}
