//! Uploads and downloads that are cut off at any moment, and gone on with, against the real runner.

use crate::live::{Act, Live, Passed, noise};
use serde_json::Value;

const MIB: usize = 1024 * 1024;
/// Five parts of 8 MiB each.
const LARGE: usize = 40 * MIB;

fn begins(line: &str) -> bool {
    line == "POST /v1/uploads"
}

fn completes(line: &str) -> bool {
    line.ends_with("/complete")
}

fn is_part(line: &str) -> bool {
    line.starts_with("PUT ")
}

fn is_content(line: &str) -> bool {
    line.starts_with("GET ") && !line.starts_with("GET /v1/")
}

/// What it is called, what is done to which request of which kind, and how many parts the second run
/// is to send, where that can be told.
type Moment = (&'static str, Act, usize, Matches, Option<usize>);

type Matches = fn(&str) -> bool;

fn count(passed: &[Passed], matches: fn(&str) -> bool) -> usize {
    passed.iter().filter(|passed| matches(&passed.line)).count()
}

/// Fails the test unless every session that was begun has come to its end, and returns their ends.
async fn ends(live: &Live, passed: &[Passed]) -> Vec<String> {
    let mut ends = Vec::new();
    for begun in passed.iter().filter(|passed| begins(&passed.line)) {
        let id = begun.answer["upload_id"].as_str().unwrap();
        let session = live.get(&format!("/v1/uploads/{id}")).await;
        let state = session["state"].as_str().unwrap().to_owned();
        assert_ne!(state, "open", "{id} is left behind");
        if !ends.contains(&(id.to_owned(), state.clone())) {
            ends.push((id.to_owned(), state));
        }
    }
    ends.into_iter().map(|(_, state)| state).collect()
}

/// Fails the test unless there is one file, with these bytes as its first version.
async fn assert_one_file(live: &Live, stored: &Value, sha256: &str) {
    assert_eq!(stored["sha256"], sha256);
    assert_eq!(stored["version"], 1);
    let list = live.get("/v1/files?limit=100").await;
    let name = &stored["name"];
    let of_that_name = list["items"].as_array().unwrap().iter();
    assert_eq!(of_that_name.filter(|item| item["name"] == *name).count(), 1);
}

#[tokio::test]
async fn upload_killed_at_any_moment_and_put_again_is_one_right_file_and_no_session_is_left() {
    let live = Live::start().await;
    let moments: [Moment; 8] = [
        (
            "before asking for a session",
            Act::HoldBefore,
            1,
            begins,
            Some(5),
        ),
        (
            "before its answer comes",
            Act::HoldAfter,
            1,
            begins,
            Some(5),
        ),
        ("before the first part", Act::HoldBefore, 1, is_part, None),
        ("after two parts", Act::HoldAfter, 2, is_part, None),
        ("before the last part", Act::HoldBefore, 5, is_part, None),
        ("after all parts", Act::HoldAfter, 5, is_part, Some(0)),
        (
            "before completing it",
            Act::HoldBefore,
            1,
            completes,
            Some(0),
        ),
        (
            "before the file is told",
            Act::HoldAfter,
            1,
            completes,
            Some(0),
        ),
    ];
    for (number, (moment, act, nth, matches, sent)) in (0..).zip(moments) {
        let name = format!("{number}.bin");
        let sha256 = live.write(&name, &noise(LARGE, number));
        live.order(act, nth, matches);
        live.run_and_kill(&["put", &name]).await;
        let mut passed = live.passed();

        let run = live.run(&["put", &name, "--wait", "--json"]).await;

        assert_eq!(run.code, Some(0), "killed {moment}: {run:?}");
        assert_one_file(&live, &run.json(), &sha256).await;
        let again = live.passed();
        if let Some(sent) = sent {
            assert_eq!(count(&again, is_part), sent, "killed {moment}");
        }
        passed.extend(again);
        let ends = ends(&live, &passed).await;
        assert_eq!(ends, ["committed"], "killed {moment}");
        assert_eq!(live.remembered("uploads"), 0, "killed {moment}");
    }
}

#[tokio::test]
async fn upload_of_one_part_killed_at_any_moment_is_one_right_file_also_where_its_event_finishes_it()
 {
    let live = Live::start().await;
    let moments: [(Act, Matches); 5] = [
        (Act::HoldAfter, begins),
        (Act::HoldBefore, is_part),
        (Act::HoldAfter, is_part),
        (Act::HoldBefore, completes),
        (Act::HoldAfter, completes),
    ];
    for (number, (act, matches)) in (0..).zip(moments) {
        let name = format!("{number}.bin");
        let sha256 = live.write(&name, &noise(10 * MIB, number));
        live.order(act, 1, matches);
        live.run_and_kill(&["put", &name]).await;
        let mut passed = live.passed();

        let run = live.run(&["put", &name, "--wait", "--json"]).await;

        assert_eq!(run.code, Some(0), "moment {number}: {run:?}");
        assert_one_file(&live, &run.json(), &sha256).await;
        passed.extend(live.passed());
        assert_eq!(ends(&live, &passed).await, ["committed"], "moment {number}");
        assert_eq!(live.remembered("uploads"), 0);
    }
}

#[tokio::test]
async fn file_that_changed_meanwhile_is_sent_anew_and_the_old_session_ended() {
    let live = Live::start().await;
    live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    live.run_and_kill(&["put", "a.bin"]).await;
    let mut passed = live.passed();
    let sha256 = live.write("a.bin", &noise(LARGE, 2));

    let run = live.run(&["put", "a.bin", "--wait", "--json"]).await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    passed.extend(live.passed());
    assert_eq!(ends(&live, &passed).await, ["aborted", "committed"]);
}

#[tokio::test]
async fn upload_whose_session_ran_out_is_sent_anew() {
    let live = Live::start().await;
    let sha256 = live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    live.run_and_kill(&["put", "a.bin"]).await;
    let mut passed = live.passed();
    live.clock.advance(jiff::SignedDuration::from_hours(8 * 24));

    let run = live.run(&["put", "a.bin", "--wait", "--json"]).await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    passed.extend(live.passed());
    assert_eq!(ends(&live, &passed).await, ["aborted", "committed"]);
}

#[tokio::test]
async fn upload_is_gone_on_with_after_days_with_new_urls() {
    let live = Live::start().await;
    let sha256 = live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    live.run_and_kill(&["put", "a.bin", "--parallel", "1"])
        .await;
    let mut passed = live.passed();
    live.clock.advance(jiff::SignedDuration::from_hours(6 * 24));

    let run = live.run(&["put", "a.bin", "--wait", "--json"]).await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    let again = live.passed();
    assert_eq!(count(&again, is_part), 3);
    passed.extend(again);
    assert_eq!(ends(&live, &passed).await, ["committed"]);
}

#[tokio::test]
async fn part_that_arrived_with_other_bytes_is_sent_again() {
    let live = Live::start().await;
    let sha256 = live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 3, is_part);
    live.run_and_kill(&["put", "a.bin", "--parallel", "1"])
        .await;
    let begun = live.passed().remove(0).answer;
    assert_eq!(begun["parts"][1]["number"], 2);
    let url = begun["parts"][1]["url"].as_str().unwrap();
    let other = reqwest::Client::new()
        .put(url)
        .body(noise(8 * MIB, 9))
        .send()
        .await
        .unwrap();
    assert_eq!(other.status(), 200);
    live.passed();

    let run = live.run(&["put", "a.bin", "--wait", "--json"]).await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    assert_eq!(count(&live.passed(), is_part), 3);
}

