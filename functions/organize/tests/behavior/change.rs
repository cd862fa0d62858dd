//! Changing files.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::Sheaf;

use crate::{documents, each, route};

#[tokio::test]
async fn renamed_file_has_its_new_name_and_frees_the_old_one() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=old.txt&folder=/f", "text").await;

    let renamed = client
        .patch(&route(&file), &json!({"name": "new.txt"}))
        .await
        .expect(200);
    client.put("name=old.txt&folder=/f", "another").await;

    assert_eq!(renamed.json()["path"], "/f/new.txt");
    assert_eq!(
        each(&client, "/v1/files?folder=/f", "name").await,
        ["new.txt", "old.txt"]
    );
    assert_eq!(
        client.content(file["id"].as_str().unwrap()).await.body,
        "text"
    );
}

#[tokio::test]
async fn moved_file_is_in_its_new_folder_which_is_made() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "text").await;

    let moved = client
        .patch(
            &route(&file),
            &json!({"folder": "/bills/2024", "name": "b.txt"}),
        )
        .await
        .expect(200)
        .json();
    let back = client
        .patch(&route(&file), &json!({"folder": "/"}))
        .await
        .expect(200)
        .json();

    assert_eq!(moved["path"], "/bills/2024/b.txt");
    assert_ne!(moved["folder_id"], file["folder_id"]);
    assert_eq!(back["path"], "/b.txt");
    assert_eq!(
        each(&client, "/v1/files?folder=/bills/2024", "name").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn name_that_is_taken_is_refused_and_nothing_changes() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "a").await;
    client.put("name=b.txt", "b").await;
    client.put("name=x&folder=/folder", "x").await;

    for change in [json!({"name": "b.txt"}), json!({"name": "folder"})] {
        let refused = client.patch(&route(&file), &change).await.expect(409);
        assert_eq!(refused.code(), "name_taken");
    }
    let refused = client
        .patch(&route(&file), &json!({"folder": "/b.txt"}))
        .await
        .expect(409);

    assert_eq!(refused.code(), "not_a_folder");
    assert_eq!(
        client.file(file["id"].as_str().unwrap()).await["name"],
        "a.txt"
    );
    assert_eq!(
        each(&client, "/v1/files?folder=/", "name").await,
        ["a.txt", "b.txt"]
    );
}

#[tokio::test]
async fn only_the_file_that_was_seen_is_changed() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "a").await;
    sheaf.rest().await;
    let tag = client.get(&route(&file)).await.header("etag").to_owned();
    let change = json!({"favorite": true}).to_string();
    let given = [("if-match", tag.as_str())];

    let first = client
        .send(Method::PATCH, &route(&file), &given, change.clone())
        .await
        .expect(200);
    let second = client
        .send(Method::PATCH, &route(&file), &given, change)
        .await
        .expect(412);
    let trashed = client
        .send(Method::DELETE, &route(&file), &given, "")
        .await
        .expect(412);

    assert_eq!(first.json()["favorite"], true);
    assert_ne!(first.header("etag"), tag);
    assert_eq!(second.code(), "precondition_failed");
    assert_eq!(trashed.code(), "precondition_failed");
}

#[tokio::test]
async fn change_to_what_it_is_already_changes_nothing() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&type=bill&tag=home", "a").await;
    sheaf.rest().await;
    let before = client.get(&route(&file)).await;

    let same = json!({"name": "a.txt", "folder": "/", "type": "bill", "tags": ["Home"], "favorite": false});
    for change in [json!({}), same] {
        let after = client.patch(&route(&file), &change).await.expect(200);
        assert_eq!(after.header("etag"), before.header("etag"));
        assert_eq!(after.json()["updated_at"], before.json()["updated_at"]);
    }
}

#[tokio::test]
async fn dossiers_follow_a_change_of_type_and_tags() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=a.txt&type=bill&tag=power", "Total due: $10.00")
        .await;
    sheaf.rest().await;
    assert_eq!(documents(&client, "bill:power").await, ["a.txt"]);

    client
        .patch(&route(&file), &json!({"tags": ["water"]}))
        .await
        .expect(200);
    sheaf.rest().await;
    let moved = (
        documents(&client, "bill:power").await,
        documents(&client, "bill:water").await,
    );
    client
        .patch(&route(&file), &json!({"type": null}))
        .await
        .expect(200);
    sheaf.rest().await;

    assert_eq!(moved, (vec![], vec!["a.txt".to_owned()]));
    assert_eq!(documents(&client, "bill:water").await, Vec::<String>::new());
    let file = client.file(file["id"].as_str().unwrap()).await;
    assert_eq!(
        (&file["type"], &file["status"]),
        (&Value::Null, &"completed".into())
    );
}

