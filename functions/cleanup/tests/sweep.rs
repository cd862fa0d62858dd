//! The sweep and the reconciler, on the embedded stack.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use aws_lambda_events::event::sqs::SqsEvent;
use bytes::Bytes;
use cleanup::sweep::{self, Report};
use cleanup::{Limits, State};
use domain::file::{BlobRef, Content, File, Origin, Status, Writer};
use domain::message::Access;
use domain::name::FolderPath;
use domain::receipt::Reason;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, Upload, UploadState};
use domain::{BlobId, Error, Sha256, WorkspaceId};
use jiff::SignedDuration;
use serde_json::json;
use store::Store;
use store::blob::ObjectKey;
use store::stand::Stand;
use store::upload::{Beginning, Begun};
use testkit::Stack;
use uuid::Uuid;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const BYTES: &[u8] = b"Some bytes.";

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

fn state(stack: &Stack) -> State {
    State::new(stack.stack.store.clone())
}

/// The bytes of a file: those of another name are others, which share no blob.
fn bytes_of(name: &str) -> Bytes {
    Bytes::from(format!("The bytes of {name}."))
}

/// Begins an upload of a file's bytes whose session is open for a day.
async fn begin(store: &Store, name: &str, expires_in: Option<SignedDuration>) -> Upload {
    let beginning = Beginning {
        intent: Intent {
            name: name.parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in,
            on_conflict: OnConflict::Fail,
            expected: None,
            owner: "user-1".to_owned(),
        },
        size_bytes: bytes_of(name).len() as u64,
        content_type: Some("text/plain".to_owned()),
        sha256: Some(Sha256::of(&bytes_of(name))),
        plan: Plan::Single,
        writer: Writer::Client,
        lifetime: DAY,
        repeatable: None,
    };
    match store.begin_upload(&workspace(), beginning).await.unwrap() {
        Begun::New(upload) => upload,
        Begun::Before(_) => panic!("the request cannot be repeated"),
    }
}

async fn write(store: &Store, upload: &Upload) {
    let key = ObjectKey::Blob(workspace(), upload.blob);
    let bytes = bytes_of(upload.intent.name.as_str());
    store.blobs.create(&key, bytes, "text/plain").await.unwrap();
}

/// Stores a file.
async fn store_file(store: &Store, name: &str, expires_in: Option<SignedDuration>) -> File {
    let upload = begin(store, name, expires_in).await;
    write(store, &upload).await;
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type: "text/plain".to_owned(),
        sha256: upload.sha256,
        promised_sha256: None,
    };
    store
        .commit_upload(&workspace(), &upload, &content, Origin::Uploaded)
        .await
        .unwrap()
}

