//! Time runs out while something is under way: what was given is whole or broken off, what has expired
//! stays so, and nothing is left.

use bytes::Bytes;
use domain::file::Origin;
use domain::upload::{Plan, SESSION_LIFETIME, TusKind};
use domain::{Error, FileId, Result, WorkspaceId};
use e2e::id;
use e2e::tus::Upload;
use jiff::SignedDuration;
use store::Store;
use store::copy::Copy;
use store::direct::Stored;
use store::organize::OnTaken;
use store::tus::{Appended, TusBeginning, TusBegun};
use store::upload::Beginning;
use testkit::{Options, Sheaf, beginning};

use crate::faults::interleave;
use crate::invariants::{assert_whole, objects};
use crate::{start, start_with, usage, workspace};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_has_begun_is_whole_or_broken_off_and_another_is_not_begun() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    // Far more than lies in the buffers between.
    let bytes: Vec<u8> = (0..24 * 1024 * 1024_u32)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let upload = Upload::begin(
        &client,
        bytes.len(),
        &[("filename", "a.bin"), ("expires_in_s", "3600")],
    )
    .await;
    let sent = upload.send_all(&bytes, 8 * 1024 * 1024).await;
    let file = sent.header("sheaf-file-id").to_owned();
    sheaf.rest().await;
    let content = format!("/v1/files/{file}/content");
    let url = client.get(&content).await.expect(302);
    let url = url.header("location").to_owned();
    let mut download = reqwest::get(&url).await.unwrap();
    let mut got = download.chunk().await.unwrap().unwrap().to_vec();

    sheaf.advance(HOUR);
    client.get(&content).await.expect(410);
    let swept = sheaf.sweep().await;
    assert_eq!((swept.expired, swept.errors), (1, 0));

    while let Ok(Some(chunk)) = download.chunk().await {
        got.extend_from_slice(&chunk);
    }
    assert!(bytes.starts_with(&got), "other bytes");
    // Who goes on from there, or begins anew, gets nothing.
    let http = reqwest::Client::new();
    for range in ["bytes=0-", "bytes=1000-"] {
        let again = http.get(&url).header("range", range).send().await.unwrap();
        assert_eq!(again.status(), 404, "{range}");
    }
    client.get(&content).await.expect(410);
    assert!(objects(&sheaf).await.is_empty());
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_to_be_a_version_of_what_has_expired_is_a_file_of_its_own() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    for swept in [false, true] {
        let old = client.put("name=a.txt&expires_in_s=3600", "old").await;
        let pairs = [("filename", "a.txt"), ("on_conflict", "version")];
        let upload = Upload::begin(&client, 8, &pairs).await;
        upload.patch(0, b"half").await.expect(204);

        sheaf.rest().await;
        sheaf.advance(HOUR);
        if swept {
            assert_eq!(sheaf.sweep().await.errors, 0);
        }
        let sent = upload.patch(4, b"half").await.expect(204);

        let new = client.file(sent.header("sheaf-file-id")).await;
        assert_ne!(id(&new), id(&old));
        assert_eq!(
            (&new["version"], &new["expires_at"]),
            (&1.into(), &().into())
        );
        assert_eq!(client.content(&id(&new)).await.expect(200).body, "halfhalf");
        let gone = format!("/v1/files/{}", id(&old));
        client.get(&gone).await.expect(410);
        client
            .delete(&format!("/v1/files/{}?permanent=true", id(&new)))
            .await
            .expect(200);
    }
    sheaf.rest().await;
    assert_eq!(sheaf.sweep().await.errors, 0);
    assert_eq!(usage(&client).await, (0, 0));
    assert_whole(&sheaf).await;
}

async fn at_rest() -> Option<Sheaf> {
    let options = Options {
        works: false,
        ..Options::default()
    };
    start_with(options).await
}

/// Time runs out, and the sweep comes.
async fn run_out(sheaf: &Sheaf, by: SignedDuration) {
    sheaf.advance(by);
    assert_eq!(sheaf.sweep().await.errors, 0);
}

