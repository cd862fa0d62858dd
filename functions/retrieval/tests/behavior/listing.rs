//! Lists of files.

use domain::principal::Role;
use jiff::SignedDuration;
use serde_json::json;
use testkit::{Client, Sheaf};

use crate::{all_pages, each, pages_after};

/// Stores a small file.
async fn store(client: &Client, query: &str) -> String {
    let file = client.put(query, query.to_owned()).await;
    file["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn folder_is_listed_by_name_across_pages() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for name in ["c", "a", "e", "b", "d"] {
        store(&client, &format!("name={name}&folder=/bills")).await;
    }
    store(&client, "name=elsewhere").await;
    store(&client, "name=below&folder=/bills/2024").await;

    let (names, pages) = all_pages(&client, "/v1/files?folder=/bills&limit=2", "name").await;

    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn full_last_page_says_that_it_is_the_last() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for name in ["a", "b"] {
        store(&client, &format!("name={name}&folder=/bills")).await;
    }

    for route in [
        "folder=/bills",
        "folder=/bills&recursive=true",
        "folder=/bills&sort=updated_at",
    ] {
        let (names, pages) =
            all_pages(&client, &format!("/v1/files?{route}&limit=2"), "name").await;
        assert_eq!((names.len(), pages), (2, 1), "{route}");
    }
}

#[tokio::test]
async fn recursive_list_has_every_file_below_once_whatever_the_page() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let expected = [
        "/bills/2023/a",
        "/bills/2023/q1/b",
        "/bills/2023/q1/deep/c",
        "/bills/2024/d",
        "/bills/z",
    ];
    for path in expected {
        let (folder, name) = path.rsplit_once('/').unwrap();
        store(&client, &format!("name={name}&folder={folder}")).await;
    }
    store(&client, "name=a&folder=/other").await;
    // An empty folder on the way.
    client
        .post("/v1/folders", &json!({"path": "/bills/2022"}))
        .await
        .expect(201);

    for limit in 1..=6 {
        let route = format!("/v1/files?folder=/bills&recursive=true&limit={limit}");
        let (paths, _) = all_pages(&client, &route, "path").await;
        assert_eq!(paths, expected, "pages of {limit}");
    }
    let (below_root, _) = all_pages(&client, "/v1/files?folder=/&recursive=true", "path").await;
    assert_eq!(below_root.len(), 6);
}

#[tokio::test]
async fn recursive_list_goes_on_through_more_folders_than_one_request_reads() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for number in 10..40 {
        store(&client, &format!("name=f&folder=/many/{number}")).await;
    }

    let (paths, pages) = all_pages(
        &client,
        "/v1/files?folder=/many&recursive=true&limit=100",
        "path",
    )
    .await;

    let expected: Vec<String> = (10..40).map(|number| format!("/many/{number}/f")).collect();
    assert_eq!(paths, expected);
    assert!(pages > 1, "one request read everything");
}

#[tokio::test]
async fn workspace_is_listed_newest_first_and_each_file_once_whatever_changes_meanwhile() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let mut ids = Vec::new();
    for name in ["1", "2", "3"] {
        ids.push(store(&client, &format!("name={name}&folder=/f{name}")).await);
        sheaf.rest().await;
        sheaf.advance(SignedDuration::from_secs(1));
    }

    let first = client.get("/v1/files?limit=1").await.expect(200).json();
    for id in &ids {
        sheaf.advance(SignedDuration::from_secs(1));
        favor(&client, id).await;
    }
    let cursor = first["next_cursor"].as_str().unwrap();
    let (rest, _) = pages_after(&client, "/v1/files?limit=1", Some(cursor), "name").await;

    assert_eq!(each(&first, "name"), ["3"]);
    assert_eq!(rest, ["2", "1"]);
}

#[tokio::test]
async fn who_follows_changes_sees_each_file_that_changes_while_the_pages_are_read() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let mut ids = Vec::new();
    for name in ["1", "2", "3"] {
        ids.push(store(&client, &format!("name={name}")).await);
        sheaf.rest().await;
        sheaf.advance(SignedDuration::from_secs(1));
    }
    let route = "/v1/files?limit=1&updated_since=2020-01-01T00:00:00Z";

    let first = client.get(route).await.expect(200).json();
    favor(&client, &ids[1]).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let (rest, _) = pages_after(&client, route, Some(cursor), "name").await;

    assert_eq!(each(&first, "name"), ["1"]);
    assert_eq!(rest, ["3", "2"]);
}

async fn favor(client: &Client, id: &str) {
    client
        .patch(&format!("/v1/files/{id}"), &json!({"favorite": true}))
        .await
        .expect(200);
}

