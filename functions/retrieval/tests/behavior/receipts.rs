//! Receipts: listed, signed, and checked against what is there.

use domain::file::BlobRef;
use domain::principal::Role;
use domain::receipt::{Manifest, Reason};
use domain::{FileId, ReceiptId, Sha256, WorkspaceId};
use serde_json::{Value, json};
use store::Store;
use store::blob::ObjectKey;
use store::keys::Key;
use store::receipt_key::Signer;
use store::table::{Expression, Write};
use testkit::{Client, Sheaf};

fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

/// Stores a file of two versions and deletes it for good. Returns the receipt and the blobs.
async fn delete(sheaf: &Sheaf, name: &str) -> (Value, Vec<BlobRef>) {
    let client = sheaf.admin();
    client.put(&format!("name={name}"), "one").await;
    let file = client
        .put(&format!("name={name}&on_conflict=version"), "two, longer")
        .await;
    sheaf.rest().await;
    let id: FileId = file["id"].as_str().unwrap().parse().unwrap();
    let mut blobs = Vec::new();
    for version in [1, 2] {
        let version = sheaf.store().version(&workspace(), id, version).await;
        blobs.push(version.unwrap().content.blob);
    }
    let path = format!("/v1/files/{id}?permanent=true");
    let receipt = client.delete(&path).await.expect(200).json();
    sheaf.rest().await;
    (receipt, blobs)
}

fn route(receipt: &Value, more: &str) -> String {
    format!("/v1/receipts/{}{more}", receipt["id"].as_str().unwrap())
}

async fn verify(client: &Client, receipt: &Value) -> Value {
    let path = route(receipt, "/verify");
    client.post(&path, &json!({})).await.expect(200).json()
}

fn id_of(receipt: &Value) -> ReceiptId {
    receipt["id"].as_str().unwrap().parse().unwrap()
}

/// Changes a receipt's row behind everyone's back.
async fn tamper(store: &Store, receipt: &Value, change: Expression) {
    let write = Write::Update {
        condition: None,
        key: Key::receipt(&workspace(), id_of(receipt)),
        change,
    };
    store.table.transact(vec![write]).await.unwrap();
}

#[tokio::test]
async fn receipts_are_listed_newest_first_in_pages_and_for_their_workspace_only() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let (first, _) = delete(&sheaf, "a.txt").await;
    let (second, _) = delete(&sheaf, "b.txt").await;

    let page = client.get("/v1/receipts?limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let path = format!("/v1/receipts?limit=1&cursor={cursor}");
    let rest = client.get(&path).await.expect(200).json();
    let others = sheaf
        .client("other", Role::Admin)
        .get("/v1/receipts")
        .await
        .expect(200)
        .json();

    assert_eq!(page["items"][0]["id"], second["id"]);
    assert_eq!(page["items"][0]["digest"], second["digest"]);
    assert_eq!(page["items"][0]["versions"], json!([]));
    assert_eq!(rest["items"][0]["id"], first["id"]);
    assert_eq!(rest["next_cursor"], Value::Null);
    assert_eq!(others, json!({"items": [], "next_cursor": null}));
}

#[tokio::test]
async fn a_receipt_is_signed_and_its_manifest_lists_all_versions() {
    let sheaf = Sheaf::start().await;
    let viewer = sheaf.client("acme", Role::Viewer);
    let (receipt, blobs) = delete(&sheaf, "a.txt").await;

    let answer = viewer.get(&route(&receipt, "/manifest")).await.expect(302);
    let manifest = viewer.fetch(answer.header("location")).await.expect(200);
    let checked = verify(&viewer, &receipt).await;

    assert_eq!(receipt["version_count"], 2);
    assert_eq!(receipt["size_bytes"], 14);
    let hash = Sha256::of(&manifest.body).to_string();
    assert_eq!(receipt["manifest_sha256"], hash);
    let manifest: Manifest = serde_json::from_slice(&manifest.body).unwrap();
    let mut listed: Vec<_> = manifest
        .versions
        .iter()
        .map(|removed| removed.blob)
        .collect();
    listed.reverse();
    assert_eq!(listed, blobs);
    let holds = json!({
        "verified": true, "digest_holds": true, "signature": "valid", "manifest": "intact",
        "checked_versions": 2, "leftovers": [], "next_cursor": null,
    });
    assert_eq!(checked, holds);
}

#[tokio::test]
async fn public_keys_need_no_credentials_and_stay_when_another_key_signs() {
    let sheaf = Sheaf::start().await;
    let (receipt, _) = delete(&sheaf, "a.txt").await;
    let anyone = sheaf.admin().with_token("");
    let keys = async || {
        let answer = anyone.get("/v1/receipt-keys").await.expect(200);
        assert_eq!(answer.header("cache-control"), "public, max-age=3600");
        answer.json()["keys"].as_array().unwrap().clone()
    };
    let before = keys().await;
    let file = sheaf.admin().put("name=b.txt", "b").await;
    sheaf.rest().await;

    let rotated = Store {
        signer: Signer::new(2),
        ..sheaf.store().clone()
    };
    let file: FileId = file["id"].as_str().unwrap().parse().unwrap();
    let erased = rotated
        .erase_file(&workspace(), file, Reason::Deleted, |_| Ok(()))
        .await;
    let other = erased.unwrap().seal.unwrap().key_id;

    assert_eq!(before.len(), 1);
    let key = &before[0];
    assert_eq!(
        (&key["kty"], &key["crv"]),
        (&"OKP".into(), &"Ed25519".into())
    );
    assert_eq!(key["kid"], receipt["key_id"]);
    let after: Vec<_> = keys().await.iter().map(|key| key["kid"].clone()).collect();
    assert_eq!(after.len(), 2);
    assert!(after.contains(&receipt["key_id"]) && after.contains(&other.into()));
    assert_eq!(verify(&sheaf.admin(), &receipt).await["verified"], true);
}

