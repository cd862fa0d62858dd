//! Folders that are moved across each other, and jobs that are cut off.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;

use aws_sdk_s3::config::interceptors::BeforeSerializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept};
use aws_sdk_s3::error::BoxError;
use domain::folder::{FolderState, Tally};
use domain::message::{Task, Work};
use domain::{FolderId, JobId};
use futures::future::join_all;
use rand::Rng as _;
use serde_json::{Value, json};
use store::Store;
use store::blob::Blobs;
use store::tree::FolderChange;
use store::work::work_of;
use testkit::{Client, Options};

use crate::{rounds, start, start_with, usage, workspace};

/// Rounds of moves that cross each other.
const ROUNDS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn crossing_moves_make_no_cycle_and_lose_no_folder() {
    let Some(sheaf) = start_with(without_work()).await else {
        return;
    };
    let (store, workspace) = (sheaf.store(), workspace());
    let names = ["a", "b", "c", "d", "e"];
    let folders = join_all(names.map(|name| async {
        let name = name.parse().unwrap();
        store
            .make_folder(&workspace, FolderId::ROOT, &name)
            .await
            .unwrap()
    }))
    .await;
    let mut done = 0;
    let rounds = rounds(ROUNDS);
    for _ in 0..rounds {
        let (first, second) = two_of(&folders);
        let (one, other) = tokio::join!(
            put_into(store, first, second),
            put_into(store, second, first)
        );
        assert!(!(one && other), "both moves were done");
        done += usize::from(one) + usize::from(other);
        // A way up that does not end is an error.
        for folder in [first, second] {
            store.upwards(&workspace, folder).await.unwrap();
        }
    }
    assert!(done > rounds / 10, "{done} moves were done");
    // Each is where it says, and counted there.
    let mut expected: HashMap<FolderId, i64> = HashMap::new();
    for folder in &folders {
        let upwards = store.upwards(&workspace, *folder).await.unwrap();
        assert!(
            upwards
                .iter()
                .all(|folder| folder.state == FolderState::Active)
        );
        *expected.entry(upwards[0].parent).or_default() += 1;
        for (above, folder) in upwards.iter().enumerate() {
            assert!(folder.height >= above, "{folder:?}");
        }
    }
    for folder in folders.iter().chain([&FolderId::ROOT]) {
        let listed = store
            .folders_in(&workspace, *folder, None, 100)
            .await
            .unwrap();
        let tally = store.tally(&workspace, *folder).await.unwrap();
        let expected = expected.get(folder).copied().unwrap_or_default();
        assert_eq!(i64::try_from(listed.rows.len()).unwrap(), expected);
        assert_eq!(tally.folders, expected);
    }
}

fn two_of(folders: &[FolderId]) -> (FolderId, FolderId) {
    let first = rand::rng().random_range(0..folders.len());
    let step = rand::rng().random_range(1..folders.len());
    (folders[first], folders[(first + step) % folders.len()])
}

