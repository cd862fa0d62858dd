//! API keys.

use domain::principal::Role;
use http::Method;
use jiff::SignedDuration;
use serde_json::{Value, json};
use testkit::{Client, Sheaf};

use crate::each;

async fn make(sheaf: &Sheaf, role: &str) -> (Value, Client) {
    let asked = json!({"name": format!("a {role}"), "role": role});
    let key = sheaf
        .admin()
        .post("/v1/api-keys", &asked)
        .await
        .expect(201)
        .json();
    let secret = key["key"].as_str().unwrap().to_owned();
    let client = Client::new(sheaf.server.url(), secret);
    (key, client)
}

#[tokio::test]
async fn key_does_what_its_role_allows_and_no_more() {
    let sheaf = Sheaf::start().await;
    let (key, viewer) = make(&sheaf, "viewer").await;
    let (_, editor) = make(&sheaf, "editor").await;

    viewer.get("/v1/files").await.expect(200);
    viewer.upload("name=a.txt", "a").await.expect(403);
    editor.upload("name=a.txt", "a").await.expect(201);
    editor
        .post("/v1/api-keys", &json!({"name": "k", "role": "viewer"}))
        .await
        .expect(403);
    editor.get("/v1/api-keys").await.expect(403);

    let text = key["key"].as_str().unwrap();
    assert!(
        text.starts_with(&format!("sheaf_acme.{}.", key["id"].as_str().unwrap())),
        "{text}"
    );
    let workspaces = viewer.get("/v1/workspaces").await.expect(200).json();
    assert_eq!(
        workspaces["items"],
        json!([{"id": "acme", "role": "viewer"}])
    );
}

#[tokio::test]
async fn keys_are_listed_without_their_secrets() {
    let sheaf = Sheaf::start().await;
    let (first, _) = make(&sheaf, "viewer").await;
    let (second, _) = make(&sheaf, "admin").await;
    let admin = sheaf.admin();

    let list = admin.get("/v1/api-keys").await.expect(200);
    let page = admin.get("/v1/api-keys?limit=1").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = format!("/v1/api-keys?limit=1&cursor={cursor}");

    let text = String::from_utf8(list.body.to_vec()).unwrap();
    assert!(
        !text.contains("secret") && !text.contains("\"key\""),
        "{text}"
    );
    assert_eq!(page["items"][0]["id"], first["id"]);
    assert_eq!(
        each(&admin, &rest, "id").await,
        [second["id"].as_str().unwrap()]
    );
    assert_eq!(admin.get(&rest).await.json()["next_cursor"], Value::Null);
    let other = sheaf.client("other", Role::Admin);
    assert_eq!(
        each(&other, "/v1/api-keys", "id").await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn repeated_request_makes_one_key_and_names_it() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    let ask = async |name: &str| {
        let body = json!({"name": name, "role": "viewer"}).to_string();
        let headers = [
            ("content-type", "application/json"),
            ("idempotency-key", "one"),
        ];
        admin
            .send(Method::POST, "/v1/api-keys", &headers, body)
            .await
    };

    let (first, second) = futures::join!(ask("nightly"), ask("nightly"));
    let again = ask("nightly").await.expect(409);
    let other = ask("weekly").await.expect(422);

    let mut answers = [first, second];
    answers.sort_by_key(|answer| answer.status);
    let [made, repeated] = answers.map(|answer| (answer.status.as_u16(), answer));
    assert_eq!((made.0, repeated.0), (201, 409));
    let id = made.1.json()["id"].as_str().unwrap().to_owned();
    let detail = again.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(again.code(), "key_made");
    assert!(detail.contains(&id), "{detail}");
    assert_eq!(other.json()["errors"][0]["pointer"], "/Idempotency-Key");
    assert_eq!(each(&admin, "/v1/api-keys", "id").await, [id]);
}

#[tokio::test]
async fn revoked_and_expired_keys_are_refused() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    let (key, client) = make(&sheaf, "viewer").await;
    let asked = json!({"name": "short", "role": "viewer", "expires_in_s": 60});
    let short = admin.post("/v1/api-keys", &asked).await.expect(201).json();
    let short = Client::new(
        sheaf.server.url(),
        short["key"].as_str().unwrap().to_owned(),
    );
    let route = format!("/v1/api-keys/{}", key["id"].as_str().unwrap());
    short.get("/v1/files").await.expect(200);

    sheaf
        .client("other", Role::Admin)
        .delete(&route)
        .await
        .expect(404);
    admin.delete(&route).await.expect(204);
    admin.delete(&route).await.expect(404);
    sheaf.advance(SignedDuration::from_secs(61));

    client.get("/v1/files").await.expect(401);
    short.get("/v1/files").await.expect(401);
}

#[tokio::test]
async fn bad_keys_are_refused_with_the_field() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();

    for (asked, pointer) in [
        (json!({"name": " ", "role": "viewer"}), "/name"),
        (json!({"name": "k", "role": "owner"}), "/role"),
        (
            json!({"name": "k", "role": "viewer", "expires_in_s": 0}),
            "/expires_in_s",
        ),
    ] {
        let refused = admin.post("/v1/api-keys", &asked).await.expect(422);
        assert_eq!(refused.json()["errors"][0]["pointer"], pointer, "{asked}");
    }
}