/// All that is left is whole, and the last sweep leaves nothing of it.
async fn ends_well(sheaf: Sheaf) {
    let sheaf = Box::pin(sheaf.restart_with(|options| options.works = true)).await;
    sheaf.rest().await;
    for _ in 0..2 {
        run_out(&sheaf, SESSION_LIFETIME + HOUR).await;
        sheaf.rest().await;
    }
    assert_eq!(usage(&sheaf.admin()).await, (0, 0));
    assert!(objects(&sheaf).await.is_empty());
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_runs_out_while_an_upload_is_resumed_leaves_a_file_or_nothing() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    let bytes = Bytes::from_static(b"first last");
    for polls in 0.. {
        let mut beginning = Beginning {
            plan: Plan::Tus(TusKind::Whole),
            ..beginning(&format!("/{polls}.txt"), &bytes)
        };
        beginning.intent.expires_in = Some(HOUR);
        let tus = TusBeginning {
            beginning,
            length_bytes: Some(bytes.len() as u64),
            metadata: None,
            is_held: true,
        };
        let TusBegun::New(mut appending) = store.begin_tus(&workspace(), tus).await.unwrap() else {
            panic!("it was never begun before");
        };
        let id = appending.upload().id;
        appending.push(bytes.slice(..5)).await.unwrap();
        appending.finish(media::accept).await.unwrap();

        let resuming = async {
            let tus = store.tus(&workspace(), id).await?;
            let mut appending = store.claim_tus(&workspace(), tus).await?;
            appending.push(bytes.slice(5..)).await?;
            appending.finish(media::accept).await
        };
        let running_out = run_out(&sheaf, SESSION_LIFETIME);
        let resuming = Box::pin(interleave(resuming, polls, running_out));
        let (resumed, is_over) = resuming.await;

        match resumed {
            Ok(Appended::Finished(file)) => {
                let found = store.file(&workspace(), file.id).await;
                assert!(
                    matches!(found, Ok(_) | Err(Error::Gone { .. })),
                    "{polls}: {found:?}"
                );
            }
            Err(Error::Gone { .. } | Error::Busy { .. }) => {}
            other => panic!("{polls}: {other:?}"),
        }
        if is_over {
            break;
        }
    }
    Box::pin(ends_well(sheaf)).await;
}

/// Has a file's time run out at each wait of something that is done to it.
async fn run_out_meanwhile(
    prepare: impl AsyncFn(&Store, &WorkspaceId, FileId),
    act: impl AsyncFn(&Store, &WorkspaceId, FileId) -> Result<FileId>,
) {
    Box::pin(run_out_and_look(prepare, act)).await;
}

async fn run_out_and_look(
    prepare: impl AsyncFn(&Store, &WorkspaceId, FileId),
    act: impl AsyncFn(&Store, &WorkspaceId, FileId) -> Result<FileId>,
) {
    let Some(sheaf) = at_rest().await else { return };
    let (store, workspace) = (sheaf.store(), &workspace());
    for polls in 0.. {
        let mut file = None;
        for text in ["old bytes", "new bytes"] {
            let bytes = Bytes::from(format!("{text} of {polls}"));
            let mut beginning = beginning(&format!("/f/{polls}.txt"), &bytes);
            beginning.intent.expires_in = Some(HOUR);
            let stored = store.store_bytes(workspace, beginning, bytes, Origin::Uploaded);
            let Stored::Now(stored) = stored.await.unwrap() else {
                panic!("it was never asked for before");
            };
            file = Some(stored.id);
        }
        let file = file.unwrap();
        prepare(store, workspace, file).await;

        let running_out = run_out(&sheaf, HOUR);
        let (acted, is_over) = interleave(act(store, workspace, file), polls, running_out).await;

        match acted {
            Ok(other) => {
                let found = store.file(workspace, other).await;
                assert!(
                    matches!(found, Err(Error::Gone { .. })),
                    "{polls}: {found:?}"
                );
            }
            Err(Error::Gone { .. } | Error::NotFound { .. } | Error::Busy { .. }) => {}
            Err(error) => panic!("{polls}: {error:?}"),
        }
        let found = store.file(workspace, file).await;
        assert!(
            matches!(found, Err(Error::Gone { .. })),
            "{polls}: {found:?}"
        );
        if is_over {
            assert!(polls > 3, "nothing was ever in between");
            break;
        }
    }
    Box::pin(ends_well(sheaf)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_expires_while_it_is_restored_is_gone() {
    run_out_meanwhile(
        async |store, workspace, file| {
            let trashed = store.trash_file(workspace, file, |_| Ok(())).await;
            trashed.unwrap();
        },
        async |store, workspace, file| {
            let restored = store.restore_file(workspace, file, OnTaken::Fail, |_| Ok(()));
            restored.await.map(|file| file.id)
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_expires_while_a_version_is_restored_is_gone() {
    run_out_meanwhile(
        async |_, _, _| {},
        async |store, workspace, file| {
            let restored = store.restore_version(workspace, file, 1, "someone", None, |_| Ok(()));
            restored.await.map(|file| file.id)
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_expires_while_it_is_copied_is_gone_and_its_copy_with_it() {
    run_out_meanwhile(
        async |_, _, _| {},
        async |store, workspace, file| {
            let copy = Copy {
                version: None,
                name: Some(format!("copy of {file}").parse()?),
                folder: None,
                on_taken: OnTaken::Fail,
                expires_in: None,
                owner: "someone".to_owned(),
                repeatable: None,
            };
            let copied = store.copy_file(workspace, file, &copy, |_| Ok(()));
            copied.await.map(|file| file.id)
        },
    )
    .await;
}
