//! Who may do what, and that workspaces are apart.

use domain::principal::Role;
use e2e::{Target, finished, id};
use http::Method;
use serde_json::json;

use crate::bill;

#[tokio::test]
async fn one_workspace_never_sees_another() {
    let target = Target::start().await;
    let client = target.client(Role::Admin).await;
    let stranger = target
        .client_in(
            &format!("e2e-{}", uuid::Uuid::new_v4().simple()),
            Role::Admin,
        )
        .await;
    let file = client
        .put("name=a.txt&type=bill&tag=pge", bill("2024-01-01", "5.00"))
        .await;
    finished(&client, &id(&file)).await;
    let dossier = client
        .post("/v1/dossiers", &json!({"type": "bill", "tags": ["pge"]}))
        .await
        .expect(202)
        .json();
    let file = format!("/v1/files/{}", id(&file));

    for path in [
        file.clone(),
        format!("{file}/content"),
        format!("{file}/text"),
        format!("{file}/facts"),
        format!("{file}/facts/history"),
        format!("{file}/versions"),
        format!("/v1/dossiers/{}", id(&dossier)),
        format!("/v1/dossiers/{}/documents", id(&dossier)),
    ] {
        stranger.get(&path).await.expect(404);
    }
    stranger.delete(&file).await.expect(404);
    stranger
        .patch(&file, &json!({"name": "mine.txt"}))
        .await
        .expect(404);
    for path in ["/v1/files", "/v1/dossiers", "/v1/failures"] {
        assert_eq!(
            stranger.get(path).await.expect(200).json()["items"],
            json!([]),
            "{path}"
        );
    }
    assert_eq!(
        stranger.get("/v1/usage").await.expect(200).json()["used_files"],
        0
    );
    client.get(&file).await.expect(200);
}

#[tokio::test]
async fn ids_of_another_workspace_are_unknown() {
    let target = Target::start().await;
    let client = target.client(Role::Admin).await;
    let workspace = format!("e2e-{}", uuid::Uuid::new_v4().simple());
    let stranger = target.client_in(&workspace, Role::Admin).await;
    let begun = json!({"name": "a.bin", "size_bytes": 20 * 1024 * 1024});
    let begun = client.post("/v1/uploads", &begun).await.expect(201).json();
    let upload = format!("/v1/uploads/{}", begun["upload_id"].as_str().unwrap());
    let damaged = client.put("name=cut.pdf", "%PDF-1.7\n1 0 obj\n<<").await;
    let damaged = finished(&client, &id(&damaged)).await;
    assert_eq!(damaged["status"], "failed");
    let failures = client.get("/v1/failures").await.expect(200).json();
    let failure = format!("/v1/failures/{}", id(&failures["items"][0]));
    let trashed = client.put("name=old.txt", "old").await;
    let trashed = format!("/v1/files/{}", id(&trashed));
    client.delete(&trashed).await.expect(200);

    stranger.get(&upload).await.expect(404);
    stranger.delete(&upload).await.expect(404);
    for (path, body) in [
        (format!("{upload}/parts"), json!({"numbers": [1]})),
        (format!("{upload}/complete"), json!({})),
        (format!("{failure}/redrive"), json!({})),
        (format!("/v1/files/{}/retry", id(&damaged)), json!({})),
        (format!("{trashed}/restore"), json!({})),
    ] {
        let refused = stranger.post(&path, &body).await.expect(404);
        assert_eq!(refused.code(), "not_found", "{path}");
    }

    // None of it came to anything.
    let session = client.get(&upload).await.expect(200).json();
    assert_eq!(session["state"], "open");
    assert_eq!(client.file(&id(&damaged)).await["status"], "failed");
    let file = client.get(&trashed).await.expect(200).json();
    assert_eq!(file["state"], "trashed");
    client.delete(&upload).await.expect(204);
}

#[tokio::test]
async fn who_has_no_role_may_do_nothing() {
    let target = Target::start().await;
    let member = target.client(Role::Editor).await;
    let file = member.put("name=a.txt", "text").await;
    let stranger = target.stranger().await;
    let elsewhere = [("sheaf-workspace", "somewhere-else")];

    stranger.get("/v1/files").await.expect(403);
    stranger.upload("name=b.txt", "text").await.expect(403);
    let path = format!("/v1/files/{}", id(&file));
    stranger.delete(&path).await.expect(403);
    let refused = member.send(Method::GET, "/v1/files", &elsewhere, "").await;
    assert_eq!(refused.expect(403).code(), "forbidden");
}

#[tokio::test]
async fn a_viewer_reads_and_changes_nothing() {
    let target = Target::start().await;
    let editor = target.client(Role::Editor).await;
    let viewer = target.client(Role::Viewer).await;
    let file = editor.put("name=a.txt", "text").await;
    let path = format!("/v1/files/{}", id(&file));

    viewer.get(&path).await.expect(200);
    viewer.get(&format!("{path}/content")).await.expect(302);

    viewer.upload("name=b.txt", "text").await.expect(403);
    viewer.delete(&path).await.expect(403);
    viewer
        .patch(&path, &json!({"name": "c.txt"}))
        .await
        .expect(403);
    viewer
        .post("/v1/uploads", &json!({"name": "b", "size_bytes": 1}))
        .await
        .expect(403);
    viewer
        .post("/v1/dossiers", &json!({"type": "bill", "tags": []}))
        .await
        .expect(403);
    editor.get("/v1/api-keys").await.expect(403);
}

#[tokio::test]
async fn an_api_key_works_until_it_is_revoked() {
    let target = Target::start().await;
    let admin = target.client(Role::Admin).await;
    let made = admin
        .post("/v1/api-keys", &json!({"name": "robot", "role": "editor"}))
        .await
        .expect(201)
        .json();
    let robot = admin.with_token(made["key"].as_str().unwrap());

    robot.put("name=a.txt", "text").await;
    robot.get("/v1/api-keys").await.expect(403);
    let listed = admin.get("/v1/api-keys").await.expect(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains(made["key"].as_str().unwrap()));
    admin
        .delete(&format!("/v1/api-keys/{}", id(&made)))
        .await
        .expect(204);

    robot.get("/v1/files").await.expect(401);
}
