//! Counting anew: what a quota says is held against what its workspace's rows add up to.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use bytes::Bytes;
use cleanup::sweep::{self, Report};
use cleanup::{Limits, State};
use domain::file::{File, Origin, Writer};
use domain::name::FolderPath;
use domain::receipt::Reason;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, TusKind, Upload};
use domain::usage::Usage;
use domain::{Sha256, WorkspaceId};
use jiff::SignedDuration;
use store::Store;
use store::direct::Stored;
use store::keys::Key;
use store::stand::Stand;
use store::table::{Expression, Write};
use store::tus::{TusBeginning, TusBegun};
use store::upload::{Beginning, Begun};
use testkit::Stack;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const BYTES: &[u8] = b"Some bytes.";

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

fn beginning(name: &str, on_conflict: OnConflict) -> Beginning {
    Beginning {
        intent: Intent {
            name: name.parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict,
            expected: None,
            owner: "user-1".to_owned(),
        },
        size_bytes: BYTES.len() as u64,
        content_type: Some("text/plain".to_owned()),
        sha256: Some(Sha256::of(BYTES)),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SignedDuration::from_hours(24 * 7),
        repeatable: None,
    }
}

async fn begin(store: &Store, name: &str) -> Upload {
    let beginning = beginning(name, OnConflict::Fail);
    match store.begin_upload(&workspace(), beginning).await.unwrap() {
        Begun::New(upload) => upload,
        Begun::Before(_) => panic!("the request cannot be repeated"),
    }
}

async fn store_file(store: &Store, name: &str) -> File {
    let (beginning, bytes) = (
        beginning(name, OnConflict::Version),
        Bytes::from_static(BYTES),
    );
    let stored = store
        .store_bytes(&workspace(), beginning, bytes, Origin::Uploaded)
        .await;
    match stored.unwrap() {
        Stored::Now(file) => *file,
        Stored::Before { .. } => panic!("the request cannot be repeated"),
    }
}

async fn erase(store: &Store, file: &File) {
    store
        .erase_file(&workspace(), file.id, Reason::Deleted, |_| Ok(()))
        .await
        .unwrap();
}

/// A workspace with some of everything that counts, or has counted.
async fn fill(store: &Store) {
    store_file(store, "a.txt").await;
    store_file(store, "versions.txt").await;
    store_file(store, "versions.txt").await;
    let trashed = store_file(store, "trashed.txt").await;
    let trashed = store.trash_file(&workspace(), trashed.id, |_| Ok(())).await;
    trashed.unwrap();
    let erased = store_file(store, "erased.txt").await;
    erase(store, &erased).await;
    let aborted = begin(store, "aborted.txt").await;
    store.abort_upload(&workspace(), &aborted).await.unwrap();
    begin(store, "open.txt").await;
    append(store, Plan::Tus(TusKind::Whole)).await;
    append(store, Plan::Tus(TusKind::Partial)).await;
}

/// Sends some bytes of an upload of which nobody knows yet how many there will be.
async fn append(store: &Store, plan: Plan) {
    let beginning = TusBeginning {
        beginning: Beginning {
            size_bytes: 0,
            plan,
            ..beginning("growing.txt", OnConflict::Fail)
        },
        length_bytes: None,
        metadata: None,
        is_held: true,
    };
    let begun = store.begin_tus(&workspace(), beginning).await.unwrap();
    let TusBegun::New(mut appending) = begun else {
        panic!("the request cannot be repeated");
    };
    appending.push(vec![7; 500].into()).await.unwrap();
    let accept = |_: &[u8], _: &str, _: Option<&str>| Ok("text/plain".to_owned());
    appending.finish(accept).await.unwrap();
}

/// Makes a quota wrong, as a bug would, or a restored backup.
async fn spoil(store: &Store, bytes: i64, files: i64) {
    let write = Write::Update {
        condition: None,
        key: Key::quota_shard(&workspace(), 0),
        change: Expression::new("ADD available_bytes :bytes, available_files :files")
            .number(":bytes", bytes)
            .number(":files", files),
    };
    store.table.transact(vec![write]).await.unwrap();
}

async fn usage(store: &Store) -> (u64, u64) {
    let Usage {
        used_bytes,
        used_files,
        ..
    } = store.usage(&workspace()).await.unwrap();
    (used_bytes, used_files)
}

