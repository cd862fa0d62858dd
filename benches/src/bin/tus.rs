//! Files of 8 MiB by tus: through the functions, beside PUTs straight through the SDK, `@tus/server` with its S3 store on
//! the same S3, and `@tus/server` with its file store, in turns. Any answer that is not as it should be ends the run; it
//! ends with 1 when something is not as it is wanted.
//!
//! `just bench-tus`, which installs `@tus/server`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::path::Path;
use std::process::{Command, ExitCode};

use aws_sdk_s3::Client;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use benches::emulators::Emulators;
use benches::sides::{Side, Taken, source, start_emulators};
use benches::{AT_ONCE, Rounds, Wanted, profile, rate, sibling, unlike};
use bytes::Bytes;
use http::{Method, StatusCode, header};
use uuid::Uuid;

const ROUNDS: usize = 5;
const FILES: usize = 32;
const FILE_BYTES: usize = 8 << 20;

/// What of the rate of PUTs is wanted at least.
const LEAST_RATE: f64 = 0.5;

#[tokio::main]
async fn main() -> ExitCode {
    println!(
        "{FILES} files of 8 MiB in each of {ROUNDS} rounds in turns, {AT_ONCE} connections, {}",
        profile()
    );
    let (_emulators, emulators) = start_emulators();
    let s3 = emulators.s3();
    let folder = tempfile::tempdir().expect("a folder");
    let ours = Side::start("Sheaf", &mut Command::new(sibling("functions")), &emulators).await;
    let mut node = server("s3", folder.path());
    let with_s3 = Side::start("@tus/server, S3 store", &mut node, &emulators).await;
    let mut node = server("file", folder.path());
    let with_files = Side::start("@tus/server, file store", &mut node, &emulators).await;

    let body = Bytes::from(vec![b'x'; FILE_BYTES]);
    let mut puts = Rounds::default();
    for round in 0..=ROUNDS {
        let put_rate = rate(FILES, |_| put(&s3, &emulators, &body)).await;
        clear(&s3, &emulators, folder.path()).await;
        if round > 0 {
            puts.add(put_rate);
        }
        for (side, path) in [
            (&ours, "/v1/tus"),
            (&with_s3, "/files"),
            (&with_files, "/files"),
        ] {
            side.round(FILES, |number| {
                upload(side, path, format!("{round}-{number}.bin"), &body)
            })
            .await;
            clear(&s3, &emulators, folder.path()).await;
            if round == 0 {
                side.taken();
            }
        }
    }
    println!(
        "{:<26}{:>12}{:>16}{:>12}{:>12}",
        "", "rate", "CPU outside", "p50", "p99"
    );
    println!(
        "{:<26}{:>6.1} files/s",
        "PUT through the SDK",
        puts.median()
    );
    let [ours, with_s3, _] = [&ours, &with_s3, &with_files].map(|side| {
        let taken = side.taken();
        tell(side.name, taken);
        taken
    });
    let mut wanted = Wanted::default();
    let share = ours.rate / puts.median();
    wanted.holds(
        share >= LEAST_RATE,
        &format!(
            "{:.0} % of the rate of PUTs, at least {:.0} %",
            share * 100.0,
            LEAST_RATE * 100.0
        ),
    );
    wanted.holds(
        ours.rate > with_s3.rate,
        &format!(
            "{:.2} times the rate of @tus/server with its S3 store, more than 1",
            ours.rate / with_s3.rate
        ),
    );
    wanted.holds(
        ours.cpu_ms < with_s3.cpu_ms,
        &format!(
            "{:.2} of its CPU time, less than 1",
            ours.cpu_ms / with_s3.cpu_ms
        ),
    );
    wanted.tell()
}

fn server(store: &str, folder: &Path) -> Command {
    let mut node = Command::new("node");
    node.arg(source("tus-peer").join("server.js"))
        .env("STORE", store)
        .env("FOLDER", folder);
    node
}

async fn put(s3: &Client, emulators: &Emulators, body: &Bytes) {
    s3.put_object()
        .bucket(&emulators.bucket)
        .key(format!("blobs/bench/{}", Uuid::new_v4()))
        .if_none_match("*")
        .content_type("application/octet-stream")
        .body(unlike(body).into())
        .send()
        .await
        .expect("PutObject");
}

async fn upload(side: &Side, path: &str, name: String, body: &Bytes) {
    let length = body.len().to_string();
    let metadata = format!("filename {}", STANDARD.encode(name));
    let creation = [
        ("tus-resumable", "1.0.0"),
        ("upload-length", length.as_str()),
        ("upload-metadata", metadata.as_str()),
    ];
    let begun = side.connections.send_with(
        Method::POST,
        path,
        &creation,
        Bytes::new(),
        StatusCode::CREATED,
    );
    let (headers, _) = begun.await;
    let location = headers[header::LOCATION].to_str().expect("a URL");
    let location = location.find("//").map_or(location, |at| {
        let rest = &location[at + 2..];
        &rest[rest.find('/').unwrap_or_default()..]
    });
    let piece = [
        ("tus-resumable", "1.0.0"),
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    let sent = side.connections.send_with(
        Method::PATCH,
        location,
        &piece,
        unlike(body),
        StatusCode::NO_CONTENT,
    );
    let (headers, _) = sent.await;
    assert_eq!(headers["upload-offset"], length);
}

/// Removes all objects and files, so that the disk does not fill: rows are small.
async fn clear(s3: &Client, emulators: &Emulators, folder: &Path) {
    loop {
        let listed = s3.list_objects_v2().bucket(&emulators.bucket).send();
        let listed = listed.await.expect("ListObjectsV2");
        for object in listed.contents() {
            let key = object.key().expect("a key");
            let gone = s3.delete_object().bucket(&emulators.bucket).key(key).send();
            gone.await.expect("DeleteObject");
        }
        if listed.is_truncated() != Some(true) {
            break;
        }
    }
    for entry in std::fs::read_dir(folder).expect("a folder") {
        std::fs::remove_file(entry.expect("a file").path()).expect("it goes");
    }
}

fn tell(name: &str, taken: Taken) {
    println!(
        "{name:<26}{:>6.1} files/s{:>13.2} ms{:>9.0} ms{:>9.0} ms",
        taken.rate, taken.cpu_ms, taken.p50_ms, taken.p99_ms
    );
}
