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
        let text = format!(
            "Bill {number}\nDate: 2024-11-{:02}\nTotal due: ${number}.50\n",
            number % 28 + 1
        );
        client
            .put(&format!("name={number}.txt&type=bill&tag=bench"), text)
            .await;
    })
    .await;
    sheaf.rest().await;
    let whole = DOCUMENTS as f64 / begun.elapsed().as_secs_f64();
    let listed = client
        .get("/v1/files?status=completed&limit=100")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(100));
    println!("{DOCUMENTS} small documents acknowledged: {acknowledged:.1} files/s");
    println!("{DOCUMENTS} small documents from first byte to last completed: {whole:.1} files/s");
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
