//! Imports of archives: those of ours, and those that other programs make.

use std::io::{Cursor, Write as _};

use http::Method;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::{LARGE, archive, codes, export, files, import, noise, other, start, usage};

/// An archive as another program makes it.
pub(crate) fn zipped(entries: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (path, bytes) in entries {
        if path.ends_with('/') {
            writer.add_directory(*path, options).unwrap();
        } else {
            writer.start_file(*path, options).unwrap();
            writer.write_all(bytes).unwrap();
        }
    }
    writer.finish().unwrap().into_inner()
}

#[tokio::test]
async fn what_was_exported_comes_back_in_another_workspace_as_it_was() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let bill = client
        .put(
            "name=a.txt&folder=/f/2025&type=bill&tag=power&tag=home",
            "Total due: $1.00",
        )
        .await;
    client
        .put(
            "name=a.txt&folder=/f/2025&on_conflict=version",
            "Total due: $2.00",
        )
        .await;
    client.put("name=请 zażółć.txt&folder=/f/ελ/в", "x").await;
    client
        .put("name=soon.txt&folder=/f&expires_in_s=1000000", "soon")
        .await;
    client.put("name=a%5Cb.txt&folder=/f", "backslash").await;
    client.put("name=empty&folder=/f", "").await;
    client
        .put("name=large.bin&folder=/f", noise(3, LARGE))
        .await;
    client
        .post("/v1/folders", &json!({"path": "/f/nothing/here"}))
        .await
        .expect(201);
    sheaf.rest().await;
    let route = format!("/v1/files/{}", bill["id"].as_str().unwrap());
    let change = json!({"document_date": "2025-03-04", "favorite": true});
    client.patch(&route, &change).await.expect(200);

    let made = export(&sheaf, &client, &json!({"folder": "/f", "versions": true})).await;
    assert_eq!(made["job"]["state"], "done", "{made}");
    let exported = archive(&client, &made).await;
    let other = other(&sheaf);
    let job = import(&sheaf, &other, exported, &json!({"folder": "/f"})).await;
    assert_eq!(job["state"], "done", "{job}");
    // Six files, an earlier version, and five folders.
    assert_eq!(
        (&job["progress"]["done"], &job["progress"]["total"]),
        (&json!(12), &json!(12))
    );

    let told = |files: Vec<Value>| -> Vec<Value> {
        let names = [
            "path",
            "type",
            "tags",
            "sha256",
            "size_bytes",
            "version",
            "document_date",
            "expires_at",
            "favorite",
            "content_type",
        ];
        let fields = |file: Value| names.map(|name| file[name].clone());
        files.into_iter().map(|file| json!(fields(file))).collect()
    };
    let (before, after) = (files(&client, "/f").await, files(&other, "/f").await);
    assert_eq!(told(after.clone()), told(before));
    let bill = after.iter().find(|file| file["name"] == "a.txt").unwrap();
    assert_eq!(bill["origin"], "imported");
    let first = format!(
        "/v1/files/{}/content?version=1",
        bill["id"].as_str().unwrap()
    );
    let redirect = other.get(&first).await.expect(302);
    let earlier = other.fetch(redirect.header("location")).await;
    assert_eq!(earlier.body, "Total due: $1.00");
    let folder = other
        .post("/v1/folders", &json!({"path": "/f/nothing/here"}))
        .await;
    assert_eq!(folder.status.as_u16(), 200);
}