#[tokio::test]
async fn urls_that_ran_out_are_signed_anew() {
    let live = Live::start().await;
    let sha256 = live.write("a.bin", &noise(LARGE, 1));
    for nth in [1, 1, 2] {
        live.order(Act::Answer(403), nth, is_part);
    }

    let run = live.run(&["put", "a.bin", "--wait", "--json"]).await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
}

#[tokio::test]
async fn upload_can_be_begun_anew_and_what_was_left_is_given_up() {
    let live = Live::start().await;
    let sha256 = live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    live.run_and_kill(&["put", "a.bin"]).await;
    let mut passed = live.passed();

    let run = live
        .run(&["put", "a.bin", "--no-resume", "--wait", "--json"])
        .await;

    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    let again = live.passed();
    assert_eq!(count(&again, is_part), 5);
    passed.extend(again);
    assert_eq!(ends(&live, &passed).await, ["aborted", "committed"]);
}

#[tokio::test]
async fn interrupt_says_how_to_go_on() {
    let live = Live::start().await;
    live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    let child = live.run_until_held(&["put", "a.bin"]).await;
    let id = child.id().unwrap().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-s", "INT", &id])
        .status();
    assert!(sent.unwrap().success());

    let output = child.wait_with_output().await.unwrap();

    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("the same command goes on"), "{said}");
    assert_eq!(live.remembered("uploads"), 1);
}

#[tokio::test]
async fn second_run_of_the_same_upload_waits_its_turn() {
    let live = Live::start().await;
    live.write("a.bin", &noise(LARGE, 1));
    live.order(Act::HoldAfter, 2, is_part);
    let _first = live.run_until_held(&["put", "a.bin"]).await;

    let second = live.run(&["put", "a.bin"]).await;

    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("another run"), "{second:?}");
}

#[tokio::test]
async fn standard_input_of_any_size_is_gone_on_with() {
    use tokio::io::AsyncWriteExt as _;
    let live = Live::start().await;
    let bytes = noise(LARGE, 1);
    let sha256 = live.write("bytes", &bytes);
    let file = || std::fs::File::open(live.path("bytes")).unwrap();
    live.order(Act::HoldAfter, 5, is_part);
    let arguments = ["put", "-", "--name", "a.bin", "--wait", "--json"];
    let mut first = live.command(&arguments);
    let mut first = first.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = first.stdin.take().unwrap();
    stdin.write_all(&bytes).await.unwrap();
    drop(stdin);
    live.held().await;
    first.kill().await.unwrap();
    live.passed();
    assert_eq!(live.remembered("spool"), 0);

    let output = live.command(&arguments).stdin(file()).output().await;

    let run = crate::server::Run::from(output.unwrap());
    run.assert_success();
    assert_one_file(&live, &run.json(), &sha256).await;
    assert_eq!(count(&live.passed(), is_part), 0);
}

