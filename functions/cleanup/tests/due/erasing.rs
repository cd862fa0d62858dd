//! Erasing a file of more versions than a row could list, stopped on the way.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Sha256;
use domain::file::File;
use domain::receipt::{Manifest, Reason, Receipt};
use store::Store;
use store::blob::{BLOBS_PREFIX, ObjectKey, PRESIGNED_PREFIX, TEXT_PREFIX};
use store::keys::{Key, VERSION_PREFIX, file_partition};
use store::table::{Expression, Query, Row, Write};
use store::verify::SignatureState;
use testkit::Stack;

use crate::{store_file, workspace};

/// More than a row of 400 KB could list.
const VERSIONS: u32 = 2_500;

/// Rows of a transaction.
const AT_ONCE: usize = 100;

/// Gives a file so many versions, all of the bytes of its first.
async fn add_versions(store: &Store, file: &File) {
    let key = |number| Key::version(&workspace(), file.id, number);
    let first = store.table.get_row(key(1)).await.unwrap().unwrap();
    let rows: Vec<Write> = (2..=VERSIONS)
        .map(|number| {
            let mut row: Row = first.clone();
            row.extend(key(number).attributes());
            let attribute = AttributeValue::N(number.to_string());
            row.insert("number".to_owned(), attribute);
            Write::create(row)
        })
        .collect();
    for rows in rows.chunks(AT_ONCE) {
        store.table.transact(rows.to_vec()).await.unwrap();
    }
    let refs = Write::Update {
        condition: None,
        key: Key::blob(&workspace(), file.content.blob.id),
        change: Expression::new("SET refs = :refs").number(":refs", VERSIONS),
    };
    store.table.transact(vec![refs]).await.unwrap();
}

async fn erase(store: &Store, file: &File) -> Receipt {
    store
        .erase_file(&workspace(), file.id, Reason::Deleted, |_| Ok(()))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_thousands_of_versions_is_erased_wherever_that_stops() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    let file = store_file(store, "a.txt").await;
    add_versions(store, &file).await;

    // Cut off while it is being planned, or while versions are being removed, wherever that is.
    for time in [5, 50, 500] {
        let time = Duration::from_millis(time);
        let _ = tokio::time::timeout(time, erase(store, &file)).await;
    }
    let receipt = erase(store, &file).await;

    assert!(receipt.is_intact());
    let object = ObjectKey::Receipt(workspace(), receipt.id);
    let manifest = store.blobs.read(&object).await.unwrap();
    let summary = receipt.manifest.unwrap();
    assert_eq!(summary.sha256, Sha256::of(&manifest));
    assert_eq!(summary.version_count, u64::from(VERSIONS));
    assert_eq!(receipt.versions.len(), 100, "the rest is in the manifest");
    let manifest: Manifest = serde_json::from_slice(&manifest).unwrap();
    let numbers: Vec<u32> = manifest
        .versions
        .iter()
        .map(|removed| removed.version)
        .collect();
    assert_eq!(numbers, (1..=VERSIONS).rev().collect::<Vec<_>>());
    // The receipt reads back, and is the same when it is asked for again.
    assert_eq!(
        store.receipt(&workspace(), receipt.id).await.unwrap(),
        receipt
    );
    assert_eq!(erase(store, &file).await, receipt);
    let partition = file_partition(&workspace(), file.id);
    let left = Query::prefix(partition, VERSION_PREFIX);
    assert!(store.table.query_rows(left).await.unwrap().rows.is_empty());
    for prefix in [BLOBS_PREFIX, PRESIGNED_PREFIX, TEXT_PREFIX] {
        let objects = store.blobs.list(prefix, None).await.unwrap().objects;
        assert!(objects.is_empty(), "{objects:?}");
    }
    for (from, next) in [(0, Some(100)), (2_450, None), (5_000, None)] {
        let acme = workspace();
        let verifying = store.verify_receipt(&acme, receipt.id, from);
        let verified = Box::pin(verifying).await.unwrap();
        assert_eq!(verified.leftovers, []);
        assert_eq!(verified.signature, SignatureState::Valid);
        assert_eq!(verified.next, next);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_erased_twice_at_once_has_one_receipt() {
    let stack = Stack::start().await;
    let store = &stack.stack.store;
    for number in 0..20 {
        let file = store_file(store, &format!("{number}.txt")).await;
        let (first, second) = tokio::join!(erase(store, &file), erase(store, &file));
        assert_eq!(first, second);
        assert_eq!(first.versions.len(), 1);
    }
    let usage = store.usage(&workspace()).await.unwrap();
    assert_eq!((usage.used_bytes, usage.used_files), (0, 0));
}
