//! The functions beside a `FastAPI` application with the same routes and the same writes, on the same emulators: CPU time of
//! a request outside the emulators, and how long requests take, in turns. Any answer that is not as it should be ends the
//! run; it ends with 1 when something is not as it is wanted.
//!
//! `just bench-peers`, which makes the environment of the peer and names it in `PEER_PYTHON`.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::process::{Command, ExitCode};

use benches::sides::{Side, Taken, source, start_emulators};
use benches::{AT_ONCE, Wanted, new_body, profile, sibling};
use bytes::Bytes;
use http::{Method, StatusCode};

const ROUNDS: usize = 7;
const READS: usize = 1_000;
const UPLOADS: usize = 150;

/// What the functions may take of what the peer takes.
const MOST_CPU_OF_UPLOAD: f64 = 1.0 / 5.0;
const MOST_CPU_OF_READ: f64 = 1.0 / 10.0;
const MOST_P99: f64 = 1.0 / 2.0;

#[tokio::main]
async fn main() -> ExitCode {
    let python = std::env::var("PEER_PYTHON").expect("PEER_PYTHON, as `just bench-peers` sets it");
    println!(
        "{AT_ONCE} connections, {ROUNDS} rounds in turns, {}",
        profile()
    );
    let (_emulators, emulators) = start_emulators();
    let mut ours = Command::new(sibling("functions"));
    // The first upload gives the workspace its quota, which the peer only takes from.
    let ours = Side::start("functions", &mut ours, &emulators).await;
    upload(&ours, ROUNDS + 1, 0).await;
    let mut peer = Command::new(python);
    peer.arg(source("peer").join("app.py"));
    let peer = Side::start("FastAPI", &mut peer, &emulators).await;

    let mut wanted = Wanted::default();
    let sides = [&ours, &peer];
    for round in 0..=ROUNDS {
        for side in sides {
            side.round(UPLOADS, |number| upload(side, round, number))
                .await;
            warm(side, round);
        }
    }
    compare("64 KiB upload", sides, MOST_CPU_OF_UPLOAD, &mut wanted);

    let path = read_path(&ours).await;
    for round in 0..=ROUNDS {
        for side in sides {
            side.round(READS, |_| read(side, &path)).await;
            warm(side, round);
        }
    }
    compare("metadata read", sides, MOST_CPU_OF_READ, &mut wanted);
    wanted.tell()
}

/// The first round only warms up.
fn warm(side: &Side, round: usize) {
    if round == 0 {
        side.taken();
    }
}

async fn upload(side: &Side, round: usize, number: usize) {
    let path = format!("/v1/files?name={}-{round}-{number}.bin", side.name);
    side.connections
        .send(Method::POST, &path, new_body(), StatusCode::CREATED)
        .await;
}

/// Stores a file, and returns where its metadata is.
async fn read_path(side: &Side) -> String {
    let answer = side
        .connections
        .send(
            Method::POST,
            "/v1/files?name=read.txt",
            Bytes::from_static(b"text"),
            StatusCode::CREATED,
        )
        .await;
    let file: serde_json::Value = serde_json::from_slice(&answer).expect("a file");
    format!("/v1/files/{}", file["id"].as_str().expect("an id"))
}

async fn read(side: &Side, path: &str) {
    side.connections
        .send(Method::GET, path, Bytes::new(), StatusCode::OK)
        .await;
}

fn compare(what: &str, sides: [&Side; 2], most_cpu: f64, wanted: &mut Wanted) {
    println!(
        "{what:<24}{:>10}{:>16}{:>12}{:>12}",
        "rate", "CPU outside", "p50", "p99"
    );
    let [ours, peer] = sides.map(|side| {
        let taken = side.taken();
        tell(side.name, taken);
        taken
    });
    let cpu = ours.cpu_ms / peer.cpu_ms;
    wanted.holds(
        cpu <= most_cpu,
        &format!(
            "{what}: 1/{:.1} of the peer's CPU time, at most 1/{:.0}",
            1.0 / cpu,
            1.0 / most_cpu
        ),
    );
    let p99 = ours.p99_ms / peer.p99_ms;
    wanted.holds(
        p99 <= MOST_P99,
        &format!("{what}: {p99:.2} of the peer's p99, at most {MOST_P99}"),
    );
}

fn tell(name: &str, taken: Taken) {
    println!(
        "  {name:<22}{:>8.1}/s{:>13.3} ms{:>9.2} ms{:>9.2} ms",
        taken.rate, taken.cpu_ms, taken.p50_ms, taken.p99_ms
    );
}
