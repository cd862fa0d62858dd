//! Signed URLs of content.

use http::Method;
use jiff::SignedDuration;
use serde_json::Value;
use testkit::{Client, Sheaf};

use crate::put_other_bytes_than_promised;

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

/// How many seconds a signed URL lives.
fn lifetime(url: &str) -> u64 {
    let (_, rest) = url.split_once("X-Amz-Expires=").unwrap();
    rest.split('&').next().unwrap().parse().unwrap()
}

async fn location(client: &Client, route: &str) -> String {
    client
        .get(route)
        .await
        .expect(302)
        .header("location")
        .to_owned()
}

#[tokio::test]
async fn content_comes_by_signed_url_under_its_own_name() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put("name=rachunek%20za%20%C5%BCaby.txt", "croak")
        .await;

    let content = client.content(id(&file)).await.expect(200);

    assert_eq!(content.body, "croak");
    assert_eq!(
        content.header("content-disposition"),
        "attachment; filename=\"rachunek za _aby.txt\"; filename*=UTF-8''rachunek%20za%20%C5%BCaby.txt"
    );
}

#[tokio::test]
async fn what_a_browser_would_run_is_never_inline() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let html = "<!doctype html><html><body><script>alert(1)</script></body></html>";

    for (name, content, kind) in [
        ("a.svg", svg, "attachment"),
        ("a.html", html, "attachment"),
        ("a.txt", "plain text", "inline"),
    ] {
        let file = client.put(&format!("name={name}"), content).await;
        let route = format!("/v1/files/{}/content?disposition=inline", id(&file));
        let fetched = client
            .fetch(&location(&client, &route).await)
            .await
            .expect(200);
        let disposition = fetched.header("content-disposition");
        assert!(disposition.starts_with(kind), "{name}: {disposition}");
    }
}

#[tokio::test]
async fn earlier_version_is_still_there() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "first").await;
    client.put("name=a.txt&on_conflict=version", "second").await;
    let route = format!("/v1/files/{}/content", id(&file));

    let first = location(&client, &format!("{route}?version=1")).await;
    let current = location(&client, &route).await;

    assert_eq!(client.fetch(&first).await.body, "first");
    assert_eq!(client.fetch(&current).await.body, "second");
    client.get(&format!("{route}?version=3")).await.expect(404);
    client
        .get(&format!("{route}?version=one"))
        .await
        .expect(404);
}

#[tokio::test]
async fn signed_url_lives_as_long_as_asked_and_no_longer_than_the_file() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let lasting = client.put("name=a.txt", "a").await;
    let short = client.put("name=b.txt&expires_in_s=120", "b").await;
    let of = |file: &Value, query: &str| format!("/v1/files/{}/content{query}", id(file));

    assert_eq!(lifetime(&location(&client, &of(&lasting, "")).await), 300);
    assert_eq!(
        lifetime(&location(&client, &of(&lasting, "?expires_in_s=3600")).await),
        3600
    );
    let left = lifetime(&location(&client, &of(&short, "")).await);
    assert!((1..120).contains(&left), "{left}");
    sheaf.advance(SignedDuration::from_secs(100));
    let left = lifetime(&location(&client, &of(&short, "")).await);
    assert!((1..20).contains(&left), "{left}");
    for bad in ["0", "3601", "x"] {
        client
            .get(&of(&lasting, &format!("?expires_in_s={bad}")))
            .await
            .expect(422);
    }
}

#[tokio::test]
async fn download_is_counted_and_a_look_is_not() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "a").await;
    sheaf.rest().await;
    let route = format!("/v1/files/{}/content", id(&file));
    let before = client
        .get(&format!("/v1/files/{}", id(&file)))
        .await
        .expect(200);

    client.get(&route).await.expect(302);
    client.get(&route).await.expect(302);
    client.send(Method::HEAD, &route, &[], "").await.expect(302);
    sheaf.rest().await;

    let after = client
        .get(&format!("/v1/files/{}", id(&file)))
        .await
        .expect(200);
    assert_eq!(after.json()["download_count"], 2);
    assert!(after.json()["last_accessed_at"].is_string());
    assert_eq!(
        after.header("etag"),
        before.header("etag"),
        "a counter changed the ETag"
    );
}

#[tokio::test]
async fn bytes_that_are_not_those_promised_are_never_readable() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = put_other_bytes_than_promised(&client).await;
    let content = format!("/v1/files/{}/content", id(&file));

    let unchecked = client.get(&content).await.expect(409);
    sheaf.rest().await;
    let checked = client.get(&content).await.expect(409);

    assert_eq!(
        (unchecked.code(), checked.code()),
        ("not_verified".into(), "not_verified".into())
    );
    assert_eq!(
        client.file(id(&file)).await["failure"]["code"],
        "checksum_mismatch"
    );
}

#[tokio::test]
async fn replaced_version_that_is_not_what_was_promised_says_so_for_good() {
    // Whether it was found before another took its place or after.
    for is_read_first in [true, false] {
        let sheaf = Sheaf::start().await;
        let client = sheaf.admin();
        let file = put_other_bytes_than_promised(&client).await;
        let first = format!("/v1/files/{}/content?version=1", id(&file));
        if is_read_first {
            sheaf.rest().await;
        }
        client
            .put("name=big.bin&on_conflict=version", "other bytes")
            .await;
        sheaf.rest().await;

        let refused = client.get(&first).await.expect(409);

        assert_eq!(refused.code(), "not_verified");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("not those that were announced"), "{detail}");
    }
}

#[tokio::test]
async fn file_in_the_trash_can_still_be_read_by_id() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "kept").await;
    client
        .delete(&format!("/v1/files/{}", id(&file)))
        .await
        .expect(200);

    assert_eq!(client.file(id(&file)).await["state"], "trashed");
    assert_eq!(client.content(id(&file)).await.expect(200).body, "kept");
}
