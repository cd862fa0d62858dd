//! Every change ends at each of its waits in turn, as it would with its process: after a restart and
//! one sweep nothing acknowledged is lost, nothing is left over, and asking again ends well.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use domain::file::{Origin, Writer};
use domain::message::Task;
use domain::principal::Role;
use domain::receipt::Reason;
use domain::upload::{Plan, TusKind, UploadState};
use domain::{Error, FileId, FolderId, Result, Sha256, WorkspaceId};
use e2e::id;
use jiff::SignedDuration;
use serde_json::Value;
use store::Store;
use store::blob::ObjectKey;
use store::copy::Copy;
use store::direct::Stored;
use store::idempotency::Repeatable;
use store::organize::{FileChange, OnTaken};
use store::tree::FolderChange;
use store::tus::{TusBeginning, TusBegun};
use store::upload::{Beginning, Begun};
use store::versions::Pruning;
use store::work::work_of;
use testkit::{Client, Options, beginning};

use crate::invariants::assert_whole;
use crate::start_with;

/// Polls a future so often and drops it then, if it has not come to its end: it stops at each of its
/// waits in turn, as a process would that ends there.
pub(crate) async fn cut<F: Future>(mut future: Pin<Box<F>>, polls: usize) -> Option<F::Output> {
    let mut polled = 0;
    std::future::poll_fn(move |context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Does all of `second` at one of the waits of `first`: after so many polls of it. Says what the first
/// came to, and whether that was before the second began.
pub(crate) async fn interleave<F: Future>(
    first: F,
    polls: usize,
    second: impl Future<Output = ()>,
) -> (F::Output, bool) {
    let mut first = Box::pin(first);
    let mut polled = 0;
    let early = std::future::poll_fn(|context| {
        if polled == polls {
            return Poll::Ready(None);
        }
        polled += 1;
        first.as_mut().poll(context).map(Some)
    })
    .await;
    second.await;
    match early {
        Some(output) => (output, true),
        None => (first.await, false),
    }
}

/// What can be read of a workspace: the bytes of its files by their paths, in the trash and not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Look {
    active: BTreeMap<String, Bytes>,
    trashed: BTreeMap<String, Bytes>,
}

fn look(active: &[(&str, &str)], trashed: &[(&str, &str)]) -> Look {
    let map = |files: &[(&str, &str)]| {
        let files = files.iter();
        files
            .map(|(path, bytes)| ((*path).to_owned(), Bytes::from((*bytes).to_owned())))
            .collect()
    };
    Look {
        active: map(active),
        trashed: map(trashed),
    }
}

async fn seen(client: &Client) -> Look {
    let mut look = Look::default();
    for (list, into) in [
        ("/v1/files?limit=100", &mut look.active),
        ("/v1/files?limit=100&state=trashed", &mut look.trashed),
    ] {
        let listed = client.get(list).await.expect(200).json();
        assert_eq!(listed["next_cursor"], Value::Null);
        for file in listed["items"].as_array().unwrap() {
            assert_eq!(file["status"], "completed", "{file}");
            let content = client.content(&id(file)).await.expect(200).body;
            let hash = Sha256::of(&content).to_string();
            assert_eq!(file["sha256"], hash, "{file}");
            into.insert(file["path"].as_str().unwrap().to_owned(), content);
        }
    }
    look
}

/// Ends a change at each of its waits, each time in a workspace of its own. What can be read is then
/// as before the change or as after it, and as after it where it was answered or asked for again.
async fn stop_anywhere<S>(
    before: Look,
    after: Look,
    prepare: impl AsyncFn(&Store, &WorkspaceId) -> S,
    change: impl AsyncFn(&Store, &WorkspaceId, &S) -> Result<()>,
) {
    Box::pin(stop_and_look(before, after, prepare, change)).await;
}

async fn stop_and_look<S>(
    before: Look,
    after: Look,
    prepare: impl AsyncFn(&Store, &WorkspaceId) -> S,
    change: impl AsyncFn(&Store, &WorkspaceId, &S) -> Result<()>,
) {
    let options = Options {
        works: false,
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let mut ends = Vec::new();
    loop {
        let polls = ends.len();
        let workspace: WorkspaceId = format!("stop-{polls}").parse().unwrap();
        let state = prepare(sheaf.store(), &workspace).await;
        let changing = change(sheaf.store(), &workspace, &state);
        let ended = cut(Box::pin(changing), polls).await;
        let is_done = ended.is_some();
        if let Some(ended) = ended {
            ended.unwrap();
        }
        ends.push((workspace, state, is_done));
        if is_done {
            break;
        }
    }
    assert!(ends.len() > 3, "nothing was ever cut");

    let sheaf = Box::pin(sheaf.restart_with(|options| options.works = true)).await;
    let mut was_answered = Vec::new();
    for (number, (workspace, state, is_done)) in ends.iter().enumerate() {
        // Some clients ask again at once.
        let asks = number % 2 == 1;
        if asks {
            ask_again(sheaf.store(), workspace, state, &change).await;
        }
        was_answered.push(*is_done || asks);
    }
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_hours(8 * 24));
    assert_eq!(sheaf.sweep().await.errors, 0);
    sheaf.rest().await;

    assert_whole(&sheaf).await;
    for (number, (workspace, ..)) in ends.iter().enumerate() {
        let seen = seen(&sheaf.client(workspace.as_str(), Role::Viewer)).await;
        let is_before = !was_answered[number] && seen == before;
        assert!(
            is_before || seen == after,
            "stopped at wait {number}, answered: {}\n   found {seen:?}\n  before {before:?}\n   after {after:?}",
            was_answered[number]
        );
    }

    for (workspace, state, _) in &ends {
        ask_again(sheaf.store(), workspace, state, &change).await;
    }
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_hours(2));
    assert_eq!(sheaf.sweep().await.errors, 0);
    for (number, (workspace, ..)) in ends.iter().enumerate() {
        let seen = seen(&sheaf.client(workspace.as_str(), Role::Viewer)).await;
        assert_eq!(seen, after, "stopped at wait {number} and asked for again");
    }
    assert_whole(&sheaf).await;
}

