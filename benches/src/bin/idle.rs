//! How much memory `sheaf serve` holds when it has nothing to do: after its start, and after it has
//! taken in the sample documents.
//!
//! `just bench`, which builds `sheaf` beside it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use benches::served::Served;
use benches::{mebibytes, profile, sibling};

/// How long it is left alone before it is measured.
const REST: Duration = Duration::from_secs(5);

/// What the names of the sample documents begin with; the folder also holds what makes them.
const SERIES: [&str; 3] = ["electricity-", "lexus-", "school-"];

/// What it may hold.
const MOST_BYTES: u64 = 80 << 20;

fn main() {
    let data = tempfile::tempdir().expect("a folder");
    let served = Served::start(data.path());
    println!("{}", profile());

    sleep(REST);
    let started = served.process.resident_bytes();
    tell("idle after the start", started);
    put_samples(&served);
    sleep(REST);
    let used = served.process.resident_bytes();
    tell("idle after the sample documents", used);
    assert!(started.max(used) < MOST_BYTES, "more than 80 MiB");
}

fn put_samples(served: &Served) {
    let samples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
    let documents = std::fs::read_dir(samples)
        .expect("the samples")
        .map(|entry| entry.expect("a sample").path())
        .filter(|path| {
            let name = path.file_name().and_then(OsStr::to_str).expect("a name");
            SERIES.iter().any(|series| name.starts_with(series))
        });
    let status = Command::new(sibling("sheaf"))
        .args(["put", "--wait"])
        .args(documents)
        .env("SHEAF_URL", &served.url)
        .env("SHEAF_TOKEN", &served.token)
        .stdout(Stdio::null())
        .status()
        .expect("sheaf put");
    assert!(status.success(), "the samples were not taken in");
}

fn tell(what: &str, bytes: u64) {
    println!("{what:<52} {:>9.1} MiB", mebibytes(bytes));
}
