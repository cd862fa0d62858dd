//! What is broken is found by a check, told, mended, and not found again; what is right is left alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use domain::file::{BlobRef, Writer};
use domain::finding::Kind;
use domain::principal::Role;
use domain::{BlobId, FileId, FolderId, UploadId, WorkId};
use e2e::id;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::blob::ObjectKey;
use store::keys::{self, Due, Key};
use store::table::{Expression, Write, to_row};
use store::trash::TrashTime;
use testkit::{Client, Options, Sheaf, assert_doctor_clean, run_doctor};
use uuid::Uuid;

use crate::{bill, start, start_with, usage, workspace};

/// Kinds of what was found, with what was done.
fn kinds(findings: &[Value]) -> BTreeSet<(String, String)> {
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings
        .iter()
        .map(|finding| (text(finding, "kind"), text(finding, "outcome")))
        .collect()
}

/// How many there are of a kind.
fn count(findings: &[Value], kind: Kind) -> usize {
    let of_kind = findings
        .iter()
        .filter(|finding| finding["kind"] == kind.as_str());
    of_kind.count()
}

async fn write(sheaf: &Sheaf, write: Write) {
    sheaf.store().table.transact(vec![write]).await.unwrap();
}

async fn remove(sheaf: &Sheaf, key: Key) {
    assert!(
        sheaf
            .store()
            .table
            .get_row(key.clone())
            .await
            .unwrap()
            .is_some(),
        "{key:?}"
    );
    let condition = None;
    write(sheaf, Write::Delete { condition, key }).await;
}

async fn put(sheaf: &Sheaf, key: Key, row: Value) {
    let row = to_row(key, &row).unwrap();
    write(sheaf, Write::create(row)).await;
}

pub(crate) async fn change(sheaf: &Sheaf, key: Key, change: Expression) {
    let condition = None;
    write(
        sheaf,
        Write::Update {
            condition,
            key,
            change,
        },
    )
    .await;
}

async fn blob_of(sheaf: &Sheaf, file: &Value) -> BlobRef {
    let file: FileId = id(file).parse().unwrap();
    let file = sheaf.store().file(&workspace(), file).await.unwrap();
    file.content.blob
}

/// A workspace with a little of everything.
async fn furnish(sheaf: &Sheaf) -> Vec<Value> {
    let client = sheaf.admin();
    let asked = json!({"type": "bill", "tags": ["pge"]});
    client.post("/v1/dossiers", &asked).await.expect(202);
    let mut files = Vec::new();
    for number in 0..6 {
        let query = format!("name={number}.txt&folder=/bills/2024&type=bill&tag=pge");
        let text = bill("2024-11-29", &format!("{number}.00"));
        files.push(client.put(&query, text).await);
    }
    client
        .put("name=0.txt&folder=/bills/2024&on_conflict=version", "more")
        .await;
    let copy = json!({"name": "copy.txt", "folder": "/copies"});
    let route = format!("/v1/files/{}/copy", id(&files[1]));
    client.post(&route, &copy).await.expect(201);
    let trashed = client.put("name=t.txt", "to the trash").await;
    client
        .delete(&format!("/v1/files/{}", id(&trashed)))
        .await
        .expect(200);
    let gone = client
        .put("name=g.txt&type=bill&tag=pge", bill("2024-11-29", "9.00"))
        .await;
    let permanent = format!("/v1/files/{}?permanent=true", id(&gone));
    client.delete(&permanent).await.expect(200);
    let old = client
        .post("/v1/folders", &json!({"path": "/old"}))
        .await
        .expect(201)
        .json();
    client.put("name=o.txt&folder=/old", "old").await;
    client
        .delete(&format!("/v1/folders/{}", id(&old)))
        .await
        .expect(202);
    client
        .post("/v1/folders", &json!({"path": "/empty/below"}))
        .await
        .expect(201);
    let open = json!({"name": "open.bin", "size_bytes": 5});
    client.post("/v1/uploads", &open).await.expect(201);
    let tus = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", "9"),
        ("upload-metadata", "filename dHVzLnR4dA=="),
        ("content-type", "application/offset+octet-stream"),
    ];
    let begun = client
        .send(http::Method::POST, "/v1/tus", &tus, "half")
        .await;
    begun.expect(201);
    sheaf.rest().await;
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_workspace_gives_no_finding() {
    let Some(sheaf) = start().await else { return };
    furnish(&sheaf).await;

    assert_doctor_clean(&sheaf, "acme").await;
    let (job, findings) = run_doctor(&sheaf, "acme", false).await;
    assert_eq!(findings, Vec::<Value>::new());
    assert!(job["progress"]["done"].as_u64().unwrap() > 50, "{job}");
    assert_doctor_clean(&sheaf, "nobody-here").await;
}

