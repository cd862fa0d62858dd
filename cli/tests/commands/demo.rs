//! `sheaf demo` from its first line to its last, and ended in the middle.

use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::server::Run;

/// The demo, with a folder of its own for temporary files.
fn demo(temporary: &Path, files: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sheaf"));
    command
        .arg("demo")
        .args(files)
        .env_clear()
        .env("TMPDIR", temporary)
        .env("TZ", "UTC")
        .kill_on_drop(true);
    command
}

async fn run(files: &[&Path]) -> Run {
    let temporary = TempDir::new().unwrap();
    let output = demo(temporary.path(), files).output().await.unwrap();
    assert_nothing_is_left(temporary.path());
    Run::from(output)
}

#[track_caller]
fn assert_nothing_is_left(temporary: &Path) {
    assert_eq!(std::fs::read_dir(temporary).unwrap().count(), 0);
}

/// Fails the test unless the lines are there, in this order. What stands between words does not
/// count, nor what follows.
#[track_caller]
fn assert_tells(run: &Run, wanted: &[&str]) {
    let told = run.stdout.lines().map(words);
    let mut told = told.collect::<Vec<_>>().into_iter();
    for line in wanted {
        let found = told.by_ref().any(|told| told.starts_with(line));
        assert!(found, "{line:?} is not told:\n{}", run.stdout);
    }
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn samples_become_dossiers_with_their_figures_and_a_report_that_expires() {
    let run = run(&[]).await;

    run.assert_success();
    assert_tells(
        &run,
        &[
            "Sheaf runs at http://127.0.0.1:",
            "== Storing 11 documents",
            "== Reading and summing up",
            "11 documents in ",
            "== The dossier of bill and lexus-tx-550",
            "generated, 4 documents,",
            "== The dossier of bill and pge",
            "generated, 3 documents, 2024-09-30 to 2024-11-29",
            "USD 3 756.99 252.33 245.67 198.43 312.89 +23.8 %",
            "kWh 3 2670 890 850 720 1100 +18.1 %",
            "2024-09 312.89 ×1",
            "2024-10 198.43 ×1",
            "2024-11 245.67 ×1",
            "== The dossier of school and stanford",
            "11 files are stored, read and gathered.",
            "== A report that lives for 3 seconds",
            "made report_",
            "signed URL: http://127.0.0.1:",
            "| # Dossier school:stanford",
            "== Its time is up",
            "GET /v1/files/",
            "the sweep removed its bytes: 1 file expired, receipt kept",
        ],
    );
    assert!(run.stdout.contains(" answers 410 Gone\n"), "{}", run.stdout);
}

#[tokio::test]
async fn files_of_ones_own_become_one_dossier_and_stay_as_they_are() {
    let folder = TempDir::new().unwrap();
    let text = |amount: &str, day: &str| format!("Invoice\n\nDate: {day}\nTotal due: ${amount}\n");
    let (first, second) = (folder.path().join("one.txt"), folder.path().join("two.txt"));
    std::fs::write(&first, text("10.50", "2024-01-02")).unwrap();
    std::fs::write(&second, text("20.25", "2024-02-03")).unwrap();

    let run = run(&[&first, &second]).await;

    run.assert_success();
    assert_tells(
        &run,
        &[
            "== Storing 2 documents",
            "/demo/one.txt",
            "/demo/two.txt",
            "== The dossier of document and demo",
            "generated, 2 documents, 2024-01-02 to 2024-02-03",
            "USD 2 30.75",
            "2 files are stored, read and gathered.",
            "== Its time is up",
        ],
    );
    let kept = std::fs::read_to_string(&first).unwrap();
    assert_eq!(kept, text("10.50", "2024-01-02"));
}

#[tokio::test]
async fn signal_in_the_middle_ends_it_and_leaves_no_document_behind() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let temporary = TempDir::new().unwrap();
        let mut child = demo(temporary.path(), &[])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while let Some(line) = lines.next_line().await.unwrap() {
            // The documents are stored by now.
            if line == "== Reading and summing up" {
                break;
            }
        }
        assert!(std::fs::read_dir(temporary.path()).unwrap().count() > 0);

        send(&child, signal).await;
        // Kept open, so that what it still says does not fail.
        let rest = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let output = child.wait_with_output().await.unwrap();

        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("ended before it was done"), "{said}");
        assert_nothing_is_left(temporary.path());
        rest.await.unwrap();
    }
}

/// Sends a signal by its name.
async fn send(child: &Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill").args(["-s", signal, &id]).status();
    assert!(sent.await.unwrap().success());
}
