//! Folders in the trash, out of it, and deleted for good.

use domain::principal::Role;
use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, Sheaf};

use crate::{documents, each, route as file_route};

const BILL: &str = "type=bill&tag=power";

async fn folder(client: &Client, path: &str) -> Value {
    let answer = client.post("/v1/folders", &json!({"path": path})).await;
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()
}

fn route(folder: &Value) -> String {
    format!("/v1/folders/{}", folder["id"].as_str().unwrap())
}

async fn trash(client: &Client, folder: &Value) -> Value {
    client.delete(&route(folder)).await.expect(202).json()
}

async fn restore(client: &Client, folder: &Value) -> Value {
    let restore = format!("{}/restore", route(folder));
    client.post(&restore, &Value::Null).await.expect(202).json()
}

async fn delete(client: &Client, folder: &Value) -> Value {
    let route = format!("{}?permanent=true", route(folder));
    client.delete(&route).await.expect(202).json()
}

async fn job(client: &Client, answer: &Value) -> Value {
    let id = answer["job"]["id"].as_str().unwrap();
    client
        .get(&format!("/v1/jobs/{id}"))
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn trashed_folder_takes_all_it_holds_along_and_brings_it_back() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put(
            &format!("name=a.txt&folder=/f/g&{BILL}"),
            "Total due: $1.00",
        )
        .await;
    client
        .put(&format!("name=b.txt&{BILL}"), "Total due: $2.00")
        .await;
    sheaf.rest().await;
    let top = folder(&client, "/f").await;

    let trashed = trash(&client, &top).await;
    assert_eq!(trashed["folder"]["state"], "trashed");
    let shown = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(shown["state"], "trashed");
    assert_eq!(each(&client, "/v1/files", "name").await, ["b.txt"]);
    assert_eq!(
        each(&client, "/v1/files?state=trashed", "name").await,
        ["a.txt"]
    );
    assert_eq!(
        each(&client, "/v1/folders?state=trashed", "path").await,
        ["/f"]
    );
    assert!(each(&client, "/v1/folders", "name").await.is_empty());
    client.get("/v1/files?folder=/f/g").await.expect(404);
    sheaf.rest().await;
    assert_eq!(documents(&client, "bill:power").await, ["b.txt"]);
    let done = job(&client, &trashed).await;
    assert_eq!(
        (&done["state"], &done["progress"]["done"]),
        (&"done".into(), &1.into())
    );
    // Asked again, nothing is left to do.
    client.delete(&route(&top)).await.expect(200);

    let restored = restore(&client, &top).await;
    assert_eq!(restored["folder"]["path"], "/f");
    sheaf.rest().await;
    assert_eq!(
        each(&client, "/v1/files?folder=/f/g", "name").await,
        ["a.txt"]
    );
    assert!(
        each(&client, "/v1/folders?state=trashed", "path")
            .await
            .is_empty()
    );
    let mut names = documents(&client, "bill:power").await;
    names.sort();
    assert_eq!(names, ["a.txt", "b.txt"]);
}

#[tokio::test]
async fn folder_comes_back_to_the_nearest_living_one() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let inner = folder(&client, "/a/b/c/d").await;
    client.put("name=f&folder=/a/b/c/d", "x").await;
    let alone = client.put("name=alone&folder=/a/b/c", "x").await;
    client.delete(&file_route(&alone)).await.expect(200);
    trash(&client, &inner).await;
    let gone = folder(&client, "/a/b").await;
    delete(&client, &gone).await;
    sheaf.rest().await;
    client.get(&route(&gone)).await.expect(410);

    // What was put into the trash by itself before is not deleted with its folder.
    let restored = restore(&client, &inner).await;
    let file = format!("{}/restore", file_route(&alone));
    let file = client.post(&file, &Value::Null).await.expect(200).json();

    assert_eq!(restored["folder"]["path"], "/a/d");
    assert_eq!(file["path"], "/a/alone");
    assert_eq!(each(&client, "/v1/files?folder=/a/d", "name").await, ["f"]);
    let parent = folder(&client, "/a").await;
    assert_eq!(
        (&parent["file_count"], &parent["folder_count"]),
        (&1.into(), &1.into())
    );
}

#[tokio::test]
async fn one_file_or_folder_is_taken_out_of_a_trashed_folder() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put(
            &format!("name=a.txt&folder=/f/g&{BILL}"),
            "Total due: $1.00",
        )
        .await;
    let inner = folder(&client, "/f/h").await;
    client.put("name=in.txt&folder=/f/h", "x").await;
    sheaf.rest().await;
    let top = folder(&client, "/f").await;
    trash(&client, &top).await;
    sheaf.rest().await;

    let path = format!("{}/restore", file_route(&file));
    let restored = client.post(&path, &Value::Null).await.expect(200).json();
    let folder = restore(&client, &inner).await;
    sheaf.rest().await;

    assert_eq!(
        (&restored["path"], &restored["state"]),
        (&"/a.txt".into(), &"active".into())
    );
    assert_eq!(folder["folder"]["path"], "/h");
    assert_eq!(documents(&client, "bill:power").await, ["a.txt"]);
    let left = client.get(&route(&top)).await.expect(200).json();
    assert_eq!(
        (&left["folder_count"], &left["file_count"]),
        (&1.into(), &0.into())
    );
}

#[tokio::test]
async fn name_taken_meanwhile_is_refused_or_numbered() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let old = folder(&client, "/f").await;
    trash(&client, &old).await;
    folder(&client, "/f").await;
    let path = format!("{}/restore", route(&old));

    let refused = client.post(&path, &Value::Null).await.expect(409);
    let renamed = client
        .post(&format!("{path}?on_conflict=rename"), &Value::Null)
        .await
        .expect(202)
        .json();

    assert_eq!(refused.code(), "name_taken");
    assert_eq!(renamed["folder"]["path"], "/f (2)");
}

