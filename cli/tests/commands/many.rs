//! Many things at once, against the real runner.

use domain::principal::Role;
use jiff::SignedDuration;
use serde_json::Value;

use crate::live::{Act, Live};

/// The paths of all files that are not in the trash.
async fn paths(live: &Live) -> Vec<String> {
    let list = live.call(reqwest::Method::GET, "/v1/files?limit=100").await;
    let items = list["items"].as_array().unwrap();
    let path = |item: &Value| item["path"].as_str().unwrap().to_owned();
    let mut paths: Vec<String> = items.iter().map(path).collect();
    paths.sort();
    paths
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_are_moved_edited_removed_and_restored_in_few_requests() {
    let live = Live::start().await;
    for name in ["a.txt", "b.txt", "c.txt"] {
        live.write(name, name.as_bytes());
    }
    let put = [
        "put", "a.txt", "b.txt", "c.txt", "--folder", "/in", "--tag", "old",
    ];
    live.run(&put).await.assert_success();

    let nowhere = live.run(&["mv", "/in/a.txt", "/in/b.txt", "/out"]).await;
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    live.passed();
    let moved = live
        .run(&["mv", "/in/a.txt", "/in/b.txt", "/in/x.txt", "/out/"])
        .await;
    assert_eq!(moved.code, Some(1), "{moved:?}");
    assert_eq!(moved.stdout, "/out/a.txt\n/out/b.txt\n");
    assert!(moved.stderr.contains("/in/x.txt"), "{moved:?}");
    let asked = live.passed();
    let bulk = asked.iter().filter(|passed| passed.line == "POST /v1/bulk");
    assert_eq!(bulk.count(), 1);
    assert_eq!(
        paths(&live).await,
        ["/in/c.txt", "/out/a.txt", "/out/b.txt"]
    );

    let edit = [
        "edit",
        "/out/a.txt",
        "/out/b.txt",
        "--tag",
        "+new",
        "--tag",
        "-OLD",
        "--type",
        "bill",
        "--date",
        "2025-01-31",
        "--favorite",
    ];
    live.run(&edit).await.assert_success();
    let list = live
        .call(reqwest::Method::GET, "/v1/files?type=bill&tag=new")
        .await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "{list}");
    for item in items {
        assert_eq!(item["tags"], serde_json::json!(["new"]));
        assert_eq!(item["document_date"], "2025-01-31");
        assert_eq!(item["favorite"], true);
    }
    for wrong in [
        &["edit", "/out/a.txt"][..],
        &["edit", "/out/a.txt", "--tag", "+x", "--tag", "y"],
    ] {
        assert_eq!(live.run(wrong).await.code, Some(2), "{wrong:?}");
    }
    let bad = live
        .run(&["edit", "/out/a.txt", "--date", "yesterday"])
        .await;
    assert_eq!(bad.code, Some(1), "{bad:?}");

    let removed = live
        .run(&["rm", "/out/a.txt", "/out/b.txt", "/out/c.txt"])
        .await;
    assert_eq!(removed.code, Some(1), "{removed:?}");
    assert_eq!(
        removed.stdout,
        "/out/a.txt in the trash\n/out/b.txt in the trash\n"
    );
    assert_eq!(paths(&live).await, ["/in/c.txt"]);
    let restored = live.run(&["restore", "/out/a.txt", "/out/b.txt"]).await;
    restored.assert_success();
    assert_eq!(restored.stdout, "/out/a.txt\n/out/b.txt\n");
    let gone = live
        .run(&["rm", "-r", "/out/a.txt", "/in", "--permanent"])
        .await;
    gone.assert_success();
    assert!(
        gone.stdout
            .contains("/out/a.txt deleted for good, receipt "),
        "{gone:?}"
    );
    assert!(gone.stdout.contains("/in deleted for good"), "{gone:?}");
    assert_eq!(paths(&live).await, ["/out/b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_answered_is_made_again() {
    let live = Live::start().await;
    live.write("a.txt", b"a");
    live.write("b.txt", b"b");
    live.run(&["put", "a.txt", "b.txt"]).await.assert_success();

    live.order(Act::Answer(503), 1, |line| line == "POST /v1/bulk");
    live.run(&["mv", "/a.txt", "/b.txt", "/new/"])
        .await
        .assert_success();

    assert_eq!(paths(&live).await, ["/new/a.txt", "/new/b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_is_for_admins_and_tells_what_it_did() {
    let editor = Live::start().await;
    let refused = editor.run(&["doctor"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");

    let live = Live::start_as(Role::Admin).await;
    live.write("a.txt", b"a");
    live.run(&["put", "a.txt", "--expires", "1h", "--wait"])
        .await
        .assert_success();
    let clean = live.run(&["doctor"]).await;
    clean.assert_success();
    assert!(clean.stdout.contains("nothing is wrong"), "{clean:?}");

    // Its time is over, and no sweep runs here.
    live.clock.advance(SignedDuration::from_hours(3));
    let found = live.run(&["doctor", "--dry-run"]).await;
    assert_eq!(found.code, Some(1), "{found:?}");
    assert!(found.stdout.contains("expired  "), "{found:?}");
    assert!(found.stderr.contains("without --dry-run"), "{found:?}");
    let mended = live.run(&["doctor", "--json"]).await;
    mended.assert_success();
    let told: Value = serde_json::from_str(&mended.stdout).unwrap();
    assert_eq!(told["findings"][0]["kind"], "expired");
    assert_eq!(told["findings"][0]["outcome"], "mended");
    assert_eq!(told["job"]["kind"], "check");
    live.run(&["doctor", "--dry-run"]).await.assert_success();
}
