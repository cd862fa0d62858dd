//! Files that cannot be read, or not easily: each says why, and none is lost.

use std::io::{Cursor, Write};

use domain::principal::Role;
use e2e::{Target, finished, id};
use serde_json::Value;
use testkit::Client;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const ENCRYPTED: &[u8] =
    include_bytes!("../../../shared/extract/tests/fixtures/password-to-open.pdf");

/// A DOCX of a few kilobytes whose text takes 32 MiB.
fn zip_bomb() -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    archive.start_file("[Content_Types].xml", options).unwrap();
    archive.write_all(b"<Types/>").unwrap();
    archive.start_file("word/document.xml", options).unwrap();
    archive.write_all(&vec![b' '; 32 * 1024 * 1024]).unwrap();
    archive.finish().unwrap().into_inner()
}

/// Uploads a file, waits for its end, and checks that its bytes are given back as they came.
async fn uploaded(client: &Client, name: &str, bytes: &[u8]) -> Value {
    let file = client.put(&format!("name={name}"), bytes.to_vec()).await;
    let file = finished(client, &id(&file)).await;
    let content = client.content(&id(&file)).await.expect(200);
    assert!(
        content.body == bytes,
        "{name} came back as {} bytes",
        content.body.len()
    );
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_says_why_and_stays_readable_as_it_came() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let bomb = zip_bomb();
    assert!(bomb.len() < 100_000);

    let cases: [(&str, &[u8], &str); 3] = [
        ("bomb.docx", &bomb, "too_large_inside"),
        ("locked.pdf", ENCRYPTED, "encrypted"),
        ("cut.docx", &bomb[..bomb.len() / 2], "corrupt"),
    ];
    for (name, bytes, code) in cases {
        let file = uploaded(&client, name, bytes).await;
        assert_eq!(file["status"], "failed", "{file}");
        assert_eq!(file["failure"]["stage"], "extract", "{file}");
        assert_eq!(file["failure"]["code"], code, "{file}");
        let detail = file["failure"]["detail"].as_str().unwrap();
        assert!(detail.len() > 20, "{name}: {detail}");
    }
    let failures = client.get("/v1/failures").await.expect(200).json();
    assert_eq!(failures["items"].as_array().unwrap().len(), cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_not_utf_8_is_read() {
    let target = Target::start().await;
    let client = target.client(Role::Editor).await;
    let latin1 = b"Caf\xE9 de la Gare\n\nDate: 2024-03-05\nTotal pay\xE9: $5.00\n";

    let file = uploaded(&client, "cafe.txt", latin1).await;

    assert_eq!(file["status"], "completed", "{file}");
    let text = client
        .get(&format!("/v1/files/{}/text", id(&file)))
        .await
        .expect(200);
    let text = String::from_utf8(text.body.to_vec()).unwrap();
    assert!(text.contains("Café de la Gare"), "{text}");
}
