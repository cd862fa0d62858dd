//! What the benches share: doing something often and at once, and telling how fast it was.
//!
//! Absolute times on a shared machine mean little, so what is compared runs in turns, round after
//! round, in one process, and medians and spreads are told. Any answer that is an error fails the run.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, which are far below 2^52"
)]

mod connections;
pub mod emulators;
mod meter;
pub mod process;
mod runner;
pub mod served;
pub mod sides;
pub mod tree;
mod upload_calls;

use std::future::Future;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use uuid::Uuid;

pub use connections::Connections;
pub use meter::{Meter, Spent};
pub use runner::Metered;
pub use upload_calls::UploadCalls;

/// Connections at once, as the figures are stated.
pub const AT_ONCE: usize = 16;

/// The size of an upload, as the figures are stated.
const UPLOAD_BYTES: usize = 64 * 1024;

/// The body of an upload.
#[must_use]
pub fn upload_body() -> Bytes {
    Bytes::from(vec![b'x'; UPLOAD_BYTES])
}

/// The body of an upload of which no other has the bytes: those that are there are not written again.
#[must_use]
pub fn new_body() -> Bytes {
    unlike(&upload_body())
}

/// A body as long as another, of which no other has the bytes.
#[must_use]
pub fn unlike(body: &Bytes) -> Bytes {
    let mut body = body.to_vec();
    // At its end: its beginning says of what type it is, and some are refused.
    let rest = body.len() - 16;
    body[rest..].copy_from_slice(Uuid::new_v4().as_bytes());
    Bytes::from(body)
}

/// Bytes in MiB.
#[must_use]
pub const fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

/// A count, to be divided.
#[must_use]
pub const fn count(things: usize) -> f64 {
    things as f64
}

/// Does something `count` times, [`AT_ONCE`] at once, and returns how many per second.
pub async fn rate<F, Fut>(count: usize, act: F) -> f64
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = ()>,
{
    let begun = Instant::now();
    futures::stream::iter(0..count)
        .map(act)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    count as f64 / begun.elapsed().as_secs_f64()
}

/// What is wanted of the figures, and whether it holds.
#[derive(Debug, Default)]
pub struct Wanted {
    results: Vec<(bool, String)>,
}

impl Wanted {
    /// Notes whether something holds.
    pub fn holds(&mut self, holds: bool, what: &str) {
        self.results.push((holds, what.to_owned()));
    }

    /// Prints what holds and what does not, and returns 1 when something does not.
    #[must_use]
    pub fn tell(self) -> ExitCode {
        for (holds, what) in &self.results {
            println!("{}  {what}", if *holds { "reached" } else { "MISSED " });
        }
        let all = self.results.iter().all(|(holds, _)| *holds);
        if all {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Values of several rounds.
#[derive(Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds the value of a round.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Returns the middle value.
    ///
    /// # Panics
    /// When there was no round.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Prints the middle, the least and the largest value.
    pub fn tell(&self, what: &str, unit: &str) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        println!(
            "{what:<52} {:>9.1} {unit}  ({least:.1} to {most:.1})",
            self.median()
        );
    }
}

/// Returns the program of this name that was built with this one.
///
/// # Panics
/// When this one has no path, or there is no such program beside it.
#[must_use]
pub fn sibling(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("the path of this program");
    let program = this.with_file_name(name);
    assert!(program.exists(), "{} was not built", program.display());
    program
}

/// Returns how many bytes the files in a folder take on the disk.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn folder_bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let bytes = entries.map(|entry| {
        let entry = entry.expect("what is in it");
        let about = entry.metadata().expect("what it is");
        if about.is_dir() {
            folder_bytes(&entry.path())
        } else {
            about.blocks() * 512
        }
    });
    bytes.sum()
}

/// Says how this was built, which the figures depend on.
#[must_use]
pub const fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "dev profile"
    } else {
        "release profile"
    }
}
