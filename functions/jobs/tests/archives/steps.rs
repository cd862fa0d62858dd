//! Jobs that are cut off anywhere, and that two workers are at.

use std::collections::BTreeMap;

use bytes::Bytes;
use domain::message::Task;
use domain::receipt::Reason;
use domain::{Error, FileId, JobId};
use serde_json::{Value, json};
use store::work::work_of;
use testkit::{Options, Sheaf};

use crate::{
    LARGE, archive, codes, entry, files, job, manifest, multiparts, noise, objects, options, paths,
    shown, usage, workspace,
};

async fn start_without_work() -> Sheaf {
    let without = Options {
        works: false,
        ..options()
    };
    Sheaf::start_with(without).await
}

/// Fills a workspace with small files, large ones and folders.
async fn fill(sheaf: &Sheaf) {
    let client = sheaf.admin();
    for number in 0..30 {
        let query = format!("name={number}.bin&folder=/f/{}", number % 3);
        client.put(&query, noise(number, 300_000)).await;
    }
    for number in 0..2_u64 {
        let query = format!("name=large.bin&folder=/f/{number}");
        client.put(&query, noise(100 + number, LARGE)).await;
    }
    client
        .put("name=8m.bin&folder=/f", noise(7, 8 * 1024 * 1024))
        .await;
}

/// Makes a step of a job. False when there is nothing more to do.
async fn step(sheaf: &Sheaf, id: JobId) -> bool {
    let store = sheaf.store();
    let work = work_of(&workspace(), Task::RunJob { job: id });
    let Some(item) = store.work(&workspace(), work.id).await.unwrap() else {
        return false;
    };
    match store.run_job(&item, id, 1, media::accept).await {
        Ok(()) | Err(Error::Busy { .. }) => true,
        Err(error) => panic!("{error:?}"),
    }
}

/// Makes a step of a job, and drops it after it was at so many turns.
async fn cut(sheaf: &Sheaf, id: JobId, turns: usize) {
    let cut = async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = step(sheaf, id) => {}
        () = cut => {}
    }
}

async fn begin_export(sheaf: &Sheaf, body: &Value) -> Value {
    let client = sheaf.admin();
    client.post("/v1/exports", body).await.expect(202).json()
}

fn id_of(begun: &Value) -> JobId {
    begun["id"].as_str().unwrap().parse().unwrap()
}

