//! Blobs that several versions share, under races and half-way stops: what is shared is there for as
//! long as anyone needs it, and nothing of it is left after that.

use std::collections::BTreeSet;

use bytes::Bytes;
use domain::file::Origin;
use domain::principal::Role;
use domain::receipt::Reason;
use domain::upload::OnConflict;
use domain::{Error, FileId, Sha256};
use e2e::id;
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::Store;
use store::blob::ObjectKey;
use store::copy::Copy;
use store::direct::Stored;
use store::organize::OnTaken;
use store::versions::Pruning;
use testkit::{Client, Options, Sheaf, beginning};

use crate::faults::cut;
use crate::invariants::{consistent, objects, rows, text};
use crate::{rounds, start, start_with, usage, workspace};

/// Ends all that stopped half-way: what is due is done, what belongs to nothing is removed.
async fn mend(sheaf: &Sheaf) {
    sheaf.advance(SignedDuration::from_hours(8 * 24));
    for _ in 0..3 {
        assert_eq!(sheaf.sweep().await.errors, 0);
    }
}

/// A runner whose queued work is not done.
async fn at_rest() -> Option<Sheaf> {
    let options = Options {
        works: false,
        ..Options::default()
    };
    start_with(options).await
}

async fn stored(store: &Store, name: &str, bytes: &Bytes) -> Result<FileId, Error> {
    let beginning = beginning(name, bytes);
    let stored = store
        .store_bytes(&workspace(), beginning, bytes.clone(), Origin::Uploaded)
        .await?;
    Ok(match stored {
        Stored::Now(file) => file.id,
        Stored::Before { file, .. } => file,
    })
}

async fn erased(store: &Store, file: FileId) {
    store
        .erase_file(&workspace(), file, Reason::Deleted, |_| Ok(()))
        .await
        .unwrap();
}

/// The bytes of a file, where its row says that they are.
async fn content(store: &Store, file: FileId) -> Bytes {
    let file = store.file(&workspace(), file).await.unwrap();
    let key = ObjectKey::Blob(workspace(), file.content.blob);
    store.blobs.read(&key).await.unwrap()
}

fn copy_of(name: &str) -> Copy {
    Copy {
        version: None,
        name: Some(name.parse().unwrap()),
        folder: None,
        on_taken: OnTaken::Fail,
        expires_in: None,
        owner: "someone".to_owned(),
        repeatable: None,
    }
}

/// Returns all files of a workspace.
async fn all_files(client: &Client) -> Vec<Value> {
    let list = "/v1/files?limit=100";
    let mut files = Vec::new();
    let mut path = list.to_owned();
    loop {
        let page = client.get(&path).await.expect(200).json();
        files.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{list}&cursor={cursor}"),
            None => return files,
        }
    }
}