async fn has_object(store: &Store, blob: BlobRef) -> bool {
    let key = ObjectKey::Blob(workspace(), blob);
    store.blobs.head(&key).await.unwrap().is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_whose_time_is_up_lose_their_bytes_and_others_stay() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let short = store_file(store, "short.txt", Some(HOUR)).await;
    let long = store_file(store, "long.txt", Some(DAY)).await;
    let endless = store_file(store, "endless.txt", None).await;

    stack.advance(HOUR);
    let report = sweep::run(&state(&stack)).await;

    assert_eq!(report.expired, 1);
    assert_eq!(report.errors, 0);
    let gone = store.file(&workspace(), short.id).await.unwrap_err();
    assert!(matches!(gone, Error::Gone { .. }), "{gone:?}");
    assert!(!has_object(store, short.content.blob).await);
    for file in [long, endless] {
        assert!(store.file(&workspace(), file.id).await.is_ok());
        assert!(has_object(store, file.content.blob).await);
    }
    // The name is free at once.
    store_file(store, "short.txt", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_at_once_and_again_erase_a_file_once() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    for number in 0..20 {
        store_file(store, &format!("{number}.txt"), Some(HOUR)).await;
    }
    stack.advance(HOUR);

    let state = state(&stack);
    let (first, second) = tokio::join!(sweep::run(&state), sweep::run(&state));
    // What two sweeps were in each other's way about is done by the next.
    let third = sweep::run(&state).await;
    let last = sweep::run(&state).await;

    assert!(first.expired + second.expired + third.expired >= 20);
    assert_eq!(last.expired, 0);
    assert_eq!(last.errors, 0);
    let usage = store.usage(&workspace()).await.unwrap();
    assert_eq!((usage.used_bytes, usage.used_files), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_leaves_an_intact_receipt() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "short.txt", Some(HOUR)).await;

    stack.advance(HOUR);
    sweep::run(&state(&stack)).await;

    // Erasing again answers with the receipt of the first time.
    let receipt = store
        .erase_file(&workspace(), file.id, Reason::Expired, |_| Ok(()))
        .await
        .unwrap();
    assert!(receipt.is_intact());
    assert_eq!(receipt.reason, Reason::Expired);
    assert_eq!(Some(receipt.gone_at), file.expires_at);
    assert_eq!(receipt.versions.len(), 1);
    assert_eq!(receipt.versions[0].blob, file.content.blob);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_left_open_are_aborted_when_their_session_ends() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let upload = begin(store, "never.txt", None).await;
    write(store, &upload).await;
    let state = state(&stack);

    stack.advance(HOUR);
    assert_eq!(sweep::run(&state).await.uploads_aborted, 0);
    stack.advance(DAY);
    assert_eq!(sweep::run(&state).await.uploads_aborted, 1);
    assert_eq!(sweep::run(&state).await.uploads_aborted, 0);

    let upload = store.upload(&workspace(), upload.id).await.unwrap();
    assert_eq!(upload.state, UploadState::Aborted { refused: None });
    assert!(!has_object(store, upload.blob).await);
    let usage = store.usage(&workspace()).await.unwrap();
    assert_eq!((usage.used_bytes, usage.used_files), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_without_a_row_are_removed_after_an_hour_and_all_others_stay() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt", None).await;
    let open = begin(store, "b.txt", None).await;
    write(store, &open).await;
    let mut orphans = Vec::new();
    for written_by in [Writer::Function, Writer::Client] {
        let blob = BlobRef {
            id: BlobId::new(Uuid::new_v4()),
            written_by,
        };
        let key = ObjectKey::Blob(workspace(), blob);
        let bytes = Bytes::from_static(BYTES);
        store.blobs.create(&key, bytes, "text/plain").await.unwrap();
        orphans.push(blob);
    }
    let state = state(&stack);

    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    stack.advance(HOUR + SignedDuration::from_secs(1));
    assert_eq!(sweep::run(&state).await.orphans_removed, 2);
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);

    for blob in orphans {
        assert!(!has_object(store, blob).await);
    }
    assert!(has_object(store, file.content.blob).await);
    assert!(has_object(store, open.blob).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_objects_goes_on_where_the_last_run_stopped() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let orphan = BlobRef {
        id: BlobId::new(Uuid::new_v4()),
        written_by: Writer::Client,
    };
    let key = ObjectKey::Blob(workspace(), orphan);
    let bytes = Bytes::from_static(BYTES);
    store.blobs.create(&key, bytes, "text/plain").await.unwrap();
    stack.advance(HOUR + HOUR);
    let mut state = state(&stack);
    state.limits = Limits {
        object_pages: 1,
        ..Limits::default()
    };

    // The first page is that of the functions' blobs, the second that of exports, the third that of
    // the clients' blobs, the fourth that of what is staged, the fifth that of the texts.
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    assert_eq!(sweep::run(&state).await.orphans_removed, 1);
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    assert_eq!(store.stand_of_objects().await.unwrap(), Stand::Resting);
}

#[tokio::test(flavor = "multi_thread")]
async fn multipart_uploads_without_a_session_are_aborted_after_eight_days() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let blob = BlobRef {
        id: BlobId::new(Uuid::new_v4()),
        written_by: Writer::Client,
    };
    let key = ObjectKey::Blob(workspace(), blob);
    let lost = store.blobs.begin_multipart(&key, "text/plain").await;
    let lost = lost.unwrap();
    let state = state(&stack);

    stack.advance(DAY * 7);
    assert_eq!(sweep::run(&state).await.orphans_removed, 0);
    stack.advance(DAY * 2);
    assert_eq!(sweep::run(&state).await.orphans_removed, 1);

    assert!(store.blobs.parts(&key, &lost).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_time_does_nothing_and_leaves_it_to_the_next() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    store_file(store, "short.txt", Some(HOUR)).await;
    stack.advance(HOUR);
    let mut hurried = state(&stack);
    hurried.limits.time = std::time::Duration::ZERO;

    assert_eq!(sweep::run(&hurried).await, Report::default());
    assert_eq!(sweep::run(&state(&stack)).await.expired, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_more_than_a_page_is_done_in_one_run() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    for number in 0..12 {
        store_file(store, &format!("{number}.txt"), Some(HOUR)).await;
    }
    stack.advance(HOUR);
    let mut state = state(&stack);
    state.limits.page_rows = 1;

    assert_eq!(sweep::run(&state).await.expired, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_sweeps_and_messages_count_downloads_once() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt", None).await;
    let state = state(&stack);
    let access = Access {
        v: Access::FORMAT,
        id: Uuid::new_v4(),
        workspace: workspace(),
        file: file.id,
        version: 1,
        principal: "user-1".to_owned(),
        at: store.clock.now(),
    };
    let body = serde_json::to_string(&access).unwrap();
    let message = |id: &str, body: &str| {
        json!({"messageId": id, "body": body, "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {}, "eventSource": "aws:sqs"})
    };
    let records = [
        message("1", &body),
        message("2", &body),
        message("3", "poison"),
    ];

    let counted = cleanup::handle(&state, json!({"Records": records}))
        .await
        .unwrap();
    let schedule = json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}});
    let swept = cleanup::handle(&state, schedule).await.unwrap();
    let none = cleanup::access::handle(&state, SqsEvent::default()).await;

    assert_eq!(
        counted,
        json!({"batchItemFailures": [{"itemIdentifier": "3"}]})
    );
    assert_eq!(swept["errors"], 0);
    assert!(none.batch_item_failures.is_empty());
    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.download_count, 1);
    assert_eq!(file.last_accessed_at, Some(access.at));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_walk_over_rows_goes_on_where_the_last_run_stopped() {
    const FILES: u64 = 5;
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let mut state = state(&stack);
    state.limits.row_pages = 1;
    state.limits.rows_of_page = 10;
    for number in 0..FILES {
        let mut file = store_file(store, &format!("{number}.txt"), None).await;
        file.status = Status::Completed;
        store.save_file(&workspace(), &mut file).await.unwrap();
        let object = ObjectKey::Blob(workspace(), file.content.blob);
        store.blobs.delete(&object).await.unwrap();
    }
    stack.advance(HOUR * 2);

    let (mut missing, mut runs) = (0, 0);
    loop {
        missing += sweep::run(&state).await.missing;
        runs += 1;
        if matches!(store.stand_of_rows().await.unwrap(), Stand::Resting) {
            break;
        }
    }

    assert_eq!(missing, FILES);
    assert!(runs > 1, "{runs}");
    stack.advance(HOUR);
    let stand = store.stand_of_rows().await.unwrap();
    assert!(matches!(stand, Stand::After(None)), "{stand:?}");
}
