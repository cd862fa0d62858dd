//! How much memory `sheaf serve` holds when it has nothing to do: after its start, and after it has
//! taken in the sample documents.
//!
//! `cargo build --release -p sheaf && cargo run --release -p benches --bin idle`

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use benches::profile;

/// How long it is left alone before it is measured.
const REST: Duration = Duration::from_secs(5);

/// What the names of the sample documents begin with; the folder also holds what makes them.
const SERIES: [&str; 3] = ["electricity-", "lexus-", "school-"];

/// What it may hold, in KiB.
const MOST_KIB: u64 = 80 * 1024;

fn main() {
    let sheaf = std::env::current_exe()
        .expect("the path of this program")
        .with_file_name("sheaf");
    let data = tempfile::tempdir().expect("a folder");
    let (mut server, url) = start(&sheaf, data.path());
    println!("{}", profile());

    sleep(REST);
    let started = resident(&server);
    tell("idle after the start", started);
    put_samples(&sheaf, data.path(), &url);
    sleep(REST);
    let used = resident(&server);
    tell("idle after the sample documents", used);

    server.kill().expect("it ends");
    server.wait().expect("it has ended");
    assert!(started.max(used) < MOST_KIB, "more than 80 MiB");
}

fn start(sheaf: &Path, data: &Path) -> (Child, String) {
    let mut server = Command::new(sheaf)
        .args(["serve", "--port", "0", "--data"])
        .arg(data)
        .env("RUST_LOG", "off")
        .stderr(Stdio::piped())
        .spawn()
        .expect("sheaf, built in this profile");
    let said = server.stderr.take().expect("its messages");
    let url = BufReader::new(said)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let rest = line.strip_prefix("Sheaf is at ")?;
            rest.split(' ').next().map(str::to_owned)
        })
        .expect("where it listens");
    (server, url)
}

fn put_samples(sheaf: &Path, data: &Path, url: &str) {
    let token = Command::new(sheaf)
        .args([
            "token",
            "--workspace",
            "bench",
            "--role",
            "editor",
            "--data",
        ])
        .arg(data)
        .output()
        .expect("a token");
    let token = String::from_utf8(token.stdout).expect("text");
    let samples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
    let documents = std::fs::read_dir(samples)
        .expect("the samples")
        .map(|entry| entry.expect("a sample").path())
        .filter(|path| {
            let name = path.file_name().and_then(OsStr::to_str).expect("a name");
            SERIES.iter().any(|series| name.starts_with(series))
        });
    let status = Command::new(sheaf)
        .args(["put", "--wait"])
        .args(documents)
        .env("SHEAF_URL", url)
        .env("SHEAF_TOKEN", token.trim())
        .stdout(Stdio::null())
        .status()
        .expect("sheaf put");
    assert!(status.success(), "the samples were not taken in");
}

/// Returns the resident memory of a process, in KiB.
fn resident(process: &Child) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", process.id())).expect("a process");
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.parse().ok())
        .expect("its resident memory")
}

fn tell(what: &str, kib: u64) {
    println!("{what:<52} {:>9.1} MiB", kib as f64 / 1024.0);
}