#[tokio::test]
async fn only_what_changed_since_is_listed() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    store(&client, "name=before&folder=/f").await;
    sheaf.rest().await;
    sheaf.advance(SignedDuration::from_mins(1));
    let id = store(&client, "name=after&folder=/f").await;
    let since = client.file(&id).await["created_at"]
        .as_str()
        .unwrap()
        .to_owned();

    for place in [
        "",
        "&folder=/f",
        "&folder=/&recursive=true",
        "&folder=/f&sort=updated_at",
    ] {
        let route = format!("/v1/files?updated_since={since}{place}");
        let (names, _) = all_pages(&client, &route, "name").await;
        assert_eq!(names, ["after"], "{route}");
    }
}

#[tokio::test]
async fn who_follows_changes_is_told_of_what_is_gone() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let deleted = store(&client, "name=deleted").await;
    let expired = store(&client, "name=expired&expires_in_s=60").await;
    let trashed = store(&client, "name=trashed").await;
    let stays = store(&client, "name=stays").await;
    let before = store(&client, "name=before").await;
    client
        .delete(&format!("/v1/files/{before}?permanent=true"))
        .await
        .expect(200);
    sheaf.advance(SignedDuration::from_secs(30));
    let since = sheaf.store().clock.now();
    client
        .delete(&format!("/v1/files/{deleted}?permanent=true"))
        .await
        .expect(200);
    client
        .delete(&format!("/v1/files/{trashed}"))
        .await
        .expect(200);
    favor(&client, &stays).await;
    sheaf.advance(SignedDuration::from_secs(60));
    sheaf.sweep().await;
    let stranger = sheaf.client("other", Role::Admin);
    let follow = async |client: &Client, query: &str| {
        let (mut items, mut gone) = (Vec::new(), Vec::new());
        let mut cursor = String::new();
        loop {
            let route = format!("/v1/files?updated_since={since}&limit=1{query}{cursor}");
            let page = client.get(&route).await.expect(200).json();
            items.extend(each(&page, "name"));
            gone.extend(page["gone"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else {
                return (items, gone);
            };
            cursor = format!("&cursor={next}");
        }
    };

    let (items, gone) = follow(&client, "&state=any").await;
    assert_eq!(items, ["trashed", "stays"]);
    let of = |at: usize| {
        (
            gone[at]["id"].as_str().unwrap(),
            gone[at]["reason"].as_str().unwrap(),
        )
    };
    assert_eq!(gone.len(), 2, "{gone:?}");
    assert_eq!(
        (of(0), of(1)),
        ((deleted.as_str(), "deleted"), (expired.as_str(), "expired"))
    );
    assert_eq!(follow(&client, "&type=bill").await.1.len(), 2);
    assert_eq!(follow(&client, "").await.0, ["stays"]);
    let (items, gone) = follow(&stranger, "&state=any").await;
    assert!(items.is_empty() && gone.is_empty());
    let plain = client.get("/v1/files").await.expect(200).json();
    assert!(plain.get("gone").is_none());
}

#[tokio::test]
async fn folder_can_be_listed_by_time() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    for name in ["b", "c", "a"] {
        store(&client, &format!("name={name}&folder=/f")).await;
        sheaf.rest().await;
        sheaf.advance(SignedDuration::from_secs(1));
    }

    let (names, pages) = all_pages(
        &client,
        "/v1/files?folder=/f&sort=updated_at&limit=2",
        "name",
    )
    .await;

    assert_eq!(names, ["a", "c", "b"]);
    assert_eq!(pages, 2);
}

#[tokio::test]
async fn filters_hold_together() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    store(&client, "name=1&type=bill&tag=home&tag=power").await;
    store(&client, "name=2&type=bill&tag=home").await;
    store(&client, "name=3&type=receipt&tag=home&tag=power").await;
    store(&client, "name=4").await;
    sheaf.rest().await;

    for (filter, expected) in [
        ("type=Bill", vec!["1", "2"]),
        ("tag=home&tag=power", vec!["1", "3"]),
        ("type=bill&tag=power", vec!["1"]),
        ("type=letter", vec![]),
        ("status=completed", vec!["1", "2", "3", "4"]),
        ("status=failed", vec![]),
        ("state=trashed", vec![]),
    ] {
        for place in ["", "&folder=/"] {
            let route = format!("/v1/files?{filter}{place}");
            let (mut names, _) = all_pages(&client, &route, "name").await;
            names.sort();
            assert_eq!(names, expected, "{route}");
        }
    }
}

#[tokio::test]
async fn trash_is_listed_when_asked_for_and_only_then() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let id = store(&client, "name=gone&folder=/a/b").await;
    store(&client, "name=kept&folder=/a/b").await;
    client.delete(&format!("/v1/files/{id}")).await.expect(200);

    for place in ["", "folder=/a/b", "folder=/a%26recursive=true"] {
        let place = place.replace("%26", "&");
        let active = client
            .get(&format!("/v1/files?{place}"))
            .await
            .expect(200)
            .json();
        let trashed = format!("/v1/files?{place}&state=trashed").replace("?&", "?");
        let trashed = client.get(&trashed).await.expect(200).json();
        assert_eq!(each(&active, "name"), ["kept"], "{place}");
        assert_eq!(each(&trashed, "name"), ["gone"], "{place}");
    }
    let other = client
        .get("/v1/files?folder=/a&state=trashed")
        .await
        .expect(200)
        .json();
    assert_eq!(each(&other, "name"), Vec::<String>::new());
}