#[tokio::test]
async fn ordinary_archives_are_imported_stored_or_deflated() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let lines: Vec<String> = (0..2_500_000).map(|line| format!("line {line}")).collect();
    let text = lines.join("\n");
    let noise = noise(9, 18 * 1024 * 1024);
    for (method, folder) in [
        (CompressionMethod::Stored, "/s"),
        (CompressionMethod::Deflated, "/d"),
    ] {
        let zipped = zipped(
            &[
                ("docs/", b""),
                ("docs/a.txt", b"hello"),
                ("docs/deep/er/b.txt", b""),
                ("text.txt", text.as_bytes()),
                ("noise.bin", &noise),
                ("__MACOSX/docs/._a.txt", b"fork"),
            ],
            method,
        );
        let job = import(&sheaf, &client, zipped, &json!({"folder": folder})).await;
        assert_eq!(job["state"], "done", "{job}");
        let files = files(&client, folder).await;
        let paths: Vec<&str> = files
            .iter()
            .map(|file| file["path"].as_str().unwrap())
            .collect();
        let expected = ["docs/a.txt", "docs/deep/er/b.txt", "noise.bin", "text.txt"];
        assert_eq!(paths, expected.map(|path| format!("{folder}/{path}")));
        let content = client.content(files[3]["id"].as_str().unwrap()).await;
        assert!(content.body == text.as_bytes());
        let content = client.content(files[2]["id"].as_str().unwrap()).await;
        assert!(content.body == noise);
        let archives = self::files(&client, "/archives").await;
        let route = format!(
            "/v1/files/{}?permanent=true",
            archives[0]["id"].as_str().unwrap()
        );
        client.delete(&route).await.expect(200);
    }
}

#[tokio::test]
async fn names_that_are_taken_are_told_numbered_or_given_a_version() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "before").await;
    let zipped = zipped(
        &[("a.txt", b"after"), ("b.txt", b"b")],
        CompressionMethod::Stored,
    );
    let archive = client.put("name=in.zip", zipped).await;
    sheaf.rest().await;
    for (on_conflict, codes) in [
        ("fail", vec!["name_taken"]),
        ("rename", vec![]),
        ("version", vec![]),
    ] {
        let body = json!({"file_id": archive["id"], "on_conflict": on_conflict});
        let begun = client.post("/v1/imports", &body).await.expect(202).json();
        sheaf.rest().await;
        let job = crate::job(&client, begun["job"]["id"].as_str().unwrap()).await;
        assert_eq!(self::codes(&job), codes, "{job}");
    }
    let files = files(&client, "/").await;
    let names: Vec<&str> = files
        .iter()
        .map(|file| file["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["a (2).txt", "a.txt", "b (2).txt", "b.txt", "in.zip"]
    );
    let shown = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(
        (&shown["version"], &shown["size_bytes"]),
        (&json!(2), &json!(5))
    );
}

