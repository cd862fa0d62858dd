//! Archives that are exported and imported, against the real runner.

use crate::live::{Act, Live};

#[tokio::test]
async fn what_is_exported_is_imported_again_and_no_archive_stays() {
    let live = Live::start().await;
    let hash = live.write("docs/large.bin", &vec![7; 9 * 1024 * 1024]);
    live.write("docs/deep/a.txt", b"hello");
    live.run(&["put", "docs", "-r"]).await.assert_success();

    let export = live.run(&["export", "/docs", "-o", "out.zip"]).await;
    export.assert_success();
    assert!(export.stderr.contains("checked 2 files"), "{export:?}");
    let jobs = live.get("/v1/jobs").await;
    let id = jobs["items"][0]["id"].as_str().unwrap();
    let shown = live.get(&format!("/v1/exports/{id}")).await;
    assert_eq!(shown["state"], "gone");

    let import = live.run(&["import", "out.zip", "--folder", "/back"]).await;
    import.assert_success();
    assert_eq!(import.stdout, "imported 3 entries\n");
    assert_eq!(
        live.paths().await,
        [
            "/back/deep/a.txt",
            "/back/large.bin",
            "/docs/deep/a.txt",
            "/docs/large.bin"
        ]
    );
    let list = live.get("/v1/files?folder=/back").await;
    assert_eq!(list["items"][0]["sha256"], hash);
}

#[tokio::test]
async fn what_is_not_imported_is_told_and_the_rest_is_there() {
    let live = Live::start().await;
    live.write("docs/a.txt", b"a");
    live.write("docs/b.txt", b"b");
    live.run(&["put", "docs", "-r"]).await.assert_success();
    live.run(&["export", "/docs", "-o", "out.zip"])
        .await
        .assert_success();
    live.run(&["rm", "/docs/b.txt", "--permanent"])
        .await
        .assert_success();

    let import = live
        .run(&["import", "out.zip", "--folder", "/docs", "--keep"])
        .await;
    assert_eq!(import.code, Some(1));
    assert!(
        import.stderr.contains("not imported: a.txt: "),
        "{import:?}"
    );
    assert_eq!(
        live.paths().await,
        ["/docs/a.txt", "/docs/b.txt", "/out.zip"]
    );
    let again = [
        "import",
        "--file",
        "/out.zip",
        "--on-conflict",
        "rename",
        "--json",
    ];
    let again = live.run(&again).await;
    again.assert_success();
    assert_eq!(again.json()["job"]["progress"]["done"], 2);
}

#[tokio::test]
async fn export_that_was_interrupted_goes_on() {
    let live = Live::start().await;
    live.write("large.bin", &vec![7; 17 * 1024 * 1024]);
    // What is not checked yet is left out of an archive.
    live.run(&["put", "large.bin", "--wait"])
        .await
        .assert_success();
    live.order(Act::HoldWithin(1024 * 1024), 1, |line| {
        line.starts_with("GET") && line.contains("/exports/acme/")
    });
    live.run_and_kill(&["export", "/large.bin", "-o", "out.zip"])
        .await;
    let jobs = live.get("/v1/jobs").await;
    let id = jobs["items"][0]["id"].as_str().unwrap();

    let on = live.run(&["export", "--id", id, "-o", "out.zip"]).await;
    on.assert_success();
    assert!(live.path("out.zip").is_file());
    let bad = live.run(&["export", "/", "/large.bin"]).await;
    assert_eq!(bad.code, Some(2), "{bad:?}");
}