fn permanently(file: &Value) -> String {
    format!("/v1/files/{}?permanent=true", id(file))
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_are_one_object_until_the_last_file_that_has_them_goes() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let first = client.put("name=a.txt", "the same bytes").await;
    let second = client.put("name=b.txt", "the same bytes").await;
    sheaf.rest().await;
    assert_eq!(consistent(&sheaf).await, 1);
    assert_eq!(usage(&client).await, (2, 28), "each counts for the quota");

    let receipt = client.delete(&permanently(&first)).await.expect(200).json();
    assert_eq!(receipt["versions"][0]["blob_removed"], false);
    let kept = client.content(&id(&second)).await.expect(200);
    assert_eq!(kept.body, "the same bytes");
    assert_eq!(consistent(&sheaf).await, 1);

    let receipt = client
        .delete(&permanently(&second))
        .await
        .expect(200)
        .json();
    assert_eq!(receipt["versions"][0]["blob_removed"], true);
    assert_eq!(consistent(&sheaf).await, 0);
    assert_eq!(usage(&client).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_bytes_of_two_workspaces_are_never_shared() {
    let Some(sheaf) = start().await else { return };
    let ours = sheaf.admin();
    let theirs = sheaf.client("other", Role::Editor);
    let first = ours.put("name=a.txt", "the same bytes").await;
    let second = theirs.put("name=a.txt", "the same bytes").await;
    sheaf.rest().await;
    assert_eq!(consistent(&sheaf).await, 2);

    ours.delete(&permanently(&first)).await.expect(200);

    assert_eq!(consistent(&sheaf).await, 1);
    theirs.content(&id(&second)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_the_same_bytes_at_once_end_in_one_blob() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    for round in 0..200 {
        let bytes = Bytes::from(format!("the bytes of round {round}"));
        let (a, b) = (format!("{round}-a.txt"), format!("{round}-b.txt"));
        let (first, second) = tokio::join!(stored(store, &a, &bytes), stored(store, &b, &bytes));
        for file in [first.unwrap(), second.unwrap()] {
            assert_eq!(content(store, file).await, bytes, "round {round}");
        }
    }
    assert_eq!(consistent(&sheaf).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_share_a_blob_and_go_at_once_take_it_with_them() {
    let Some(sheaf) = at_rest().await else { return };
    let client = sheaf.admin();
    for round in 0..20 {
        let bytes = format!("the bytes of round {round}");
        let mut files = Vec::new();
        for number in 0..4 {
            let name = format!("name={round}-{number}.txt");
            files.push(client.put(&name, bytes.clone()).await);
        }
        let deleting = files.iter().map(|file| {
            let route = permanently(file);
            let client = &client;
            async move { client.delete(&route).await.expect(200).json() }
        });
        let receipts = join_all(deleting).await;
        let last = receipts
            .iter()
            .filter(|receipt| receipt["versions"][0]["blob_removed"] == true);
        assert!(last.count() > 0, "{receipts:?}");
    }
    assert_eq!(consistent(&sheaf).await, 0);
    assert_eq!(usage(&client).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_come_while_the_last_file_that_has_them_goes_are_there() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    for round in 0..300 {
        let bytes = Bytes::from(format!("the bytes of round {round}"));
        let (old, new) = (format!("{round}-old.txt"), format!("{round}-new.txt"));
        let last = stored(store, &old, &bytes).await.unwrap();
        let (coming, ()) = tokio::join!(stored(store, &new, &bytes), erased(store, last));
        let came = coming.unwrap();
        assert_eq!(content(store, came).await, bytes, "round {round}");
    }
    assert_eq!(consistent(&sheaf).await, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_made_while_the_file_goes_is_whole_or_not_there() {
    let Some(sheaf) = at_rest().await else { return };
    let client = sheaf.admin();
    let mut copies = 0;
    for round in 0..40 {
        let bytes = format!("the bytes of round {round}");
        let file = client
            .put(&format!("name={round}.txt"), bytes.clone())
            .await;
        let copying = format!("/v1/files/{}/copy", id(&file));
        let body = json!({"name": format!("{round}-copy.txt")});
        let route = permanently(&file);
        let (copy, deleted) = tokio::join!(client.post(&copying, &body), client.delete(&route));
        deleted.expect(200);
        if copy.status == 201 {
            let content = client.content(&id(&copy.json())).await.expect(200);
            assert_eq!(content.body, bytes, "round {round}");
            copies += 1;
        } else {
            copy.expect(410);
        }
    }
    assert_eq!(consistent(&sheaf).await, copies);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_anywhere_leaves_all_or_nothing() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    let known = Bytes::from_static(b"bytes that are there");
    stored(store, "known.txt", &known).await.unwrap();
    for polls in 0.. {
        let new = Bytes::from(format!("bytes of {polls}"));
        let (a, b) = (format!("{polls}-a.txt"), format!("{polls}-b.txt"));
        let first = cut(Box::pin(stored(store, &a, &new)), polls).await;
        let second = cut(Box::pin(stored(store, &b, &known)), polls).await;
        if first.is_some() && second.is_some() {
            assert!(polls > 3, "nothing was ever cut");
            break;
        }
    }
    mend(&sheaf).await;

    let files = all_files(&sheaf.admin()).await;
    for file in &files {
        let content = sheaf.admin().content(&id(file)).await.expect(200);
        let sha256 = Sha256::of(&content.body).to_string();
        assert_eq!(file["sha256"], sha256);
    }
    let different: BTreeSet<&str> = files.iter().map(|file| text(file, "sha256")).collect();
    assert_eq!(consistent(&sheaf).await, different.len());
    assert_eq!(usage(&sheaf.admin()).await.0, files.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_stops_anywhere_is_finished_by_the_sweep() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    let shared = Bytes::from_static(b"bytes that stay");
    let stays = stored(store, "stays.txt", &shared).await.unwrap();
    for polls in 0.. {
        let own = Bytes::from(format!("bytes of {polls}"));
        let name = format!("{polls}.txt");
        let file = stored(store, &name, &own).await.unwrap();
        stored(store, &name, &shared).await.unwrap();
        stored(store, &name, &own).await.unwrap();
        if cut(Box::pin(erased(store, file)), polls).await.is_some() {
            assert!(polls > 3, "nothing was ever cut");
            break;
        }
    }
    let living = store.file(&workspace(), stays).await.unwrap();
    mend(&sheaf).await;
    for file in all_files(&sheaf.admin()).await {
        if id(&file) != living.id.to_string() {
            // One that was cut before it was marked.
            sheaf.admin().delete(&permanently(&file)).await.expect(200);
        }
    }

    assert_eq!(consistent(&sheaf).await, 1);
    let client = sheaf.admin();
    let content = client.content(&living.id.to_string()).await.expect(200);
    assert_eq!(content.body, shared);
    assert_eq!(usage(&client).await, (1, shared.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_restores_and_prunings_that_stop_anywhere_are_done_or_not() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    let pruning = Pruning {
        keep: 1,
        older_than: None,
    };
    let workspace = &workspace();
    for polls in 0.. {
        let name = format!("{polls}.txt");
        let (old, new) = (
            Bytes::from(format!("old bytes of {polls}")),
            Bytes::from(format!("new bytes of {polls}")),
        );
        let file = stored(store, &name, &old).await.unwrap();
        stored(store, &name, &new).await.unwrap();
        let copy = copy_of(&format!("{polls}-copy.txt"));
        let copying = store.copy_file(workspace, file, &copy, |_| Ok(()));
        let copied = cut(Box::pin(copying), polls).await;
        let restoring = store.restore_version(workspace, file, 1, "someone", None, |_| Ok(()));
        let restored = cut(Box::pin(restoring), polls).await;
        let going = store.prune_versions(workspace, file, pruning, |_| Ok(()));
        let pruned = cut(Box::pin(going), polls).await;
        if let (Some(copied), Some(restored), Some(pruned)) = (copied, restored, pruned) {
            assert!(polls > 3, "nothing was ever cut");
            assert_eq!(copied.unwrap().content.sha256, Some(Sha256::of(&new)));
            assert_eq!(restored.unwrap().version, 3);
            let receipt = pruned.unwrap().receipt.unwrap();
            assert!(receipt.is_intact());
            // The old bytes are those of the current version, the new ones those of the copy.
            let stay = receipt.versions.iter().map(|version| !version.blob_removed);
            assert_eq!(stay.collect::<Vec<_>>(), [true, true]);
            break;
        }
    }
    mend(&sheaf).await;

    consistent(&sheaf).await;
    let client = sheaf.admin();
    for file in all_files(&client).await {
        let content = client.content(&id(&file)).await.expect(200);
        assert_eq!(file["sha256"], Sha256::of(&content.body).to_string());
    }
    let versions: u64 = rows(&sheaf)
        .await
        .iter()
        .filter(|row| row["version_owner"].is_string())
        .map(|row| row["content"]["size_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(usage(&client).await.1, versions, "the quota leaks");
}

/// Uploads bytes through signed URLs, and returns the file.
async fn sent(client: &Client, name: &str, bytes: &[u8], promised: Option<Sha256>) -> Value {
    let mut body = json!({"name": name, "size_bytes": bytes.len()});
    if let Some(promised) = promised {
        body["sha256"] = promised.to_string().into();
    }
    let upload = client.post("/v1/uploads", &body).await.expect(201).json();
    let size = usize::try_from(upload["part_size_bytes"].as_u64().unwrap()).unwrap();
    let parts = upload["parts"].as_array().unwrap();
    for (part, bytes) in parts.iter().zip(bytes.chunks(size.max(1))) {
        client.put_signed(part, bytes.to_vec()).await.expect(200);
    }
    let complete = format!("/v1/uploads/{}/complete", text(&upload, "upload_id"));
    let completed = client.post(&complete, &json!({})).await;
    completed.expect(201).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_came_by_a_signed_url_end_in_the_blob_that_is_there() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    // Two parts, so that nobody knows the hash before they are read.
    let bytes: Vec<u8> = (0..17 * 1024 * 1024_u32)
        .map(|at| (at % 251) as u8)
        .collect();
    let first = sent(&client, "a.bin", &bytes, None).await;
    sheaf.rest().await;
    assert_eq!(consistent(&sheaf).await, 1);

    let second = sent(&client, "b.bin", &bytes, None).await;
    let path = format!("/v1/files/{}/content?expires_in_s=3600", id(&second));
    let signed_before = client.get(&path).await.expect(302);
    sheaf.rest().await;

    let (first, second) = (
        client.file(&id(&first)).await,
        client.file(&id(&second)).await,
    );
    assert_eq!(first["sha256"], second["sha256"]);
    // Whoever was just given a URL can still use it.
    let fetched = client.fetch(signed_before.header("location")).await;
    assert_eq!(fetched.expect(200).body, bytes);
    assert_eq!(client.content(&id(&second)).await.expect(200).body, bytes);
    sheaf.advance(SignedDuration::from_hours(2));
    let report = sheaf.sweep().await;
    assert_eq!((report.blobs_removed, report.errors), (1, 0));
    assert_eq!(report.orphans_removed, 0, "it is no finding");
    assert_eq!(consistent(&sheaf).await, 1);
    assert_eq!(client.content(&id(&second)).await.expect(200).body, bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_bytes_that_came_to_be_shared_goes_with_their_file() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let bytes = vec![7; 17 * 1024 * 1024];
    let first = sent(&client, "a.bin", &bytes, None).await;
    let second = sent(&client, "b.bin", &bytes, None).await;
    sheaf.rest().await;
    assert_eq!(objects(&sheaf).await.len(), 2, "one of them is going");

    client.delete(&permanently(&first)).await.expect(200);
    client.delete(&permanently(&second)).await.expect(200);

    assert_eq!(consistent(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promised_hash_that_s3_has_checked_is_enough_to_share_and_another_is_not() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    client.put("name=a.txt", "the same bytes").await;
    let right = Sha256::of(b"the same bytes");
    sent(&client, "b.txt", b"the same bytes", Some(right)).await;
    assert_eq!(objects(&sheaf).await.len(), 1, "shared at once");

    // In parts nobody checks it before the bytes are read.
    let bytes = vec![7; 17 * 1024 * 1024];
    let wrong = sent(&client, "c.bin", &bytes, Some(right)).await;
    sheaf.rest().await;

    let failed = client.file(&id(&wrong)).await;
    assert_eq!(failed["failure"]["code"], "checksum_mismatch");
    let content = format!("/v1/files/{}/content", id(&wrong));
    client.get(&content).await.expect(409);
    let copying = format!("/v1/files/{}/copy", id(&wrong));
    let copied = client.post(&copying, &json!({"name": "d.bin"})).await;
    assert_eq!(copied.expect(409).code(), "not_verified");
    assert_eq!(consistent(&sheaf).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_come_again_mend_what_was_lost_and_not_share_it() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let first = client.put("name=a.txt", "the same bytes").await;
    sheaf.rest().await;
    let lost = objects(&sheaf).await.pop_first().unwrap();
    let key = ObjectKey::parse(&lost).unwrap();
    sheaf.store().blobs.delete(&key).await.unwrap();

    let again = client.put("name=b.txt", "the same bytes").await;
    let third = client.put("name=c.txt", "the same bytes").await;
    sheaf.rest().await;

    for file in [again, third] {
        let content = client.content(&id(&file)).await.expect(200);
        assert_eq!(content.body, "the same bytes");
    }
    assert_eq!(objects(&sheaf).await.len(), 1);

    // The file that had lost them is mended by trying again.
    sheaf.advance(SignedDuration::from_hours(2));
    assert_eq!(sheaf.sweep().await.missing, 1);
    let retry = format!("/v1/files/{}/retry", id(&first));
    client.post(&retry, &json!({})).await.expect(202);
    sheaf.rest().await;
    assert_eq!(client.file(&id(&first)).await["status"], "completed");
    let content = client.content(&id(&first)).await.expect(200);
    assert_eq!(content.body, "the same bytes");
    sheaf.advance(SignedDuration::from_hours(2));
    assert_eq!(sheaf.sweep().await.errors, 0);
    assert_eq!(consistent(&sheaf).await, 1);
}

/// How many want one name at once.
const CREATORS: usize = 16;

/// How often they do.
const ROUNDS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_a_file_of_one_name_at_once_one_does() {
    let Some(sheaf) = at_rest().await else { return };
    let store = sheaf.store();
    let rounds = rounds(ROUNDS);
    for round in 0..rounds {
        let name = format!("{round}.txt");
        let creating = (0..CREATORS).map(|number| {
            // Half of them bring the same bytes.
            let bytes = Bytes::from(format!("{round} {}", number % 2 * number));
            let mut beginning = beginning(&name, &bytes);
            beginning.intent.on_conflict = OnConflict::Fail;
            async move {
                store
                    .store_bytes(&workspace(), beginning, bytes, Origin::Uploaded)
                    .await
            }
        });
        let results = join_all(creating).await;
        let made = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(made, 1, "round {round}: {results:?}");
        for error in results.into_iter().filter_map(Result::err) {
            assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
        }
    }
    assert_eq!(consistent(&sheaf).await, rounds);
    assert_eq!(usage(&sheaf.admin()).await.0, rounds as u64);
}
