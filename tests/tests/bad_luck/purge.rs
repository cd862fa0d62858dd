//! What was in the trash for long enough is deleted, and nothing else: not what was taken out in time,
//! not what came there later, whoever is faster.

use domain::principal::Role;
use domain::{Error, FileId, FolderId};
use e2e::id;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::keys::Key;
use store::organize::OnTaken;
use store::table::Expression;
use store::trash::TrashTime;
use testkit::{Client, Options, Sheaf};

use crate::doctor::change;
use crate::faults::interleave;
use crate::invariants::assert_whole;
use crate::{start, start_with, usage, workspace};

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// As long as things stay in the trash where nothing else is set.
const TRASH_TIME: SignedDuration = SignedDuration::from_hours(30 * 24);

async fn trash(client: &Client, file: &str) -> Value {
    let trashed = client.delete(&format!("/v1/files/{file}")).await;
    trashed.expect(200).json()
}

async fn trash_folder(sheaf: &Sheaf, folder: &str) {
    let client = sheaf.admin();
    let path = format!("/v1/folders/{folder}");
    client.delete(&path).await.expect(202);
    sheaf.rest().await;
}

async fn folder_at(client: &Client, path: &str) -> String {
    let found = client.get(&format!("/v1/folders?path={path}")).await;
    id(&found.expect(200).json()["items"][0])
}

