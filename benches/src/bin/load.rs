//! Makes a workspace with very many files in a data folder, the same for the same seed, for `--bin scale` and for
//! `sheaf serve --data`.
//!
//! `cargo run --release -p benches --bin load -- --data DIR`

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, which are far below 2^52"
)]

use std::path::PathBuf;

use benches::tree::{Shape, fill};
use benches::{folder_bytes, profile};
use clap::Parser;
use domain::WorkspaceId;

/// Makes a workspace with very many files.
#[derive(Parser)]
struct Arguments {
    /// The data folder. Nothing may be in this workspace of it.
    #[arg(long)]
    data: PathBuf,
    /// The workspace.
    #[arg(long, default_value = "acme")]
    workspace: WorkspaceId,
    /// How many files. A tenth of them are in one folder, 100 in another.
    #[arg(long, default_value_t = 1_000_000)]
    files: u64,
    /// How many folders.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(3..))]
    folders: u32,
    /// How many levels of folders at most.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=32))]
    depth: u32,
    /// What all of it follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    let shape = Shape {
        files: arguments.files,
        folders: arguments.folders as usize,
        depth: arguments.depth as usize,
        seed: arguments.seed,
    };
    let made = fill(&arguments.data, &arguments.workspace, shape).await;
    let seconds = made.took.as_secs_f64();
    println!(
        "{} files in {} folders: {} rows in {seconds:.0} s, {:.0} rows/s, {:.0} files/s, {:.2} GiB on the disk, {}",
        shape.files,
        shape.folders,
        made.rows,
        made.rows as f64 / seconds,
        shape.files as f64 / seconds,
        folder_bytes(&arguments.data) as f64 / f64::from(1 << 30),
        profile()
    );
}
