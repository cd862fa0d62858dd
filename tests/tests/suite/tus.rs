//! tus 1.0.0: uploads that are gone on with after any cut.

use base64::Engine;
use domain::principal::Role;
use e2e::tus::{Upload, create, metadata, send};
use e2e::{Target, id};
use http::Method;
use serde_json::Value;
use sha2::Digest;
use testkit::Client;

/// What a deployed function can be sent at once.
const CHUNK: usize = 4 * 1024 * 1024;

const MIB: usize = 1024 * 1024;

fn bytes(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(next).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(sha2::Sha256::digest(bytes))
}

async fn used(client: &Client) -> (u64, u64) {
    let usage = client.get("/v1/usage").await.expect(200).json();
    let number = |name: &str| usage[name].as_u64().unwrap_or_default();
    (number("used_files"), number("used_bytes"))
}

/// Checks that a file has these bytes, and returns it.
async fn check_file(client: &Client, file: &str, bytes: &[u8]) -> Value {
    let file = e2e::finished(client, file).await;
    assert_eq!(file["sha256"], sha256(bytes));
    assert_eq!(file["size_bytes"], bytes.len());
    assert!(client.content(&id(&file)).await.expect(200).body == bytes);
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn file_sent_in_chunks_is_the_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    // One part of two chunks, one of what is left.
    let sent = bytes(2 * CHUNK + MIB + 17);
    let said = [
        ("filename", "zażółć gęślą jaźń.bin"),
        ("folder", "/dokumenty/2026"),
        ("type", "scan"),
        ("tags", "pge,electricity"),
    ];

    let upload = Upload::begin(&client, sent.len(), &said).await;
    let before = upload.head().await.expect(200);
    let last = upload.send_all(&sent, CHUNK).await;

    assert_eq!(before.header("upload-offset"), "0");
    assert_eq!(before.header("upload-length"), sent.len().to_string());
    assert_eq!(before.header("upload-metadata"), metadata(&said));
    assert!(before.header("upload-expires").ends_with(" GMT"));
    assert_eq!(before.header("cache-control"), "no-store");
    assert_eq!(before.header("tus-resumable"), "1.0.0");
    assert_eq!(last.header("upload-offset"), sent.len().to_string());
    let file = check_file(&client, last.header("sheaf-file-id"), &sent).await;
    assert_eq!(file["path"], "/dokumenty/2026/zażółć gęślą jaźń.bin");
    assert_eq!(file["type"], "scan");
    assert_eq!(file["tags"], serde_json::json!(["pge", "electricity"]));
    let after = upload.head().await.expect(200);
    assert_eq!(after.header("upload-offset"), sent.len().to_string());
    assert_eq!(after.header("sheaf-file-id"), id(&file));
    assert_eq!(used(&client).await, (1, sent.len() as u64));
    let session = client.get(&format!("/v1/uploads/{}", upload.id())).await;
    let session = session.expect(200).json();
    assert_eq!(session["state"], "committed");
    assert_eq!(session["method"], "tus");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_may_come_with_its_creation_whole_or_in_part_and_have_no_bytes() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let sent = bytes(10_000);
    let begin = async |name: &str, length: usize, body: Option<&[u8]>| {
        let (length, named) = (length.to_string(), metadata(&[("filename", name)]));
        let headers = [
            ("upload-length", length.as_str()),
            ("upload-metadata", named.as_str()),
        ];
        let body = body.map(<[u8]>::to_vec);
        create(&client, &headers, body).await.expect(201)
    };

    let whole = begin("whole.bin", sent.len(), Some(&sent)).await;
    let part = begin("part.bin", sent.len(), Some(&sent[..4_000])).await;
    let none = begin("none.bin", 0, None).await;

    assert_eq!(whole.header("upload-offset"), "10000");
    check_file(&client, whole.header("sheaf-file-id"), &sent).await;
    assert_eq!(part.header("upload-offset"), "4000");
    assert_eq!(part.header("sheaf-file-id"), "");
    let last = Upload::of(&client, &part).send_all(&sent, 2_500).await;
    check_file(&client, last.header("sheaf-file-id"), &sent).await;
    check_file(&client, none.header("sheaf-file-id"), b"").await;
    assert_eq!(Upload::of(&client, &none).offset().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn length_may_be_told_later() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let sent = bytes(30_000);
    let named = metadata(&[("filename", "late.bin")]);
    let headers = [
        ("upload-defer-length", "1"),
        ("upload-metadata", named.as_str()),
    ];
    let upload = Upload::of(&client, &create(&client, &headers, None).await.expect(201));

    upload.patch(0, &sent[..10_000]).await.expect(204);
    let before = upload.head().await.expect(200);
    let reserved = used(&client).await;
    let told = [("upload-length", "30000")];
    upload
        .patch_with(10_000, &sent[10_000..20_000], &told)
        .await
        .expect(204);
    let other = upload
        .patch_with(20_000, &sent[20_000..], &[("upload-length", "40000")])
        .await;
    let last = upload.patch(20_000, &sent[20_000..]).await.expect(204);

    assert_eq!(before.header("upload-defer-length"), "1");
    assert_eq!(before.header("upload-length"), "");
    assert_eq!(reserved, (1, 10_000));
    assert_eq!(other.expect(422).code(), "invalid");
    check_file(&client, last.header("sheaf-file-id"), &sent).await;
    assert_eq!(used(&client).await, (1, 30_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_with_another_checksum_are_not_taken() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let sent = bytes(20_000);
    let upload = Upload::begin(&client, sent.len(), &[("filename", "sum.bin")]).await;
    let sum = |bytes: &[u8]| {
        let hash = sha2::Sha256::digest(bytes);
        let hash = base64::engine::general_purpose::STANDARD.encode(hash);
        format!("sha256 {hash}")
    };
    let patch = async |offset: usize, bytes: &[u8], sum: &str| {
        upload
            .patch_with(offset, bytes, &[("upload-checksum", sum)])
            .await
    };

    let wrong = patch(0, &sent[..10_000], &sum(&sent[1..])).await;
    let unknown = patch(0, &sent[..10_000], "crc32 AAAA").await;
    assert_eq!(upload.offset().await, 0);
    patch(0, &sent[..10_000], &sum(&sent[..10_000]))
        .await
        .expect(204);
    let last = patch(10_000, &sent[10_000..], &sum(&sent[10_000..])).await;

    assert_eq!(wrong.expect(460).code(), "checksum_mismatch");
    unknown.expect(400);
    check_file(&client, last.expect(204).header("sheaf-file-id"), &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_that_is_terminated_leaves_nothing() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let upload = Upload::begin(&client, 9 * MIB, &[("filename", "gone.bin")]).await;
    upload.patch(0, &bytes(MIB)).await.expect(204);
    let reserved = used(&client).await;

    upload.terminate().await.expect(204);
    upload.terminate().await.expect(204);

    assert_eq!(reserved, (1, 9 * MIB as u64));
    assert_eq!(used(&client).await, (0, 0));
    upload.head().await.expect(410);
    upload.patch(MIB, b"more").await.expect(410);
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_become_one_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let sent = bytes(8 * MIB + 100);
    // Too small for a part, enough for one, and too small again.
    let cuts = [0, MIB, 8 * MIB, 8 * MIB + 100];
    let mut pieces = Vec::new();
    for cut in cuts.windows(2) {
        let length = (cut[1] - cut[0]).to_string();
        let headers = [
            ("upload-concat", "partial"),
            ("upload-length", length.as_str()),
        ];
        let piece = Upload::of(&client, &create(&client, &headers, None).await.expect(201));
        let head = piece.head().await.expect(200);
        assert_eq!(head.header("upload-concat"), "partial");
        let last = piece.send_all(&sent[cut[0]..cut[1]], CHUNK).await;
        assert_eq!(last.header("sheaf-file-id"), "", "a piece is no file");
        pieces.push(piece);
    }
    assert_eq!(used(&client).await, (0, sent.len() as u64));
    let urls: Vec<String> = pieces
        .iter()
        .map(|piece| format!("{}{}", client.url(), piece.path()))
        .collect();
    let concat = format!("final;{}", urls.join(" "));
    let named = metadata(&[("filename", "whole.bin")]);
    let headers = [
        ("upload-concat", concat.as_str()),
        ("upload-metadata", named.as_str()),
    ];

    let made = create(&client, &headers, None).await.expect(201);
    let again = create(&client, &headers, None).await.expect(201);

    check_file(&client, made.header("sheaf-file-id"), &sent).await;
    assert_eq!(again.header("location"), made.header("location"));
    assert_eq!(again.header("sheaf-file-id"), made.header("sheaf-file-id"));
    assert_eq!(used(&client).await, (1, sent.len() as u64));
    let whole = Upload::of(&client, &made);
    let head = whole.head().await.expect(200);
    assert!(head.header("upload-concat").starts_with("final;/v1/tus/"));
    assert_eq!(head.header("upload-offset"), sent.len().to_string());
    whole.patch(0, b"more").await.expect(403);
    for piece in pieces {
        piece.head().await.expect(410);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_piece_becomes_no_file() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let named = metadata(&[("filename", "whole.bin")]);
    let concat = async |pieces: &[&str]| {
        let concat = format!("final;{}", pieces.join(" "));
        let headers = [
            ("upload-concat", concat.as_str()),
            ("upload-metadata", named.as_str()),
        ];
        create(&client, &headers, None).await
    };
    let headers = [("upload-concat", "partial"), ("upload-length", "10")];
    let piece = Upload::of(&client, &create(&client, &headers, None).await.expect(201));
    let whole = Upload::begin(&client, 10, &[("filename", "a.bin")]).await;

    assert_eq!(
        concat(&[piece.path()]).await.expect(409).code(),
        "unfinished_piece"
    );
    assert_eq!(
        concat(&[whole.path()]).await.expect(409).code(),
        "not_a_piece"
    );
    concat(&[piece.path(), piece.path()]).await.expect(422);
    concat(&[]).await.expect(422);
    let other = target.client_in("e2e-another", Role::Editor).await;
    let strange = Upload::of(&other, &create(&other, &headers, None).await.expect(201));
    concat(&[strange.path()]).await.expect(404);
    // Nothing is left reserved by what was refused.
    assert_eq!(used(&client).await, (1, 20));
    strange.terminate().await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_protocol_is_refused_and_loses_nothing() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let upload = Upload::begin(&client, 10, &[("filename", "a.bin")]).await;
    upload.patch(0, b"abc").await.expect(204);

    let plain = client.send(Method::HEAD, upload.path(), &[], "").await;
    assert_eq!(plain.expect(412).header("tus-version"), "1.0.0");
    assert_eq!(
        upload.patch(0, b"abc").await.expect(409).code(),
        "offset_mismatch"
    );
    upload.patch(3, b"more than ten bytes").await.expect(422);
    let headers = [("upload-offset", "3"), ("content-type", "text/plain")];
    let typed = [&headers[..], &[("tus-resumable", "1.0.0")]].concat();
    client
        .send(Method::PATCH, upload.path(), &typed, "abc")
        .await
        .expect(415);
    for headers in [
        vec![("upload-metadata", "filename YQ==")],
        vec![
            ("upload-length", "-1"),
            ("upload-metadata", "filename YQ=="),
        ],
        vec![("upload-length", "1"), ("upload-metadata", "filename a")],
        vec![("upload-length", "1"), ("upload-defer-length", "1")],
    ] {
        create(&client, &headers, None).await.expect(400);
    }
    create(&client, &[("upload-length", "1")], None)
        .await
        .expect(422);
    let huge = [
        ("upload-length", "99999999999999"),
        ("upload-metadata", "filename YQ=="),
    ];
    create(&client, &huge, None).await.expect(413);
    // A session of another kind is no upload by tus, and one by tus cannot be finished as another.
    let session = format!("/v1/uploads/{}", upload.id());
    for (what, body) in [
        ("parts", serde_json::json!({"numbers": [1]})),
        ("complete", serde_json::json!({})),
    ] {
        let answer = client.post(&format!("{session}/{what}"), &body).await;
        assert_eq!(answer.expect(409).code(), "tus_upload");
    }

    assert_eq!(upload.offset().await, 3);
    let last = upload.patch(3, b"defghij").await.expect(204);
    check_file(&client, last.header("sheaf-file-id"), b"abcdefghij").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_another_workspace_are_unknown_and_viewers_send_nothing() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let upload = Upload::begin(&client, 10, &[("filename", "a.bin")]).await;
    let stranger = upload.by(&target.client_in("e2e-another", Role::Admin).await);
    let viewer = upload.by(&target.client(Role::Viewer).await);

    stranger.head().await.expect(404);
    stranger.patch(0, b"abc").await.expect(404);
    stranger.terminate().await.expect(404);
    viewer.head().await.expect(403);
    viewer.patch(0, b"abc").await.expect(403);
    viewer.terminate().await.expect(403);

    assert_eq!(upload.offset().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn name_that_is_taken_meanwhile_is_told_and_no_byte_is_lost() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    for length in [1_000, 9 * MIB] {
        let name = format!("{length}.bin");
        let sent = bytes(length);
        let upload = Upload::begin(&client, length, &[("filename", name.as_str())]).await;
        let taken = client.put(&format!("name={name}"), "other").await;
        let (first, last) = sent.split_at(length - 500);
        for (number, chunk) in first.chunks(CHUNK).enumerate() {
            upload.patch(number * CHUNK, chunk).await.expect(204);
        }

        let refused = upload.patch(length - 500, last).await.expect(422);
        assert_eq!(refused.code(), "name_taken");
        // A client that asks how far it is must not take it for finished, nor begin anew.
        let head = upload.head().await;
        assert!(head.status == 423 || head.header("upload-offset") != length.to_string());

        client
            .delete(&format!("/v1/files/{}", id(&taken)))
            .await
            .expect(200);
        let file = if head.status == 423 {
            upload.head().await.expect(200)
        } else {
            upload.patch(length - 500, last).await.expect(204)
        };
        check_file(&client, file.header("sheaf-file-id"), &sent).await;
    }
}

#[tokio::test]
async fn file_in_the_way_of_a_folder_is_told_and_no_byte_is_lost() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let pairs = [("filename", "a.bin"), ("folder", "/way/below")];
    let upload = Upload::begin(&client, 10, &pairs).await;
    upload.patch(0, b"01234").await.expect(204);
    let way = client.put("name=way", "in the way").await;

    // 409 would have clients ask for their offset and send again, for ever.
    let refused = upload.patch(5, b"56789").await.expect(422);
    assert_eq!(refused.code(), "not_a_folder");
    client
        .delete(&format!("/v1/files/{}", id(&way)))
        .await
        .expect(200);
    let offset = upload.head().await.expect(200);
    if offset.header("upload-offset") != "10" {
        upload.patch(5, b"56789").await.expect(204);
    }
    let file = upload.head().await.expect(200);
    check_file(&client, file.header("sheaf-file-id"), b"0123456789").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_not_those_that_were_promised_and_programs_are_refused() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let promised = sha256(b"promised");
    let said = [("filename", "a.txt"), ("sha256", promised.as_str())];
    let other = Upload::begin(&client, 5, &said).await;
    let program = Upload::begin(&client, 2_000, &[("filename", "a.txt")]).await;
    let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    elf.resize(2_000, 0);

    other.patch(0, b"other").await.expect(422);
    program.patch(0, &elf).await.expect(415);

    other.head().await.expect(410);
    program.head().await.expect(415);
    assert_eq!(used(&client).await, (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_may_be_overridden() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let upload = Upload::begin(&client, 3, &[("filename", "a.bin")]).await;
    let headers = [("x-http-method-override", "PATCH"), ("upload-offset", "0")];
    let sent = send(
        &client,
        Method::POST,
        upload.path(),
        &headers,
        Some(b"abc".to_vec()),
    );

    let sent = sent.await.expect(204);
    check_file(&client, sent.header("sheaf-file-id"), b"abc").await;
}
