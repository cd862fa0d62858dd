//! Making folders.

use domain::principal::Role;
use serde_json::json;
use testkit::Sheaf;

#[tokio::test]
async fn folder_is_made_once_with_those_above_it() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();

    let made = client
        .post("/v1/folders", &json!({"path": "/a/b"}))
        .await
        .expect(201);
    let again = client
        .post("/v1/folders", &json!({"path": "a/b/"}))
        .await
        .expect(200);
    let parent = made.json()["id"].clone();
    let below = json!({"name": "c", "parent_id": parent});
    let below = client.post("/v1/folders", &below).await.expect(201).json();

    assert_eq!(again.json(), made.json());
    assert_eq!(below["path"], "/a/b/c");
    let shown = client.get(made.header("location")).await.expect(200);
    assert_eq!(shown.header("etag"), made.header("etag"));
    let mut shown = shown.json();
    assert_eq!(shown["folder_count"].take(), 1);
    let mut made = made.json();
    made["folder_count"].take();
    assert_eq!(shown, made);
}

#[tokio::test]
async fn folder_is_refused_where_a_file_is_or_nothing() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    client.put("name=a", "x").await;

    for path in ["/a", "/a/b"] {
        let refused = client
            .post("/v1/folders", &json!({"path": path}))
            .await
            .expect(409);
        assert_eq!(refused.code(), "not_a_folder");
    }
    let nowhere = json!({"name": "c", "parent_id": "0199a0b1-7c00-7000-8000-000000000001"});
    client.post("/v1/folders", &nowhere).await.expect(404);
    client.post("/v1/folders", &json!({})).await.expect(422);
    let viewer = sheaf.client("acme", Role::Viewer);
    viewer
        .post("/v1/folders", &json!({"path": "/v"}))
        .await
        .expect(403);
}

#[tokio::test]
async fn folders_are_no_deeper_than_32() {
    let sheaf = Sheaf::start().await;
    let client = sheaf.admin();
    let deepest = "/d".repeat(32);

    let folder = client
        .post("/v1/folders", &json!({"path": deepest}))
        .await
        .expect(201)
        .json();
    let deeper = json!({"name": "d", "parent_id": folder["id"]});

    client.post("/v1/folders", &deeper).await.expect(422);
    client
        .post("/v1/folders", &json!({"path": format!("{deepest}/d")}))
        .await
        .expect(422);
}