/// Checks that two archives are the same but for when they were asked for.
fn assert_same(one: &Bytes, other: &Bytes) {
    let paths = paths(one);
    assert_eq!(paths, self::paths(other));
    let (last, files) = paths.split_last().unwrap();
    // The manifest says when, to as many digits as that has.
    let rest = |archive| Bytes::len(archive) - entry(archive, last).len();
    assert_eq!(rest(one), rest(other));
    for path in files {
        assert!(entry(one, path) == entry(other, path), "{path}");
    }
    assert_eq!(manifest(one)[1..], manifest(other)[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn export_that_is_cut_off_anywhere_or_made_twice_is_the_same_archive() {
    let sheaf = start_without_work().await;
    let client = sheaf.admin();
    fill(&sheaf).await;
    let straight = begin_export(&sheaf, &json!({"folder": "/f"})).await;
    while step(&sheaf, id_of(&straight)).await {}
    let straight = archive(&client, &straight).await;
    assert!(entry(&straight, "1/large.bin") == noise(101, LARGE));

    let twice = begin_export(&sheaf, &json!({"folder": "/f"})).await;
    loop {
        let id = id_of(&twice);
        let (one, two) = tokio::join!(step(&sheaf, id), step(&sheaf, id));
        if !one && !two {
            break;
        }
    }
    assert_same(&archive(&client, &twice).await, &straight);

    let broken = begin_export(&sheaf, &json!({"folder": "/f"})).await;
    for turns in [1, 3, 10, 30, 100, 300, 1_000, 3_000] {
        cut(&sheaf, id_of(&broken), turns).await;
        cut(&sheaf, id_of(&broken), turns * 2).await;
    }
    while step(&sheaf, id_of(&broken)).await {}
    assert_same(&archive(&client, &broken).await, &straight);
    // Of what was cut off, the reconciler finds what was left over.
    sheaf.advance(jiff::SignedDuration::from_hours(26));
    sheaf.sweep().await;
    assert_eq!(objects(&sheaf).await, 0);
    sheaf.advance(jiff::SignedDuration::from_hours(9 * 24));
    sheaf.sweep().await;
    assert_eq!(multiparts(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_deleted_while_it_is_exported_is_whole_or_told() {
    let sheaf = start_without_work().await;
    let client = sheaf.admin();
    fill(&sheaf).await;
    let named: Value = client
        .put("name=large.bin&folder=/g", noise(55, LARGE))
        .await;
    client.put("name=z.bin&folder=/g", noise(56, 1000)).await;
    let begun = begin_export(&sheaf, &json!({"folder": "/g"})).await;
    // The large one is begun, and its first bytes are in parts by the second step.
    assert!(step(&sheaf, id_of(&begun)).await);
    let file: FileId = named["id"].as_str().unwrap().parse().unwrap();
    let store = sheaf.store();
    store
        .erase_file(&workspace(), file, Reason::Deleted, |_| Ok(()))
        .await
        .unwrap();
    while step(&sheaf, id_of(&begun)).await {}

    let made = shown(&client, &begun).await;
    assert_eq!(made["state"], "ready");
    assert_eq!(codes(&made["job"]), ["bytes_missing"]);
    let archive = archive(&client, &made).await;
    assert_eq!(paths(&archive), ["z.bin", ".sheaf/manifest.jsonl"]);
    assert!(entry(&archive, "z.bin") == noise(56, 1000));
    assert_eq!(manifest(&archive)[1]["kind"], "left_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn export_that_is_ended_while_it_is_made_leaves_nothing() {
    let sheaf = start_without_work().await;
    let client = sheaf.admin();
    fill(&sheaf).await;
    let begun = begin_export(&sheaf, &json!({})).await;
    assert!(step(&sheaf, id_of(&begun)).await);
    assert_eq!(multiparts(&sheaf).await, 1);
    let route = format!("/v1/exports/{}", begun["id"].as_str().unwrap());
    client.get(&format!("{route}/content")).await.expect(409);
    client.delete(&route).await.expect(204);
    while step(&sheaf, id_of(&begun)).await {}

    let made = shown(&client, &begun).await;
    assert_eq!(
        (&made["state"], &made["job"]["state"]),
        (&json!("gone"), &json!("cancelled"))
    );
    assert_eq!((objects(&sheaf).await, multiparts(&sheaf).await), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn folder_that_goes_into_the_trash_while_it_is_exported_is_told() {
    let sheaf = start_without_work().await;
    let client = sheaf.admin();
    fill(&sheaf).await;
    let begun = begin_export(&sheaf, &json!({"folder": "/f"})).await;
    assert!(step(&sheaf, id_of(&begun)).await);
    let folder = client
        .post("/v1/folders", &json!({"path": "/f"}))
        .await
        .json();
    let route = format!("/v1/folders/{}", folder["id"].as_str().unwrap());
    client.delete(&route).await.expect(202);
    while step(&sheaf, id_of(&begun)).await {}
    let made = shown(&client, &begun).await;
    assert_eq!(made["state"], "ready");
    assert!(!codes(&made["job"]).is_empty());
    // What is in it is whole all the same.
    let archive = archive(&client, &made).await;
    for path in paths(&archive) {
        entry(&archive, &path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn import_that_is_cut_off_anywhere_or_made_twice_makes_each_file_once() {
    let sheaf = start_without_work().await;
    let client = sheaf.admin();
    fill(&sheaf).await;
    let begun = begin_export(&sheaf, &json!({"folder": "/f"})).await;
    while step(&sheaf, id_of(&begun)).await {}
    let exported = archive(&client, &begun).await;
    let file = client.put("name=in.zip", exported).await;
    let hashes = |files: Vec<Value>, root: &str| -> BTreeMap<String, String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let below = |file: &Value| text(&file["path"]).split_off(root.len());
        files
            .iter()
            .map(|file| (below(file), text(&file["sha256"])))
            .collect()
    };
    let expected = hashes(files(&client, "/f").await, "/f");
    let before = usage(&client).await;
    for (target, cuts) in [("/twice", false), ("/cut", true)] {
        let body = json!({"file_id": file["id"], "folder": target, "on_conflict": "rename"});
        let begun = client.post("/v1/imports", &body).await.expect(202).json();
        let id: JobId = begun["job"]["id"].as_str().unwrap().parse().unwrap();
        if cuts {
            for turns in [1, 3, 10, 30, 100, 300, 1_000, 3_000] {
                cut(&sheaf, id, turns).await;
                cut(&sheaf, id, turns * 2).await;
            }
            while step(&sheaf, id).await {}
        } else {
            loop {
                let (one, two) = tokio::join!(step(&sheaf, id), step(&sheaf, id));
                if !one && !two {
                    break;
                }
            }
        }
        let done = job(&client, &id.to_string()).await;
        assert_eq!(done["state"], "done", "{done}");
        assert_eq!(hashes(files(&client, target).await, target), expected);
    }
    // Twice as many files more as were exported, and nothing that is reserved still.
    let (bytes, count) = usage(&client).await;
    let exported_bytes: u64 = files(&client, "/f")
        .await
        .iter()
        .map(|file| file["size_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(bytes - before.0, 2 * exported_bytes);
    assert_eq!(count - before.1, 2 * 33);
}
