//! Objects dropped under `inbox/{workspace}/` become files, once, and leave the inbox.

use bytes::Bytes;
use domain::file::{BlobRef, Writer};
use domain::message::Destination;
use domain::{BlobId, Error};
use futures::future::join_all;
use jiff::SignedDuration;
use store::blob::{INBOX_PREFIX, ObjectKey};
use testkit::Sheaf;
use uuid::Uuid;

use crate::{REPEATS, files, object_event, send, start, usage, workspace};

async fn drop_in(sheaf: &Sheaf, path: &str, bytes: &'static str) {
    let key = ObjectKey::Inbox(workspace(), path.to_owned());
    let bytes = Bytes::from_static(bytes.as_bytes());
    sheaf
        .store()
        .blobs
        .put(&key, bytes, "text/plain")
        .await
        .unwrap();
}

async fn left_in_inbox(sheaf: &Sheaf) -> usize {
    sheaf
        .store()
        .blobs
        .list(INBOX_PREFIX, None)
        .await
        .unwrap()
        .objects
        .len()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_the_inbox_becomes_one_file_and_leaves() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let event = object_event("inbox/acme/bills/Strom+Mai+%28Kopie%29.txt");
    let events = || async {
        join_all((0..REPEATS).map(|_| send(&sheaf, Destination::Ingest, event.clone()))).await;
    };

    drop_in(&sheaf, "bills/Strom Mai (Kopie).txt", "Summe: 12,50 EUR").await;
    events().await;
    sheaf.rest().await;
    let before = files(&client).await;
    events().await;
    sheaf.rest().await;

    assert_eq!(files(&client).await, before);
    let [file] = before.as_slice() else {
        panic!("one file and not {before:?}");
    };
    assert_eq!(file["status"], "completed", "{file}");
    assert_eq!(file["path"], "/bills/Strom Mai (Kopie).txt");
    assert_eq!(file["origin"], "imported");
    let content = client.content(&e2e::id(file)).await.expect(200);
    assert_eq!(content.body, "Summe: 12,50 EUR");
    assert_eq!(usage(&client).await, (1, content.body.len() as u64));
    assert_eq!(left_in_inbox(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_bytes_under_a_path_that_was_taken_in_are_another_file() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();

    for bytes in ["one", "two"] {
        drop_in(&sheaf, "a.txt", bytes).await;
        sheaf.rest().await;
    }

    let mut names: Vec<_> = files(&client)
        .await
        .iter()
        .map(|file| file["name"].clone())
        .collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["a (2).txt", "a.txt"]);
    assert_eq!(left_in_inbox(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_bytes_dropped_again_after_a_deletion_are_a_file_again() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    drop_in(&sheaf, "a.txt", "one").await;
    sheaf.rest().await;
    let first = e2e::id(&files(&client).await[0]);
    let path = format!("/v1/files/{first}?permanent=true");
    client.delete(&path).await.expect(200);

    // S3 tells when an object was written to the second.
    sheaf.advance(SignedDuration::from_secs(2));
    drop_in(&sheaf, "a.txt", "one").await;
    sheaf.rest().await;

    let files = files(&client).await;
    assert_eq!(files.len(), 1);
    assert_ne!(e2e::id(&files[0]), first);
    assert_eq!(left_in_inbox(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_stays_in_the_inbox() {
    let Some(sheaf) = start().await else { return };

    drop_in(&sheaf, "program.txt", "\x7fELF\x02\x01\x01\0").await;
    sheaf.rest().await;

    assert_eq!(left_in_inbox(&sheaf).await, 1);
    assert!(files(&sheaf.admin()).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_no_place_stays_in_the_inbox_and_reserves_nothing() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    client.upload("name=a", "one").await.expect(201);
    let before = usage(&client).await;
    let event = object_event("inbox/acme/a/b.txt");

    // The folder it asks for is a file.
    drop_in(&sheaf, "a/b.txt", "two").await;
    for _ in 0..REPEATS {
        send(&sheaf, Destination::Ingest, event.clone()).await;
    }
    sheaf.rest().await;

    assert_eq!(left_in_inbox(&sheaf).await, 1);
    assert_eq!(usage(&client).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_written_again_is_neither_copied_nor_removed() {
    let Some(sheaf) = start().await else { return };
    let blobs = &sheaf.store().blobs;
    // No folder of the inbox, so that nobody else takes it.
    let key = |id| {
        let written_by = Writer::Function;
        ObjectKey::Blob(
            workspace(),
            BlobRef {
                id: BlobId::new(Uuid::from_u128(id)),
                written_by,
            },
        )
    };
    let (from, to) = (key(1), key(2));
    blobs
        .put(&from, Bytes::from_static(b"one"), "text/plain")
        .await
        .unwrap();
    let seen = blobs.head(&from).await.unwrap().unwrap().etag;
    blobs
        .put(&from, Bytes::from_static(b"two"), "text/plain")
        .await
        .unwrap();

    let copied = blobs.copy(&from, &seen, &to, "text/plain").await;
    blobs.delete_unchanged(&from, &seen).await.unwrap();

    assert!(matches!(copied, Err(Error::Busy { .. })), "{copied:?}");
    assert_eq!(blobs.head(&to).await.unwrap(), None);
    assert_eq!(blobs.read(&from).await.unwrap(), "two");
    // One that is as it was seen is copied and removed.
    let seen = blobs.head(&from).await.unwrap().unwrap().etag;
    blobs.copy(&from, &seen, &to, "text/plain").await.unwrap();
    blobs.delete_unchanged(&from, &seen).await.unwrap();
    blobs.delete_unchanged(&from, &seen).await.unwrap();
    assert_eq!(blobs.head(&from).await.unwrap(), None);
    assert_eq!(blobs.read(&to).await.unwrap(), "two");
}