/// Time passes, and a sweep comes. Returns how many files and folders it found to be removed.
async fn pass(sheaf: &Sheaf, time: SignedDuration) -> (u64, u64) {
    sheaf.advance(time);
    let report = sheaf.sweep().await;
    assert_eq!(report.errors, 0);
    sheaf.rest().await;
    (report.expired, report.folders_purged)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_deleted_with_a_receipt_when_its_time_in_the_trash_is_up() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let file = id(&client.put("name=a.txt", "bytes").await);
    let other = id(&client.put("name=b.txt", "other bytes").await);
    sheaf.rest().await;
    let clock = &sheaf.store().clock;
    let before = clock.now();
    let trashed = trash(&client, &file).await;
    let kept_until: jiff::Timestamp = trashed["purge_at"].as_str().unwrap().parse().unwrap();
    assert!(before + TRASH_TIME <= kept_until && kept_until <= clock.now() + TRASH_TIME);
    // A second request does not begin it anew.
    sheaf.advance(DAY);
    assert_eq!(trash(&client, &file).await["purge_at"], trashed["purge_at"]);

    assert_eq!(pass(&sheaf, DAY * 28).await, (0, 0));
    let restorable = client.get(&format!("/v1/files/{file}")).await.expect(200);
    assert_eq!(restorable.json()["state"], "trashed");
    assert_eq!(pass(&sheaf, DAY).await, (1, 0));

    let gone = client.get(&format!("/v1/files/{file}")).await.expect(410);
    assert!(gone.json()["detail"].as_str().unwrap().contains("trash"));
    let receipts = client.get("/v1/receipts").await.expect(200).json();
    let receipt = &receipts["items"][0];
    assert_eq!(receipt["file_id"], json!(file));
    assert_eq!(receipt["reason"], "purged");
    let path = format!("/v1/receipts/{}/verify", id(receipt));
    let verified = client.post(&path, &json!({})).await.expect(200).json();
    assert_eq!(verified["verified"], true, "{verified}");
    let stays = client.get(&format!("/v1/files/{other}")).await.expect(200);
    assert_eq!(stays.json()["purge_at"], Value::Null);
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_deleted_with_all_it_holds_and_not_with_what_left_it_before() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let inside = id(&client.put("name=in.txt&folder=/f/deep", "inside").await);
    let earlier = id(&client.put("name=earlier.txt&folder=/f", "earlier").await);
    let rescued = id(&client.put("name=rescued.txt&folder=/f", "rescued").await);
    sheaf.rest().await;
    let folder = folder_at(&client, "/f").await;
    trash_folder(&sheaf, &folder).await;
    sheaf.advance(DAY);
    let path = format!("/v1/files/{rescued}/restore");
    client.post(&path, &json!({})).await.expect(200);
    let shown = client.get(&format!("/v1/files/{inside}")).await.expect(200);
    let of_folder = client.get(&format!("/v1/folders/{folder}")).await;
    // What is in the trash with its folder is kept as long as that.
    assert!(shown.json()["purge_at"].is_string());
    assert_eq!(
        shown.json()["purge_at"],
        of_folder.expect(200).json()["purge_at"]
    );

    assert_eq!(pass(&sheaf, DAY * 28).await, (0, 0));
    // It leaves the folder for a trash of its own, in which it has just come.
    let path = format!("/v1/files/{earlier}/restore");
    client.post(&path, &json!({})).await.expect(200);
    trash(&client, &earlier).await;
    assert_eq!(pass(&sheaf, DAY).await, (0, 1));

    client
        .get(&format!("/v1/folders/{folder}"))
        .await
        .expect(410);
    client.get(&format!("/v1/files/{inside}")).await.expect(410);
    let stays = client
        .get(&format!("/v1/files/{rescued}"))
        .await
        .expect(200);
    assert_eq!(stays.json()["state"], "active");
    let stays = client
        .get(&format!("/v1/files/{earlier}"))
        .await
        .expect(200);
    assert_eq!(stays.json()["state"], "trashed");
    let receipts = client.get("/v1/receipts").await.expect(200).json();
    assert_eq!(receipts["items"][0]["file_id"], json!(inside));
    assert_eq!(receipts["items"][0]["reason"], "purged");
    // Nothing is left to do: the next sweep comes to the same.
    assert_eq!(pass(&sheaf, DAY).await, (0, 0));
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_out_of_the_trash_in_time_stays_and_what_expires_before_goes_as_that() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let back = id(&client.put("name=back.txt&folder=/back", "back").await);
    let short = id(&client
        .put("name=short.txt&expires_in_s=3600", "short")
        .await);
    sheaf.rest().await;
    let folder = folder_at(&client, "/back").await;
    trash_folder(&sheaf, &folder).await;
    trash(&client, &short).await;

    assert_eq!(pass(&sheaf, DAY).await, (1, 0));
    let receipts = client.get("/v1/receipts").await.expect(200).json();
    assert_eq!(receipts["items"][0]["reason"], "expired");
    let path = format!("/v1/folders/{folder}/restore");
    client.post(&path, &json!({})).await.expect(202);
    sheaf.rest().await;
    assert_eq!(pass(&sheaf, TRASH_TIME).await, (0, 0));
    let stays = client.get(&format!("/v1/files/{back}")).await.expect(200);
    assert_eq!(stays.json()["purge_at"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trash_that_keeps_for_ever_lets_go_of_nothing() {
    let options = Options {
        trash_time: TrashTime::Forever,
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let client = sheaf.admin();
    let file = id(&client.put("name=a.txt", "bytes").await);
    let inside = id(&client.put("name=in.txt&folder=/f", "inside").await);
    assert_eq!(trash(&client, &file).await["purge_at"], Value::Null);
    let folder = folder_at(&client, "/f").await;
    trash_folder(&sheaf, &folder).await;

    assert_eq!(pass(&sheaf, DAY * 3650).await, (0, 0));
    for file in [file, inside] {
        client.get(&format!("/v1/files/{file}")).await.expect(200);
    }
}

/// Restores something at one of the waits of what purges it. Returns what each came to, and whether the
/// first had ended before.
async fn restore_meanwhile<P: Future, R: Future>(
    purging: P,
    polls: usize,
    restoring: R,
) -> (P::Output, R::Output, bool) {
    let mut restored = None;
    let restoring = async { restored = Some(restoring.await) };
    let (purged, is_over) = interleave(purging, polls, restoring).await;
    (purged, restored.unwrap(), is_over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_restored_while_it_is_purged_is_there_whole_or_gone() {
    let Some(sheaf) = start().await else { return };
    let (store, workspace, client) = (sheaf.store(), &workspace(), sheaf.admin());
    let (mut back, mut gone) = (0, 0);
    for polls in 0.. {
        let name = format!("name={polls}.txt&folder=/f");
        let file = id(&client.put(&name, format!("bytes of {polls}")).await);
        sheaf.rest().await;
        trash(&client, &file).await;
        sheaf.advance(TRASH_TIME);
        let file: FileId = file.parse().unwrap();
        let restoring = store.restore_file(workspace, file, OnTaken::Fail, |_| Ok(()));
        let purging = store.erase_due(workspace, file);
        let (purged, restored, is_over) =
            Box::pin(restore_meanwhile(purging, polls, restoring)).await;
        match restored {
            Ok(_) => {
                back += 1;
                assert_eq!(purged.unwrap(), None, "wait {polls}: it was given back");
                let shown = client.get(&format!("/v1/files/{file}")).await.expect(200);
                assert_eq!(shown.json()["purge_at"], Value::Null);
                client
                    .get(&format!("/v1/files/{file}/content"))
                    .await
                    .expect(302);
            }
            Err(Error::Gone { .. }) => {
                gone += 1;
                purged.unwrap().unwrap();
                client.get(&format!("/v1/files/{file}")).await.expect(410);
            }
            Err(error) => panic!("wait {polls}: {error:?}"),
        }
        if is_over {
            break;
        }
    }
    assert!(back > 1 && gone > 1, "{back} came back, {gone} went");
    sheaf.rest().await;
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_restored_while_it_is_purged_is_there_whole_or_gone() {
    let Some(sheaf) = start().await else { return };
    let (store, workspace, client) = (sheaf.store(), &workspace(), sheaf.admin());
    let (mut back, mut gone) = (0, 0);
    for polls in 0.. {
        let name = format!("name=in.txt&folder=/{polls}");
        let file = id(&client.put(&name, format!("bytes of {polls}")).await);
        sheaf.rest().await;
        let folder = folder_at(&client, &format!("/{polls}")).await;
        trash_folder(&sheaf, &folder).await;
        sheaf.advance(TRASH_TIME);
        let folder: FolderId = folder.parse().unwrap();
        let restoring = store.restore_folder(workspace, folder, OnTaken::Fail, |_| Ok(()));
        let purging = store.purge_due(workspace, folder);
        let (purged, restored, is_over) =
            Box::pin(restore_meanwhile(purging, polls, restoring)).await;
        sheaf.rest().await;
        let shown = client.get(&format!("/v1/files/{file}")).await;
        match restored {
            Ok(_) => {
                back += 1;
                assert!(!purged.unwrap(), "wait {polls}: it was given back");
                assert_eq!(shown.expect(200).json()["state"], "active");
            }
            Err(Error::Gone { .. }) => {
                gone += 1;
                assert!(purged.unwrap(), "wait {polls}");
                shown.expect(410);
            }
            Err(error) => panic!("wait {polls}: {error:?}"),
        }
        if is_over {
            break;
        }
    }
    assert!(back > 1 && gone > 0, "{back} came back, {gone} went");
    assert_whole(&sheaf).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_whose_deletion_has_failed_is_deleted_again_a_day_after() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let file = id(&client.put("name=in.txt&folder=/f", "inside").await);
    sheaf.rest().await;
    let folder = folder_at(&client, "/f").await;
    trash_folder(&sheaf, &folder).await;
    // A row that does not read back cannot be erased, however often it is tried.
    let row = Key::file(&workspace(), file.parse().unwrap());
    let wrong = Expression::new("SET version_was = current_version, current_version = :wrong");
    change(&sheaf, row.clone(), wrong.text(":wrong", "one")).await;

    assert_eq!(pass(&sheaf, TRASH_TIME).await, (0, 1));
    let path = format!("/v1/folders/{folder}");
    client.get(&path).await.expect(410);
    assert_eq!(last_job(&client).await, "failed");
    // Not at each sweep.
    assert_eq!(pass(&sheaf, DAY / 2).await, (0, 0));
    assert_eq!(pass(&sheaf, DAY / 2).await, (0, 1));
    assert_eq!(last_job(&client).await, "failed");
    let right = Expression::new("SET current_version = version_was REMOVE version_was");
    change(&sheaf, row, right).await;
    assert_eq!(pass(&sheaf, DAY).await, (0, 1));

    assert_eq!(last_job(&client).await, "done");
    client.get(&format!("/v1/files/{file}")).await.expect(410);
    let receipts = client.get("/v1/receipts").await.expect(200).json();
    assert_eq!(receipts["items"][0]["reason"], "purged");
    assert_eq!(pass(&sheaf, DAY * 2).await, (0, 0));
    assert_whole(&sheaf).await;
}

async fn last_job(client: &Client) -> String {
    let jobs = client.get("/v1/jobs").await.expect(200).json();
    jobs["items"][0]["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trash_of_one_workspace_is_not_that_of_another() {
    let Some(sheaf) = start().await else { return };
    let (ours, theirs) = (sheaf.admin(), sheaf.client("other", Role::Admin));
    let trashed = id(&ours.put("name=a.txt", "the same bytes").await);
    let kept = id(&theirs.put("name=a.txt", "the same bytes").await);
    sheaf.rest().await;
    trash(&ours, &trashed).await;

    assert_eq!(pass(&sheaf, TRASH_TIME).await, (1, 0));
    assert_eq!(usage(&ours).await, (0, 0));
    theirs.get(&format!("/v1/files/{kept}")).await.expect(200);
    let url = theirs.get(&format!("/v1/files/{kept}/content")).await;
    let url = url.expect(302).header("location").to_owned();
    let bytes = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, "the same bytes");
}
