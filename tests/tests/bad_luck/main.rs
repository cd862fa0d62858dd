//! Bad input and bad luck: messages that come again, races, files made to hurt, and the end of the
//! process at any moment.
//!
//! These tests reach behind the API, into queues, rows and processes, so they run against the local
//! runner only; `suite` is what also runs against a deployment.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on ends"
)]

mod ancestors;
mod crash;
mod doctor;
mod expiry;
mod faults;
mod folders;
mod inbox;
mod invariants;
mod lost;
mod messages;
mod model;
mod names;
mod process;
mod purge;
mod quota;
mod repeats;
mod routes;
mod sharing;
mod signed;
mod sweep;
mod tokens;
mod tus;
mod unreadable;

use domain::WorkspaceId;
use domain::message::{Destination, Task, Work};
use serde_json::Value;
use store::work::work_of;
use testkit::{Client, Options, Sheaf};

/// How often everything is sent that may be sent more than once.
const REPEATS: usize = 10;

/// How often a race is run: as often as `SHEAF_ROUNDS` says, or else as usual.
fn rounds(usual: usize) -> usize {
    let asked = std::env::var("SHEAF_ROUNDS").ok();
    asked.map_or(usual, |rounds| rounds.parse().unwrap())
}

/// The workspace of [`Sheaf::admin`].
fn workspace() -> WorkspaceId {
    "acme".parse().unwrap()
}

/// Starts a runner; none when the suite is run against a deployment.
async fn start() -> Option<Sheaf> {
    start_with(Options::default()).await
}

/// Starts a runner with options; none when the suite is run against a deployment.
async fn start_with(options: Options) -> Option<Sheaf> {
    if is_against_deployment() {
        return None;
    }
    Some(Sheaf::start_with(options).await)
}

#[expect(
    clippy::print_stderr,
    reason = "who runs the suite is told what was left out"
)]
fn is_against_deployment() -> bool {
    let deployed = std::env::var_os("SHEAF_DEPLOYED").is_some();
    if deployed {
        eprintln!("left out: this test needs the local runner");
    }
    deployed
}

fn bill(date: &str, amount: &str) -> String {
    format!("Pine Grove Electric\n\nStatement date: {date}\nTotal due: ${amount}\n")
}

/// The messages that take the first version of a file through the pipeline.
fn works_of(file: &Value) -> Vec<Work> {
    let file = e2e::id(file).parse().unwrap();
    [
        Task::ReadVersion { file, version: 1 },
        Task::PlaceFile { file },
        Task::SummarizeVersion { file, version: 1 },
    ]
    .map(|task| work_of(&workspace(), task))
    .into()
}

/// Sends a message to a queue, as its sender would.
async fn send(sheaf: &Sheaf, to: Destination, body: String) {
    sheaf
        .store()
        .queue
        .send(to, body, std::time::Duration::ZERO)
        .await
        .unwrap();
}

/// What S3 sends when an object was written: the body of the message in `events/`, for this key.
fn object_event(key: &str) -> String {
    let event = include_str!("../../../events/ingest-s3-event.json");
    let event: Value = serde_json::from_str(event).unwrap();
    let mut body: Value =
        serde_json::from_str(event["Records"][0]["body"].as_str().unwrap()).unwrap();
    body["Records"][0]["s3"]["object"]["key"] = key.into();
    body.to_string()
}

/// Returns all files of a workspace, which are fewer than a page.
async fn files(client: &Client) -> Vec<Value> {
    let listed = client.get("/v1/files?limit=100").await.expect(200).json();
    assert_eq!(listed["next_cursor"], Value::Null);
    listed["items"].as_array().unwrap().clone()
}

/// Returns how many files and bytes a workspace uses.
async fn usage(client: &Client) -> (u64, u64) {
    let usage = client.get("/v1/usage").await.expect(200).json();
    let number = |name: &str| usage[name].as_u64().unwrap();
    (number("used_files"), number("used_bytes"))
}