/// The id of nothing.
const NOBODY: Uuid = Uuid::from_u128(7);

/// Takes rows away that others need, and puts some there that nothing needs.
async fn break_rows(sheaf: &Sheaf, ids: &[FileId]) {
    let store = sheaf.store();
    let w = workspace();
    let folder = store.file(&w, ids[0]).await.unwrap().folder;
    let above = store.folder(&w, folder).await.unwrap();
    remove(sheaf, Key::name(&w, folder, &"0.txt".parse().unwrap())).await;
    let name = Key::name(&w, folder, &"nobody.txt".parse().unwrap());
    let row = json!({"file_id": NOBODY, "folder_id": null, "free_at_us": null});
    put(sheaf, name, row).await;
    remove(sheaf, Key::child_folder(&w, above.parent, &above.name)).await;
    let ghost = Key::child_folder(&w, folder, &"ghost".parse().unwrap());
    put(
        sheaf,
        ghost,
        json!({"child_name": "ghost", "child": NOBODY}),
    )
    .await;
    let ghost = Key::trashed_folder(&w, FolderId::new(NOBODY));
    put(sheaf, ghost, json!({"trashed": NOBODY})).await;
    let bill = "bill".parse().unwrap();
    remove(sheaf, Key::posted_file(&w, &bill, None, ids[1])).await;
    let stranger = Key::posted_file(&w, &bill, None, FileId::new(NOBODY));
    put(sheaf, stranger, json!({"file": NOBODY})).await;
    // Work of a file that is not there.
    let due = Due::Work.key(store.clock.now(), NOBODY);
    let work = json!({
        "v": 1, "id": NOBODY, "workspace": "acme", "task": "place_file", "file": NOBODY,
    });
    let row = json!({"job": work, "asked": NOBODY, "due_pk": due.pk, "due_sk": due.sk});
    put(sheaf, Key::work(&w, WorkId::new(NOBODY)), row).await;
}

/// Makes counts wrong. Returns the object of a blob that no version has.
async fn break_counts(sheaf: &Sheaf, files: &[Value], ids: &[FileId]) -> ObjectKey {
    let store = sheaf.store();
    let w = workspace();
    let folder = store.file(&w, ids[0]).await.unwrap().folder;
    let tally = Key::tally(&w, folder, keys::tally_shard(ids[0].uuid()));
    let more = Expression::new("ADD file_count :one, size_bytes :more");
    change(sheaf, tally, more.number(":one", 1).number(":more", 100)).await;
    let one_more = || Expression::new("ADD refs :one").number(":one", 1);
    let shared = blob_of(sheaf, &files[1]).await;
    change(sheaf, Key::blob(&w, shared.id), one_more()).await;
    let content = store.file(&w, ids[2]).await.unwrap().content;
    change(sheaf, Key::content(&w, content.sha256.unwrap()), one_more()).await;
    let lonely = BlobRef {
        id: BlobId::new(Uuid::from_u128(9)),
        written_by: Writer::Function,
    };
    let row = json!({"upload": UploadId::new(NOBODY), "blob": lonely, "refs": 1});
    put(sheaf, Key::blob(&w, lonely.id), row).await;
    let leak = Expression::new("ADD available_bytes :less").number(":less", -1000);
    change(sheaf, Key::quota(&w), leak).await;
    stored(sheaf, lonely).await
}

