//! Cleaning up twice and at once is cleaning up once; stopping and starting again changes nothing.

use domain::receipt::{Reason, Receipt};
use domain::{FileId, ReceiptId};
use e2e::{finished, id, until};
use jiff::SignedDuration;
use serde_json::json;
use store::blob::{BLOBS_PREFIX, ObjectKey, PRESIGNED_PREFIX, TEXT_PREFIX};
use store::keys::Key;
use store::table::Query;
use testkit::{Options, Sheaf};
use uuid::Uuid;

use crate::{bill, files, start, start_with, usage, workspace};

async fn receipts(sheaf: &Sheaf) -> Vec<Receipt> {
    let store = sheaf.store();
    let partition = Key::receipt(&workspace(), ReceiptId::new(Uuid::nil())).pk;
    let listed = store.table.query_rows(Query::prefix(partition, "")).await;
    let mut receipts = Vec::new();
    for row in listed.unwrap().rows {
        let id = row["id"].as_s().unwrap().parse().unwrap();
        receipts.push(store.receipt(&workspace(), id).await.unwrap());
    }
    receipts
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_at_once_remove_each_file_once() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let asked = json!({"type": "bill", "tags": ["pge"]});
    let dossier = client.post("/v1/dossiers", &asked).await.expect(202).json();
    let mut expired: Vec<FileId> = Vec::new();
    let mut blobs = Vec::new();
    // Two of them have equal bytes, and share what was read from them.
    for (name, amount) in [("a", "1.00"), ("b", "2.00"), ("c", "2.00")] {
        let query = format!("name={name}.txt&type=bill&tag=pge&expires_in_s=3600");
        let file = client.put(&query, bill("2024-11-29", amount)).await;
        assert_eq!(finished(&client, &id(&file)).await["status"], "completed");
        let file: FileId = id(&file).parse().unwrap();
        let content = sheaf
            .store()
            .file(&workspace(), file)
            .await
            .unwrap()
            .content;
        blobs.push(ObjectKey::Blob(workspace(), content.blob));
        expired.push(file);
    }
    sheaf.rest().await;

    sheaf.advance(SignedDuration::from_hours(2));
    tokio::join!(sheaf.sweep(), sheaf.sweep());
    sheaf.rest().await;
    let last = sheaf.sweep().await;

    assert_eq!((last.expired, last.errors), (0, 0), "{last:?}");
    let receipts = receipts(&sheaf).await;
    let mut removed: Vec<_> = receipts.iter().map(|receipt| receipt.file).collect();
    removed.sort();
    expired.sort();
    assert_eq!(removed, expired);
    for receipt in receipts {
        assert!(receipt.is_intact());
        assert_eq!(receipt.reason, Reason::Expired);
    }
    for blob in blobs {
        assert_eq!(sheaf.store().blobs.head(&blob).await.unwrap(), None);
    }
    // Neither bytes nor the text that was read from them.
    for prefix in [BLOBS_PREFIX, PRESIGNED_PREFIX, TEXT_PREFIX] {
        let listed = sheaf.store().blobs.list(prefix, None).await;
        assert_eq!(listed.unwrap().objects.len(), 0, "{prefix}");
    }
    assert_eq!(usage(&client).await, (0, 0));
    for file in expired {
        assert_eq!(
            client
                .get(&format!("/v1/files/{file}"))
                .await
                .expect(410)
                .code(),
            "gone"
        );
    }
    let dossier = client
        .get(&format!("/v1/dossiers/{}", id(&dossier)))
        .await
        .expect(200);
    assert_eq!(dossier.json()["document_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_forgotten_goes_when_its_time_is_over_and_not_before() {
    let Some(sheaf) = start_with(Options {
        sweeps: true,
        ..Options::default()
    })
    .await
    else {
        return;
    };
    let client = sheaf.admin();
    let kept = client.put("name=kept.txt", "kept").await;
    client.content(&id(&kept)).await.expect(200);
    let short = client.put("name=short.txt&expires_in_s=3600", "x").await;
    let short = format!("/v1/files/{}", id(&short));
    sheaf.rest().await;
    let downloads = Key::access(&workspace(), id(&kept).parse().unwrap(), "");

    sheaf.advance(SignedDuration::from_hours(2));
    sheaf.sweep().await;
    sheaf.advance(SignedDuration::from_hours(29 * 24));
    sheaf.sweep().await;
    client.get(&short).await.expect(410);
    sheaf.advance(SignedDuration::from_hours(2 * 24));
    // The runner looks by itself when it starts.
    let sheaf = sheaf.restart().await;
    let client = sheaf.admin();
    until(&client, &short, |answer| answer.status == 404).await;

    let rows = || {
        let all = Query::prefix(downloads.pk.clone(), &downloads.sk);
        sheaf.store().table.query_rows(all)
    };
    assert_eq!(rows().await.unwrap().rows.len(), 1);
    sheaf.advance(SignedDuration::from_hours(60 * 24));
    sheaf.sweep().await;
    assert_eq!(rows().await.unwrap().rows.len(), 0);
    assert_eq!(client.content(&id(&kept)).await.expect(200).body, "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let text = bill("2024-11-29", "245.67");
    let file = client
        .put("name=a.txt&type=bill&tag=pge&folder=/bills", text.clone())
        .await;
    let asked = json!({"type": "bill", "tags": ["pge"]});
    let dossier = client.post("/v1/dossiers", &asked).await.expect(202).json();
    let file = finished(&client, &id(&file)).await;
    sheaf.rest().await;
    let dossier = format!("/v1/dossiers/{}", id(&dossier));
    let before = client.get(&dossier).await.expect(200).json();
    assert_eq!(before["status"], "generated");
    let key = json!({"name": "robot", "role": "viewer"});
    let key = client.post("/v1/api-keys", &key).await.expect(201).json();

    let sheaf = sheaf.restart().await;

    // The port is another one, so the client is.
    let client = sheaf.admin().with_token(key["key"].as_str().unwrap());
    assert_eq!(client.file(&id(&file)).await, file);
    assert_eq!(client.content(&id(&file)).await.expect(200).body, text);
    assert_eq!(client.get(&dossier).await.expect(200).json(), before);
    assert_eq!(usage(&client).await, (1, text.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_at_a_restart_goes_on_after_it() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    for number in 0..20 {
        client
            .put(
                &format!("name={number}.txt"),
                bill("2024-11-29", &format!("{number}.00")),
            )
            .await;
    }

    let sheaf = sheaf.restart().await;
    sheaf.rest().await;

    let files = files(&sheaf.admin()).await;
    assert_eq!(files.len(), 20);
    for file in files {
        assert_eq!(file["status"], "completed", "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_comes_with_an_expiry_changes_that_of_its_file_its_name_and_the_sweep() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let version = async |query: &str| {
        let query = format!("{query}&on_conflict=version");
        client.put(&query, "two").await
    };
    client.put("name=shorter.txt", "one").await;
    let kept = client.put("name=kept.txt&expires_in_s=7200", "one").await;
    client.put("name=longer.txt&expires_in_s=60", "one").await;

    let shorter = version("name=shorter.txt&expires_in_s=3600").await;
    let still_kept = version("name=kept.txt").await;
    let longer = version("name=longer.txt&expires_in_s=7200").await;
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_hours(1));
    let swept = sheaf.sweep().await;

    assert_eq!(still_kept["expires_at"], kept["expires_at"]);
    assert_eq!((swept.expired, swept.errors), (1, 0));
    let gone = format!("/v1/files/{}", id(&shorter));
    client.get(&gone).await.expect(410);
    client.put("name=shorter.txt", "another").await;
    client.file(&id(&longer)).await;
    let taken = client.upload("name=longer.txt", "another").await;
    assert_eq!(taken.expect(409).code(), "name_taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_whose_bytes_are_missing_are_failed_and_listed_and_can_be_mended() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let store = sheaf.store();
    let replaced = client.put("name=a.txt", "one").await;
    finished(&client, &id(&replaced)).await;
    client.put("name=a.txt&on_conflict=version", "two").await;
    let current = client.put("name=b.txt", "three").await;
    finished(&client, &id(&current)).await;
    sheaf.rest().await;
    let mut objects = Vec::new();
    for file in [&replaced, &current] {
        let file = id(file).parse().unwrap();
        let version = store.version(&workspace(), file, 1).await.unwrap();
        let object = ObjectKey::Blob(workspace(), version.content.blob);
        store.blobs.delete(&object).await.unwrap();
        objects.push(object);
    }

    assert_eq!(sheaf.sweep().await.missing, 0, "they are too young");
    sheaf.advance(SignedDuration::from_hours(2));
    let report = sheaf.sweep().await;
    assert_eq!((report.missing, report.errors), (2, 0));
    assert_eq!(sheaf.sweep().await.missing, 0, "they are known by now");

    let failed = client.file(&id(&current)).await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(failed["failure"]["stage"], "storage");
    assert_eq!(failed["failure"]["code"], "bytes_missing");
    let content = format!("/v1/files/{}/content", id(&current));
    assert_eq!(
        client.get(&content).await.expect(409).code(),
        "bytes_missing"
    );
    let unharmed = client.file(&id(&replaced)).await;
    assert_eq!(unharmed["status"], "completed", "{unharmed}");
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"].as_array().unwrap().len(), 2);

    // Brought back and asked for again, it is as if nothing had been.
    let bytes = "three".into();
    store
        .blobs
        .put(&objects[1], bytes, "text/plain")
        .await
        .unwrap();
    let retry = format!("/v1/files/{}/retry", id(&current));
    client.post(&retry, &json!({})).await.expect(202);
    assert_eq!(
        finished(&client, &id(&current)).await["status"],
        "completed"
    );
    client.get(&content).await.expect(302);
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"].as_array().unwrap().len(), 1);
    assert_eq!(sheaf.sweep().await.missing, 0);
}