/// A whole walk, an hour after the last one. Returns how many quotas were wrong, and mended.
async fn walk(stack: &Stack, state: &State) -> (u64, u64) {
    stack.advance(HOUR * 2);
    let (mut wrong, mut mended) = (0, 0);
    loop {
        let Report {
            quotas_wrong,
            quotas_mended,
            errors,
            ..
        } = sweep::run(state).await;
        assert_eq!(errors, 0);
        wrong += quotas_wrong;
        mended += quotas_mended;
        if matches!(state.store.stand_of_rows().await.unwrap(), Stand::Resting) {
            return (wrong, mended);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_wrong_is_found_by_one_walk_and_mended_by_the_next() {
    let stack = Stack::start().await;
    let state = State::new(stack.stack.store.clone());
    let store = &state.store;
    fill(store).await;
    let right = usage(store).await;
    assert_eq!(right, (5 * BYTES.len() as u64 + 1000, 5));
    assert_eq!(walk(&stack, &state).await, (0, 0));

    for (bytes, files) in [(-500, -2), (7, 3)] {
        spoil(store, bytes, files).await;
        assert_ne!(usage(store).await, right);
        assert_eq!(walk(&stack, &state).await, (1, 0));
        assert_ne!(usage(store).await, right);
        assert_eq!(walk(&stack, &state).await, (1, 1));
        assert_eq!(usage(store).await, right);
        assert_eq!(walk(&stack, &state).await, (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_in_which_something_happens_during_a_walk_is_left_for_the_next() {
    let stack = Stack::start().await;
    let mut state = State::new(stack.stack.store.clone());
    state.limits = Limits {
        row_pages: 1,
        rows_of_page: 5,
        ..state.limits
    };
    let store = state.store.clone();
    fill(&store).await;
    let kept = store_file(&store, "kept.txt").await;
    let open = begin(&store, "being-made.txt").await;
    stack.advance(HOUR * 2);

    // Each of these in the middle of a walk, wherever the rows it changes are.
    for round in 0..4 {
        sweep::run(&state).await;
        match round {
            0 => drop(store_file(&store, "new.txt").await),
            1 => store.abort_upload(&workspace(), &open).await.unwrap(),
            2 => {
                erase(&store, &kept).await;
            }
            _ => drop(begin(&store, "another.txt").await),
        }
        let (mut wrong, mut runs) = (0, 0);
        while !matches!(store.stand_of_rows().await.unwrap(), Stand::Resting) {
            wrong += sweep::run(&state).await.quotas_wrong;
            runs += 1;
        }
        assert_eq!(wrong, 0, "{round}");
        assert!(runs > 0, "the walk had ended before");
        stack.advance(HOUR * 2);
    }

    // At rest it is counted, over as many runs.
    assert_eq!(walk(&stack, &state).await, (0, 0));
    spoil(&store, 1, 0).await;
    assert_eq!(walk(&stack, &state).await, (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_counted_and_not_noted_or_by_two_at_once_finds_nothing_wrong() {
    let stack = Stack::start().await;
    let mut state = State::new(stack.stack.store.clone());
    state.limits.row_pages = 1;
    state.limits.rows_of_page = 7;
    let store = &state.store;
    fill(store).await;
    stack.advance(HOUR * 2);

    // A run that ended between counting a page and noting it.
    let recount = store.recount(None).await.unwrap().unwrap();
    let page = store.walk_rows(None, 7).await.unwrap();
    let counted = store.count_page(recount.clone(), &page.charges, page.last.as_ref());
    assert!(counted.await.unwrap().is_some());
    // And another that counts the same page.
    let counted = store.count_page(recount, &page.charges, page.last.as_ref());
    assert!(counted.await.unwrap().is_none());
    store.note_rows_walked(page.last.clone()).await.unwrap();
    let next = store.walk_rows(page.last.clone(), 7).await.unwrap();
    let recount = store.recount(page.last.as_ref()).await.unwrap().unwrap();
    let counted = store.count_page(recount, &next.charges, next.last.as_ref());
    assert!(counted.await.unwrap().is_some());

    let recount = store.recount(page.last.as_ref()).await.unwrap();
    assert!(recount.is_none(), "{recount:?}");
    assert_eq!(walk(&stack, &state).await, (0, 0));
    for _ in 0..3 {
        stack.advance(HOUR * 2);
        let (mut wrong, mut errors) = (0, 0);
        for _ in 0..20 {
            let (one, two) = tokio::join!(sweep::run(&state), sweep::run(&state));
            wrong += one.quotas_wrong + two.quotas_wrong;
            errors += one.errors + two.errors;
        }
        assert_eq!((wrong, errors), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_workspaces_are_counted_in_turns() {
    let stack = Stack::start().await;
    let state = State::new(stack.stack.store.clone());
    let store = &state.store;
    let names = (0..150).map(|number| format!("w-{number}"));
    for name in names.clone() {
        let workspace: WorkspaceId = name.parse().unwrap();
        let begun = store.begin_upload(&workspace, beginning("a.txt", OnConflict::Fail));
        begun.await.unwrap();
        let write = Write::Update {
            condition: None,
            key: Key::quota(&workspace),
            change: Expression::new("ADD available_bytes :one").number(":one", 1),
        };
        store.table.transact(vec![write]).await.unwrap();
    }

    let (mut wrong, mut mended) = (0, 0);
    for _ in 0..4 {
        let found = walk(&stack, &state).await;
        assert!(found.0 <= 100, "{found:?}");
        wrong += found.0;
        mended += found.1;
    }

    assert_eq!((wrong, mended), (300, 150));
    for name in names {
        let used = store.usage(&name.parse().unwrap()).await.unwrap();
        assert_eq!(used.used_bytes, BYTES.len() as u64);
    }
}
