//! `sheaf sync` against the real runner.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::live::{Live, PATIENCE, noise};
use crate::server::Run;

fn actions(run: &Run) -> Vec<(String, String)> {
    let lines = run.stdout.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        (text("action"), text("path"))
    });
    let mut actions: Vec<_> = lines.filter(|(action, _)| action != "sum").collect();
    actions.sort_unstable();
    actions
}

fn sum(run: &Run) -> Value {
    serde_json::from_str(run.stdout.lines().last().unwrap()).unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    expected.iter().map(owned).collect()
}

async fn sync(live: &Live, more: &[&str]) -> Run {
    let mut arguments = vec!["sync", "here", "/there", "--json"];
    arguments.extend(more);
    live.run(&arguments).await
}

async fn versions(live: &Live, path: &str) -> u64 {
    let list = live.get("/v1/files?folder=/there&recursive=true").await;
    let mut items = list["items"].as_array().unwrap().iter();
    let found = items.find(|item| item["path"] == path);
    found.map_or(0, |item| item["version"].as_u64().unwrap())
}

#[tokio::test]
async fn files_are_stored_when_they_are_new_or_have_other_bytes() {
    let live = Live::start().await;
    live.write("here/a.txt", b"one");
    live.write("here/deep/er/b.txt", b"two");
    live.write("here/large.bin", &noise(5 * 1024 * 1024, 1));

    let first = sync(&live, &[]).await;
    first.assert_success();
    assert_eq!(
        actions(&first),
        pairs(&[
            ("store", "/there/a.txt"),
            ("store", "/there/deep/er/b.txt"),
            ("store", "/there/large.bin"),
        ])
    );

    // The time of change alone is no change, and other bytes under the old time are one.
    let touched = std::fs::File::open(live.path("here/deep/er/b.txt")).unwrap();
    touched
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    let before = live
        .path("here/a.txt")
        .metadata()
        .unwrap()
        .modified()
        .unwrap();
    live.write("here/a.txt", b"eno");
    let changed = std::fs::File::open(live.path("here/a.txt")).unwrap();
    changed.set_modified(before).unwrap();
    let second = sync(&live, &[]).await;

    second.assert_success();
    assert_eq!(actions(&second), pairs(&[("store", "/there/a.txt")]));
    assert_eq!(sum(&second)["same"], 2);
    assert_eq!(versions(&live, "/there/a.txt").await, 2);
    live.passed();
    let third = sync(&live, &[]).await;
    assert_eq!(actions(&third), []);
    // Nothing but the list is asked for.
    assert_eq!(live.passed().len(), 1);
}

#[tokio::test]
async fn what_is_gone_stays_unless_asked_and_what_moved_is_moved() {
    let live = Live::start().await;
    for (name, text) in [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] {
        live.write(&format!("here/{name}"), text.as_bytes());
    }
    sync(&live, &[]).await.assert_success();
    let ids = live.get("/v1/files?folder=/there").await;
    let id_of_b = ids["items"].as_array().unwrap().iter();
    let id_of_b = id_of_b.clone().find(|item| item["name"] == "b").unwrap()["id"].clone();
    std::fs::remove_file(live.path("here/a")).unwrap();
    std::fs::create_dir(live.path("here/sub")).unwrap();
    std::fs::rename(live.path("here/b"), live.path("here/sub/B")).unwrap();

    let dry = sync(&live, &["--delete", "--dry-run"]).await;
    dry.assert_success();
    let expected = pairs(&[("move", "/there/sub/B"), ("trash", "/there/a")]);
    assert_eq!(actions(&dry), expected);
    assert_eq!(live.paths().await.len(), 4);
    assert!(
        dry.stdout
            .lines()
            .all(|line| line.contains("\"dry_run\":true"))
    );

    let run = sync(&live, &["--delete"]).await;
    run.assert_success();
    assert_eq!(actions(&run), expected);
    assert_eq!(live.paths().await, ["/there/c", "/there/d", "/there/sub/B"]);
    let moved = live
        .get(&format!("/v1/files/{}", id_of_b.as_str().unwrap()))
        .await;
    assert_eq!(moved["path"], "/there/sub/B");
    assert_eq!(moved["version"], 1);

    std::fs::remove_file(live.path("here/c")).unwrap();
    let kept = sync(&live, &[]).await;
    assert_eq!(actions(&kept), []);
    assert_eq!(live.paths().await.len(), 3);
}

#[tokio::test]
async fn disk_that_is_not_there_deletes_nothing() {
    let live = Live::start().await;
    for name in ["a", "b", "c"] {
        live.write(&format!("here/{name}"), name.as_bytes());
    }
    sync(&live, &[]).await.assert_success();
    std::fs::remove_dir_all(live.path("here")).unwrap();

    let missing = sync(&live, &["--delete"]).await;
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("is no folder"), "{missing:?}");
    live.write("here/c", b"c");
    let refused = sync(&live, &["--delete"]).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("more than half"), "{refused:?}");
    assert_eq!(live.paths().await.len(), 3);

    let forced = sync(&live, &["--delete", "--force"]).await;
    forced.assert_success();
    assert_eq!(live.paths().await, ["/there/c"]);
}