/// The bytes that were asked for with ranges.
fn asked(passed: &[Passed]) -> usize {
    let ranges = passed.iter().filter_map(|passed| passed.range.as_ref());
    ranges
        .map(|range| {
            let range = range.strip_prefix("bytes=").unwrap();
            let (start, end) = range.split_once('-').unwrap();
            end.parse::<usize>().unwrap() + 1 - start.parse::<usize>().unwrap()
        })
        .sum()
}

async fn stored(live: &Live, bytes: &[u8]) {
    live.write("large.bin", bytes);
    let arguments = ["put", "large.bin", "--on-conflict", "version", "--wait"];
    live.run(&arguments).await.assert_success();
    std::fs::remove_file(live.path("large.bin")).unwrap();
    live.passed();
}

fn files_here(live: &Live) -> usize {
    std::fs::read_dir(live.folder.path()).unwrap().count()
}

#[tokio::test]
async fn download_that_was_killed_is_gone_on_with_and_what_is_there_not_fetched_again() {
    let live = Live::start().await;
    let bytes = noise(LARGE, 1);
    stored(&live, &bytes).await;
    live.order(Act::HoldWithin(3 * MIB), 3, is_content);
    live.run_and_kill(&["get", "/large.bin", "--parallel", "1"])
        .await;
    live.passed();
    assert!(!live.path("large.bin").exists());

    let run = live.run(&["get", "/large.bin"]).await;

    run.assert_success();
    assert!(std::fs::read(live.path("large.bin")).unwrap() == bytes);
    assert_eq!(files_here(&live), 1);
    // Two ranges whole, and what was noted of the third.
    let again = asked(&live.passed());
    assert!(
        again <= LARGE - 16 * MIB,
        "{again} bytes were asked for again"
    );
}

#[tokio::test]
async fn line_that_breaks_is_gone_on_with_at_the_byte_where_it_broke() {
    let live = Live::start().await;
    let bytes = noise(LARGE, 1);
    stored(&live, &bytes).await;
    for nth in [1, 2, 2] {
        live.order(Act::CutWithin(3 * MIB), nth, is_content);
    }

    let run = live.run(&["get", "/large.bin", "-o", "copy"]).await;

    run.assert_success();
    assert!(std::fs::read(live.path("copy")).unwrap() == bytes);
    let asked = asked(&live.passed());
    // Each cut range is asked for twice, the second time without what came.
    assert!(asked < LARGE + 3 * 8 * MIB, "{asked} bytes were asked for");
    assert!(
        asked >= LARGE + 3 * 5 * MIB - 64 * 1024,
        "{asked} bytes were asked for"
    );
}

#[tokio::test]
async fn download_of_another_version_than_the_one_begun_begins_anew() {
    let live = Live::start().await;
    stored(&live, &noise(LARGE, 1)).await;
    live.order(Act::HoldWithin(3 * MIB), 3, is_content);
    live.run_and_kill(&["get", "/large.bin"]).await;
    let newer = noise(LARGE, 2);
    stored(&live, &newer).await;

    let run = live.run(&["get", "/large.bin"]).await;

    run.assert_success();
    assert!(std::fs::read(live.path("large.bin")).unwrap() == newer);
    assert_eq!(asked(&live.passed()), LARGE);
    assert_eq!(files_here(&live), 1);
}

#[tokio::test]
async fn url_that_ran_out_while_fetching_is_renewed_once_for_all_ranges() {
    let live = Live::start().await;
    let bytes = noise(LARGE, 1);
    stored(&live, &bytes).await;
    live.order(Act::Answer(403), 3, is_content);

    let run = live.run(&["get", "/large.bin"]).await;

    run.assert_success();
    assert!(std::fs::read(live.path("large.bin")).unwrap() == bytes);
    let passed = live.passed();
    assert_eq!(count(&passed, |line| line.ends_with("/content")), 2);
}

#[tokio::test]
async fn content_goes_to_a_pipe_in_order_also_where_the_line_breaks() {
    let live = Live::start().await;
    let bytes = noise(LARGE, 1);
    stored(&live, &bytes).await;
    live.order(Act::CutWithin(3 * MIB), 1, is_content);

    let output = live
        .command(&["get", "/large.bin", "-o", "-"])
        .output()
        .await
        .unwrap();

    assert!(output.status.success());
    assert!(output.stdout == bytes);
}

#[tokio::test]
async fn earlier_version_is_fetched_by_its_number() {
    let live = Live::start().await;
    let (first, second) = (noise(LARGE, 1), noise(9 * MIB, 2));
    stored(&live, &first).await;
    stored(&live, &second).await;

    let run = live
        .run(&["get", "/large.bin", "--version", "1", "-o", "old"])
        .await;

    run.assert_success();
    assert!(std::fs::read(live.path("old")).unwrap() == first);
}
