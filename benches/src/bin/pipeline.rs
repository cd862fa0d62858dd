//! How fast documents go through: many small ones at once, and one of 1 MiB.
//!
//! `cargo run --release -p benches --bin pipeline`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::time::{Duration, Instant};

use benches::{AT_ONCE, Rounds, profile, rate};
use domain::Sha256;
use testkit::{Client, Sheaf};

const DOCUMENTS: usize = 200;
const ROUNDS: usize = 5;
const PDF: &[u8] = include_bytes!("../../../samples/electricity-2024-11.pdf");

#[tokio::main]
async fn main() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    println!("{AT_ONCE} connections, {}", profile());
    small(&sheaf, &client).await;
    one_mebibyte(&sheaf, &client).await;
    sheaf.server.stop().await;
}

async fn small(sheaf: &Sheaf, client: &Client) {
    let begun = Instant::now();
    let acknowledged = rate(DOCUMENTS, |number| async move {
        let query = format!("name={number}.txt&type=bill&tag=bench");
        client.put(&query, document(number)).await;
    })
    .await;
    sheaf.rest().await;
    let whole = DOCUMENTS as f64 / begun.elapsed().as_secs_f64();
    assert_eq!(completed(client).await, DOCUMENTS);
    let workspace = "acme".parse().expect("the workspace of the client");
    for number in 0..DOCUMENTS {
        let content = Sha256::of(document(number).as_bytes());
        let summaries = sheaf.store().summary_attempts(&workspace, content).await;
        // One is committed, and the model was called once for it.
        assert_eq!(summaries.expect("the summaries of a document"), (1, 1));
    }
    println!("{DOCUMENTS} small documents acknowledged: {acknowledged:.1} files/s");
    println!("{DOCUMENTS} small documents from first byte to last completed: {whole:.1} files/s");
}

/// A small document, of each number another.
fn document(number: usize) -> String {
    let day = number % 28 + 1;
    format!("Bill {number}\nDate: 2024-11-{day:02}\nTotal due: ${number}.50\n")
}

/// Counts the completed files of all pages.
async fn completed(client: &Client) -> usize {
    const LIST: &str = "/v1/files?status=completed&limit=100";
    let mut count = 0;
    let mut path = LIST.to_owned();
    loop {
        let page = client.get(&path).await.expect(200).json();
        count += page["items"].as_array().map_or(0, Vec::len);
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{LIST}&cursor={cursor}"),
            None => return count,
        }
    }
}

/// A PDF with bytes after its end, which a reader passes over, so that it is 1 MiB and still one.
async fn one_mebibyte(sheaf: &Sheaf, client: &Client) {
    let mut rounds = Rounds::default();
    for round in 0..ROUNDS {
        let mut bytes = PDF.to_vec();
        let comment = format!("\n%{round} {}\n", "x".repeat(70));
        while bytes.len() < 1024 * 1024 {
            bytes.extend_from_slice(comment.as_bytes());
        }
        bytes.extend_from_slice(b"%%EOF\n");
        let begun = Instant::now();
        let file = client.put(&format!("name=large-{round}.pdf"), bytes).await;
        let id = file["id"].as_str().expect("an id").to_owned();
        while client.file(&id).await["status"] != "completed" {
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "it does not complete"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        rounds.add(begun.elapsed().as_secs_f64() * 1000.0);
    }
    sheaf.rest().await;
    rounds.tell("1 MiB PDF from put to completed", "ms");
}