#[tokio::test]
async fn deleted_folder_is_unreachable_at_once_and_removed_with_receipts() {
    let sheaf = Sheaf::start_with(testkit::Options {
        works: false,
        ..testkit::Options::default()
    })
    .await;
    let client = sheaf.admin();
    let mut ids = Vec::new();
    for number in 0..30 {
        let folder = ["/f", "/f/g", "/f/g/h"][number % 3];
        let file = client
            .put(&format!("name={number}&folder={folder}"), "12345")
            .await;
        ids.push(file["id"].as_str().unwrap().to_owned());
    }
    let (top, below) = (folder(&client, "/f").await, folder(&client, "/f/g").await);

    let deleted = delete(&client, &top).await;
    assert_eq!(deleted["folder"], Value::Null);
    for id in &ids {
        client.get(&format!("/v1/files/{id}")).await.expect(410);
        client
            .get(&format!("/v1/files/{id}/content"))
            .await
            .expect(410);
    }
    client.get(&route(&top)).await.expect(410);
    client.get(&route(&below)).await.expect(410);
    assert!(each(&client, "/v1/files", "name").await.is_empty());
    assert!(
        each(&client, "/v1/files?state=trashed", "name")
            .await
            .is_empty()
    );
    let into = json!({"name": "n", "parent_id": below["id"]});
    client.post("/v1/folders", &into).await.expect(404);
    client
        .post(&format!("{}/restore", route(&top)), &Value::Null)
        .await
        .expect(410);
    // The work is not lost with the process.
    let sheaf = working(sheaf).await;
    let client = sheaf.admin();
    sheaf.rest().await;

    let done = job(&client, &deleted).await;
    assert_eq!(done["state"], "done");
    // What another worker did of a step that was noted by this one is not counted.
    let counted = done["progress"]["done"].as_u64().unwrap();
    assert!((1..=30).contains(&counted), "{done}");
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_bytes"], 0, "{usage}");
    let again = format!("{}?permanent=true", route(&top));
    let again = client.delete(&again).await.expect(200).json();
    assert_eq!(again["job"]["id"], deleted["job"]["id"]);
    // Its name is free.
    client.put("name=0&folder=/f", "new").await;
}

/// Restarts a runner that did no work as one that does.
async fn working(sheaf: Sheaf) -> Sheaf {
    sheaf.restart_with(|options| options.works = true).await
}

#[tokio::test]
async fn file_made_while_its_folder_is_deleted_is_whole_or_gone() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for round in 0..10 {
        let made = folder(&client, "/f/g").await;
        let top = folder(&client, "/f").await;
        let parent = made["id"].clone();
        let uploads = join_all((0..4).map(|number| {
            let client = client.clone();
            async move {
                client
                    .upload(&format!("name={round}-{number}&folder=/f/g"), "x")
                    .await
            }
        }));
        let below = json!({"name": format!("n{round}"), "parent_id": parent});
        let (uploads, made, deleted) = tokio::join!(
            uploads,
            client.post("/v1/folders", &below),
            delete(&client, &top)
        );
        sheaf.rest().await;

        assert_eq!(job(&client, &deleted).await["state"], "done");
        assert!(
            made.status.is_success() || matches!(made.status.as_u16(), 404 | 410 | 409 | 429),
            "{made:?}"
        );
        for upload in uploads {
            if upload.status != 201 {
                assert!(
                    matches!(upload.status.as_u16(), 404 | 409 | 410 | 429),
                    "{upload:?}"
                );
                continue;
            }
            let file = upload.json();
            let shown = client.get(&file_route(&file)).await;
            match shown.status.as_u16() {
                // It came before the deletion, which took it along.
                410 => {}
                // It came after, and its path was made anew.
                200 => assert_eq!(shown.json()["state"], "active"),
                _ => panic!("{shown:?}"),
            }
        }
    }
    let counted: u64 = each_count(&client, "/f/g").await;
    let listed = each(&client, "/v1/files?folder=/&recursive=true&limit=100", "id").await;
    assert_eq!(counted, listed.len() as u64);
}

/// How many files are counted in a folder; none where there is no such folder.
async fn each_count(client: &Client, path: &str) -> u64 {
    folder(client, path).await["file_count"].as_u64().unwrap()
}

#[tokio::test]
async fn jobs_are_listed_for_their_own_workspace_only() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let first = trash(&client, &folder(&client, "/a").await).await;
    sheaf.advance(jiff::SignedDuration::from_secs(1));
    let second = trash(&client, &folder(&client, "/b").await).await;

    let page = client.get("/v1/jobs?limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = client
        .get(&format!("/v1/jobs?limit=1&cursor={cursor}"))
        .await
        .expect(200)
        .json();

    assert_eq!(page["items"][0]["id"], second["job"]["id"]);
    assert_eq!(next["items"][0]["id"], first["job"]["id"]);
    assert_eq!(next["next_cursor"], Value::Null);
    let other = sheaf.client("other", Role::Admin);
    let id = first["job"]["id"].as_str().unwrap();
    other.get(&format!("/v1/jobs/{id}")).await.expect(404);
    assert!(each(&other, "/v1/jobs", "id").await.is_empty());
    let viewer = sheaf.client("acme", Role::Viewer);
    viewer.get(&format!("/v1/jobs/{id}")).await.expect(200);
}
