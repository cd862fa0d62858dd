//! Whole folders, put and got, against the real runner.

use crate::live::Live;

#[tokio::test]
async fn folder_is_stored_with_its_tree_and_what_is_passed_over_is_told() {
    let live = Live::start().await;
    for name in [
        "docs/a.txt",
        "docs/2025/May/b.txt",
        "docs/.hidden/c.txt",
        "docs/.d",
    ] {
        live.write(name, name.as_bytes());
    }
    std::os::unix::fs::symlink("a.txt", live.path("docs/link")).unwrap();

    let run = live
        .run(&["put", "docs", "--recursive", "--folder", "/x/"])
        .await;

    run.assert_success();
    assert_eq!(run.stdout.lines().count(), 2);
    assert_eq!(
        live.paths().await,
        ["/x/docs/2025/May/b.txt", "/x/docs/a.txt"]
    );
    assert!(
        run.stderr
            .contains("2 hidden; 1 symbolic links, which are not followed"),
        "{run:?}"
    );

    let all = live
        .run(&[
            "put",
            "./docs/.",
            "-r",
            "--hidden",
            "--on-conflict",
            "version",
        ])
        .await;
    all.assert_success();
    assert!(
        live.paths()
            .await
            .contains(&"/docs/.hidden/c.txt".to_owned())
    );
}

#[tokio::test]
async fn folder_whose_files_fail_stores_the_others() {
    let live = Live::start().await;
    live.write("docs/good.txt", b"x");
    live.write(
        "docs/program.exe",
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00",
    );
    live.write("docs/bad\nname.txt", b"x");

    let run = live.run(&["put", "docs", "-r"]).await;

    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(live.paths().await, ["/docs/good.txt"]);
    assert!(run.stderr.contains("2 of 3 failed"), "{run:?}");
}

#[tokio::test]
async fn folder_is_fetched_with_its_tree_and_again_fetches_nothing() {
    let live = Live::start().await;
    for name in ["docs/a.txt", "docs/2025/May/b.txt", "docsx/other.txt"] {
        live.write(name, name.as_bytes());
    }
    let put = live.run(&["put", "-r", "docs", "docsx", "--wait"]).await;
    put.assert_success();

    let run = live.run(&["get", "/docs", "-r", "-o", "here"]).await;
    live.passed();
    let again = live.run(&["get", "/docs", "-r", "-o", "here"]).await;

    run.assert_success();
    again.assert_success();
    for name in ["a.txt", "2025/May/b.txt"] {
        let got = std::fs::read(live.path("here/docs").join(name)).unwrap();
        assert_eq!(got, format!("docs/{name}").as_bytes());
    }
    assert!(!live.path("here/docsx").exists());
    assert!(
        again.stderr.contains("is there already, the same"),
        "{again:?}"
    );
    let passed = live.passed();
    assert!(
        passed
            .iter()
            .all(|passed| !passed.line.ends_with("/content"))
    );
}

#[tokio::test]
async fn names_that_cannot_be_here_are_refused_one_by_one() {
    let live = Live::start().await;
    live.write("a.txt", b"x");
    for name in ["good.txt", "back\\slash.txt"] {
        let put = live
            .run(&["put", "a.txt", "--name", name, "--folder", "/docs"])
            .await;
        put.assert_success();
    }
    std::fs::create_dir(live.path("here")).unwrap();

    let run = live.run(&["get", "docs", "-r", "-o", "here"]).await;

    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("cannot be the name of a file here"),
        "{run:?}"
    );
    assert_eq!(
        std::fs::read(live.path("here/docs/good.txt")).unwrap(),
        b"x"
    );
}

#[tokio::test]
async fn folder_that_is_not_there_and_standard_output_are_refused() {
    let live = Live::start().await;

    let missing = live.run(&["get", "/none", "-r"]).await;
    let stdout = live.run(&["get", "/none", "-r", "-o", "-"]).await;

    assert_eq!((missing.code, stdout.code), (Some(1), Some(2)));
}
