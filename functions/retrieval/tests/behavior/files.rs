//! One file: itself, its versions, its facts.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::json;
use testkit::Sheaf;

use crate::{all_pages, each};

#[tokio::test]
async fn file_that_is_known_is_not_sent_again() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&folder=/b", "text").await;
    sheaf.rest().await;
    let route = format!("/v1/files/{}", file["id"].as_str().unwrap());
    let first = client.get(&route).await.expect(200);
    let tag = first.header("etag").to_owned();

    let again = client
        .send(Method::GET, &route, &[("if-none-match", &tag)], "")
        .await
        .expect(304);
    client
        .patch(&route, &json!({"favorite": true}))
        .await
        .expect(200);
    let changed = client
        .send(Method::GET, &route, &[("if-none-match", &tag)], "")
        .await
        .expect(200);

    assert_eq!(first.json()["path"], "/b/a.txt");
    assert!(again.body.is_empty());
    assert_eq!(again.header("etag"), tag);
    assert_ne!(changed.header("etag"), tag);
}

#[tokio::test]
async fn file_of_others_is_as_unknown_as_one_that_never_was() {
    let sheaf = Sheaf::start().await;
    let file = sheaf.admin().put("name=a.txt", "text").await;
    let id = file["id"].as_str().unwrap();
    let other = sheaf.client("other", Role::Admin);

    for id in [id, "0199a0b1-7c00-7000-8000-000000000001", "no-id"] {
        for route in ["", "/versions", "/content", "/text", "/facts"] {
            let answer = other
                .get(&format!("/v1/files/{id}{route}"))
                .await
                .expect(404);
            assert_eq!(answer.code(), "not_found", "{route}");
        }
    }
}

#[tokio::test]
async fn expired_file_is_gone_on_every_route() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt&expires_in_s=60", "text").await;
    let id = file["id"].as_str().unwrap();
    sheaf.advance(SignedDuration::from_secs(60));

    for route in ["", "/versions", "/content", "/text", "/facts"] {
        let answer = client
            .get(&format!("/v1/files/{id}{route}"))
            .await
            .expect(410);
        assert_eq!(answer.code(), "gone", "{route}");
    }
}

#[tokio::test]
async fn viewer_reads_and_a_stranger_does_not() {
    let sheaf = Sheaf::start().await;
    let file = sheaf.admin().put("name=a.txt", "text").await;
    let route = format!("/v1/files/{}", file["id"].as_str().unwrap());

    sheaf
        .client("acme", Role::Viewer)
        .get(&route)
        .await
        .expect(200);
    let stranger = testkit::Client::new(sheaf.server.url(), "not.a.token".to_owned());
    stranger.get(&route).await.expect(401);
}

#[tokio::test]
async fn versions_are_listed_newest_first_across_pages() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "1").await;
    for content in ["22", "333"] {
        client.put("name=a.txt&on_conflict=version", content).await;
    }
    let route = format!("/v1/files/{}/versions", file["id"].as_str().unwrap());

    let list = client.get(&route).await.expect(200).json();
    let (_, pages) = all_pages(&client, &format!("{route}?limit=1"), "owner").await;

    let sizes: Vec<u64> = (0..3)
        .map(|at| list["items"][at]["size_bytes"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes, [3, 2, 1]);
    assert_eq!(list["items"][0]["version"], 3);
    assert_eq!((each(&list, "owner").len(), pages), (3, 3));
}

#[tokio::test]
async fn facts_are_what_the_document_says() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let text = "Invoice date: 2024-11-15\nUsage: 850 kWh\nTotal due: $245.67\n";
    let file = client.put("name=bill.txt&type=bill&tag=power", text).await;
    sheaf.rest().await;

    let route = format!("/v1/files/{}/facts", file["id"].as_str().unwrap());
    let facts = client.get(&route).await.expect(200).json();

    assert_eq!(facts["document_date"], "2024-11-15");
    assert_eq!(
        facts["amount"],
        json!({"amount": "245.67", "currency": "USD"})
    );
}
