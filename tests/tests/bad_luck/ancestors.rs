//! Files that come into a folder while a folder above it goes: whoever was told that a file is there
//! finds it there, or gone with the folder, after it had come.

use domain::folder::FolderState;
use domain::principal::Role;
use domain::{Error, FileId, FolderId, Result, WorkspaceId};
use jiff::SignedDuration;
use store::Store;
use store::copy::Copy;
use store::organize::{FileChange, OnTaken};
use testkit::{Options, beginning};

use crate::faults::interleave;
use crate::invariants::assert_whole;
use crate::start_with;

/// How the folder above goes.
#[derive(Clone, Copy, Debug)]
enum Goes {
    IntoTrash,
    ForGood,
}

/// What a workspace has: a file, and a folder below the one that goes.
struct Things {
    file: FileId,
    above: FolderId,
    below: FolderId,
}

async fn things(store: &Store, workspace: &WorkspaceId) -> Things {
    let above = store.make_folders(workspace, &"/a".parse().unwrap()).await;
    let below = "/a/b/c".parse().unwrap();
    let below = store.make_folders(workspace, &below).await.unwrap();
    let bytes = bytes::Bytes::from_static(b"bytes");
    let beginning = beginning("/x/one.txt", &bytes);
    let origin = domain::file::Origin::Uploaded;
    let stored = store.store_bytes(workspace, beginning, bytes, origin).await;
    let store::direct::Stored::Now(file) = stored.unwrap() else {
        panic!("it was never asked for before");
    };
    Things {
        file: file.id,
        above: above.unwrap(),
        below,
    }
}

/// Has the folder above go at each wait of what brings a file into it.
async fn go_meanwhile(
    goes: Goes,
    prepare: impl AsyncFn(&Store, &WorkspaceId, &Things),
    bring: impl AsyncFn(&Store, &WorkspaceId, &Things) -> Result<FileId>,
) {
    Box::pin(go_and_look(goes, prepare, bring)).await;
}

async fn go_and_look(
    goes: Goes,
    prepare: impl AsyncFn(&Store, &WorkspaceId, &Things),
    bring: impl AsyncFn(&Store, &WorkspaceId, &Things) -> Result<FileId>,
) {
    let options = Options {
        works: false,
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let store = sheaf.store();
    let mut brought = Vec::new();
    for polls in 0.. {
        let workspace: WorkspaceId = format!("wait-{polls}").parse().unwrap();
        let things = things(store, &workspace).await;
        prepare(store, &workspace, &things).await;
        let counted = async || store.tally(&workspace, things.below).await.unwrap().files;
        let was_there = std::cell::Cell::new(false);
        let goes = async {
            // What was asked for before is answered by now: a wait ends with its answer.
            was_there.set(counted().await > 0);
            let gone = match goes {
                Goes::IntoTrash => {
                    store
                        .trash_folder(&workspace, things.above, |_| Ok(()))
                        .await
                }
                Goes::ForGood => {
                    store
                        .delete_folder(&workspace, things.above, |_| Ok(()))
                        .await
                }
            };
            gone.unwrap();
        };
        let (result, is_over) = interleave(bring(store, &workspace, &things), polls, goes).await;
        match result {
            Ok(file) => {
                let file = match store.file(&workspace, file).await {
                    Ok(file) => Some(file),
                    Err(Error::Gone { .. }) => None,
                    Err(error) => panic!("{error:?}"),
                };
                if let Some(file) = &file {
                    let place = store.place_of(&workspace, file.folder).await.unwrap();
                    let is_lost = place.state != FolderState::Active;
                    assert!(
                        !is_lost || was_there.get(),
                        "wait {polls}: it came into a folder that was gone"
                    );
                }
                brought.push((workspace, file.map(|file| file.id)));
            }
            Err(Error::Conflict { .. } | Error::NotFound { .. } | Error::Gone { .. }) => {
                assert!(!was_there.get(), "wait {polls}: it is there");
            }
            Err(error) => panic!("wait {polls}: {error:?}"),
        }
        if is_over {
            assert!(polls > 3, "nothing was ever in between");
            break;
        }
    }

    let sheaf = Box::pin(sheaf.restart_with(|options| options.works = true)).await;
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_hours(2));
    assert_eq!(sheaf.sweep().await.errors, 0);
    sheaf.rest().await;
    assert_whole(&sheaf).await;
    for (workspace, file) in brought {
        let client = sheaf.client(workspace.as_str(), Role::Viewer);
        let Some(file) = file else { continue };
        // There, in the trash, or deleted with the folder: never out of reach.
        let shown = client.get(&format!("/v1/files/{file}")).await;
        match goes {
            Goes::IntoTrash => assert_eq!(shown.status, 200, "{shown:?}"),
            Goes::ForGood => assert!(matches!(shown.status.as_u16(), 200 | 410), "{shown:?}"),
        }
        assert_eq!(shown.status == 200, is_listed(&client, file).await);
    }
}

/// Whether a file is in one of the lists.
async fn is_listed(client: &testkit::Client, file: FileId) -> bool {
    for list in ["/v1/files", "/v1/files?state=trashed"] {
        let listed = client.get(list).await.expect(200).json();
        let items = listed["items"].as_array().unwrap();
        if items.iter().any(|item| item["id"] == file.to_string()) {
            return true;
        }
    }
    false
}

async fn moved(store: &Store, workspace: &WorkspaceId, things: &Things) -> Result<FileId> {
    let change = FileChange {
        folder: Some(things.below),
        ..FileChange::default()
    };
    let moved = store.change_file(workspace, things.file, &change, |_| Ok(()));
    moved.await.map(|file| file.id)
}

async fn nothing_before(_: &Store, _: &WorkspaceId, _: &Things) {}

/// Puts the file into the trash from where it is to come back to.
async fn trashed_there(store: &Store, workspace: &WorkspaceId, things: &Things) {
    moved(store, workspace, things).await.unwrap();
    let trashed = store.trash_file(workspace, things.file, |_| Ok(())).await;
    trashed.unwrap();
}

async fn restored(store: &Store, workspace: &WorkspaceId, things: &Things) -> Result<FileId> {
    let restored = store.restore_file(workspace, things.file, OnTaken::Fail, |_| Ok(()));
    restored.await.map(|file| file.id)
}

async fn copied(store: &Store, workspace: &WorkspaceId, things: &Things) -> Result<FileId> {
    let copy = Copy {
        version: None,
        name: None,
        folder: Some(things.below),
        on_taken: OnTaken::Fail,
        expires_in: None,
        owner: "someone".to_owned(),
        repeatable: None,
    };
    let copied = store.copy_file(workspace, things.file, &copy, |_| Ok(()));
    copied.await.map(|file| file.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_moved_into_a_folder_whose_parent_goes_into_the_trash() {
    go_meanwhile(Goes::IntoTrash, nothing_before, moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_moved_into_a_folder_whose_parent_is_deleted() {
    go_meanwhile(Goes::ForGood, nothing_before, moved).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_restored_into_a_folder_whose_parent_goes_into_the_trash() {
    go_meanwhile(Goes::IntoTrash, trashed_there, restored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_restored_into_a_folder_whose_parent_is_deleted() {
    go_meanwhile(Goes::ForGood, trashed_there, restored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_made_in_a_folder_whose_parent_goes_into_the_trash() {
    go_meanwhile(Goes::IntoTrash, nothing_before, copied).await;
}
