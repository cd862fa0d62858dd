//! Verifying versions: those too large to be read, and those that another has taken the place of.

use domain::Sha256;
use domain::file::{Status, SummaryReason};
use testkit::Stack;

use store::worker::MAX_RECEIVES;

use crate::{
    commit, give, give_for_time, give_until_done, is_open, placing, reading, state, workspace,
};

fn large() -> Vec<u8> {
    (0..=255).cycle().take(1_000).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_too_large_to_be_read_is_hashed_in_slices_and_completes() {
    let stack = Stack::start().await;
    let mut state = state(&stack);
    state.slice_bytes = 300;
    let store = &state.store;
    let bytes = large();
    let hash = Sha256::of(&bytes);
    let file = commit(store, "scan.bin", &bytes, Some(hash)).await;

    let runs = give_until_done(&state, &reading(&file)).await;
    let read = store.file(&workspace(), file.id).await.unwrap();
    give_until_done(&state, &placing(&file)).await;

    assert_eq!(runs, 4);
    assert_eq!(read.content.sha256, Some(hash));
    assert!(read.content.is_readable());
    let version = store.version(&workspace(), file.id, 1).await.unwrap();
    assert_eq!(version.content, read.content);
    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.status, Status::Completed);
    assert_eq!(file.summary_reason, Some(SummaryReason::Unsupported));
}

#[tokio::test(flavor = "multi_thread")]
async fn slices_hashed_twice_and_at_once_come_to_the_same_hash() {
    let stack = Stack::start().await;
    let mut state = state(&stack);
    state.slice_bytes = 130;
    let store = &state.store;
    let bytes = large();
    let file = commit(store, "scan.bin", &bytes, None).await;
    let work = reading(&file);

    while is_open(store, &work).await {
        // Neither is a failed try, whichever comes first.
        assert_eq!(
            tokio::join!(give(&state, &work), give(&state, &work)),
            (true, true)
        );
    }

    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.status, Status::Extracted);
    assert_eq!(file.content.sha256, Some(Sha256::of(&bytes)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_is_not_what_was_promised_never_becomes_readable() {
    let stack = Stack::start().await;
    let mut state = state(&stack);
    state.slice_bytes = 600;
    let store = &state.store;
    let promised = Sha256::of(b"something else");
    let file = commit(store, "scan.bin", &large(), Some(promised)).await;

    give_until_done(&state, &reading(&file)).await;

    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.status, Status::Failed);
    assert_eq!(file.failure.unwrap().code, "checksum_mismatch");
    assert!(!file.content.is_readable());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promised_version_that_is_replaced_before_it_is_read_is_verified() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let store = &state.store;
    let (old, new) = (large(), b"new".as_slice());
    let first = commit(store, "scan.bin", &old, Some(Sha256::of(&old))).await;
    let second = commit(store, "scan.bin", new, Some(Sha256::of(new))).await;
    assert_eq!((first.id, second.version), (second.id, 2));

    give_until_done(&state, &reading(&first)).await;

    let version = store.version(&workspace(), first.id, 1).await.unwrap();
    assert_eq!(version.content.sha256, Some(Sha256::of(&old)));
    assert!(version.content.is_readable());
    // The file is that of its current version, which nobody has read.
    let file = store.file(&workspace(), first.id).await.unwrap();
    assert_eq!(
        (file.status, file.revision),
        (Status::Pending, second.revision)
    );
    assert_eq!(file.content, second.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_version_that_is_not_what_was_promised_is_listed_and_stays_unreadable() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let store = &state.store;
    let promised = Sha256::of(b"something else");
    let first = commit(store, "scan.bin", &large(), Some(promised)).await;
    let second = commit(store, "scan.bin", b"new", None).await;

    give_until_done(&state, &reading(&first)).await;

    let version = store.version(&workspace(), first.id, 1).await.unwrap();
    assert!(!version.content.is_readable());
    assert_eq!(version.failure.unwrap().code, "checksum_mismatch");
    let failures = store.failures(&workspace(), None, 10).await.unwrap().rows;
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].failure.code, "checksum_mismatch");
    let file = store.file(&workspace(), first.id).await.unwrap();
    assert_eq!(
        (file.status, file.revision),
        (Status::Pending, second.revision)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_version_is_read_again_when_its_failure_is_redriven() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let store = &state.store;
    let promised = Sha256::of(b"something else");
    let first = commit(store, "scan.bin", &large(), Some(promised)).await;
    let second = commit(store, "scan.bin", b"new", None).await;
    give_until_done(&state, &reading(&first)).await;

    let work = store
        .redrive(&workspace(), reading(&first).id)
        .await
        .unwrap();

    assert_eq!(
        (work.id, &work.task),
        (reading(&first).id, &reading(&first).task)
    );
    assert!(is_open(store, &work).await);
    let version = store.version(&workspace(), first.id, 1).await.unwrap();
    assert_eq!(version.failure, None, "it is to be read again");
    let file = store.file(&workspace(), first.id).await.unwrap();
    assert_eq!(
        (file.status, file.revision),
        (Status::Pending, second.revision)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_cannot_be_read_takes_its_file_out_of_the_dossiers_of_the_one_before() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let store = &state.store;
    let first = commit(store, "scan.bin", &large(), None).await;
    give_until_done(&state, &reading(&first)).await;
    give_until_done(&state, &placing(&first)).await;
    let promised = Sha256::of(b"something else");
    let second = commit(store, "scan.bin", b"new", Some(promised)).await;

    give_until_done(&state, &reading(&second)).await;

    let file = store.file(&workspace(), first.id).await.unwrap();
    assert_eq!(file.failure.unwrap().code, "checksum_mismatch");
    assert!(is_open(store, &placing(&second)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_earlier_asking_does_not_give_up_what_was_asked_for_again() {
    let stack = Stack::start().await;
    let state = state(&stack);
    let store = &state.store;
    // Small enough to be read, and there is no reader.
    let file = commit(store, "a.bin", b"bytes", None).await;
    let id = reading(&file).id;
    let earlier = store.work(&workspace(), id).await.unwrap().unwrap().work;
    assert!(!give_for_time(&state, &earlier, MAX_RECEIVES).await);
    let later = store.redrive(&workspace(), id).await.unwrap();

    assert!(give_for_time(&state, &earlier, MAX_RECEIVES).await);

    let asked = store.work(&workspace(), id).await.unwrap().unwrap();
    assert!(asked.is_asked_by(&later));
    let trying = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!((trying.status, trying.failure), (Status::Pending, None));
    assert!(!give_for_time(&state, &later, MAX_RECEIVES).await);
    let given_up = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(given_up.failure.unwrap().code, "gave_up");
}
