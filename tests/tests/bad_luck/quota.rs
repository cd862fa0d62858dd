//! A quota holds whatever races for it, and comes back whole.

use std::sync::atomic::{AtomicBool, Ordering};

use api::auth::{Authenticator, Caller};
use api::request::{Json, Query};
use domain::principal::{Identity, Principal, Role, Standing};
use domain::quota::SHARDS;
use domain::upload::{OnConflict, Plan, TusKind, Upload};
use domain::{Error, Result, WorkspaceId};
use e2e::id;
use futures::future::join_all;
use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::Store;
use store::blob::Blobs;
use store::quota::{Quota, Shard};
use store::tus::{Appending, TusBeginning, TusBegun};
use store::upload::{Beginning, Begun};
use testkit::{Client, Options, beginning};

use crate::faults::cut;
use crate::{rounds, start, start_with, usage, workspace};

const UPLOADS: usize = 16;
const FIT: usize = 5;
const SIZE: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn racing_uploads_never_exceed_the_bytes_of_a_quota() {
    let quota = Quota {
        bytes: (FIT * SIZE) as u64,
        files: 1000,
    };
    Box::pin(race(quota)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_uploads_never_exceed_the_files_of_a_quota() {
    let quota = Quota {
        bytes: 1_000_000,
        files: FIT as u64,
    };
    Box::pin(race(quota)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_that_could_not_begin_reserves_nothing_unless_the_request_can_come_again() {
    let Some(sheaf) = start().await else { return };
    // S3 answers that there is no such bucket.
    let blobs = Blobs::new(sheaf.store().blobs.client().clone(), "nowhere".to_owned());
    let store = Store {
        blobs,
        ..sheaf.store().clone()
    };
    let state = upload::State {
        authenticator: Authenticator::new(store.clone(), Vec::new(), None),
        limits: upload::Limits::default(),
        store,
    };
    let principal = Principal {
        identity: Identity::User {
            issuer: "issuer".to_owned(),
            subject: "someone".to_owned(),
        },
        workspace: workspace(),
        role: Role::Editor,
        standing: Standing::Granted,
    };
    let size_bytes = 100 * 1024 * 1024;
    let begin = async |headers: HeaderMap| {
        let asked = json!({"name": "a.tif", "size_bytes": size_bytes});
        let body = Json {
            bytes: asked.to_string().into(),
            value: serde_json::from_value(asked).unwrap(),
        };
        let (state, caller) = (state.clone(), Caller(principal.clone()));
        let begun = upload::begin::begin(
            axum::extract::State(state),
            caller,
            Query::default(),
            headers,
            body,
        );
        assert!(begun.await.is_err());
    };
    let repeatable = ("idempotency-key".parse().unwrap(), "one".parse().unwrap());

    begin(HeaderMap::new()).await;
    assert_eq!(usage(&sheaf.admin()).await, (0, 0));
    begin(HeaderMap::from_iter([repeatable])).await;
    assert_eq!(usage(&sheaf.admin()).await, (1, size_bytes));
}

async fn race(quota: Quota) {
    let options = Options {
        quota,
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let client = sheaf.admin();

    // Twice: what was given back is there again.
    for round in 0..2 {
        let over = AtomicBool::new(false);
        let watching = async {
            while !over.load(Ordering::SeqCst) {
                let (files, bytes) = usage(&client).await;
                assert!(
                    files <= quota.files && bytes <= quota.bytes,
                    "{files} {bytes}"
                );
            }
        };
        let uploading = async {
            let stored = upload_at_once(&client, round).await;
            over.store(true, Ordering::SeqCst);
            stored
        };
        let (stored, ()) = tokio::join!(uploading, watching);

        assert_eq!(stored.len(), FIT);
        assert_eq!(usage(&client).await, (FIT as u64, (FIT * SIZE) as u64));
        for file in stored {
            let path = format!("/v1/files/{}?permanent=true", id(&file));
            client.delete(&path).await.expect(200);
        }
        assert_eq!(usage(&client).await, (0, 0));
        sheaf.rest().await;
    }
}

/// Uploads files all at once; returns those that fit, and checks that the others were refused.
async fn upload_at_once(client: &Client, round: usize) -> Vec<Value> {
    let uploads = (0..UPLOADS).map(async |number| {
        let bytes = format!("{round} {number:SIZE$}")[..SIZE].to_owned();
        client
            .upload(&format!("name={round}-{number}.txt"), bytes)
            .await
    });
    let mut stored = Vec::new();
    for answer in join_all(uploads).await {
        if answer.status == 201 {
            stored.push(answer.json());
        } else {
            assert_eq!(answer.expect(507).code(), "quota_exceeded");
        }
    }
    stored
}

/// Writers at the boundary, each a process of its own.
const WRITERS: u32 = 32;
/// How often they fill a quota: 500 rounds take some minutes.
const ROUNDS: usize = 25;

/// The store as another process has it, which reserves from another shard.
fn process(store: &Store, number: u32, quota: Quota) -> Store {
    let shard = u8::try_from(number % u32::from(SHARDS)).unwrap();
    Store {
        quota,
        shard: Shard::new(shard),
        ..store.clone()
    }
}

async fn begin(store: &Store, workspace: &WorkspaceId, size_bytes: u64) -> Result<Upload> {
    let beginning = unknown(size_bytes, Plan::Single);
    match store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) => Ok(upload),
        Begun::Before(_) => panic!("the request cannot be repeated"),
    }
}

/// Begins an upload of which nobody knows how many bytes there will be.
async fn begin_growing(store: &Store) -> Result<Appending> {
    let beginning = TusBeginning {
        beginning: unknown(0, Plan::Tus(TusKind::Whole)),
        length_bytes: None,
        metadata: None,
        is_held: true,
    };
    match store.begin_tus(&workspace(), beginning).await? {
        TusBegun::New(appending) => Ok(*appending),
        TusBegun::Before(_) => panic!("the request cannot be repeated"),
    }
}

/// Sends bytes of it.
async fn grow(mut appending: Appending, bytes: usize) -> Result<()> {
    appending.push(vec![7; bytes].into()).await?;
    appending.finish(media::accept).await.map(|_| ())
}

/// What is begun of so many bytes, which nobody knows yet.
fn unknown(size_bytes: u64, plan: Plan) -> Beginning {
    let mut beginning = Beginning {
        size_bytes,
        content_type: None,
        sha256: None,
        plan,
        lifetime: SignedDuration::from_hours(24),
        ..beginning("/a.txt", b"")
    };
    beginning.intent.on_conflict = OnConflict::Rename;
    beginning
}

/// Waits after which a process ends at most: somewhat more than its work takes.
const MOST_POLLS: u64 = 100;

/// Numbers that are the same in every run.
fn mixed(seed: u32) -> u64 {
    u64::from(seed.wrapping_mul(2_654_435_761).rotate_left(13) % 1999) + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_many_processes_fill_a_quota_to_its_end_and_never_beyond() {
    let Some(sheaf) = start().await else { return };
    for round in 0..u32::try_from(rounds(ROUNDS)).unwrap() {
        let workspace: WorkspaceId = format!("round-{round}").parse().unwrap();
        // A few fit: now by bytes, now by files.
        let quota = Quota {
            bytes: 4000 + mixed(round),
            files: 3 + u64::from(round % 8),
        };
        let uploads = (0..WRITERS).map(async |writer| {
            let size = mixed(round * WRITERS + writer);
            let store = process(sheaf.store(), writer, quota);
            (size, begin(&store, &workspace, size).await)
        });
        let (mut bytes, mut files, mut refused) = (0, 0, Vec::new());
        for (size, begun) in join_all(uploads).await {
            match begun {
                Ok(_) => (bytes, files) = (bytes + size, files + 1),
                Err(Error::QuotaExceeded { .. }) => refused.push(size),
                Err(error) => panic!("{error:?}"),
            }
        }

        assert!(bytes <= quota.bytes && files <= quota.files, "{round}");
        // Whoever was refused does not fit into what is left, wherever that lies.
        if files < quota.files {
            let left = quota.bytes - bytes;
            assert!(
                refused.iter().all(|size| *size > left),
                "{round}: {left} {refused:?}"
            );
        }
        let usage = sheaf.store().usage(&workspace).await.unwrap();
        assert_eq!((usage.used_bytes, usage.used_files), (bytes, files));
        assert_eq!(usage.limit, quota);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_quota_leaks_when_processes_end_at_any_moment() {
    let Some(sheaf) = start().await else { return };
    let quota = Quota {
        bytes: 60_000,
        files: 60,
    };
    let mut whole = 0;
    for round in 0..10 {
        let uploads = (0..WRITERS).map(async |writer| {
            let store = process(sheaf.store(), writer, quota);
            let seed = round * WRITERS + writer;
            let work = async {
                let upload = begin(&store, &workspace(), mixed(seed)).await?;
                let growing = begin_growing(&store).await?;
                let read_before = growing.upload().clone();
                grow(growing, 2500).await?;
                store.abort_upload(&workspace(), &read_before).await?;
                store.abort_upload(&workspace(), &upload).await
            };
            // Between any two steps: of opening the quota, taking from others, reserving, aborting.
            let polls = usize::try_from(mixed(seed) % MOST_POLLS).unwrap();
            match cut(Box::pin(work), polls).await {
                None => false,
                Some(Ok(()) | Err(Error::QuotaExceeded { .. })) => true,
                Some(Err(error)) => panic!("{error:?}"),
            }
        });
        let ended = join_all(uploads).await;
        whole += ended.into_iter().filter(|ended| *ended).count();
        let (files, bytes) = usage(&sheaf.admin()).await;
        assert!(
            files <= quota.files && bytes <= quota.bytes,
            "{files} {bytes}"
        );
    }

    assert!(whole > 10, "{whole} came to their end");

    sheaf.advance(SignedDuration::from_hours(25));
    let report = sheaf.sweep().await;

    assert_eq!(report.errors, 0);
    assert!(report.uploads_aborted > 10, "{report:?}");
    assert_eq!(usage(&sheaf.admin()).await, (0, 0));
    // All of it is there again for one writer.
    let store = process(sheaf.store(), 3, quota);
    begin(&store, &workspace(), quota.bytes).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_grows_by_what_is_left_and_gives_back_all_it_has() {
    let Some(sheaf) = start().await else { return };
    let quota = Quota {
        bytes: 1000,
        files: 10,
    };
    let store = process(sheaf.store(), 0, quota);
    let growing = begin_growing(&store).await.unwrap();
    let id = growing.upload().id;
    let again = async || {
        let tus = store.tus(&workspace(), id).await?;
        store.claim_tus(&workspace(), tus).await
    };
    grow(growing, 100).await.unwrap();
    let stale = store.upload(&workspace(), id).await.unwrap();
    let other = process(sheaf.store(), 1, quota);
    begin(&other, &workspace(), 300).await.unwrap();

    grow(again().await.unwrap(), 600).await.unwrap();
    let too_large = grow(again().await.unwrap(), 1).await.unwrap_err();

    let detail = "1 bytes do not fit: 0 of 1000 bytes are left in this workspace";
    assert!(
        matches!(&too_large, Error::QuotaExceeded { detail: found } if found == detail),
        "{too_large:?}"
    );
    assert_eq!(usage(&sheaf.admin()).await, (2, 1000));
    // Whoever aborts it has read it before it grew.
    store.abort_upload(&workspace(), &stale).await.unwrap();
    store.abort_upload(&workspace(), &stale).await.unwrap();
    assert_eq!(usage(&sheaf.admin()).await, (1, 300));
    let closed = again().await;
    assert!(matches!(closed, Err(Error::Gone { .. })), "{closed:?}");
}
