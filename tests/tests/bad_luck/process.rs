//! `sheaf serve` as a process of its own, which can be killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longest wait for the process to say where it listens.
const START: Duration = Duration::from_mins(1);

/// Longest wait for the process to end when it is asked to.
const END: Duration = Duration::from_mins(1);

/// The running process. It is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    /// Where its API is.
    pub(crate) url: String,
}

impl Process {
    /// Starts the runner over a data folder, and waits until it listens.
    pub(crate) async fn start(data: &Path) -> Self {
        let mut child = Command::new(program())
            .args(["serve", "--port", "0", "--data"])
            .arg(data)
            .env("RUST_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let listens = async {
            let mut said = Vec::new();
            while let Some(line) = lines.next_line().await.unwrap() {
                let url = line
                    .strip_prefix("Sheaf is at ")
                    .and_then(|rest| rest.split(' ').next());
                if let Some(url) = url {
                    return url.to_owned();
                }
                said.push(line);
            }
            panic!("the runner ended: {}", said.join("\n"));
        };
        let url = tokio::time::timeout(START, listens)
            .await
            .expect("the runner does not start");
        // Read to the end, so that a full pipe does not hold the process up.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, url }
    }

    /// Ends the process at once: SIGKILL cannot be caught.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks the process for its end, and returns what it exits with.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &id]).status();
        assert!(sent.await.unwrap().success());
        let ended = tokio::time::timeout(END, self.child.wait()).await;
        ended.expect("the runner does not end").unwrap().code()
    }
}

/// Returns the path of `sheaf`, which is built when it is missing: a test of this package alone
/// builds only what the package needs.
fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(find).clone()
}

fn find() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // target/{profile}/deps/{test} stands beside target/{profile}/sheaf.
    let folder = test.parent().and_then(Path::parent).unwrap();
    let program = folder.join("sheaf");
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = std::process::Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--package",
                "sheaf",
                "--bin",
                "sheaf",
                "--target-dir",
            ])
            .arg(folder.parent().unwrap())
            .status()
            .unwrap();
        assert!(status.success(), "sheaf could not be built");
    }
    program
}
