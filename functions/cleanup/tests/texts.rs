//! What is left of bytes that no version has: their text is found and all of it is forgotten.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use bytes::Bytes;
use cleanup::State;
use cleanup::sweep;
use domain::fact_sheet::FactSheet;
use domain::file::Failure;
use domain::summary::{PIPELINE_VERSION, Summary, SummaryKey};
use domain::{BlobId, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use store::Store;
use store::blob::ObjectKey;
use store::content::{ContentItem, Reading};
use store::keys::Key;
use store::stand::Stand;
use store::summary::Claimed;
use store::table::{Expression, Write};
use testkit::Stack;
use uuid::Uuid;

const HOURS: SignedDuration = SignedDuration::from_hours(2);

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

fn content() -> Sha256 {
    Sha256::of(b"some bytes")
}

fn state(stack: &Stack) -> State {
    State::new(stack.stack.store.clone())
}

fn key(text: BlobId) -> ObjectKey {
    ObjectKey::Text(workspace(), content(), text)
}

/// Writes a text, as reading the bytes does before anything names it.
async fn write_text(store: &Store) -> (BlobId, ContentItem) {
    let text = BlobId::new(Uuid::new_v4());
    let bytes = Bytes::from_static(b"text");
    store
        .blobs
        .put(&key(text), bytes, "text/plain")
        .await
        .unwrap();
    let reading = Reading::Text {
        text,
        text_bytes: 4,
    };
    (text, ContentItem::new(reading, FactSheet::default()))
}

async fn keep(store: &Store, item: ContentItem) -> ContentItem {
    let kept = store.keep_content(&workspace(), content(), item).await;
    kept.unwrap()
}

async fn has_text(store: &Store, text: BlobId) -> bool {
    store.blobs.head(&key(text)).await.unwrap().is_some()
}

fn summary_key() -> SummaryKey {
    SummaryKey {
        content: content(),
        pipeline_version: PIPELINE_VERSION,
        prompt_version: "1".to_owned(),
        model: "a model".to_owned(),
    }
}

async fn summarize(store: &Store) {
    let claimed = store.claim_summary(&workspace(), summary_key()).await;
    let Claimed::Yours(claim) = claimed.unwrap() else {
        panic!("nobody else claims it");
    };
    let summary = Summary {
        text: "A summary.".to_owned(),
        model: "a model".to_owned(),
        prompt_version: "1".to_owned(),
        made_at: Timestamp::UNIX_EPOCH,
    };
    let committed = store.commit_summary(&workspace(), &claim, &summary).await;
    committed.unwrap();
}

/// Changes the row of the bytes, as another worker does.
async fn change(store: &Store, change: Expression) {
    let write = Write::Update {
        condition: None,
        key: Key::content(&workspace(), content()),
        change,
    };
    store.table.transact(vec![write]).await.unwrap();
}

async fn is_known(store: &Store) -> bool {
    let row = Key::content(&workspace(), content());
    let summaries = store.summary_attempts(&workspace(), content()).await;
    store.table.get_row(row).await.unwrap().is_some() || summaries.unwrap() != (0, 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_no_row_names_is_removed_after_an_hour() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (text, _) = write_text(store).await;

    assert_eq!(sweep::run(&state(&stack)).await.orphans_removed, 0);
    stack.advance(HOURS);
    assert_eq!(sweep::run(&state(&stack)).await.orphans_removed, 1);

    assert!(!has_text(store, text).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_for_a_version_that_is_gone_is_forgotten_with_its_summaries() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (text, item) = write_text(store).await;
    keep(store, item).await;
    summarize(store).await;

    stack.advance(HOURS);
    let report = sweep::run(&state(&stack)).await;

    assert_eq!((report.orphans_removed, report.errors), (1, 0));
    assert!(!has_text(store, text).await);
    assert!(!is_known(store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_refers_to_stays() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (text, item) = write_text(store).await;
    keep(store, item).await;
    change(store, Expression::new("ADD refs :one").number(":one", 1)).await;

    stack.advance(HOURS);
    assert_eq!(sweep::run(&state(&stack)).await.orphans_removed, 0);
    store.forget_content(&workspace(), content()).await.unwrap();

    assert!(has_text(store, text).await);
    assert!(is_known(store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_that_stopped_half_way_is_finished_by_the_sweep() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    // After the mark, and after the row.
    for has_row in [true, false] {
        let (text, item) = write_text(store).await;
        if has_row {
            keep(store, item).await;
            summarize(store).await;
            let mark = Expression::new("SET being_forgotten = :yes").flag(":yes", true);
            change(store, mark).await;
        }

        stack.advance(HOURS);
        let report = sweep::run(&state(&stack)).await;

        assert_eq!((report.orphans_removed, report.errors), (1, 0));
        assert!(!has_text(store, text).await);
        assert!(!is_known(store).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_refers_to_what_is_being_forgotten_and_it_can_be_read_again() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (old, item) = write_text(store).await;
    keep(store, item).await;
    let mark = Expression::new("SET being_forgotten = :yes").flag(":yes", true);
    change(store, mark).await;

    let known = store.content(&workspace(), content()).await.unwrap();
    let claimed = store.claim_summary(&workspace(), summary_key()).await;
    let (new, item) = write_text(store).await;
    let kept = keep(store, item.clone()).await;

    assert_eq!(known, None);
    assert!(matches!(claimed.unwrap(), Claimed::Taken));
    assert_eq!(kept, item);
    assert_eq!(
        store.content(&workspace(), content()).await.unwrap(),
        Some(item)
    );
    assert_eq!(
        (has_text(store, old).await, has_text(store, new).await),
        (false, true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_readings_the_first_stands_and_the_text_of_the_other_goes() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (first, item) = write_text(store).await;
    let (second, other) = write_text(store).await;

    let kept = keep(store, item.clone()).await;
    let again = keep(store, other).await;

    assert_eq!((&kept, &again), (&item, &item));
    assert_eq!(
        (has_text(store, first).await, has_text(store, second).await),
        (true, false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_that_a_better_one_replaces_leaves_no_text() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (old, mut item) = write_text(store).await;
    item.pipeline_version = PIPELINE_VERSION - 1;
    keep(store, item).await;
    let failed = Reading::Failed {
        failure: Failure {
            stage: "extract".to_owned(),
            code: "limit_time".to_owned(),
            detail: "a test".to_owned(),
        },
    };
    let failed = ContentItem::new(failed, FactSheet::default());

    let second = keep(store, failed.clone()).await;
    let (new, item) = write_text(store).await;
    let third = keep(store, item.clone()).await;

    assert_eq!((second, third), (failed, item));
    assert_eq!(
        (has_text(store, old).await, has_text(store, new).await),
        (false, true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_does_not_read_back_is_stepped_over() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let (kept, item) = write_text(store).await;
    keep(store, item).await;
    change(store, Expression::new("SET refs = :x").text(":x", "x")).await;
    let other = BlobId::new(Uuid::new_v4());
    let other = ObjectKey::Text(workspace(), Sha256::of(b"other bytes"), other);
    let bytes = Bytes::from_static(b"text");
    store.blobs.put(&other, bytes, "text/plain").await.unwrap();

    stack.advance(HOURS);
    let report = sweep::run(&state(&stack)).await;

    assert_eq!(report.orphans_removed, 1);
    assert_ne!(report.errors, 0);
    assert!(has_text(store, kept).await);
    assert!(store.blobs.head(&other).await.unwrap().is_none());
    // The walk came to its end.
    assert_eq!(store.stand_of_objects().await.unwrap(), Stand::Resting);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_of_bytes_without_a_text_is_forgotten_too_once_no_version_has_them() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let failure = Failure {
        stage: "extract".to_owned(),
        code: "encrypted".to_owned(),
        detail: "it needs a password".to_owned(),
    };
    for reading in [
        Reading::NoText,
        Reading::Unsupported,
        Reading::Failed { failure },
    ] {
        for is_half_forgotten in [false, true] {
            keep(
                store,
                ContentItem::new(reading.clone(), FactSheet::default()),
            )
            .await;
            change(store, Expression::new("ADD refs :one").number(":one", 1)).await;
            stack.advance(HOURS);
            assert_eq!(sweep::run(&state(&stack)).await.orphans_removed, 0);
            assert!(is_known(store).await, "a version has these bytes");

            change(store, Expression::new("ADD refs :one").number(":one", -1)).await;
            if is_half_forgotten {
                let mark = Expression::new("SET being_forgotten = :yes").flag(":yes", true);
                change(store, mark).await;
            }
            stack.advance(HOURS);
            let report = sweep::run(&state(&stack)).await;

            assert_eq!((report.orphans_removed, report.errors), (1, 0));
            assert!(!is_known(store).await);
        }
    }
}
