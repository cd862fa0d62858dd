//! Many changes in one request.

use std::time::Duration;

use domain::principal::Role;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use testkit::{Answer, Client, Options, Sheaf};

use crate::{each, route};

const UNKNOWN: &str = "0199a0b1-7c00-7000-8000-000000000001";

async fn bulk(client: &Client, operations: Value) -> Answer {
    let body = json!({"operations": operations});
    client.post("/v1/bulk", &body).await
}

/// What became of each, of a request that was taken.
async fn done(client: &Client, operations: Value) -> Vec<Value> {
    let answer = bulk(client, operations).await.expect(200).json();
    answer["results"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<u64> {
    let status = |result: &Value| result["status"].as_u64().unwrap();
    results.iter().map(status).collect()
}

/// Sends operations as a patient client does: what was not reached, again. Returns what became of each.
async fn all(client: &Client, operations: &[Value]) -> Vec<Value> {
    let mut results: Vec<Value> = vec![Value::Null; operations.len()];
    let mut left: Vec<usize> = (0..operations.len()).collect();
    while !left.is_empty() {
        let asked: Vec<&Value> = left.iter().map(|index| &operations[*index]).collect();
        let answer = done(client, json!(asked)).await;
        let mut again = Vec::new();
        for (index, result) in left.into_iter().zip(answer) {
            if result["problem"]["code"] == "not_reached" {
                again.push(index);
            }
            results[index] = result;
        }
        left = again;
    }
    results
}

/// Uploads as many small files, named by their numbers.
async fn files(client: &Client, folder: &str, count: usize) -> Vec<Value> {
    let mut files = Vec::new();
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(16) {
        let puts = some.iter().map(|number| {
            let query = format!("name={number:04}.txt&folder={folder}");
            async move { client.put(&query, number.to_string()).await }
        });
        files.extend(join_all(puts).await);
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_does_what_its_own_route_does() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&type=bill", "one").await;
    let trashed = client.put("name=b.txt", "two").await;
    client.delete(&route(&trashed)).await.expect(200);
    let gone = client.put("name=c.txt", "three").await;
    let folder = |path: &str| {
        let body = json!({"path": path});
        let client = client.clone();
        async move { client.post("/v1/folders", &body).await.expect(201).json() }
    };
    let (moved, removed, deleted) = (folder("/m").await, folder("/r").await, folder("/d").await);

    let results = done(
        &client,
        json!([
            {"op": "change", "id": file["id"], "name": "z.txt", "folder": "/new", "tags": ["Power"],
             "document_date": "2024-11-15", "favorite": true, "type": null, "expires_in_s": 600},
            {"op": "copy", "id": file["id"], "name": "copy.txt"},
            {"op": "restore", "id": trashed["id"]},
            {"op": "trash", "id": trashed["id"]},
            {"op": "delete", "id": gone["id"]},
            {"op": "change_folder", "id": moved["id"], "name": "n", "folder": "/new"},
            {"op": "trash_folder", "id": removed["id"]},
            {"op": "restore_folder", "id": removed["id"]},
            {"op": "delete_folder", "id": deleted["id"]},
        ]),
    )
    .await;
    sheaf.rest().await;

    assert_eq!(
        statuses(&results),
        [200, 201, 200, 200, 200, 200, 202, 202, 202],
        "{results:?}"
    );
    let changed = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(changed["path"], "/new/z.txt");
    assert_eq!(changed["tags"], json!(["power"]));
    assert_eq!(changed["document_date"], "2024-11-15");
    assert_eq!(
        (&changed["favorite"], &changed["type"]),
        (&json!(true), &Value::Null)
    );
    assert!(changed["expires_at"].is_string());
    assert_eq!(results[0]["file"]["name"], "z.txt");
    assert!(results[0]["file"]["etag"].is_string());
    let copy = client
        .file(results[1]["file"]["id"].as_str().unwrap())
        .await;
    assert_eq!(copy["path"], "/new/copy.txt");
    let trashed = client.file(trashed["id"].as_str().unwrap()).await;
    assert_eq!(trashed["state"], "trashed");
    client.get(&route(&gone)).await.expect(410);
    let receipt = results[4]["receipt_id"].as_str().unwrap();
    client
        .get(&format!("/v1/receipts/{receipt}"))
        .await
        .expect(200);
    assert_eq!(results[5]["folder"]["name"], "n");
    let jobs = [&results[6], &results[8]].map(|result| result["job_id"].as_str().unwrap());
    for job in jobs {
        client.get(&format!("/v1/jobs/{job}")).await.expect(200);
    }
    let mut folders = each(&client, "/v1/folders", "path").await;
    folders.sort();
    assert_eq!(folders, ["/new", "/r"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_files_are_moved_in_one_request_and_half_of_them_fail() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let files = files(&client, "/in", 500).await;
    let operations: Vec<Value> = files
        .iter()
        .flat_map(|file| {
            [
                json!({"op": "change", "id": file["id"], "folder": "/out"}),
                json!({"op": "trash", "id": file["id"], "if_match": "\"999\""}),
            ]
        })
        .collect();

    let results = all(&client, &operations).await;

    for (index, result) in (0_u64..).zip(&results) {
        let expected = if index % 2 == 0 { 200 } else { 412 };
        assert_eq!(result["status"], expected, "{result}");
    }
    let folders = client.get("/v1/folders").await.expect(200).json();
    let count = |path: &str| {
        let folders = folders["items"].as_array().unwrap().iter();
        let found = folders.clone().find(|folder| folder["path"] == path);
        found.unwrap()["file_count"].clone()
    };
    assert_eq!((count("/in"), count("/out")), (json!(0), json!(500)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_about_one_file_is_done_in_order_whatever_goes_on_beside() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let files = files(&client, "/in", 20).await;
    // Each file is renamed ten times, in turns with all others; the last name stands.
    let operations: Vec<Value> = (0..10)
        .flat_map(|round| {
            files.iter().map(move |file| {
                let name = format!("{}-{round}", file["id"].as_str().unwrap());
                json!({"op": "change", "id": file["id"], "name": name})
            })
        })
        .collect();

    let results = all(&client, &operations).await;

    assert!(
        statuses(&results).iter().all(|status| *status == 200),
        "{results:?}"
    );
    for file in &files {
        let id = file["id"].as_str().unwrap();
        assert_eq!(client.file(id).await["name"], format!("{id}-9"));
    }
}

#[tokio::test]
async fn a_request_that_breaks_a_rule_is_refused_whole_and_says_where() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    let id = &file["id"];
    let trash = json!({"op": "trash", "id": id});

    for (operation, pointer) in [
        (
            json!({"op": "change", "id": id, "tags": ["a", ""]}),
            "/operations/1/tags/1",
        ),
        (
            json!({"op": "change", "id": id, "tags": ["a", 7]}),
            "/operations/1/tags/1",
        ),
        (
            json!({"op": "change", "id": id, "name": "a/b"}),
            "/operations/1/name",
        ),
        (
            json!({"op": "change", "id": id, "folder": "/a", "folder_id": id}),
            "/operations/1/folder_id",
        ),
        (
            json!({"op": "change", "id": id, "version": 1}),
            "/operations/1/version",
        ),
        (
            json!({"op": "copy", "id": id, "tags": []}),
            "/operations/1/tags",
        ),
        (
            json!({"op": "copy", "id": id, "expires_in_s": 0}),
            "/operations/1/expires_in_s",
        ),
        (
            json!({"op": "restore", "id": id, "on_conflict": "version"}),
            "/operations/1/on_conflict",
        ),
        (
            json!({"op": "trash", "id": id, "name": "b"}),
            "/operations/1/name",
        ),
        (
            json!({"op": "trash", "id": id, "type": null}),
            "/operations/1/type",
        ),
        (
            json!({"op": "trash", "id": id, "if_match": "\u{7}"}),
            "/operations/1/if_match",
        ),
        (json!({"op": "trash", "id": "x"}), "/operations/1/id"),
        (json!({"op": "explode", "id": id}), "/operations/1/op"),
        (json!({"op": "trash"}), "/operations/1"),
        (
            json!({"op": "trash", "id": id, "names": "b"}),
            "/operations/1/names",
        ),
    ] {
        let answer = bulk(&client, json!([trash, operation]))
            .await
            .expect(422)
            .json();
        assert_eq!(answer["errors"][0]["pointer"], pointer, "{operation}");
    }
    let twice = format!(r#"{{"operations": [{{"op": "trash", "id": {id}, "id": {id}}}]}}"#);
    let json = [("content-type", "application/json")];
    client
        .send(Method::POST, "/v1/bulk", &json, twice)
        .await
        .expect(422);
    bulk(&client, json!([])).await.expect(422);
    bulk(&client, vec![trash.clone(); 1_001].into())
        .await
        .expect(422);
    client
        .send(Method::POST, "/v1/bulk", &json, "{")
        .await
        .expect(400);
    let large = " ".repeat(2 * 1024 * 1024 + 1);
    client
        .send(Method::POST, "/v1/bulk", &json, large)
        .await
        .expect(413);
    // All that is wrong is told at once.
    let wrong = json!({"op": "change", "id": id, "name": ".."});
    let answer = bulk(&client, json!([wrong, trash, wrong]))
        .await
        .expect(422)
        .json();
    assert_eq!(answer["errors"][1]["pointer"], "/operations/2/name");

    assert_eq!(client.file(id.as_str().unwrap()).await["state"], "active");
}

#[tokio::test]
async fn what_one_operation_is_refused_for_is_told_as_its_own_route_tells_it() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;
    client.put("name=b.txt", "two").await;
    let theirs = sheaf.client("other", Role::Admin);
    let theirs = theirs.put("name=a.txt", "three").await;

    let results = done(
        &client,
        json!([
            {"op": "change", "id": file["id"], "name": "b.txt"},
            {"op": "trash", "id": theirs["id"]},
            {"op": "delete", "id": theirs["id"]},
            {"op": "copy", "id": theirs["id"]},
            {"op": "trash", "id": UNKNOWN},
            {"op": "trash_folder", "id": UNKNOWN},
            {"op": "delete_folder", "id": "00000000-0000-0000-0000-000000000000"},
            {"op": "trash", "id": file["id"], "if_match": "\"999\""},
        ]),
    )
    .await;

    assert_eq!(statuses(&results), [409, 404, 404, 404, 404, 404, 409, 412]);
    let rename = json!({"name": "b.txt"});
    let mut alone = client
        .patch(&route(&file), &rename)
        .await
        .expect(409)
        .json();
    // Each request has an id of its own.
    alone["instance"] = results[0]["problem"]["instance"].clone();
    assert_eq!(results[0]["problem"], alone);
    let known = sheaf.client("other", Role::Admin);
    assert_eq!(
        known.file(theirs["id"].as_str().unwrap()).await["state"],
        "active"
    );
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let sheaf = Sheaf::start().await;
    let file = sheaf.admin().put("name=a.txt", "one").await;

    let operations = json!([{"op": "trash", "id": file["id"]}]);
    bulk(&sheaf.client("acme", Role::Viewer), operations.clone())
        .await
        .expect(403);
    bulk(&sheaf.stranger(), operations).await.expect(403);

    let shown = sheaf.admin().file(file["id"].as_str().unwrap()).await;
    assert_eq!(shown["state"], "active");
}

#[tokio::test]
async fn a_request_that_is_repeated_makes_its_copies_once() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let (a, b) = (
        client.put("name=a.txt", "one").await,
        client.put("name=b.txt", "two").await,
    );
    let body = json!({"operations": [
        {"op": "copy", "id": a["id"], "on_conflict": "rename"},
        {"op": "copy", "id": a["id"], "on_conflict": "rename"},
        {"op": "delete", "id": b["id"]},
        {"op": "change", "id": a["id"], "name": "c.txt"},
    ]})
    .to_string();
    let headers = [
        ("idempotency-key", "k"),
        ("content-type", "application/json"),
    ];
    let send = async || {
        let answer = client
            .send(Method::POST, "/v1/bulk", &headers, body.clone())
            .await;
        answer.expect(200).json()["results"].clone()
    };

    let (first, beside) = tokio::join!(send(), send());
    let late = send().await;

    for again in [&beside, &late] {
        for copy in [0, 1] {
            assert_eq!(
                again[copy]["file"]["id"], first[copy]["file"]["id"],
                "{again}"
            );
        }
        assert_eq!(again[2]["receipt_id"], first[2]["receipt_id"]);
        assert_eq!(again[3]["status"], 200);
    }
    assert_ne!(first[0]["file"]["id"], first[1]["file"]["id"]);
    let usage = client.get("/v1/usage").await.expect(200).json();
    assert_eq!(usage["used_files"], 3);
}

#[tokio::test]
async fn what_the_time_was_too_short_for_says_so_and_can_be_sent_again() {
    let sheaf = Sheaf::start_with(Options {
        bulk_time: Duration::ZERO,
        ..Options::default()
    })
    .await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "one").await;

    let operations = json!([{"op": "trash", "id": file["id"]}]);
    let answer = bulk(&client, operations.clone()).await.expect(200).json();
    assert_eq!(
        (&answer["done"], &answer["not_reached"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(answer["results"][0]["problem"]["code"], "not_reached");
    assert_eq!(answer["results"][0]["status"], 503);
    assert_eq!(
        client.file(file["id"].as_str().unwrap()).await["state"],
        "active"
    );

    let sheaf = sheaf
        .restart_with(|options| options.bulk_time = Duration::from_secs(20))
        .await;
    let results = done(&sheaf.admin(), operations).await;
    assert_eq!(statuses(&results), [200]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_about_the_same_files_at_once_leave_each_file_in_one_place() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let files = files(&client, "/in", 32).await;
    let to = |folder: &str| -> Vec<Value> {
        files
            .iter()
            .map(|file| json!({"op": "change", "id": file["id"], "folder": folder}))
            .collect()
    };

    let (to_one, to_two) = (to("/one"), to("/two"));

    let (one, two) = tokio::join!(all(&client, &to_one), all(&client, &to_two));

    assert!(
        statuses(&one)
            .iter()
            .chain(&statuses(&two))
            .all(|status| *status == 200),
        "{one:?} {two:?}"
    );
    let mut names = each(&client, "/v1/files?folder=/one", "name").await;
    names.extend(each(&client, "/v1/files?folder=/two", "name").await);
    names.sort();
    let mut expected: Vec<String> = (0..32).map(|number| format!("{number:04}.txt")).collect();
    expected.sort();
    assert_eq!(names, expected);
}
