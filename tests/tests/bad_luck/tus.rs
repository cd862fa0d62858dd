//! Uploads by tus that are cut, raced, left and broken off.

use std::time::Duration;

use domain::principal::Role;
use domain::{BlobId, UploadId};
use e2e::tus::{Upload, create, metadata};
use futures::future::join_all;
use jiff::SignedDuration;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use store::blob::{ObjectKey, STAGED_PREFIX};
use store::tus::Appended;
use testkit::{Client, Sheaf};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::{start, usage, workspace};

const MIB: usize = 1024 * 1024;

/// What clients send at once.
const CHUNK: usize = 4 * MIB;

/// The cuts of the client, over this many files.
const CUTS: usize = 500;
const FILES: usize = 10;

fn random(generator: &mut StdRng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    generator.fill(bytes.as_mut_slice());
    bytes
}

/// Sends a PATCH that announces all bytes, and cuts the connection after some of them.
async fn cut(client: &Client, upload: &Upload, offset: usize, bytes: &[u8], after: usize) {
    let address = client.url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "PATCH {} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: {offset}\r\ncontent-length: {}\r\n\r\n",
        upload.path(),
        client.token(),
        bytes.len(),
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // The server may have refused it already, as when the request before still has the upload.
    if connection.write_all(&bytes[..after]).await.is_ok() {
        let _ = connection.flush().await;
    }
}

/// Goes on with an upload as clients do: asks how far it is, sends what is left, and tries again when
/// the last request still has it.
async fn go_on(upload: &Upload, bytes: &[u8]) -> String {
    loop {
        let head = upload.head().await.expect(200);
        let offset: usize = head.header("upload-offset").parse().unwrap();
        if offset == bytes.len() {
            return head.header("sheaf-file-id").to_owned();
        }
        let until = bytes.len().min(offset + CHUNK);
        let answer = upload.patch(offset, &bytes[offset..until]).await;
        match answer.status.as_u16() {
            204 if until < bytes.len() => {}
            204 => return answer.header("sheaf-file-id").to_owned(),
            409 | 423 => tokio::time::sleep(Duration::from_millis(10)).await,
            status => panic!("{status}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_cut_at_random_bytes_arrive_whole() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let all = (0..FILES).map(|number| {
        let client = client.clone();
        async move {
            let mut generator = StdRng::seed_from_u64(number as u64);
            let length = generator.random_range(MIB..24 * MIB);
            let bytes = random(&mut generator, length);
            let name = format!("{number}.bin");
            let upload = Upload::begin(&client, length, &[("filename", name.as_str())]).await;
            for _ in 0..CUTS / FILES {
                let offset = upload.offset().await;
                let rest = &bytes[offset..];
                // The last byte is kept for the end: what is whole cannot be cut.
                let after = generator.random_range(0..rest.len().min(MIB));
                cut(&client, &upload, offset, rest, after).await;
            }
            let file = go_on(&upload, &bytes).await;
            (file, bytes)
        }
    });
    let arrived = join_all(all).await;
    sheaf.rest().await;

    let mut size_bytes = 0;
    for (file, bytes) in &arrived {
        let file = client.file(file).await;
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(bytes)));
        assert!(
            client
                .content(file["id"].as_str().unwrap())
                .await
                .expect(200)
                .body
                == *bytes
        );
        size_bytes += bytes.len() as u64;
    }
    assert_eq!(usage(&client).await, (FILES as u64, size_bytes));
    assert_eq!(staged(&sheaf).await, 0);
}