#[tokio::test]
async fn what_is_passed_over_is_counted_and_named_and_not_deleted() {
    let live = Live::start().await;
    for name in [
        "good.txt",
        ".hidden",
        ".env",
        "id_rsa",
        "a.tmp",
        "~$a.docx",
        "big",
        "notes.log",
    ] {
        live.write(&format!("here/{name}"), name.as_bytes());
    }
    live.write("here/big", &[b'x'; 2_000]);
    live.write("here/.sheafignore", b"*.log\n");
    std::os::unix::fs::symlink("good.txt", live.path("here/link")).unwrap();
    live.write("there.log", b"x");
    for name in ["old.log", ".env", "b.tmp"] {
        let put = ["put", "there.log", "--name", name, "--folder", "/there"];
        live.run(&put).await.assert_success();
    }

    let run = sync(&live, &["--delete", "--max-size", "1kB"]).await;

    run.assert_success();
    assert_eq!(actions(&run), pairs(&[("store", "/there/good.txt")]));
    assert_eq!(
        sum(&run)["skipped"],
        json!({
            "credential": 2, "hidden": 2, "ignored": 1, "link": 1, "system": 2, "too_large": 1,
        })
    );
    assert_eq!(live.paths().await.len(), 4);

    let all = ["--hidden", "--include-credentials", "--verbose"];
    let all = sync(&live, &all).await;
    all.assert_success();
    let stored = actions(&all)
        .into_iter()
        .filter(|(action, _)| action == "store");
    assert_eq!(
        stored.map(|(_, path)| path).collect::<Vec<_>>(),
        [
            "/there/.env",
            "/there/.hidden",
            "/there/.sheafignore",
            "/there/big",
            "/there/id_rsa"
        ]
    );
    assert!(
        all.stdout
            .contains(r#"{"action":"skip","name":"notes.log","reason":"ignored"}"#)
    );
}

#[tokio::test]
async fn file_that_is_refused_does_not_hold_up_the_others() {
    let live = Live::start().await;
    live.write("here/good.txt", b"x");
    live.write(
        "here/bad.exe",
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00",
    );

    let run = sync(&live, &[]).await;

    assert_eq!(run.code, Some(1));
    assert_eq!(actions(&run), pairs(&[("store", "/there/good.txt")]));
    assert_eq!(sum(&run)["failed"], 1);
    assert!(run.stderr.contains("/there/bad.exe"), "{run:?}");
}

/// A run that watches, and what it tells.
struct Watching {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    async fn start(live: &Live) -> Self {
        let arguments = ["sync", "here", "/there", "--json", "--watch", "--delete"];
        let mut child = live.command(&arguments).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut watching = Self { child, lines };
        watching.told("watch", "").await;
        watching
    }

    /// Waits until it tells this.
    async fn told(&mut self, action: &str, path: &str) -> Value {
        let telling = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let line: Value = serde_json::from_str(&line).unwrap();
                if line["action"] == action && (path.is_empty() || line["path"] == path) {
                    return line;
                }
            }
            panic!("it ended and did not tell {action} {path}");
        };
        let told = tokio::time::timeout(PATIENCE, telling).await;
        told.unwrap_or_else(|_| panic!("it does not tell {action} {path}"))
    }

    /// Waits until it complains.
    async fn failed(&mut self) {
        let stderr = self.child.stderr.as_mut().unwrap();
        let mut lines = BufReader::new(stderr).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        assert!(line.is_ok(), "it does not complain");
    }

    /// Asks it for its end and returns how it ended.
    async fn interrupt(mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-s", "INT", &id])
            .status();
        assert!(sent.unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended
            .unwrap_or_else(|_| panic!("it does not end"))
            .unwrap()
            .code()
    }
}

#[tokio::test]
async fn watching_does_what_becomes_necessary_until_it_is_interrupted() {
    let live = Live::start().await;
    for name in ["a", "b", "c"] {
        live.write(&format!("here/{name}"), name.as_bytes());
    }
    let mut watching = Watching::start(&live).await;
    assert_eq!(live.paths().await.len(), 3);

    live.write("here/new/folder/d.txt", b"d");
    let stored = watching.told("store", "/there/new/folder/d.txt").await;
    assert_eq!(stored["reason"], "new");
    live.write("here/new/folder/d.txt", b"other");
    let stored = watching.told("store", "/there/new/folder/d.txt").await;
    assert_eq!(stored["reason"], "changed");
    std::fs::rename(live.path("here/new"), live.path("here/old")).unwrap();
    watching.told("move", "/there/old/folder/d.txt").await;
    std::fs::remove_file(live.path("here/a")).unwrap();
    watching.told("trash", "/there/a").await;

    assert_eq!(
        live.paths().await,
        ["/there/b", "/there/c", "/there/old/folder/d.txt"]
    );
    assert_eq!(watching.interrupt().await, Some(0));
}

#[tokio::test]
async fn watching_goes_on_when_sheaf_was_away() {
    let mut live = Live::start().await;
    live.write("here/a", b"a");
    let mut watching = Watching::start(&live).await;

    live.stop().await;
    live.write("here/b", b"b");
    watching.failed().await;
    live.come_back().await;

    watching.told("store", "/there/b").await;
    assert_eq!(watching.interrupt().await, Some(0));
}

#[tokio::test]
async fn folder_that_goes_and_comes_back_is_watched_again_and_nothing_is_lost() {
    let live = Live::start().await;
    for name in ["a", "b", "c"] {
        live.write(&format!("here/{name}"), name.as_bytes());
    }
    let mut watching = Watching::start(&live).await;

    std::fs::rename(live.path("here"), live.path("away")).unwrap();
    watching.failed().await;
    std::fs::rename(live.path("away"), live.path("here")).unwrap();
    live.write("here/d", b"d");

    watching.told("store", "/there/d").await;
    assert_eq!(live.paths().await.len(), 4);
    live.write("here/e", b"e");
    watching.told("store", "/there/e").await;
    assert_eq!(watching.interrupt().await, Some(0));
}

#[tokio::test]
async fn two_folders_are_synced_by_one_run_at_a_time() {
    let live = Live::start().await;
    live.write("here/a", b"a");
    let watching = Watching::start(&live).await;

    let second = sync(&live, &[]).await;

    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("by another run"), "{second:?}");
    assert_eq!(watching.interrupt().await, Some(0));
}
