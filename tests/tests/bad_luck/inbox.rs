//! Objects dropped under `inbox/{workspace}/` become files, once, and leave the inbox.

use bytes::Bytes;
use domain::file::{BlobRef, Writer};
use domain::message::Destination;
use domain::{BlobId, Error};
use futures::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::blob::{INBOX_PREFIX, ObjectKey};
use store::quota::Quota;
use testkit::{Client, Options, Sheaf};
use uuid::Uuid;

use crate::{REPEATS, files, object_event, send, start, start_with, usage, workspace};

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

/// The failures that are listed: path, stage and code of each.
async fn refused(client: &Client) -> Vec<[String; 3]> {
    let listed = client.get("/v1/failures").await.expect(200).json();
    let failures = listed["items"].as_array().unwrap();
    let fields = |failure: &Value| {
        ["inbox_path", "stage", "code"].map(|name| failure[name].as_str().unwrap().to_owned())
    };
    failures.iter().map(fields).collect()
}

/// Has the one failure that is listed done again.
async fn redrive(sheaf: &Sheaf, client: &Client) {
    let listed = client.get("/v1/failures").await.expect(200).json();
    let path = format!("/v1/failures/{}/redrive", e2e::id(&listed["items"][0]));
    let sent = client.post(&path, &json!({})).await.expect(202).json();
    assert_eq!(sent["task"], "take_in");
    sheaf.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_in_stays_in_the_inbox_and_is_listed() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();

    drop_in(&sheaf, "program.txt", "\x7fELF\x02\x01\x01\0").await;
    sheaf.rest().await;

    let program = [["program.txt", "inbox", "refused_type"].map(str::to_owned)];
    assert_eq!(refused(&client).await, program);
    // Nothing has changed, so it is refused again.
    redrive(&sheaf, &client).await;
    assert_eq!(refused(&client).await, program);
    assert_eq!(left_in_inbox(&sheaf).await, 1);
    assert!(files(&client).await.is_empty());
    // What takes its place under its path is another object.
    drop_in(&sheaf, "program.txt", "text").await;
    sheaf.rest().await;
    assert_eq!(files(&client).await.len(), 1);
    assert_eq!(refused(&client).await, [[""; 3]; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_whose_path_is_no_name_is_listed() {
    let Some(sheaf) = start().await else { return };

    drop_in(&sheaf, "a///b.txt", "text").await;
    sheaf.rest().await;

    let wrong = ["a///b.txt", "inbox", "invalid_name"].map(str::to_owned);
    assert_eq!(refused(&sheaf.admin()).await, [wrong]);
}

#[tokio::test(flavor = "multi_thread")]
async fn object_that_found_no_room_is_taken_in_when_there_is_and_someone_asks() {
    let options = Options {
        quota: Quota {
            bytes: 8,
            ..Quota::default()
        },
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let client = sheaf.admin();
    let large = e2e::id(&client.put("name=a.txt", "12345").await);
    drop_in(&sheaf, "b.txt", "67890").await;
    sheaf.rest().await;
    let full = ["b.txt", "inbox", "quota_exceeded"].map(str::to_owned);
    assert_eq!(refused(&client).await, [full]);

    let delete = format!("/v1/files/{large}?permanent=true");
    client.delete(&delete).await.expect(200);
    redrive(&sheaf, &client).await;

    assert_eq!(refused(&client).await, [[""; 3]; 0]);
    let taken = files(&client).await;
    assert_eq!(taken[0]["path"], "/b.txt");
    assert_eq!(left_in_inbox(&sheaf).await, 0);
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
    let listed = refused(&client).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0][..2], ["a/b.txt", "inbox"]);

    // The way is free, and someone asks.
    let path = format!("/v1/files/{}", e2e::id(&files(&client).await[0]));
    let renamed = json!({"name": "c"});
    client.patch(&path, &renamed).await.expect(200);
    redrive(&sheaf, &client).await;
    assert_eq!(left_in_inbox(&sheaf).await, 0);
    assert_eq!(refused(&client).await, [[""; 3]; 0]);
    assert_eq!(files(&client).await.len(), 2);
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