#[tokio::test]
async fn corrected_date_puts_a_document_in_its_place() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let pending = client
        .put(
            "name=first.txt&type=bill&tag=power",
            "Invoice date: 2024-01-15\nTotal due: $1.00",
        )
        .await;
    client
        .put(
            "name=second.txt&type=bill&tag=power",
            "Invoice date: 2024-02-15\nTotal due: $2.00",
        )
        .await;
    sheaf.rest().await;
    assert_eq!(
        documents(&client, "bill:power").await,
        ["first.txt", "second.txt"]
    );

    let changed = client
        .patch(&route(&pending), &json!({"document_date": "2024-03-01"}))
        .await
        .expect(200)
        .json();
    sheaf.rest().await;

    assert_eq!(changed["document_date"], "2024-03-01");
    assert_eq!(
        documents(&client, "bill:power").await,
        ["second.txt", "first.txt"]
    );
}

#[tokio::test]
async fn expiry_can_be_set_and_taken_away() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let short = client.put("name=short.txt", "a").await;
    let kept = client.put("name=kept.txt&expires_in_s=60", "b").await;
    sheaf.rest().await;

    let set = client
        .patch(&route(&short), &json!({"expires_in_s": 60}))
        .await
        .expect(200)
        .json();
    let cleared = client
        .patch(&route(&kept), &json!({"expires_in_s": null}))
        .await
        .expect(200)
        .json();
    sheaf.advance(SignedDuration::from_secs(61));

    assert!(set["expires_at"].is_string());
    assert_eq!(cleared["expires_at"], Value::Null);
    client.get(&route(&short)).await.expect(410);
    client.get(&route(&kept)).await.expect(200);
    // The name of the one is free, that of the other is not, also for the sweep.
    client.put("name=short.txt", "new").await;
    client.upload("name=kept.txt", "new").await.expect(409);
    sheaf.sweep().await;
    client.get(&route(&kept)).await.expect(200);
}

#[tokio::test]
async fn bad_changes_are_refused_with_the_field() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "a").await;

    for (change, pointer) in [
        (json!({"name": "a/b"}), "/name"),
        (json!({"folder": "/../b"}), "/folder"),
        (json!({"tags": [""]}), "/tags/0"),
        (json!({"tags": "home"}), "/tags"),
        (json!({"expires_in_s": -1}), "/expires_in_s"),
        (json!({"size_bytes": 1}), "/size_bytes"),
    ] {
        let refused = client.patch(&route(&file), &change).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{change}");
    }
    let broken = client
        .send(Method::PATCH, &route(&file), &[], "{")
        .await
        .expect(400);
    assert_eq!(broken.code(), "malformed");
}

#[tokio::test]
async fn viewers_and_strangers_change_nothing() {
    let sheaf = Sheaf::start().await;
    let file = sheaf.admin().put("name=a.txt", "a").await;
    let viewer = sheaf.client("acme", Role::Viewer);
    let stranger = sheaf.client("other", Role::Admin);
    let change = json!({"name": "b.txt"});

    viewer.patch(&route(&file), &change).await.expect(403);
    viewer.delete(&route(&file)).await.expect(403);
    stranger.patch(&route(&file), &change).await.expect(404);
    stranger
        .patch(&route(&file), &json!({"folder": "/made"}))
        .await
        .expect(404);
    stranger.delete(&route(&file)).await.expect(404);
    stranger
        .delete(&format!("{}?permanent=true", route(&file)))
        .await
        .expect(404);
    for action in ["restore", "retry"] {
        let action = format!("{}/{action}", route(&file));
        viewer.post(&action, &Value::Null).await.expect(403);
        stranger.post(&action, &Value::Null).await.expect(404);
    }

    assert_eq!(
        each(&stranger, "/v1/folders", "name").await,
        Vec::<String>::new()
    );
    assert_eq!(
        sheaf.admin().file(file["id"].as_str().unwrap()).await["name"],
        "a.txt"
    );
}

#[tokio::test]
async fn writers_at_once_all_have_their_say_and_one_has_the_name() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let mut files = Vec::new();
    for number in 0..6 {
        files.push(client.put(&format!("name={number}.txt"), "same").await);
    }

    let wish = json!({"name": "wanted.txt"});
    let routes: Vec<String> = files.iter().map(route).collect();
    let tries = routes.iter().map(|route| client.patch(route, &wish));
    let mut statuses: Vec<u16> = futures::future::join_all(tries)
        .await
        .into_iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    statuses.sort_unstable();

    assert_eq!(statuses, [200, 409, 409, 409, 409, 409]);
    assert_eq!(each(&client, "/v1/files?folder=/", "name").await.len(), 6);
}
