//! Work that is not finished: sent again while nobody has tried, given up when the last try broke
//! off.

use std::time::Duration;

use cleanup::sweep;
use domain::file::File;
use domain::message::{Task, Work};
use store::work::work_of;
use testkit::Stack;

use crate::{HOUR, state, store_file, workspace};

/// The work of reading a file's first version.
fn reading(file: &File) -> Work {
    let (file, version) = (file.id, 1);
    work_of(&workspace(), Task::ReadVersion { file, version })
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_nobody_has_tried_is_sent_again_ever_less_often_and_never_given_up() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt").await;
    let state = state(&stack);

    // Nobody receives anything here, so all messages are as good as lost.
    assert_eq!(sweep::run(&state).await.work_resent, 0);
    let mut sent_at = Vec::new();
    for hour in 1..=24 {
        stack.advance(HOUR);
        if sweep::run(&state).await.work_resent == 1 {
            sent_at.push(hour);
        }
    }

    assert_eq!(sent_at, [1, 2, 3, 5, 9, 13, 17, 21]);
    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.failure, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_at_once_send_lost_work_once() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    for number in 0..20 {
        store_file(store, &format!("{number}.txt")).await;
    }
    stack.advance(HOUR);

    let state = state(&stack);
    let (first, second) = tokio::join!(sweep::run(&state), sweep::run(&state));

    assert_eq!(first.work_resent + second.work_resent, 20);
    assert_eq!((first.errors, second.errors), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_whose_worker_broke_off_is_sent_again_and_after_its_last_try_given_up() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt").await;
    let work = reading(&file);
    let state = state(&stack);

    // What begins here is never finished.
    store.begin_work(&work, false).await.unwrap();
    stack.advance(HOUR);
    assert_eq!(sweep::run(&state).await.work_resent, 1);
    store.begin_work(&work, true).await.unwrap();
    assert_eq!(sweep::run(&state).await.work_resent, 0);
    let trying = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(trying.failure, None, "the last try has its time");
    stack.advance(HOUR);
    assert_eq!(sweep::run(&state).await.work_resent, 0);

    let given_up = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(given_up.failure.unwrap().code, "gave_up");
    assert!(store.work(&workspace(), work.id).await.unwrap().is_none());
    // Asked for again, it has all its tries.
    let redriven = store.redrive(&workspace(), work.id).await.unwrap();
    stack.advance(HOUR);
    assert_eq!(sweep::run(&state).await.work_resent, 1);
    assert!(
        store
            .work(&workspace(), redriven.id)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waits_for_another_worker_has_not_used_up_its_last_try() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt").await;
    let work = reading(&file);

    let item = store.begin_work(&work, true).await.unwrap();
    store
        .wait_for_other(&item.unwrap(), Duration::from_secs(2))
        .await
        .unwrap();
    stack.advance(HOUR);
    assert_eq!(sweep::run(&state(&stack)).await.work_resent, 1);

    let file = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(file.failure, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_try_of_an_earlier_asking_is_not_that_of_a_later_one() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt").await;
    let id = reading(&file).id;
    let earlier = store.work(&workspace(), id).await.unwrap().unwrap().work;
    let state = state(&stack);
    store.begin_work(&earlier, true).await.unwrap();
    stack.advance(HOUR);
    sweep::run(&state).await;
    let later = store.redrive(&workspace(), id).await.unwrap();

    // The earlier message is a duplicate that comes late, in the last try it has.
    store.begin_work(&earlier, true).await.unwrap();
    stack.advance(HOUR);
    assert_eq!(sweep::run(&state).await.work_resent, 1);
    let trying = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(trying.failure, None);

    // The later message's own last try counts.
    store.begin_work(&later, true).await.unwrap();
    stack.advance(HOUR);
    sweep::run(&state).await;
    let given_up = store.file(&workspace(), file.id).await.unwrap();
    assert_eq!(given_up.failure.unwrap().code, "gave_up");
}
