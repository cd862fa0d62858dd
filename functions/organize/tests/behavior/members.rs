//! Members.

use domain::principal::Role;
use serde_json::{Value, json};
use testkit::Sheaf;

use crate::{accept, each, member, person};

#[tokio::test]
async fn member_has_the_role_that_was_given_last_until_it_is_taken_away() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    let ann = person(&sheaf, "ann", &Value::Null);
    let invited = admin
        .post("/v1/members", &member("ann", "viewer"))
        .await
        .expect(200)
        .json();
    let route = format!("/v1/members/{}", invited["id"].as_str().unwrap());
    accept(&ann, "acme").await;

    ann.upload("name=a.txt", "a").await.expect(403);
    let changed = admin
        .patch(&route, &json!({"role": "editor"}))
        .await
        .expect(200)
        .json();
    ann.upload("name=a.txt", "a").await.expect(201);
    admin
        .post("/v1/members", &member("ann", "viewer"))
        .await
        .expect(200);
    ann.upload("name=b.txt", "b").await.expect(403);
    admin.delete(&route).await.expect(204);
    ann.get("/v1/files").await.expect(403);

    assert_eq!(changed["role"], "editor");
    assert_eq!(changed["state"], "joined");
    admin.delete(&route).await.expect(404);
    admin
        .patch(&route, &json!({"role": "editor"}))
        .await
        .expect(404);
    // Who was removed is asked again before being taken back.
    admin
        .post("/v1/members", &member("ann", "viewer"))
        .await
        .expect(200);
    ann.get("/v1/files").await.expect(403);
}

#[tokio::test]
async fn role_that_is_changed_before_it_is_accepted_is_the_one_that_is_joined_with() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    let ann = person(&sheaf, "ann", &Value::Null);
    let invited = admin
        .post("/v1/members", &member("ann", "admin"))
        .await
        .expect(200)
        .json();
    let route = format!("/v1/members/{}", invited["id"].as_str().unwrap());

    admin
        .patch(&route, &json!({"role": "viewer"}))
        .await
        .expect(200);
    let offered = ann.get("/v1/invitations").await.expect(200).json();
    accept(&ann, "acme").await;

    assert_eq!(offered["items"][0]["role"], "viewer");
    ann.get("/v1/files").await.expect(200);
    ann.get("/v1/members").await.expect(403);
}

#[tokio::test]
async fn joining_and_being_removed_at_once_leaves_both_rows_or_none() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    let ann = person(&sheaf, "ann", &Value::Null);

    for _ in 0..10 {
        let invited = admin
            .post("/v1/members", &member("ann", "viewer"))
            .await
            .expect(200)
            .json();
        let route = format!("/v1/members/{}", invited["id"].as_str().unwrap());
        let (joined, removed) = futures::join!(
            ann.post("/v1/invitations/acme/accept", &Value::Null),
            admin.delete(&route),
        );
        assert!([200, 404, 503].contains(&joined.status.as_u16()));
        removed.expect(204);

        assert!(each(&admin, "/v1/members", "id").await.is_empty());
        assert!(each(&ann, "/v1/invitations", "workspace").await.is_empty());
        ann.get("/v1/files").await.expect(403);
    }
}

#[tokio::test]
async fn members_are_listed_page_by_page_to_admins_of_their_workspace() {
    let sheaf = Sheaf::start().await;
    let admin = sheaf.admin();
    for subject in ["ann", "ben", "cora"] {
        admin
            .post("/v1/members", &member(subject, "viewer"))
            .await
            .expect(200);
    }
    accept(&person(&sheaf, "ben", &Value::Null), "acme").await;

    let all = each(&admin, "/v1/members", "id").await;
    let page = admin.get("/v1/members?limit=2").await.expect(200).json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = each(&admin, &format!("/v1/members?cursor={cursor}"), "id").await;
    let mut states = each(&admin, "/v1/members", "state").await;
    states.sort();

    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(rest, [all[2].clone()]);
    assert_eq!(states, ["invited", "invited", "joined"]);
    let other = sheaf.client("other", Role::Admin);
    assert!(each(&other, "/v1/members", "id").await.is_empty());
    other
        .delete(&format!("/v1/members/{}", all[0]))
        .await
        .expect(404);
    sheaf
        .client("acme", Role::Editor)
        .get("/v1/members")
        .await
        .expect(403);
}

#[tokio::test]
async fn only_admins_manage_members_and_none_their_own_role() {
    let sheaf = Sheaf::start().await;
    let editor = sheaf.client("acme", Role::Editor);
    let admin = sheaf.admin();

    editor
        .post("/v1/members", &member("ann", "viewer"))
        .await
        .expect(403);
    let refused = admin
        .post("/v1/members", &member("someone", "viewer"))
        .await
        .expect(409);

    assert_eq!(refused.code(), "own_role");
    admin
        .post("/v1/members", &member("ann", "owner"))
        .await
        .expect(422);
    admin
        .patch("/v1/members/nobody", &json!({"role": "viewer"}))
        .await
        .expect(404);
}