#[tokio::test]
async fn processes_that_sign_at_once_make_one_key_and_find_it_again() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let mut files = Vec::new();
    for number in 0..8 {
        files.push(client.put(&format!("name={number}.txt"), "x").await);
    }
    sheaf.rest().await;
    let erased = files.iter().map(async |file| {
        let store = Store {
            signer: Signer::new(1),
            ..sheaf.store().clone()
        };
        let id: FileId = file["id"].as_str().unwrap().parse().unwrap();
        let erased = store
            .erase_file(&workspace(), id, Reason::Deleted, |_| Ok(()))
            .await;
        erased.unwrap().seal.unwrap().key_id
    });
    let mut keys = futures::future::join_all(erased).await;
    let sheaf = sheaf.restart().await;
    let (receipt, _) = delete(&sheaf, "later.txt").await;
    keys.push(receipt["key_id"].as_str().unwrap().to_owned());
    keys.dedup();
    assert_eq!(keys.len(), 1, "{keys:?}");
}

#[tokio::test]
async fn a_receipt_that_was_tampered_with_does_not_hold() {
    let sheaf = Sheaf::start().await;
    let (client, store) = (sheaf.admin(), sheaf.store());

    // A field.
    let (receipt, _) = delete(&sheaf, "a.txt").await;
    let reason = Expression::new("SET reason = :reason").text(":reason", "expired");
    tamper(store, &receipt, reason).await;
    let checked = verify(&client, &receipt).await;
    assert_eq!(checked["verified"], false);
    assert_eq!(checked["digest_holds"], false);

    // Its digest, too, computed anew.
    let mut forged = store.receipt(&workspace(), id_of(&receipt)).await.unwrap();
    forged.digest = forged.compute_digest();
    let digest = Expression::new("SET digest = :digest")
        .value(":digest", &forged.digest)
        .unwrap();
    tamper(store, &receipt, digest).await;
    let checked = verify(&client, &receipt).await;
    assert_eq!(checked["digest_holds"], true);
    assert_eq!(
        (&checked["signature"], &checked["verified"]),
        (&"invalid".into(), &false.into())
    );

    // Another key.
    let (receipt, _) = delete(&sheaf, "b.txt").await;
    let mut seal = store
        .receipt(&workspace(), id_of(&receipt))
        .await
        .unwrap()
        .seal
        .unwrap();
    seal.key_id = "0123456789abcdef".to_owned();
    let change = Expression::new("SET seal = :seal")
        .value(":seal", &seal)
        .unwrap();
    tamper(store, &receipt, change).await;
    assert_eq!(verify(&client, &receipt).await["signature"], "unknown_key");
    tamper(store, &receipt, Expression::new("REMOVE seal")).await;
    let checked = verify(&client, &receipt).await;
    assert_eq!(
        (&checked["signature"], &checked["verified"]),
        (&"unsigned".into(), &false.into())
    );

    // The manifest.
    let (receipt, _) = delete(&sheaf, "c.txt").await;
    let object = ObjectKey::Receipt(workspace(), id_of(&receipt));
    store
        .blobs
        .put(&object, "{}".into(), "application/json")
        .await
        .unwrap();
    let checked = verify(&client, &receipt).await;
    assert_eq!(
        (&checked["manifest"], &checked["verified"]),
        (&"altered".into(), &false.into())
    );
    store.blobs.delete(&object).await.unwrap();
    assert_eq!(verify(&client, &receipt).await["manifest"], "missing");
}

#[tokio::test]
async fn what_is_left_of_a_deleted_file_is_found() {
    let sheaf = Sheaf::start().await;
    let (client, store) = (sheaf.admin(), sheaf.store());
    let (receipt, blobs) = delete(&sheaf, "a.txt").await;
    let file: FileId = receipt["file_id"].as_str().unwrap().parse().unwrap();

    let object = ObjectKey::Blob(workspace(), blobs[0]);
    store
        .blobs
        .put(&object, "one".into(), "text/plain")
        .await
        .unwrap();
    let row = Key::version(&workspace(), file, 2).attributes();
    store
        .table
        .transact(vec![Write::create(row)])
        .await
        .unwrap();
    let checked = verify(&client, &receipt).await;

    assert_eq!(checked["verified"], false);
    assert_eq!(
        checked["leftovers"],
        json!([{"version": 2, "what": "version"}, {"version": 1, "what": "bytes"}])
    );
    // Bytes that another file has as well are not what was deleted.
    client.put("name=same.txt", "two, longer").await;
    sheaf.rest().await;
    store.blobs.delete(&object).await.unwrap();
    let leftovers = verify(&client, &receipt).await["leftovers"].clone();
    assert_eq!(leftovers, json!([{"version": 2, "what": "version"}]));
}

#[tokio::test]
async fn receipts_of_another_workspace_are_unknown() {
    let sheaf = Sheaf::start().await;
    let other = sheaf.client("other", Role::Admin);
    let (receipt, _) = delete(&sheaf, "a.txt").await;

    for more in ["", "/manifest"] {
        other.get(&route(&receipt, more)).await.expect(404);
    }
    let verify = route(&receipt, "/verify");
    other.post(&verify, &json!({})).await.expect(404);
    let made_up = format!("{verify}?cursor=made-up");
    sheaf.admin().post(&made_up, &json!({})).await.expect(422);
}