/// Puts a folder into another one, or, one time in four, into the root. Says whether it was moved.
async fn put_into(store: &Store, folder: FolderId, target: FolderId) -> bool {
    let workspace = workspace();
    let up = rand::rng().random_range(0..4) == 0;
    let target = if up { FolderId::ROOT } else { target };
    let change = FolderChange {
        name: None,
        parent: Some(target),
    };
    let before = store.folder(&workspace, folder).await.unwrap().parent;
    let moved = store
        .change_folder(&workspace, folder, &change, |_| Ok(()))
        .await;
    match moved {
        Ok(folder) => target != FolderId::ROOT && folder.parent != before,
        Err(domain::Error::Conflict { code, .. }) => {
            assert_eq!(code, "below_itself");
            false
        }
        Err(domain::Error::Busy { .. }) => false,
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_is_cut_off_between_steps_goes_on() {
    let Some(sheaf) = start_with(without_work()).await else {
        return;
    };
    let client = sheaf.admin();
    join_all((0..60).map(|number| {
        let client = client.clone();
        async move {
            let folder = ["/f", "/f/g"][number % 2];
            client
                .put(&format!("name={number}&folder={folder}"), "12345")
                .await
        }
    }))
    .await;
    let (route, deleted, id, work) = deleted_folder(&client).await;
    let store = sheaf.store();

    // A step, then two workers at the next one at once, and then the process ends.
    for workers in [1, 2] {
        let item = store.work(&workspace(), work.id).await.unwrap().unwrap();
        let runs = (0..workers).map(|_| store.run_job(&item, id, 1, media::accept));
        for run in join_all(runs).await {
            assert!(
                matches!(run, Ok(()) | Err(domain::Error::Busy { .. })),
                "{run:?}"
            );
        }
    }
    let job = job_of(&client, &deleted).await;
    let done = job["progress"]["done"].as_u64().unwrap();
    assert!((1..60).contains(&done), "{job}");
    let restarted = sheaf.restart_with(|options| options.works = true);
    let sheaf = Box::pin(restarted).await;
    sheaf.rest().await;

    let client = sheaf.admin();
    assert_eq!(job_of(&client, &deleted).await["state"], "done");
    assert_eq!(usage(&client).await, (0, 0));
    assert!(
        sheaf
            .store()
            .work(&workspace(), work.id)
            .await
            .unwrap()
            .is_none()
    );
    client.get(&route).await.expect(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn job_whose_later_step_fails_begins_that_one_with_all_its_tries() {
    let Some(sheaf) = start_with(without_work()).await else {
        return;
    };
    let client = sheaf.admin();
    join_all((0..60).map(|number| {
        let client = client.clone();
        async move {
            let bytes = number.to_string();
            client.put(&format!("name={number}&folder=/f"), bytes).await
        }
    }))
    .await;
    let (_, deleted, id, work) = deleted_folder(&client).await;
    let store = sheaf.store();

    // Each time S3 fails in the second step, and in the first when it fails at once.
    let mut before = 0;
    for (calls, comes_further) in [(0, false), (75, true), (0, false)] {
        let item = store.work(&workspace(), work.id).await.unwrap().unwrap();
        let ran = failing_after(store, calls)
            .run_job(&item, id, 9, media::accept)
            .await;
        let again = store.work(&workspace(), work.id).await.unwrap().unwrap();
        let done = job_of(&client, &deleted).await["progress"]["done"].as_u64();
        let done = done.unwrap();
        assert_eq!(ran.is_ok(), comes_further, "{ran:?}");
        assert_eq!(again.asked != item.asked, comes_further);
        assert_eq!(done > before, comes_further, "{done} after {before}");
        before = done;
    }
    let item = store.work(&workspace(), work.id).await.unwrap().unwrap();
    store.run_job(&item, id, 9, media::accept).await.unwrap();
    assert_eq!(job_of(&client, &deleted).await["state"], "done");
    // The files that were being removed when S3 failed are finished by the sweep.
    sheaf.sweep().await;
    assert_eq!(usage(&client).await, (0, 0));
}

/// Deletes the folder `/f` for good: its route, the answer, and the job and its work.
async fn deleted_folder(client: &Client) -> (String, Value, JobId, Work) {
    let folder = client.post("/v1/folders", &json!({"path": "/f"})).await;
    let route = format!("/v1/folders/{}", e2e::id(&folder.json()));
    let deleted = client.delete(&format!("{route}?permanent=true")).await;
    let deleted = deleted.expect(202).json();
    let id: JobId = e2e::id(&deleted["job"]).parse().unwrap();
    let work = work_of(&workspace(), Task::RunJob { job: id });
    (route, deleted, id, work)
}

/// The same store, but for S3, which does nothing more after so many calls.
fn failing_after(store: &Store, calls: usize) -> Store {
    let client = store.blobs.client();
    let config = client.config().to_builder().interceptor(FailsAfter {
        calls: AtomicUsize::new(calls),
    });
    let blobs = Blobs::new(
        aws_sdk_s3::Client::from_conf(config.build()),
        store.blobs.bucket().to_owned(),
    );
    Store {
        blobs,
        ..store.clone()
    }
}

/// Lets so many calls of S3 pass, and fails all others before they are sent.
#[derive(Debug)]
struct FailsAfter {
    calls: AtomicUsize,
}

impl Intercept for FailsAfter {
    fn name(&self) -> &'static str {
        "FailsAfter"
    }

    fn read_before_execution(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let left = self
            .calls
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| "S3 is away".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_of_folders_are_right_after_whatever_was_done() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    for _ in 0..25 {
        join_all((0..6).map(|_| act(&client))).await;
    }
    sheaf.rest().await;

    let (store, workspace) = (sheaf.store(), workspace());
    let mut open = vec![FolderId::ROOT];
    let trashed = store
        .trashed_folders(&workspace, None, 1_000)
        .await
        .unwrap();
    open.extend(trashed.rows.into_iter().map(|row| row.trashed));
    let mut seen = 0;
    while let Some(folder) = open.pop() {
        seen += 1;
        let mut counted = Tally::default();
        let names = store
            .names_in(&workspace, folder, None, 1_000)
            .await
            .unwrap();
        for name in names.rows {
            if let Some(file) = name.file {
                let file = store.file(&workspace, file).await.unwrap();
                assert_eq!(file.folder, folder);
                counted = counted.and(Tally::file(file.content.size_bytes));
            }
            if let Some(below) = name.folder {
                assert_eq!(
                    store.folder(&workspace, below).await.unwrap().parent,
                    folder
                );
                counted = counted.and(Tally::folder());
                open.push(below);
            }
        }
        let children = store
            .folders_in(&workspace, folder, None, 1_000)
            .await
            .unwrap();
        assert_eq!(i64::try_from(children.rows.len()).unwrap(), counted.folders);
        assert_eq!(store.tally(&workspace, folder).await.unwrap(), counted);
    }
    assert!(seen > 1);
}

/// Does something at random; that it is refused is part of it.
async fn act(client: &Client) {
    let (what, bytes) = {
        let mut random = rand::rng();
        (random.random_range(0..12), random.random_range(0..50))
    };
    let path = || {
        let mut random = rand::rng();
        let depth = random.random_range(1..4);
        (0..depth)
            .map(|_| ["/a", "/b"][random.random_range(0..2)])
            .collect::<String>()
    };
    let answer = match what {
        0..4 => {
            let conflict = ["version", "rename"][what % 2];
            let query = format!("name=f&folder={}&on_conflict={conflict}", path());
            client.upload(&query, "x".repeat(bytes)).await
        }
        4 | 5 => {
            let Some(folder) = any(client, "/v1/folders").await else {
                return;
            };
            let name = ["a", "b"][what % 2];
            let change = json!({"name": name, "folder": path()});
            client
                .patch(&format!("/v1/folders/{folder}"), &change)
                .await
        }
        6 | 7 => {
            let list = ["/v1/folders", "/v1/folders?state=trashed"][what % 2];
            let Some(folder) = any(client, list).await else {
                return;
            };
            let permanent = bytes % 2 == 0;
            let route = format!("/v1/folders/{folder}?permanent={permanent}");
            client.delete(&route).await
        }
        8 => {
            let Some(folder) = any(client, "/v1/folders?state=trashed").await else {
                return;
            };
            let route = format!("/v1/folders/{folder}/restore?on_conflict=rename");
            client.post(&route, &Value::Null).await
        }
        9 => {
            let Some(file) = any(client, "/v1/files").await else {
                return;
            };
            let permanent = bytes % 2 == 0;
            client
                .delete(&format!("/v1/files/{file}?permanent={permanent}"))
                .await
        }
        10 => {
            let Some(file) = any(client, "/v1/files?state=trashed").await else {
                return;
            };
            let route = format!("/v1/files/{file}/restore?on_conflict=rename");
            client.post(&route, &Value::Null).await
        }
        _ => {
            let Some(file) = any(client, "/v1/files").await else {
                return;
            };
            let change = json!({"folder": path()});
            client.patch(&format!("/v1/files/{file}"), &change).await
        }
    };
    assert!(answer.status.as_u16() < 500, "{what}: {answer:?}");
}

/// One of the things of a list, at random.
async fn any(client: &Client, list: &str) -> Option<String> {
    let list = client.get(list).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    let chosen = rand::rng().random_range(0..items.len().max(1));
    Some(items.get(chosen)?["id"].as_str()?.to_owned())
}

async fn job_of(client: &Client, answer: &Value) -> Value {
    let id = answer["job"]["id"].as_str().unwrap();
    client
        .get(&format!("/v1/jobs/{id}"))
        .await
        .expect(200)
        .json()
}

fn without_work() -> Options {
    Options {
        works: false,
        ..Options::default()
    }
}
