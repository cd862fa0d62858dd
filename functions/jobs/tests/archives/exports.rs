//! Exports: what is in them, for how long they are there, and for whom.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    LARGE, archive, codes, entry, export, id_of, manifest, multiparts, noise, objects, other,
    paths, shown, start, usage,
};

#[tokio::test]
async fn export_of_a_folder_has_all_that_is_in_it_and_a_manifest() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let large = noise(1, LARGE);
    client
        .put(
            "name=a.txt&folder=/bills/2025&type=bill&tag=power",
            "Total due: $1.00",
        )
        .await;
    client.put("name=zażółć 请.txt&folder=/bills", "x").await;
    client.put("name=empty&folder=/bills", "").await;
    client
        .put("name=large.bin&folder=/bills/2025", large.clone())
        .await;
    client.put("name=elsewhere.txt", "not this").await;
    client
        .post("/v1/folders", &json!({"path": "/bills/nothing"}))
        .await
        .expect(201);
    sheaf.rest().await;
    let before = usage(&client).await;

    let made = export(&sheaf, &client, &json!({"folder": "/bills"})).await;
    assert_eq!(
        (&made["state"], &made["job"]["state"]),
        (&json!("ready"), &json!("done"))
    );
    assert_eq!(made["job"]["progress"]["done"], 4);
    assert!(
        made["name"].as_str().unwrap().starts_with("bills 2"),
        "{made}"
    );
    let archive = archive(&client, &made).await;
    assert_eq!(made["size_bytes"].as_u64().unwrap(), archive.len() as u64);
    assert_eq!(
        paths(&archive),
        [
            "2025/",
            "2025/a.txt",
            "2025/large.bin",
            "empty",
            "nothing/",
            "zażółć 请.txt",
            ".sheaf/manifest.jsonl",
        ]
    );
    assert_eq!(entry(&archive, "2025/a.txt"), b"Total due: $1.00");
    assert!(entry(&archive, "2025/large.bin") == large);
    assert_eq!(entry(&archive, "empty"), b"");
    let lines = manifest(&archive);
    assert_eq!(lines[0]["format"], "sheaf-export");
    let line = lines
        .iter()
        .find(|line| line["path"] == "2025/a.txt")
        .unwrap();
    assert_eq!(
        (&line["type"], &line["tags"]),
        (&json!("bill"), &json!(["power"]))
    );
    assert_eq!(line["size_bytes"], 16);
    // A copy of its own counts for nobody.
    assert_eq!(usage(&client).await, before);
    assert_eq!((objects(&sheaf).await, multiparts(&sheaf).await), (1, 0));
}

#[tokio::test]
async fn export_has_earlier_versions_when_asked() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    client.put("name=a.txt&on_conflict=version", "two").await;
    client.put("name=a.txt&on_conflict=version", "three").await;
    sheaf.rest().await;

    let made = export(&sheaf, &client, &json!({"versions": true})).await;
    let archive = archive(&client, &made).await;
    let id = file["id"].as_str().unwrap();
    let earlier = [1, 2].map(|number| format!(".sheaf/versions/{id}/{number}"));
    assert_eq!(
        paths(&archive),
        [&earlier[0], &earlier[1], "a.txt", ".sheaf/manifest.jsonl"]
    );
    assert_eq!(entry(&archive, &earlier[0]), b"one");
    assert_eq!(entry(&archive, "a.txt"), b"three");
    let without = export(&sheaf, &client, &json!({})).await;
    let archive = crate::archive(&client, &without).await;
    assert_eq!(paths(&archive), ["a.txt", ".sheaf/manifest.jsonl"]);
}

#[tokio::test]
async fn files_that_are_named_have_their_whole_paths_and_what_is_gone_is_told() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let one = client.put("name=a.txt&folder=/x/y", "1").await;
    let trashed = client.put("name=b.txt&folder=/x", "2").await;
    client.put("name=c.txt", "3").await;
    sheaf.rest().await;
    let route = format!("/v1/files/{}", trashed["id"].as_str().unwrap());
    client.delete(&route).await.expect(200);

    let body = json!({"files": [one["id"], trashed["id"]]});
    let made = export(&sheaf, &client, &body).await;
    assert_eq!(
        (&made["state"], &made["job"]["state"]),
        (&json!("ready"), &json!("failed"))
    );
    assert_eq!(codes(&made["job"]), ["in_trash"]);
    let archive = archive(&client, &made).await;
    assert_eq!(paths(&archive), ["x/y/a.txt", ".sheaf/manifest.jsonl"]);
    let lines = manifest(&archive);
    assert_eq!(lines.last().unwrap()["kind"], "left_out");
}

