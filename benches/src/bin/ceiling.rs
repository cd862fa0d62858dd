//! How close the API comes to the embedded backends' own ceiling: the same calls made straight
//! through the SDK, in the same process, in turns.
//!
//! `cargo run --release -p benches --bin ceiling`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use benches::{AT_ONCE, Connections, Rounds, UploadCalls, new_body, profile, rate, upload_body};
use bytes::Bytes;
use http::{Method, StatusCode};
use store::keys::Key;
use testkit::{Options, Sheaf};

const ROUNDS: usize = 7;
const READS: usize = 1_000;
const UPLOADS: usize = 200;

#[tokio::main]
async fn main() {
    println!(
        "{AT_ONCE} connections, {ROUNDS} rounds in turns, {}",
        profile()
    );
    let idle = Sheaf::start_with(Options {
        works: false,
        ..Options::default()
    })
    .await;
    // While nobody works on it, all that an upload wrote is still there.
    let calls = UploadCalls::of_an_upload(&idle, upload_body()).await;

    let sheaf = Sheaf::start().await;
    let connections = Connections::like(&sheaf.admin()).await;
    reads(&sheaf, &connections).await;
    uploads(
        "64 KiB upload, read meanwhile",
        &sheaf,
        &connections,
        &calls,
    )
    .await;
    sheaf.server.stop().await;

    let connections = Connections::like(&idle.admin()).await;
    uploads("64 KiB upload by itself", &idle, &connections, &calls).await;
    idle.server.stop().await;
}

async fn reads(sheaf: &Sheaf, connections: &Connections) {
    let file = sheaf.admin().put("name=read.txt", "text").await;
    sheaf.rest().await;
    let id = file["id"].as_str().expect("an id");
    let path = format!("/v1/files/{id}");
    let table = &sheaf.store().table;
    let workspace = "acme".parse().expect("a workspace");
    let key = Key::file(&workspace, id.parse().expect("a file id")).attributes();
    let (mut ceiling, mut ours, mut share) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        let straight = rate(READS, |_| async {
            let item = table
                .client()
                .get_item()
                .table_name(table.name())
                .set_key(Some(key.clone()))
                .consistent_read(true)
                .send()
                .await
                .expect("GetItem");
            assert!(item.item.is_some());
        })
        .await;
        let through = rate(READS, |_| async {
            connections
                .send(Method::GET, &path, Bytes::new(), StatusCode::OK)
                .await;
        })
        .await;
        ceiling.add(straight);
        ours.add(through);
        share.add(100.0 * through / straight);
    }
    ceiling.tell("metadata read: GetItem straight through the SDK", "/s");
    ours.tell("metadata read: GET /v1/files/{id}", "/s");
    share.tell("metadata read: share of the ceiling", "%");
}

/// Measures uploads, of which some may be read by the document pipeline at the same time.
async fn uploads(what: &str, sheaf: &Sheaf, connections: &Connections, calls: &UploadCalls) {
    let bytes = upload_body();
    let (mut ceiling, mut ours, mut share) =
        (Rounds::default(), Rounds::default(), Rounds::default());
    for round in 0..ROUNDS {
        let straight = rate(UPLOADS, |_| calls.make(sheaf, &bytes)).await;
        let through = rate(UPLOADS, |number| {
            let path = format!("/v1/files?name=u-{round}-{number}.bin");
            let bytes = new_body();
            async move {
                connections
                    .send(Method::POST, &path, bytes, StatusCode::CREATED)
                    .await;
            }
        })
        .await;
        // What is still to be read must not slow the next round.
        if sheaf.works() {
            sheaf.rest().await;
        }
        ceiling.add(straight);
        ours.add(through);
        share.add(100.0 * through / straight);
    }
    ceiling.tell(&format!("{what}: one PUT and two transactions"), "/s");
    ours.tell(&format!("{what}: POST /v1/files"), "/s");
    share.tell(&format!("{what}: share of the ceiling"), "%");
}
