//! What workspaces use: counted once a day, and told once when it comes near the limit.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use cleanup::{State, sweep};
use domain::WorkspaceId;
use domain::file::Writer;
use domain::name::FolderPath;
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, Upload};
use domain::usage::{Alert, Resource, Trend, day_of, next_day};
use jiff::{SignedDuration, ToSpan as _};
use store::Store;
use store::quota::Quota;
use store::upload::{Beginning, Begun};
use testkit::Stack;

const DAY: SignedDuration = SignedDuration::from_hours(24);

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

fn store_of(stack: &Stack) -> Store {
    Store {
        quota: Quota {
            bytes: 1000,
            files: 100,
        },
        ..stack.stack.store.clone()
    }
}

/// Begins an upload, which counts with all it has reserved.
async fn begin(store: &Store, size_bytes: u64) -> Upload {
    let beginning = Beginning {
        intent: Intent {
            name: "a.txt".parse().unwrap(),
            folder: FolderPath::root(),
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Rename,
            expected: None,
            owner: "user-1".to_owned(),
        },
        size_bytes,
        content_type: None,
        sha256: None,
        plan: Plan::Single,
        writer: Writer::Client,
        lifetime: SignedDuration::from_hours(24 * 1000),
        repeatable: None,
    };
    match store.begin_upload(&workspace(), beginning).await.unwrap() {
        Begun::New(upload) => upload,
        Begun::Before(_) => panic!("the request cannot be repeated"),
    }
}

async fn trend(store: &Store) -> Trend {
    let usage = store.usage(&workspace()).await.unwrap();
    store.usage_trend(&workspace(), &usage).await.unwrap()
}

/// Moves the time to the beginning of the next day.
fn advance_to_next_day(stack: &Stack) {
    let now = stack.stack.store.clock.now();
    stack.advance(next_day(now).duration_since(now));
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_counted_once_a_day_and_a_day_that_was_missed_is_missing() {
    let stack = Stack::start().await;
    let store = store_of(&stack);
    let state = State::new(store.clone());
    // Far enough from midnight for what is counted today to be counted today.
    advance_to_next_day(&stack);
    let first = day_of(store.clock.now());
    assert_eq!(sweep::run(&state).await.usage_counted, 0);
    begin(&store, 100).await;

    let (one, two) = tokio::join!(sweep::run(&state), sweep::run(&state));
    assert_eq!(one.usage_counted + two.usage_counted, 1);
    begin(&store, 100).await;
    assert_eq!(sweep::run(&state).await.usage_counted, 0);
    for _ in 0..3 {
        advance_to_next_day(&stack);
    }
    assert_eq!(sweep::run(&state).await.usage_counted, 1);
    assert_eq!(sweep::run(&state).await.usage_counted, 0);

    let trend = trend(&store).await;
    let found: Vec<_> = trend
        .days
        .iter()
        .map(|day| (day.date, day.used_bytes, day.used_files))
        .collect();
    let fourth = first.checked_add(3.days()).unwrap();
    assert_eq!(found, [(first, 100, 1), (fourth, 200, 2)]);
    assert_eq!(trend.change_bytes, Some(100));
    // 100 bytes in about three days, and 800 are left.
    let in_days = |days: i64| fourth.checked_add(days.days()).unwrap();
    let full_on = trend.full_on.unwrap();
    assert!(
        (in_days(23)..=in_days(24)).contains(&full_on),
        "{full_on} {fourth}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trend_shows_thirty_days_and_days_are_forgotten_after_a_year() {
    let stack = Stack::start().await;
    let store = store_of(&stack);
    let state = State::new(store.clone());
    begin(&store, 100).await;
    for _ in 0..40 {
        sweep::run(&state).await;
        advance_to_next_day(&stack);
    }
    sweep::run(&state).await;

    let today = day_of(store.clock.now());
    let days = trend(&store).await.days;
    assert_eq!(days.len(), 31);
    assert_eq!(days[0].date, today.checked_sub(30.days()).unwrap());
    assert_eq!(days[30].date, today);
    assert_eq!(trend(&store).await.full_on, None);

    // Not at midnight, when one of them is just to go.
    stack.advance(DAY * 380 + DAY / 2);
    stack.stack.time_to_live.sweep().await.unwrap();
    let first = days[0].counted_at;
    let rows = store
        .table
        .query_rows(store::table::Query::prefix(
            store::keys::quota_partition(&workspace()),
            store::keys::USAGE_OF_DAY_PREFIX,
        ))
        .await
        .unwrap()
        .rows;
    assert!(store.clock.now().duration_since(first) > DAY * 400);
    assert_eq!(rows.len(), 20, "those of the last 400 days");
}

#[tokio::test(flavor = "multi_thread")]
async fn coming_near_the_limit_is_told_once_and_again_after_it_was_far() {
    let stack = Stack::start().await;
    let store = store_of(&stack);
    begin(&store, 700).await;
    let counted = store.count_usage_due(&workspace()).await.unwrap();
    assert_eq!(counted, Some(Vec::new()));
    let alert = |percent| Alert {
        resource: Resource::Bytes,
        percent,
    };

    // Crossing makes it due at once: when a shard is refilled, and when there is too little.
    let more = begin(&store, 100).await;
    begin(&store, 20).await;
    let counted = store.count_usage_due(&workspace()).await.unwrap();
    assert_eq!(counted, Some(vec![alert(80)]));
    begin(&store, 10).await;
    assert_eq!(store.count_usage_due(&workspace()).await.unwrap(), None);
    begin(&store, 170).await;
    begin(&store, 0).await;
    advance_to_next_day(&stack);
    let counted = store.count_usage_due(&workspace()).await.unwrap();
    assert_eq!(counted, Some(vec![alert(100)]));

    store.abort_upload(&workspace(), &more).await.unwrap();
    advance_to_next_day(&stack);
    let counted = store.count_usage_due(&workspace()).await.unwrap();
    assert_eq!(counted, Some(Vec::new()));
    let usage = store.usage(&workspace()).await.unwrap();
    assert_eq!(usage.alerts(), [alert(80)]);
}
