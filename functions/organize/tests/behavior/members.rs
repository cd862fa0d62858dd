//! Members.

use domain::principal::{Identity, Role};
use serde_json::json;
use testkit::Sheaf;

fn member(role: &str) -> serde_json::Value {
    json!({"issuer": "https://issuer.example", "subject": "s-1", "role": role})
}

async fn role(sheaf: &Sheaf, workspace: &str) -> Option<Role> {
    let identity = Identity::User {
        issuer: "https://issuer.example".to_owned(),
        subject: "s-1".to_owned(),
    };
    let workspace = workspace.parse().unwrap();
    sheaf
        .store()
        .role(&identity.pseudonym(), &workspace)
        .await
        .unwrap()
}

#[tokio::test]
async fn member_is_given_a_role_and_it_is_taken_away() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();

    admin
        .post("/v1/members", &member("viewer"))
        .await
        .expect(200);
    let shown = admin
        .post("/v1/members", &member("editor"))
        .await
        .expect(200)
        .json();
    let given = role(&sheaf, "acme").await;
    let route = format!("/v1/members/{}", shown["id"].as_str().unwrap());
    sheaf
        .client("other", Role::Admin)
        .delete(&route)
        .await
        .expect(404);
    admin.delete(&route).await.expect(204);
    admin.delete(&route).await.expect(404);

    assert_eq!(given, Some(Role::Editor));
    assert_eq!(role(&sheaf, "other").await, None);
    assert_eq!(role(&sheaf, "acme").await, None);
}

#[tokio::test]
async fn only_admins_manage_members_and_none_their_own_role() {
    let sheaf = Sheaf::start().await;
    let editor = sheaf.client("acme", Role::Editor);
    let own = json!({"issuer": embedded::secrets::ISSUER, "subject": "someone", "role": "viewer"});

    editor
        .post("/v1/members", &member("viewer"))
        .await
        .expect(403);
    let refused = sheaf.admin().post("/v1/members", &own).await.expect(409);

    assert_eq!(refused.code(), "own_role");
    sheaf
        .admin()
        .post("/v1/members", &member("owner"))
        .await
        .expect(422);
}