/// Stores an object.
async fn stored(sheaf: &Sheaf, blob: BlobRef) -> ObjectKey {
    let object = ObjectKey::Blob(workspace(), blob);
    let bytes = Bytes::from_static(b"bytes");
    let stored = sheaf.store().blobs.create(&object, bytes, "text/plain");
    stored.await.unwrap();
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_broken_is_found_then_mended_then_gone() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let files = furnish(&sheaf).await;
    let short = client.put("name=short.txt&expires_in_s=60", "short").await;
    sheaf.rest().await;
    let used = usage(&client).await;
    sheaf.advance(SignedDuration::from_hours(3));
    let ids: Vec<FileId> = files.iter().map(|file| id(file).parse().unwrap()).collect();
    let store = sheaf.store();
    break_rows(&sheaf, &ids).await;
    let object = break_counts(&sheaf, &files, &ids).await;
    let lost = ObjectKey::Blob(workspace(), blob_of(&sheaf, &files[3]).await);
    store.blobs.delete(&lost).await.unwrap();
    let orphan = BlobRef {
        id: BlobId::new(Uuid::from_u128(11)),
        written_by: Writer::Function,
    };
    let orphan = stored(&sheaf, orphan).await;
    sheaf.advance(SignedDuration::from_hours(2));

    let (job, found) = run_doctor(&sheaf, "acme", true).await;
    assert_eq!(job["state"], "done", "{job:#}");
    for (kind, times) in [
        (Kind::Expired, 1),
        (Kind::LostWork, 1),
        (Kind::OrphanObject, 1),
        (Kind::MissingObject, 1),
        (Kind::OrphanRow, 7),
        (Kind::WrongReferenceCount, 3),
        (Kind::WrongCounter, 1),
        (Kind::LeakedReservation, 1),
    ] {
        assert_eq!(count(&found, kind), times, "{kind:?} {found:#?}");
    }
    assert_eq!(found.len(), 16, "{found:#?}");
    assert!(kinds(&found).iter().all(|(_, outcome)| outcome == "found"));

    // Nothing was changed: the same is found again.
    let (_, again) = run_doctor(&sheaf, "acme", true).await;
    assert_eq!(again, found);
    assert!(store.blobs.head(&orphan).await.unwrap().is_some());

    let (job, mended) = run_doctor(&sheaf, "acme", false).await;
    assert_eq!(job["state"], "done", "{job:#}");
    let left: Vec<&Value> = mended
        .iter()
        .filter(|finding| finding["outcome"] != "mended")
        .collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    assert_eq!(left[0]["kind"], "missing_object");
    assert_eq!(mended.len(), found.len());
    sheaf.rest().await;

    // Only the bytes that are lost are still to be decided on.
    let (_, after) = run_doctor(&sheaf, "acme", false).await;
    assert_eq!(after.len(), 1, "{after:#?}");
    assert_eq!(after[0]["kind"], "missing_object");
    let failed = client.file(&id(&files[3])).await;
    assert_eq!(failed["failure"]["code"], "bytes_missing");
    client
        .delete(&format!("/v1/files/{}?permanent=true", id(&files[3])))
        .await
        .expect(200);
    assert_doctor_clean(&sheaf, "acme").await;

    // What was right is as it was.
    client
        .get(&format!("/v1/files/{}", id(&short)))
        .await
        .expect(410);
    assert!(store.blobs.head(&orphan).await.unwrap().is_none());
    assert!(store.blobs.head(&object).await.unwrap().is_none());
    for file in [&files[0], &files[1], &files[2]] {
        assert_eq!(client.file(&id(file)).await["state"], "active");
        client.content(&id(file)).await.expect(200);
    }
    let listed = client
        .get("/v1/files?folder=/bills/2024")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    let (files_used, _) = usage(&client).await;
    assert_eq!(
        files_used,
        used.0 - 2,
        "the one whose time was up and the lost one went"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_checks_at_once_mend_each_thing_once() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let files = furnish(&sheaf).await;
    let ids: Vec<FileId> = files.iter().map(|file| id(file).parse().unwrap()).collect();
    let used = usage(&client).await;
    sheaf.advance(SignedDuration::from_hours(3));
    break_rows(&sheaf, &ids).await;
    break_counts(&sheaf, &files, &ids).await;
    sheaf.advance(SignedDuration::from_hours(2));

    tokio::join!(
        run_doctor(&sheaf, "acme", false),
        run_doctor(&sheaf, "acme", false),
        run_doctor(&sheaf, "acme", false),
    );
    run_doctor(&sheaf, "acme", false).await;

    assert_doctor_clean(&sheaf, "acme").await;
    assert_eq!(usage(&client).await, used);
    for file in &files {
        client.content(&id(file)).await.expect(200);
    }
}

/// Does things to files until it is told to stop.
async fn be_busy(client: Client, number: usize, stop: &AtomicBool) {
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let query =
            format!("name={number}-{round}.txt&folder=/busy/{number}&type=bill&tag=t{number}");
        let file = client.put(&query, format!("{round}")).await;
        let route = format!("/v1/files/{}", id(&file));
        let to = json!({"folder": format!("/busy/{}", (number + 1) % 3), "tags": ["moved"]});
        client.patch(&route, &to).await;
        client
            .post(&format!("{route}/copy"), &json!({"on_conflict": "rename"}))
            .await;
        match round % 3 {
            0 => client.delete(&format!("{route}?permanent=true")).await,
            1 => client.delete(&route).await,
            _ => client.get(&route).await,
        };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_workspace_gives_no_false_finding_and_comes_to_no_harm() {
    let Some(sheaf) = start().await else { return };
    let files = furnish(&sheaf).await;
    sheaf.advance(SignedDuration::from_hours(3));
    sheaf.sweep().await;
    let stop = AtomicBool::new(false);
    let client = sheaf.admin();

    let checks = async {
        let mut findings = Vec::new();
        for _ in 0..3 {
            findings.extend(run_doctor(&sheaf, "acme", false).await.1);
        }
        stop.store(true, Ordering::Relaxed);
        findings
    };
    let (findings, ..) = tokio::join!(
        checks,
        be_busy(client.clone(), 0, &stop),
        be_busy(client.clone(), 1, &stop),
        be_busy(client.clone(), 2, &stop),
    );

    assert_eq!(findings, Vec::<Value>::new());
    sheaf.rest().await;
    for file in &files {
        client.content(&id(file)).await.expect(200);
    }
    assert_doctor_clean(&sheaf, "acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_is_for_admins_and_of_their_own_workspace_only() {
    let Some(sheaf) = start().await else { return };
    let theirs = sheaf.client("other", Role::Admin);
    let file = theirs.put("name=a.txt&folder=/f", "theirs").await;
    sheaf.rest().await;
    let other = "other".parse().unwrap();
    let file: FileId = id(&file).parse().unwrap();
    let folder = sheaf.store().file(&other, file).await.unwrap().folder;
    remove(&sheaf, Key::name(&other, folder, &"a.txt".parse().unwrap())).await;
    sheaf.advance(SignedDuration::from_hours(2));

    for role in [Role::Viewer, Role::Editor] {
        let client = sheaf.client("acme", role);
        client.post("/v1/checks", &json!({})).await.expect(403);
    }
    let (job, findings) = run_doctor(&sheaf, "acme", false).await;
    assert_eq!(findings, Vec::<Value>::new());
    let (_, findings) = run_doctor(&sheaf, "other", true).await;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    // Findings are listed to admins of the same workspace, and only those of checks.
    let route = format!("/v1/checks/{}/findings", id(&job));
    theirs.get(&route).await.expect(404);
    sheaf
        .client("acme", Role::Editor)
        .get(&route)
        .await
        .expect(403);
    let client = sheaf.admin();
    client.get(&route).await.expect(200);
    client
        .post("/v1/checks", &json!({"dry": true}))
        .await
        .expect(422);
    let key = [
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];
    let send = async || {
        let body = r#"{"dry_run": true}"#;
        let sent = client
            .send(http::Method::POST, "/v1/checks", &key, body)
            .await;
        id(&sent.expect(202).json())
    };
    assert_eq!(send().await, send().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sweeps_should_have_done_is_found_when_none_runs() {
    let options = Options {
        trash_time: TrashTime::Days(7),
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let client = sheaf.admin();
    let open = json!({"name": "open.bin", "size_bytes": 5});
    client.post("/v1/uploads", &open).await.expect(201);
    let file = client.put("name=a.txt", "a file").await;
    let trashed = client.put("name=b.txt", "a file in the trash").await;
    let inside = client.put("name=c.txt&folder=/f", "a folder in it").await;
    sheaf.rest().await;
    for path in [
        format!("/v1/files/{}", id(&trashed)),
        format!("/v1/folders/{}", inside["folder_id"].as_str().unwrap()),
    ] {
        let answer = client.delete(&path).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    sheaf.rest().await;
    // A deletion that stopped half-way: the row is marked, and that is all.
    let store = sheaf.store();
    let w = workspace();
    let file: FileId = id(&file).parse().unwrap();
    let kept = store.file(&w, file).await.unwrap();
    remove(&sheaf, Key::name(&w, kept.folder, &kept.name)).await;
    let tally = Key::tally(&w, kept.folder, keys::tally_shard(file.uuid()));
    let less = Expression::new("ADD file_count :one, size_bytes :bytes")
        .number(":one", -1)
        .number(":bytes", -6);
    change(&sheaf, tally, less).await;
    let due = Due::Expiry.key(store.clock.now(), file.uuid());
    let mark = Expression::new(
        "SET kind = :erasing, reason = :deleted, gone_at = :now, receipt = :receipt, \
         removed_pages = :none, due_pk = :pk, due_sk = :sk",
    )
    .text(":erasing", "erasing")
    .text(":deleted", "deleted")
    .text(":now", store.clock.now().to_string())
    .text(":receipt", Uuid::now_v7().to_string())
    .number(":none", 0)
    .text(":pk", due.pk)
    .text(":sk", due.sk);
    change(&sheaf, Key::file(&w, file), mark).await;
    sheaf.advance(SignedDuration::from_hours(24 * 8));

    let (_, findings) = run_doctor(&sheaf, "acme", true).await;
    assert_eq!(count(&findings, Kind::StaleUpload), 1, "{findings:#?}");
    assert_eq!(count(&findings, Kind::StoppedErasing), 1, "{findings:#?}");
    assert_eq!(count(&findings, Kind::OverdueTrash), 2, "{findings:#?}");
    assert_eq!(findings.len(), 4, "{findings:#?}");
    run_doctor(&sheaf, "acme", false).await;
    sheaf.rest().await;
    let (_, findings) = run_doctor(&sheaf, "acme", true).await;
    assert_eq!(findings, Vec::<Value>::new());
    client.get(&format!("/v1/files/{file}")).await.expect(410);
    assert_eq!(usage(&client).await, (0, 0));
}
