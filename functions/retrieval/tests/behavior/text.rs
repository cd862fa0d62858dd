//! The text of a file.

use testkit::Sheaf;

#[tokio::test]
async fn text_is_given_as_plain_text_once_it_is_read() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client
        .put(
            "name=a.html",
            "<!doctype html><html><body><h1>Zażółć</h1></body></html>",
        )
        .await;
    sheaf.rest().await;

    let route = format!("/v1/files/{}/text", file["id"].as_str().unwrap());
    let text = client.get(&route).await.expect(200);

    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(
        String::from_utf8(text.body.to_vec())
            .unwrap()
            .contains("Zażółć")
    );
}

#[tokio::test]
async fn long_text_is_given_by_signed_url() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let line = "Every line of this long text is the same as the one before it.\n";
    let long = line.repeat(5 * 1024 * 1024 / line.len());
    // More than the usual direct upload takes, so by a session of one PUT.
    let session = client
        .post(
            "/v1/uploads",
            &serde_json::json!({"name": "long.txt", "size_bytes": long.len()}),
        )
        .await
        .expect(201)
        .json();
    let stored = client
        .put_signed(&session["parts"][0], long.clone())
        .await
        .expect(200);
    let parts = serde_json::json!({"parts": [{"number": 1, "etag": stored.header("etag")}]});
    let route = format!(
        "/v1/uploads/{}/complete",
        session["upload_id"].as_str().unwrap()
    );
    let file = client.post(&route, &parts).await.expect(201).json();
    sheaf.rest().await;

    let route = format!("/v1/files/{}/text", file["id"].as_str().unwrap());
    let redirect = client.get(&route).await.expect(302);
    let text = client.fetch(redirect.header("location")).await.expect(200);

    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert!(text.body.len() > 4 * 1024 * 1024);
}

#[tokio::test]
async fn file_without_text_says_so() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let file = client.put("name=empty.txt", "").await;
    sheaf.rest().await;

    let route = format!("/v1/files/{}/text", file["id"].as_str().unwrap());
    let answer = client.get(&route).await.expect(404);

    assert_eq!(answer.code(), "no_text");
}