#[tokio::test]
async fn names_that_other_programs_would_take_for_paths_are_written_as_one_name() {
    let sheaf = start().await;
    let client = sheaf.admin();
    client.put("name=..%5C..%5Cevil.txt", "1").await;
    client.put("name=c:evil.txt", "2").await;
    client.put("name=.sheaf", "mine").await;
    sheaf.rest().await;

    let made = export(&sheaf, &client, &json!({})).await;
    let archive = archive(&client, &made).await;
    let paths = paths(&archive);
    assert_eq!(paths.len(), 4);
    assert!(
        paths.iter().all(|path| !path.contains(['\\', ':'])),
        "{paths:?}"
    );
    // The manifest goes out of the way of what is called like its folder.
    assert_eq!(paths.last().unwrap(), ".sheaf (2)/manifest.jsonl");
    let lines = manifest(&archive);
    assert!(
        lines
            .iter()
            .any(|line| line["names"] == json!(["..\\..\\evil.txt"]))
    );
}

#[tokio::test]
async fn archive_is_gone_after_a_day_and_nothing_of_it_is_left() {
    let sheaf = start().await;
    let client = sheaf.admin();
    client.put("name=a.txt", "1").await;
    sheaf.rest().await;
    let made = export(&sheaf, &client, &json!({})).await;
    let content = format!("/v1/exports/{}/content", made["id"].as_str().unwrap());
    sheaf.advance(SignedDuration::from_secs(24 * 3600 - 2));
    assert_eq!(sheaf.sweep().await.exports_removed, 0);
    client.get(&content).await.expect(302);

    sheaf.advance(SignedDuration::from_secs(2));
    client.get(&content).await.expect(410);
    assert_eq!(shown(&client, &made).await["state"], "gone");
    assert_eq!(sheaf.sweep().await.exports_removed, 1);
    assert_eq!(objects(&sheaf).await, 0);
    client.get(&content).await.expect(410);
    assert_eq!(sheaf.sweep().await.exports_removed, 0);
}

#[tokio::test]
async fn export_is_ended_by_who_made_it_or_may_change_files_and_stays_ended() {
    let sheaf = start().await;
    let client = sheaf.admin();
    client.put("name=a.txt", "1").await;
    sheaf.rest().await;
    let made = export(&sheaf, &client, &json!({})).await;
    let route = format!("/v1/exports/{}", made["id"].as_str().unwrap());

    let someone = sheaf.client("acme", Role::Viewer);
    // The same person as the admin: another one is a stranger to it.
    let viewer = sheaf.stranger();
    viewer.delete(&route).await.expect(403);
    other(&sheaf).delete(&route).await.expect(404);
    someone.delete(&route).await.expect(204);
    client.delete(&route).await.expect(204);
    client.get(&format!("{route}/content")).await.expect(410);
    assert_eq!(objects(&sheaf).await, 0);
}

#[tokio::test]
async fn export_of_another_workspace_is_not_found() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&folder=/f", "1").await;
    sheaf.rest().await;
    let made = export(&sheaf, &client, &json!({})).await;
    let other = other(&sheaf);
    let route = format!("/v1/exports/{}", made["id"].as_str().unwrap());
    other.get(&route).await.expect(404);
    other.get(&format!("{route}/content")).await.expect(404);
    let folder = &client
        .post("/v1/folders", &json!({"path": "/f"}))
        .await
        .json()["id"];
    for body in [
        json!({"files": [file["id"]]}),
        json!({"folder_id": folder}),
        json!({"folder": "/f"}),
    ] {
        other.post("/v1/exports", &body).await.expect(404);
    }
    other
        .post("/v1/imports", &json!({"file_id": file["id"]}))
        .await
        .expect(404);
}

#[tokio::test]
async fn viewer_exports_and_imports_nothing() {
    let sheaf = start().await;
    let admin = sheaf.admin();
    let file = admin.put("name=a.txt", "1").await;
    sheaf.rest().await;
    let viewer = sheaf.client("acme", Role::Viewer);
    let made = export(&sheaf, &viewer, &json!({})).await;
    assert_eq!(made["state"], "ready");
    let body = json!({"file_id": file["id"]});
    viewer.post("/v1/imports", &body).await.expect(403);
}

#[tokio::test]
async fn repeated_request_makes_one_export() {
    let sheaf = start().await;
    let client = sheaf.admin();
    client.put("name=a.txt", "1").await;
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
    ];
    let ask = || client.send(Method::POST, "/v1/exports", &headers, "{}");
    let (one, two) = tokio::join!(ask(), ask());
    let (one, two) = (one.expect(202).json(), two.expect(202).json());
    assert_eq!(one["id"], two["id"]);
    let again = ask().await.expect(202).json();
    assert_eq!(again["id"], one["id"]);
    let jobs: Value = client.get("/v1/jobs").await.expect(200).json();
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1);
    let _ = id_of(&one);
}

#[tokio::test]
async fn empty_workspace_is_exported_as_a_manifest() {
    let sheaf = start().await;
    let client = sheaf.admin();
    let made = export(&sheaf, &client, &json!({})).await;
    assert_eq!(made["state"], "ready");
    let archive = archive(&client, &made).await;
    assert_eq!(paths(&archive), [".sheaf/manifest.jsonl"]);
}
