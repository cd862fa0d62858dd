//! What a page of a list and a move cost in a workspace with very many files: a page of 50 from a folder with a tenth of
//! all files beside one from a folder with a hundred, in turns, and the move of the large folder. Ends with 1 when
//! something is not as it is wanted.
//!
//! Wants a data folder that `--bin load` has filled.
//!
//! `cargo run --release -p benches --bin scale -- --data DIR`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::tree::{FEW, LARGE, SMALL};
use benches::{Metered, Rounds, Spent, Wanted, profile};
use clap::Parser;
use domain::WorkspaceId;
use runtime::clock::Clock;
use serde_json::{Value, json};
use testkit::Client;

const ROUNDS: usize = 60;
/// A page from the large folder may take so many times as long as one from the small folder.
const MOST_TIMES: f64 = 1.5;
/// What a move may take, and how many items may be in its transaction.
const MOST_MOVE: Duration = Duration::from_millis(100);
const MOST_ITEMS: u64 = 40;
/// As deep as a folder may be that another one is moved into.
const DEEP: usize = 31;

/// Measures lists and moves in a workspace with very many files.
#[derive(Parser)]
struct Arguments {
    /// The data folder.
    #[arg(long)]
    data: PathBuf,
    /// The workspace.
    #[arg(long, default_value = "acme")]
    workspace: WorkspaceId,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runner = Metered::start(arguments.data, Clock::system()).await;
    let client = runner.client(&arguments.workspace);
    println!("{ROUNDS} rounds in turns, {}", profile());
    let mut wanted = Wanted::default();
    let files = count(&client, LARGE).await;
    println!("a page of 50 of {files} files in one folder, beside one of {FEW}");
    for sort in ["name", "updated_at"] {
        let pages = Pages::new(&client, sort).await;
        for (where_, small, large) in [
            ("first page", &pages.small_first, &pages.large_first),
            (
                "page in the middle",
                &pages.small_middle,
                &pages.large_middle,
            ),
        ] {
            compare(
                &runner,
                &client,
                &format!("sort={sort}, {where_}"),
                small,
                large,
                &mut wanted,
            )
            .await;
        }
    }
    moves(&runner, &client, &mut wanted).await;
    runner.server.stop().await;
    wanted.tell()
}

/// The pages that are asked for, by path.
struct Pages {
    small_first: String,
    small_middle: String,
    large_first: String,
    large_middle: String,
}

impl Pages {
    async fn new(client: &Client, sort: &str) -> Self {
        let first = |folder: &str| format!("/v1/files?folder=/{folder}&sort={sort}");
        let (small_first, large_first) = (first(SMALL), first(LARGE));
        let middle = count(client, LARGE).await / 2;
        Self {
            small_middle: after(client, &small_first, FEW / 4).await,
            large_middle: after(client, &large_first, middle).await,
            small_first,
            large_first,
        }
    }
}

/// The path of the page behind so many files or a few more.
async fn after(client: &Client, first: &str, files: u64) -> String {
    let mut path = first.to_owned();
    let mut passed = 0;
    while passed < files {
        let limit = (files - passed).min(100);
        let page = client.get(&format!("{path}&limit={limit}")).await;
        let page = page.expect(200).json();
        passed += length(&page);
        let next = page["next_cursor"].as_str().expect("another page");
        path = format!("{first}&cursor={next}");
    }
    path
}

fn length(page: &Value) -> u64 {
    page["items"].as_array().map_or(0, Vec::len) as u64
}

async fn count(client: &Client, folder: &str) -> u64 {
    folder_named(client, folder).await["file_count"]
        .as_u64()
        .expect("how many files there are")
}

async fn folder_named(client: &Client, name: &str) -> Value {
    let path = json!({"path": format!("/{name}")});
    let made = client.post("/v1/folders", &path).await.json();
    let id = made["id"].as_str().expect("an id");
    client
        .get(&format!("/v1/folders/{id}"))
        .await
        .expect(200)
        .json()
}

/// Holds a page of the large folder against one of the small folder.
async fn compare(
    runner: &Metered,
    client: &Client,
    what: &str,
    small: &str,
    large: &str,
    wanted: &mut Wanted,
) {
    let of_small = counted(runner, client, small).await;
    let of_large = counted(runner, client, large).await;
    let (mut in_small, mut in_large) = (Rounds::default(), Rounds::default());
    for _ in 0..ROUNDS {
        for (path, rounds) in [(small, &mut in_small), (large, &mut in_large)] {
            let begun = Instant::now();
            client.get(path).await.expect(200);
            rounds.add(begun.elapsed().as_secs_f64() * 1000.0);
        }
    }
    in_small.tell(&format!("{what}: of few"), "ms");
    in_large.tell(&format!("{what}: of many"), "ms");
    println!("  DynamoDB, of few:  {}", told(&of_small));
    println!("  DynamoDB, of many: {}", told(&of_large));
    let calls = (of_small.dynamodb_calls(), of_large.dynamodb_calls());
    wanted.holds(
        calls.0 == calls.1,
        &format!(
            "{what}: {} calls of DynamoDB, as {} from the small folder",
            calls.1, calls.0
        ),
    );
    let times = in_large.median() / in_small.median();
    wanted.holds(
        times <= MOST_TIMES,
        &format!("{what}: {times:.2} times as long as from the small folder, at most {MOST_TIMES}"),
    );
}

/// What a page of 50 takes; it must be one.
async fn counted(runner: &Metered, client: &Client, path: &str) -> Spent {
    runner.meter.start();
    let page = client.get(path).await.expect(200).json();
    let spent = runner.meter.stop();
    assert_eq!(length(&page), 50, "{path} has not 50 files");
    spent
}

fn told(spent: &Spent) -> String {
    let calls: Vec<String> = spent
        .dynamodb
        .iter()
        .map(|(operation, count)| format!("{count} {operation}"))
        .collect();
    format!("{}; {} read units", calls.join(", "), spent.read_units)
}

/// Moves the large folder into one as deep as there may be, and back.
async fn moves(runner: &Metered, client: &Client, wanted: &mut Wanted) {
    let id = folder_named(client, LARGE).await["id"].clone();
    let path = format!("/v1/folders/{}", id.as_str().expect("an id"));
    let deep = vec!["deep"; DEEP].join("/");
    let targets = [format!("/{deep}"), "/".to_owned()];
    client
        .post("/v1/folders", &json!({"path": targets[0]}))
        .await;
    let (mut times, mut items) = (Rounds::default(), 0);
    for round in 0..ROUNDS {
        for target in &targets {
            // Counting takes time, so the first round is for that.
            if round == 0 {
                runner.meter.start();
            }
            let begun = Instant::now();
            client
                .patch(&path, &json!({"folder": target}))
                .await
                .expect(200);
            let took = begun.elapsed();
            if round == 0 {
                let spent = runner.meter.stop();
                println!(
                    "move into {target}: {} items in its transaction; {}",
                    spent.transaction_items,
                    told(&spent)
                );
                items = items.max(spent.transaction_items);
            } else {
                times.add(took.as_secs_f64() * 1000.0);
            }
        }
    }
    times.tell("moving the large folder", "ms");
    let most = MOST_MOVE.as_secs_f64() * 1000.0;
    wanted.holds(
        times.median() < most,
        &format!("a move takes {:.1} ms, less than {most:.0}", times.median()),
    );
    wanted.holds(
        items <= MOST_ITEMS,
        &format!("{items} items in the transaction of a move, at most {MOST_ITEMS}"),
    );
}