#[tokio::test]
async fn archive_that_was_changed_since_it_was_exported_is_refused_where_it_was() {
    let sheaf = start().await;
    let client = sheaf.admin();
    client.put("name=a.txt&folder=/f", "hello").await;
    client.put("name=b.txt&folder=/f", "world").await;
    sheaf.rest().await;
    let made = export(&sheaf, &client, &json!({"folder": "/f"})).await;
    let exported = archive(&client, &made).await.to_vec();
    // Other bytes with the right CRC-32: made anew, with the manifest as it was.
    let manifest = crate::entry(&exported.clone().into(), ".sheaf/manifest.jsonl");
    let changed = zipped(
        &[
            ("a.txt", b"HELLO"),
            ("b.txt", b"world"),
            (".sheaf/manifest.jsonl", &manifest),
        ],
        CompressionMethod::Stored,
    );
    let job = import(&sheaf, &client, changed, &json!({"folder": "/g"})).await;
    assert_eq!(codes(&job), ["other_hash"]);
    assert_eq!(files(&client, "/g").await.len(), 1);
    // Other entries than the manifest says.
    let changed = zipped(
        &[("b.txt", b"world"), (".sheaf/manifest.jsonl", &manifest)],
        CompressionMethod::Stored,
    );
    let body = json!({"folder": "/h"});
    client
        .delete(&format!(
            "/v1/files/{}?permanent=true",
            files(&client, "/archives").await[0]["id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    let job = import(&sheaf, &client, changed, &body).await;
    assert_eq!(codes(&job), ["other_manifest"]);
    assert!(files(&client, "/h").await.is_empty());
}

#[tokio::test]
async fn archive_for_which_there_is_no_room_makes_nothing() {
    let mut options = crate::options();
    options.quota.bytes = 100_000;
    let sheaf = testkit::Sheaf::start_with(options).await;
    let client = sheaf.admin();
    let text = vec![b'x'; 60_000];
    let zipped = zipped(
        &[("a.txt", &text), ("b.txt", &text)],
        CompressionMethod::Deflated,
    );
    let before = zipped.len() as u64;
    let job = import(&sheaf, &client, zipped, &json!({"folder": "/f"})).await;
    assert_eq!(
        (codes(&job), &job["state"]),
        (vec!["quota_exceeded".to_owned()], &json!("failed"))
    );
    assert!(files(&client, "/f").await.is_empty());
    assert_eq!(usage(&client).await, (before, 1));
}

#[tokio::test]
async fn repeated_request_makes_one_import() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let zipped = zipped(&[("a.txt", b"a")], CompressionMethod::Stored);
    let file = client.put("name=in.zip", zipped).await;
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
    ];
    let body = json!({"file_id": file["id"], "on_conflict": "rename"}).to_string();
    let ask = || client.send(Method::POST, "/v1/imports", &headers, body.clone());
    let (one, two) = tokio::join!(ask(), ask());
    let (one, two) = (one.expect(202).json(), two.expect(202).json());
    assert_eq!(one["job"]["id"], two["job"]["id"]);
    sheaf.rest().await;
    assert_eq!(files(&client, "/").await.len(), 2);
}

#[tokio::test]
async fn archive_that_is_deleted_before_it_is_imported_ends_the_job() {
    let mut options = crate::options();
    options.works = false;
    let sheaf = testkit::Sheaf::start_with(options).await;
    let client = sheaf.admin();
    let zipped = zipped(&[("a.txt", b"a")], CompressionMethod::Stored);
    let file = client.put("name=in.zip", zipped).await;
    let begun = client
        .post("/v1/imports", &json!({"file_id": file["id"]}))
        .await
        .expect(202)
        .json();
    let route = format!("/v1/files/{}", file["id"].as_str().unwrap());
    client
        .delete(&format!("{route}?permanent=true"))
        .await
        .expect(200);
    let sheaf = Box::pin(sheaf.restart_with(|options| options.works = true)).await;
    sheaf.rest().await;
    let client = sheaf.admin();
    let job = crate::job(&client, begun["job"]["id"].as_str().unwrap()).await;
    assert_eq!(codes(&job), ["archive_gone"]);
    client
        .post("/v1/imports", &json!({"file_id": file["id"]}))
        .await
        .expect(410);
}

#[tokio::test]
async fn what_nobody_can_say_of_a_document_is_refused_and_what_was_said_comes_back() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let said = client.put("name=a.txt&folder=/f", "hello").await;
    client.put("name=b.txt&folder=/f", "world").await;
    sheaf.rest().await;
    let facts = format!("/v1/files/{}/facts", said["id"].as_str().unwrap());
    let quantities = json!({"quantities": [{"amount": "5", "unit": "L"}]});
    client.patch(&facts, &quantities).await.expect(200);
    let made = export(&sheaf, &client, &json!({"folder": "/f"})).await;
    let exported = archive(&client, &made).await;
    let manifest = crate::entry(&exported, ".sheaf/manifest.jsonl");
    let manifest = String::from_utf8(manifest).unwrap();
    let unit = format!("\"{}\"", "L".repeat(10_000));
    let hostile = manifest.replacen("\"L\"", &unit, 1);
    assert_ne!(manifest, hostile);
    let of = |manifest: &str| {
        let entries: [(&str, &[u8]); 3] = [
            ("a.txt", b"hello"),
            ("b.txt", b"world"),
            (".sheaf/manifest.jsonl", manifest.as_bytes()),
        ];
        zipped(&entries, CompressionMethod::Stored)
    };

    let whole = import(&sheaf, &client, exported, &json!({"folder": "/g"})).await;
    client
        .delete(&format!(
            "/v1/files/{}?permanent=true",
            files(&client, "/archives").await[0]["id"].as_str().unwrap()
        ))
        .await
        .expect(200);
    let job = import(&sheaf, &client, of(&hostile), &json!({"folder": "/h"})).await;

    assert_eq!(codes(&whole), [""; 0]);
    let back = files(&client, "/g").await;
    let back = back.iter().find(|file| file["name"] == "a.txt").unwrap();
    let facts = format!("/v1/files/{}/facts", back["id"].as_str().unwrap());
    let facts = client.get(&facts).await.expect(200).json();
    assert_eq!(facts["quantities"], quantities["quantities"]);
    assert_eq!(codes(&job), ["bad_facts"]);
    assert_eq!(files(&client, "/h").await.len(), 1);
}
