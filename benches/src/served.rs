//! `sheaf serve` of this build, as its users start it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::Process;
use crate::sibling;

/// A runner in a process of its own.
#[derive(Debug)]
pub struct Served {
    /// The process.
    pub process: Process,
    /// Where the API is.
    pub url: String,
    /// A token of an admin.
    pub token: String,
}

impl Served {
    /// Starts it over a data folder.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(data: &Path) -> Self {
        let sheaf = sibling("sheaf");
        let mut server = Command::new(&sheaf)
            .args(["serve", "--port", "0", "--data"])
            .arg(data)
            .env("RUST_LOG", "off")
            .stderr(Stdio::piped())
            .spawn()
            .expect("sheaf");
        let said = server.stderr.take().expect("its messages");
        let url = BufReader::new(said)
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let rest = line.strip_prefix("Sheaf is at ")?;
                rest.split(' ').next().map(str::to_owned)
            });
        let process = Process::of(server);
        let token = Command::new(&sheaf)
            .args(["token", "--workspace", "bench", "--role", "admin", "--data"])
            .arg(data)
            .output()
            .expect("a token");
        let token = String::from_utf8(token.stdout).expect("text");
        Self {
            process,
            url: url.expect("where it listens"),
            token: token.trim().to_owned(),
        }
    }
}