#[tokio::test]
async fn expired_file_is_in_no_list() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    store(&client, "name=short&folder=/f&expires_in_s=60").await;
    sheaf.advance(SignedDuration::from_secs(61));

    for route in [
        "",
        "?folder=/f",
        "?folder=/f&sort=updated_at",
        "?folder=/&recursive=true",
    ] {
        let list = client
            .get(&format!("/v1/files{route}"))
            .await
            .expect(200)
            .json();
        assert_eq!(each(&list, "name"), Vec::<String>::new(), "{route}");
    }
}

#[tokio::test]
async fn file_is_found_by_its_name_in_a_folder() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let id = store(&client, "name=Zażółć.txt&folder=/bills&type=bill").await;
    store(&client, "name=other.txt&folder=/bills").await;
    store(&client, "name=Zażółć.txt").await;
    let trashed = store(&client, "name=trashed.txt&folder=/bills").await;
    client
        .delete(&format!("/v1/files/{trashed}"))
        .await
        .expect(200);
    let named = async |query: &str| {
        let list = client.get(&format!("/v1/files?{query}")).await;
        let list = list.expect(200).json();
        assert!(list["next_cursor"].is_null());
        each(&list, "id")
    };

    assert_eq!(named("folder=/bills&name=Zażółć.txt").await, [id.as_str()]);
    assert_eq!(named("folder=/bills&name=Zażółć.txt&type=bill").await, [id]);
    for query in [
        "folder=/bills&name=zażółć.txt",
        "folder=/bills&name=Zażółć.txt&type=photo",
        "folder=/bills&name=trashed.txt",
        "folder=/&name=bills",
    ] {
        assert!(named(query).await.is_empty(), "{query}");
    }
}

#[tokio::test]
async fn lists_that_make_no_sense_are_refused_with_the_field() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    store(&client, "name=1&folder=/f").await;
    store(&client, "name=2&folder=/f").await;
    let page = client
        .get("/v1/files?folder=/f&limit=1")
        .await
        .expect(200)
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();

    for (query, pointer) in [
        ("sort=name".to_owned(), "/sort"),
        ("folder=/f&sort=size".to_owned(), "/sort"),
        ("folder=/f&recursive=true&sort=name".to_owned(), "/sort"),
        ("folder=/f&state=trashed&sort=name".to_owned(), "/sort"),
        ("recursive=true".to_owned(), "/recursive"),
        ("name=f".to_owned(), "/name"),
        ("folder=/f&name=f&recursive=true".to_owned(), "/name"),
        ("folder=/f&name=f&state=trashed".to_owned(), "/name"),
        ("folder=/f&name=a/b".to_owned(), "/name"),
        (format!("folder=/f&name=f&cursor={cursor}"), "/cursor"),
        ("state=gone".to_owned(), "/state"),
        ("folder=/f&state=any".to_owned(), "/state"),
        ("status=done".to_owned(), "/status"),
        ("type=".to_owned(), "/type"),
        ("updated_since=yesterday".to_owned(), "/updated_since"),
        ("limit=101".to_owned(), "/limit"),
        ("cursor=AAAA".to_owned(), "/cursor"),
        (format!("cursor={cursor}"), "/cursor"),
        // Positions of empty text in each order: {"c":""}, {"t":""} and {"s":""}.
        ("cursor=eyJjIjoiIn0".to_owned(), "/cursor"),
        (
            "folder=/f&sort=updated_at&cursor=eyJ0IjoiIn0".to_owned(),
            "/cursor",
        ),
        (
            "updated_since=2026-01-01T00:00:00Z&cursor=eyJzIjoiIn0".to_owned(),
            "/cursor",
        ),
        ("tags=home".to_owned(), "/tags"),
    ] {
        let answer = client.get(&format!("/v1/files?{query}")).await.expect(422);
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{query}");
    }
    client.get("/v1/files?folder=/none").await.expect(404);
}

#[tokio::test]
async fn another_workspace_sees_nothing() {
    let sheaf = Sheaf::start().await;
    store(&sheaf.admin(), "name=secret&folder=/f").await;
    let other = sheaf.client("other", Role::Admin);

    let list = other.get("/v1/files").await.expect(200).json();

    assert_eq!(each(&list, "name"), Vec::<String>::new());
    other.get("/v1/files?folder=/f").await.expect(404);
}