/// How many objects of bytes that wait for more there are.
async fn staged(sheaf: &Sheaf) -> usize {
    let page = sheaf.store().blobs.list(STAGED_PREFIX, None).await.unwrap();
    assert!(!page.more);
    page.objects.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn protocol_describes_itself() {
    // Here, because the emulator of AWS answers OPTIONS itself.
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin().with_token("");

    let described = client.send(http::Method::OPTIONS, "/v1/tus", &[], "").await;

    let described = described.expect(204);
    assert_eq!(described.header("tus-version"), "1.0.0");
    assert!(described.header("tus-extension").contains("concatenation"));
    assert_eq!(described.header("tus-checksum-algorithm"), "sha1,sha256");
    let largest: u64 = described.header("tus-max-size").parse().unwrap();
    assert_eq!(largest, domain::tus::MAX_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_few_bytes_each_become_the_file() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let bytes = random(&mut StdRng::seed_from_u64(7), 100);
    let upload = Upload::begin(&client, bytes.len(), &[("filename", "a.bin")]).await;

    let last = upload.send_all(&bytes, 2).await;

    let content = client.content(last.header("sheaf-file-id")).await;
    assert_eq!(content.expect(200).body, bytes);
    assert_eq!(staged(&sheaf).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_that_send_the_same_bytes_at_once_one_is_counted() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    for round in 0..20 {
        let bytes = random(&mut StdRng::seed_from_u64(round), 10_000);
        let name = format!("{round}.bin");
        let upload = Upload::begin(&client, bytes.len(), &[("filename", name.as_str())]).await;

        let racing = join_all((0..8).map(|_| upload.patch(0, &bytes[..5_000]))).await;

        let taken = racing.iter().filter(|answer| answer.status == 204).count();
        assert_eq!(taken, 1, "round {round}");
        for answer in &racing {
            assert!(matches!(answer.status.as_u16(), 204 | 409 | 423));
        }
        let file = go_on(&upload, &bytes).await;
        assert_eq!(client.content(&file).await.expect(200).body, bytes);
    }
    assert_eq!(usage(&client).await, (20, 200_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_after_the_lease_goes_on_and_who_had_it_changes_nothing_more() {
    let Some(sheaf) = start().await else { return };
    let (client, store) = (sheaf.admin(), sheaf.store());
    let bytes = random(&mut StdRng::seed_from_u64(7), 12 * MIB);
    let upload = Upload::begin(&client, bytes.len(), &[("filename", "a.bin")]).await;
    let id: UploadId = upload.id().parse().unwrap();
    let tus = store.tus(&workspace(), id).await.unwrap();
    let mut first = store.claim_tus(&workspace(), tus).await.unwrap();
    // Other bytes, as of a client that has gone mad.
    first.push(vec![7; 9 * MIB].into()).await.unwrap();

    upload.patch(0, &bytes[..MIB]).await.expect(423);
    sheaf.advance(SignedDuration::from_secs(6));
    let file = upload.patch(0, &bytes).await.expect(204);
    assert!(first.finish(media::accept).await.is_err());
    sheaf.rest().await;

    let file = client.file(file.header("sheaf-file-id")).await;
    assert_eq!(file["sha256"], hex::encode(Sha256::digest(&bytes)));
    assert!(
        client
            .content(file["id"].as_str().unwrap())
            .await
            .expect(200)
            .body
            == bytes
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn claim_of_what_was_read_before_the_holder_wrote_again_is_refused() {
    let Some(sheaf) = start().await else { return };
    let (client, store) = (sheaf.admin(), sheaf.store());
    let bytes = random(&mut StdRng::seed_from_u64(7), 12 * MIB);
    let upload = Upload::begin(&client, bytes.len(), &[("filename", "a.bin")]).await;
    upload.patch(0, &bytes[..3 * MIB]).await.expect(204);
    let id: UploadId = upload.id().parse().unwrap();
    let read = async || store.tus(&workspace(), id).await.unwrap();
    let mut slow = store.claim_tus(&workspace(), read().await).await.unwrap();
    slow.push(bytes[3 * MIB..9 * MIB].to_vec().into())
        .await
        .unwrap();
    sheaf.advance(SignedDuration::from_secs(6));

    let before = read().await;
    slow.finish(media::accept).await.unwrap();
    let late = store.claim_tus(&workspace(), before).await;

    assert!(matches!(late, Err(domain::Error::Busy { .. })), "{late:?}");
    assert_eq!(upload.offset().await, 9 * MIB);
    let file = go_on(&upload, &bytes).await;
    assert!(client.content(&file).await.expect(200).body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_bytes_of_who_lost_the_upload_never_take_the_place_of_a_files() {
    let Some(sheaf) = start().await else { return };
    let (client, store) = (sheaf.admin(), sheaf.store());
    for stale_is_first in [true, false] {
        let bytes = random(&mut StdRng::seed_from_u64(7), 5_000);
        let name = format!("{stale_is_first}.bin");
        let upload = Upload::begin(&client, bytes.len(), &[("filename", name.as_str())]).await;
        let id: UploadId = upload.id().parse().unwrap();
        let tus = store.tus(&workspace(), id).await.unwrap();
        let mut stale = store.claim_tus(&workspace(), tus).await.unwrap();
        stale.push(vec![7; bytes.len()].into()).await.unwrap();
        sheaf.advance(SignedDuration::from_secs(6));
        // What the stale one writes is where the upload's object is to be.
        let blob = ObjectKey::Blob(workspace(), stale.upload().blob);
        if stale_is_first {
            let written = store
                .blobs
                .put(&blob, vec![7; bytes.len()].into(), "text/plain");
            written.await.unwrap();
        }

        let file = upload.patch(0, &bytes).await.expect(204);
        let finished = stale.finish(media::accept).await;
        sheaf.rest().await;

        // It is told of the file that there is, or that it has lost.
        if let Ok(Appended::Finished(told)) = finished {
            assert_eq!(told.id.to_string(), file.header("sheaf-file-id"));
        }
        let file = client.file(file.header("sheaf-file-id")).await;
        assert_eq!(file["sha256"], hex::encode(Sha256::digest(&bytes)));
        let content = client.content(file["id"].as_str().unwrap()).await;
        assert!(content.expect(200).body == bytes);
    }
    // No row is left of what was not a file.
    sheaf.advance(SignedDuration::from_hours(2));
    let report = sheaf.sweep().await;
    assert_eq!((report.missing, report.errors), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn piece_that_broke_off_before_it_was_an_object_is_made_when_asked_for() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let bytes = random(&mut StdRng::seed_from_u64(7), 3_000);
    let headers = [("upload-concat", "partial"), ("upload-defer-length", "1")];
    let piece = Upload::of(&client, &create(&client, &headers, None).await.expect(201));
    piece.patch(0, &bytes).await.expect(204);
    // The length that is told is what has come, and the request that tells it breaks off.
    let id: UploadId = piece.id().parse().unwrap();
    let store = sheaf.store();
    let tus = store.tus(&workspace(), id).await.unwrap();
    let mut appending = store.claim_tus(&workspace(), tus).await.unwrap();
    appending.set_length(3_000).await.unwrap();
    drop(appending);
    sheaf.advance(SignedDuration::from_secs(6));
    let concat = format!("final;{}", piece.path());
    let named = metadata(&[("filename", "whole.bin")]);
    let headers = [
        ("upload-concat", concat.as_str()),
        ("upload-metadata", named.as_str()),
    ];

    let early = create(&client, &headers, None).await;
    piece.head().await.expect(200);
    let made = create(&client, &headers, None).await.expect(201);

    assert_eq!(early.expect(409).code(), "unfinished_piece");
    let content = client.content(made.header("sheaf-file-id")).await;
    assert!(content.expect(200).body == bytes);
    assert_eq!(usage(&client).await, (1, 3_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_whose_last_request_broke_off_before_it_was_a_file_is_finished_when_asked_for() {
    let Some(sheaf) = start().await else { return };
    let (client, store) = (sheaf.admin(), sheaf.store());
    let bytes = random(&mut StdRng::seed_from_u64(7), 9 * MIB);
    let upload = Upload::begin(&client, bytes.len(), &[("filename", "a.bin")]).await;
    let id: UploadId = upload.id().parse().unwrap();
    let tus = store.tus(&workspace(), id).await.unwrap();
    let mut appending = store.claim_tus(&workspace(), tus).await.unwrap();
    appending.push(bytes.clone().into()).await.unwrap();
    // The program of the client's file is refused by a function that fails as often as it is asked.
    let broken = |_: &[u8], _: &str, _: Option<&str>| {
        Err(domain::Error::dependency("telling the type", "broken"))
    };
    assert!(appending.finish(broken).await.is_err());
    let open = client.get(&format!("/v1/uploads/{}", upload.id())).await;
    assert_eq!(open.expect(200).json()["state"], "open");

    sheaf.advance(SignedDuration::from_secs(6));
    let head = upload.head().await.expect(200);

    assert_eq!(head.header("upload-offset"), bytes.len().to_string());
    let content = client.content(head.header("sheaf-file-id")).await;
    assert!(content.expect(200).body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_that_are_left_go_with_all_they_had() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let bytes = random(&mut StdRng::seed_from_u64(7), 9 * MIB);
    let upload = Upload::begin(&client, 20 * MIB, &[("filename", "a.bin")]).await;
    upload.patch(0, &bytes).await.expect(204);
    let late = metadata(&[("filename", "b.bin")]);
    let headers = [
        ("upload-defer-length", "1"),
        ("upload-metadata", late.as_str()),
    ];
    let late = Upload::of(&client, &create(&client, &headers, None).await.expect(201));
    late.patch(0, &bytes[..1000]).await.expect(204);
    assert_eq!(usage(&client).await, (2, 20 * MIB as u64 + 1000));
    assert_eq!(staged(&sheaf).await, 2);

    sheaf.advance(SignedDuration::from_hours(7 * 24 + 1));
    upload.head().await.expect(410);
    let report = sheaf.sweep().await;

    assert_eq!(report.uploads_aborted, 2);
    assert_eq!(usage(&client).await, (0, 0));
    assert_eq!(staged(&sheaf).await, 0);
    let blobs = &sheaf.store().blobs;
    assert!(
        blobs
            .list_multiparts("", None)
            .await
            .unwrap()
            .multiparts
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn staged_bytes_that_no_upload_names_are_removed_and_others_stay() {
    let Some(sheaf) = start().await else { return };
    let (client, blobs) = (sheaf.admin(), &sheaf.store().blobs);
    let upload = Upload::begin(&client, 10, &[("filename", "a.bin")]).await;
    upload.patch(0, b"abc").await.expect(204);
    let id: UploadId = upload.id().parse().unwrap();
    let unnamed =
        |upload| ObjectKey::Staged(workspace(), upload, BlobId::new(uuid::Uuid::new_v4()));
    let unknown = UploadId::new(uuid::Uuid::new_v4());
    for key in [unnamed(id), unnamed(unknown)] {
        blobs.put(&key, "lost".into(), "text/plain").await.unwrap();
    }
    assert_eq!(staged(&sheaf).await, 3);

    sheaf.advance(SignedDuration::from_hours(2));
    let report = sheaf.sweep().await;

    assert_eq!((report.orphans_removed, report.errors), (2, 0));
    let last = upload.patch(3, b"defghij").await.expect(204);
    let content = client.content(last.header("sheaf-file-id")).await;
    assert_eq!(content.expect(200).body, "abcdefghij");
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_over_the_quota_is_refused_when_that_is_known() {
    let Some(sheaf) = crate::start_with(testkit::Options {
        quota: store::quota::Quota {
            bytes: 5_000,
            files: 10,
        },
        ..testkit::Options::default()
    })
    .await
    else {
        return;
    };
    let client = sheaf.client("acme", Role::Editor);
    let named = metadata(&[("filename", "a.bin")]);
    let create = async |length: (&str, &str)| {
        let headers = [length, ("upload-metadata", named.as_str())];
        create(&client, &headers, None).await
    };

    create(("upload-length", "5001")).await.expect(507);
    let late = Upload::of(
        &client,
        &create(("upload-defer-length", "1")).await.expect(201),
    );
    late.patch(0, &[1; 3_000]).await.expect(204);
    late.patch(3_000, &[1; 3_000]).await.expect(507);
    let told = [("upload-length", "6000")];
    late.patch_with(3_000, &[1; 1_000], &told).await.expect(507);
    let told = [("upload-length", "4000")];
    let last = late.patch_with(3_000, &[1; 1_000], &told).await.expect(204);

    assert_ne!(last.header("sheaf-file-id"), "");
    assert_eq!(usage(&client).await, (1, 4_000));
}