/// Makes the same change again, for as long as something is in its way.
async fn ask_again<S>(
    store: &Store,
    workspace: &WorkspaceId,
    state: &S,
    change: &impl AsyncFn(&Store, &WorkspaceId, &S) -> Result<()>,
) {
    loop {
        match change(store, workspace, state).await {
            Ok(()) => return,
            Err(Error::Busy { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("asked for again in {workspace}: {error:?}"),
        }
    }
}

/// A request that is the same whenever it is made.
fn repeatable() -> Repeatable {
    Repeatable {
        principal: "someone".to_owned(),
        key: Sha256::of(b"key"),
        request: Sha256::of(b"request"),
    }
}

async fn stored(store: &Store, workspace: &WorkspaceId, path: &str, bytes: &str) -> FileId {
    let bytes = Bytes::from(bytes.to_owned());
    let beginning = beginning(path, &bytes);
    let stored = store
        .store_bytes(workspace, beginning, bytes, Origin::Uploaded)
        .await;
    match stored.unwrap() {
        Stored::Now(file) => file.id,
        Stored::Before { file, .. } => file,
    }
}

async fn folder(store: &Store, workspace: &WorkspaceId, path: &str) -> FolderId {
    let path = path.parse().unwrap();
    store.make_folders(workspace, &path).await.unwrap()
}

async fn trashed(store: &Store, workspace: &WorkspaceId, file: FileId) {
    let trashed = store.trash_file(workspace, file, |_| Ok(())).await;
    trashed.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_stored_at_once_stops_anywhere() {
    stop_anywhere(
        look(&[("/keep.txt", "same")], &[]),
        look(&[("/keep.txt", "same"), ("/a/new.txt", "new")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "same").await;
        },
        async |store, workspace, ()| {
            let bytes = Bytes::from_static(b"new");
            let beginning = Beginning {
                repeatable: Some(repeatable()),
                ..beginning("/a/new.txt", &bytes)
            };
            let stored = store.store_bytes(workspace, beginning, bytes, Origin::Uploaded);
            stored.await.map(|_| ())
        },
    )
    .await;
}

/// Begins an upload, sends its parts as a client does, and completes it.
async fn complete(
    store: &Store,
    workspace: &WorkspaceId,
    beginning: Beginning,
    parts: &[Bytes],
) -> Result<()> {
    let mut upload = match store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) | Begun::Before(upload) => upload,
    };
    if upload.state != UploadState::Open {
        return Ok(());
    }
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    if let Plan::Multipart { .. } = upload.plan {
        let multipart = if let Some(multipart) = &upload.multipart_id {
            multipart.clone()
        } else {
            let begun = store.blobs.begin_multipart(&key, "text/plain").await?;
            let noted = store.name_multipart(workspace, &mut upload, begun.clone());
            noted.await?;
            begun
        };
        for (number, part) in (1..).zip(parts) {
            let (size, lifetime) = (part.len() as u64, Duration::from_hours(1));
            let blobs = &store.blobs;
            let signed = blobs.sign_part(&key, &multipart, number, size, lifetime);
            let put = reqwest::Client::new().put(signed.await?.url);
            // Of what was joined before, no part is taken any more.
            put.body(part.clone()).send().await.unwrap();
        }
    } else {
        store
            .blobs
            .create(&key, parts[0].clone(), "text/plain")
            .await?;
    }
    let finished = store.finish_upload(workspace, &upload, Vec::new(), media::accept);
    finished.await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_a_single_put_stops_anywhere() {
    stop_anywhere(
        look(&[("/a.txt", "old"), ("/keep.txt", "new")], &[]),
        look(&[("/a.txt", "new"), ("/keep.txt", "new")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/a.txt", "old").await;
            stored(store, workspace, "/keep.txt", "new").await;
        },
        async |store, workspace, ()| {
            let bytes = Bytes::from_static(b"new");
            let beginning = Beginning {
                writer: Writer::Client,
                repeatable: Some(repeatable()),
                ..beginning("/a.txt", &bytes)
            };
            complete(store, workspace, beginning, &[bytes]).await
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_parts_stops_anywhere() {
    const PART: usize = 5 * 1024 * 1024;
    // No text, which would be read each time.
    let parts = [Bytes::from(vec![0; PART]), Bytes::from_static(b"the end")];
    let whole = Bytes::from(parts.concat());
    let mut after = look(&[("/keep.txt", "same")], &[]);
    after.active.insert("/a.bin".to_owned(), whole.clone());
    stop_anywhere(
        look(&[("/keep.txt", "same")], &[]),
        after,
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "same").await;
        },
        async |store, workspace, ()| {
            let plan = Plan::Multipart {
                part_bytes: PART as u64,
                part_count: 2,
            };
            let beginning = Beginning {
                writer: Writer::Client,
                repeatable: Some(repeatable()),
                plan,
                ..beginning("/a.bin", &whole)
            };
            complete(store, workspace, beginning, &parts).await
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_by_tus_stops_anywhere() {
    stop_anywhere(
        look(&[("/keep.txt", "same")], &[]),
        look(&[("/keep.txt", "same"), ("/a.txt", "first last")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "same").await;
        },
        async |store, workspace, ()| {
            let bytes = Bytes::from_static(b"first last");
            let begun = store
                .begin_tus(
                    workspace,
                    TusBeginning {
                        beginning: Beginning {
                            plan: Plan::Tus(TusKind::Whole),
                            repeatable: Some(repeatable()),
                            ..beginning("/a.txt", &bytes)
                        },
                        length_bytes: Some(bytes.len() as u64),
                        metadata: None,
                        is_held: false,
                    },
                )
                .await?;
            let id = match begun {
                TusBegun::New(appending) => appending.upload().id,
                TusBegun::Before(tus) => tus.upload.id,
            };
            for until in [5, bytes.len()] {
                let tus = store.tus(workspace, id).await?;
                let from = usize::try_from(tus.offset_bytes()).unwrap();
                if tus.upload.state != UploadState::Open || from >= until {
                    continue;
                }
                let mut appending = store.claim_tus(workspace, tus).await?;
                appending.push(bytes.slice(from..until)).await?;
                appending.finish(media::accept).await?;
            }
            Ok(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_stops_anywhere() {
    stop_anywhere(
        look(&[("/a.txt", "same")], &[]),
        look(&[("/a.txt", "same"), ("/b/copy.txt", "same")], &[]),
        async |store, workspace| stored(store, workspace, "/a.txt", "same").await,
        async |store, workspace, file| {
            let copy = Copy {
                version: None,
                name: Some("copy.txt".parse().unwrap()),
                folder: Some(store.make_folders(workspace, &"/b".parse()?).await?),
                on_taken: OnTaken::Fail,
                expires_in: None,
                owner: "someone".to_owned(),
                repeatable: Some(repeatable()),
            };
            let copied = store.copy_file(workspace, *file, &copy, |_| Ok(())).await;
            match copied {
                // The key of eight days ago is forgotten, the copy is there.
                Err(Error::Conflict {
                    code: "name_taken", ..
                }) => Ok(()),
                copied => copied.map(|_| ()),
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_a_file_into_a_folder_stops_anywhere() {
    stop_anywhere(
        look(&[("/a/one.txt", "one")], &[]),
        look(&[("/b/c/two.txt", "one")], &[]),
        async |store, workspace| stored(store, workspace, "/a/one.txt", "one").await,
        async |store, workspace, file| {
            let change = FileChange {
                name: Some("two.txt".parse()?),
                folder: Some(store.make_folders(workspace, &"/b/c".parse()?).await?),
                ..FileChange::default()
            };
            let changed = store.change_file(workspace, *file, &change, |_| Ok(()));
            changed.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_a_folder_stops_anywhere() {
    stop_anywhere(
        look(&[("/a/b/one.txt", "one")], &[]),
        look(&[("/c/d/one.txt", "one")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/a/b/one.txt", "one").await;
            folder(store, workspace, "/a/b").await
        },
        async |store, workspace, id| {
            let change = FolderChange {
                name: Some("d".parse()?),
                parent: Some(store.make_folders(workspace, &"/c".parse()?).await?),
            };
            let moved = store.change_folder(workspace, *id, &change, |_| Ok(()));
            moved.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn putting_a_file_into_the_trash_stops_anywhere() {
    stop_anywhere(
        look(&[("/a/one.txt", "one")], &[]),
        look(&[], &[("/a/one.txt", "one")]),
        async |store, workspace| stored(store, workspace, "/a/one.txt", "one").await,
        async |store, workspace, file| {
            let trashed = store.trash_file(workspace, *file, |_| Ok(()));
            trashed.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_a_file_stops_anywhere() {
    stop_anywhere(
        look(&[], &[("/a/one.txt", "one")]),
        look(&[("/a/one.txt", "one")], &[]),
        async |store, workspace| {
            let file = stored(store, workspace, "/a/one.txt", "one").await;
            trashed(store, workspace, file).await;
            file
        },
        async |store, workspace, file| {
            let restored = store.restore_file(workspace, *file, OnTaken::Fail, |_| Ok(()));
            restored.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_file_for_good_stops_anywhere() {
    let deletes = async |store: &Store, workspace: &WorkspaceId, file: &FileId| {
        let erased = store.erase_file(workspace, *file, Reason::Deleted, |_| Ok(()));
        erased.await.map(|receipt| assert!(receipt.is_intact()))
    };
    stop_anywhere(
        look(&[("/a/one.txt", "new"), ("/keep.txt", "old")], &[]),
        look(&[("/keep.txt", "old")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "old").await;
            stored(store, workspace, "/a/one.txt", "old").await;
            stored(store, workspace, "/a/one.txt", "new").await
        },
        deletes,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn putting_a_folder_into_the_trash_stops_anywhere() {
    stop_anywhere(
        look(&[("/a/b/one.txt", "one")], &[]),
        look(&[], &[("/a/b/one.txt", "one")]),
        async |store, workspace| {
            stored(store, workspace, "/a/b/one.txt", "one").await;
            folder(store, workspace, "/a").await
        },
        async |store, workspace, id| {
            let trashed = store.trash_folder(workspace, *id, |_| Ok(()));
            trashed.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_a_folder_stops_anywhere() {
    stop_anywhere(
        look(&[], &[("/a/b/one.txt", "one")]),
        look(&[("/a/b/one.txt", "one")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/a/b/one.txt", "one").await;
            let id = folder(store, workspace, "/a/b").await;
            let trashed = store.trash_folder(workspace, id, |_| Ok(())).await;
            trashed.unwrap();
            id
        },
        async |store, workspace, id| {
            let restored = store.restore_folder(workspace, *id, OnTaken::Fail, |_| Ok(()));
            restored.await.map(|_| ())
        },
    )
    .await;
}

/// Deletes a folder for good; asked again, it is gone.
async fn delete_folder(store: &Store, workspace: &WorkspaceId, id: FolderId) -> Result<()> {
    let deleted = store.delete_folder(workspace, id, |_| Ok(()));
    deleted.await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_folder_for_good_stops_anywhere() {
    stop_anywhere(
        look(&[("/a/b/one.txt", "one"), ("/keep.txt", "one")], &[]),
        look(&[("/keep.txt", "one")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "one").await;
            stored(store, workspace, "/a/b/one.txt", "one").await;
            folder(store, workspace, "/a").await
        },
        async |store, workspace, id| delete_folder(store, workspace, *id).await,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_that_removes_a_folder_stops_anywhere() {
    // What is in a folder that was deleted is out of reach before the job begins.
    let left = look(&[("/keep.txt", "one")], &[("/old.txt", "old")]);
    stop_anywhere(
        left.clone(),
        left,
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "one").await;
            stored(store, workspace, "/a/b/one.txt", "one").await;
            let old = stored(store, workspace, "/a/old.txt", "old").await;
            trashed(store, workspace, old).await;
            let id = folder(store, workspace, "/a").await;
            let deleted = store.delete_folder(workspace, id, |_| Ok(())).await;
            deleted.unwrap().job.unwrap().id
        },
        async |store, workspace, job| {
            let work = work_of(workspace, Task::RunJob { job: *job });
            match store.work(workspace, work.id).await? {
                Some(item) => store.run_job(&item, *job, 10, media::accept).await,
                None => Ok(()),
            }
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restoring_a_version_stops_anywhere() {
    stop_anywhere(
        look(&[("/a.txt", "new")], &[]),
        look(&[("/a.txt", "old")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/a.txt", "old").await;
            stored(store, workspace, "/a.txt", "new").await
        },
        async |store, workspace, file| {
            let key = repeatable();
            let owner = "someone";
            let restored =
                store.restore_version(workspace, *file, 1, owner, Some(&key), |_| Ok(()));
            restored.await.map(|_| ())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_versions_stops_anywhere() {
    stop_anywhere(
        look(&[("/a.txt", "new"), ("/keep.txt", "old")], &[]),
        look(&[("/a.txt", "new"), ("/keep.txt", "old")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/keep.txt", "old").await;
            stored(store, workspace, "/a.txt", "old").await;
            stored(store, workspace, "/a.txt", "between").await;
            stored(store, workspace, "/a.txt", "new").await
        },
        async |store, workspace, file| {
            let pruning = Pruning {
                keep: 1,
                older_than: None,
            };
            let pruned = store.prune_versions(workspace, *file, pruning, |_| Ok(()));
            pruned.await?;
            let versions = store.versions(workspace, *file).await?;
            assert_eq!(versions.len(), 1);
            Ok(())
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_version_stops_anywhere() {
    stop_anywhere(
        look(&[("/a.txt", "new")], &[]),
        look(&[("/a.txt", "new")], &[]),
        async |store, workspace| {
            stored(store, workspace, "/a.txt", "old").await;
            stored(store, workspace, "/a.txt", "new").await
        },
        async |store, workspace, file| {
            let deleted = store.delete_version(workspace, *file, 1, |_| Ok(()));
            match deleted.await {
                Ok(_) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        },
    )
    .await;
}
