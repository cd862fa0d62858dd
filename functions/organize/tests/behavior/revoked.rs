//! What goes with a role that is taken away: the keys made with it, and what was just being done.

use domain::principal::{Identity, Principal, Role, Standing};
use domain::{Error, KeyId, Sha256};
use jiff::Timestamp;
use serde_json::{Value, json};
use store::api_key::ApiKeyItem;
use testkit::{Client, Sheaf};
use uuid::Uuid;

use crate::{accept, each, member, person};

/// Someone who has joined as an admin, and the route of their membership.
async fn admin(sheaf: &Sheaf, subject: &str) -> (Client, String) {
    let invited = sheaf
        .admin()
        .post("/v1/members", &member(subject, "admin"))
        .await
        .expect(200)
        .json();
    let client = person(sheaf, subject, &Value::Null);
    accept(&client, "acme").await;
    let id = invited["id"].as_str().unwrap();
    (client, format!("/v1/members/{id}"))
}

/// Who an [`admin`] was found to be when a request of theirs began.
fn principal(subject: &str) -> Principal {
    Principal {
        identity: Identity::User {
            issuer: embedded::secrets::ISSUER.to_owned(),
            subject: subject.to_owned(),
        },
        workspace: "acme".parse().unwrap(),
        role: Role::Admin,
        standing: Standing::Kept,
    }
}

/// Has someone make a key, and returns a client that uses it.
async fn key(maker: &Client, role: &str) -> Client {
    let made = maker
        .post("/v1/api-keys", &json!({"name": "k", "role": role}))
        .await
        .expect(201)
        .json();
    maker.with_token(made["key"].as_str().unwrap())
}

#[tokio::test]
async fn keys_go_with_who_made_them_and_whose_keys_did() {
    let sheaf = Sheaf::start().await;
    let others = key(&sheaf.admin(), "viewer").await;
    let (ann, route) = admin(&sheaf, "ann").await;
    let first = key(&ann, "admin").await;
    let second = key(&first, "viewer").await;

    let makers = each(&sheaf.admin(), "/v1/api-keys", "made_by").await;
    let own = first.delete(&route).await.expect(409);
    sheaf.admin().delete(&route).await.expect(204);

    assert!(
        route.ends_with(&makers[1]) && makers[1] == makers[2],
        "{makers:?}"
    );
    assert_ne!(makers[0], makers[1]);
    assert_eq!(own.code(), "own_role");
    first.get("/v1/files").await.expect(401);
    second.get("/v1/files").await.expect(401);
    others.get("/v1/files").await.expect(200);
}

#[tokio::test]
async fn keys_that_may_do_more_than_a_lower_role_go_and_the_others_stay() {
    let sheaf = Sheaf::start().await;
    let (ann, route) = admin(&sheaf, "ann").await;
    let (above, same) = (key(&ann, "admin").await, key(&ann, "editor").await);

    let lower = json!({"role": "editor"});
    sheaf.admin().patch(&route, &lower).await.expect(200);
    sheaf.admin().patch(&route, &lower).await.expect(200);

    above.get("/v1/files").await.expect(401);
    same.get("/v1/files").await.expect(200);
}

#[tokio::test]
async fn keys_of_someone_without_a_membership_are_kept_by_an_invitation_and_go_when_they_are_removed()
 {
    let sheaf = Sheaf::start().await;
    let (ann, _) = admin(&sheaf, "ann").await;
    // A role of theirs is in the token.
    let key = key(&sheaf.admin(), "admin").await;

    let invited = ann.post("/v1/members", &member("someone", "viewer")).await;
    let route = format!(
        "/v1/members/{}",
        invited.expect(200).json()["id"].as_str().unwrap()
    );
    key.get("/v1/files").await.expect(200);
    sheaf
        .admin()
        .delete("/v1/invitations/acme")
        .await
        .expect(204);
    key.get("/v1/files").await.expect(200);

    ann.delete(&route).await.expect(204);
    key.get("/v1/files").await.expect(401);
    ann.delete(&route).await.expect(404);
}

#[tokio::test]
async fn who_lost_the_role_while_asking_changes_nobody_and_makes_no_key() {
    let sheaf = Sheaf::start().await;
    let (_, route) = admin(&sheaf, "ann").await;
    let (ben, _) = admin(&sheaf, "ben").await;
    let (late, other) = (principal("ann"), principal("ben").identity.pseudonym());
    ben.delete(&route).await.expect(204);

    let store = sheaf.store();
    let item = ApiKeyItem {
        id: KeyId::new(Uuid::from_u128(1)),
        label: "k".to_owned(),
        role: Role::Admin,
        made_by: Some(late.identity.person()),
        secret_hash: Sha256::of(b"secret"),
        created_at: Timestamp::UNIX_EPOCH,
        expires_at: None,
    };
    let refused = [
        store.remove_member(&late, &other).await.unwrap_err(),
        store
            .change_role(&late, &other, Role::Viewer)
            .await
            .unwrap_err(),
        store.create_api_key(&late, &item, None).await.unwrap_err(),
    ];

    for error in refused {
        assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    }
    assert_eq!(each(&ben, "/v1/members", "role").await, ["admin"]);
    assert!(each(&ben, "/v1/api-keys", "id").await.is_empty());
}

#[tokio::test]
async fn of_two_admins_who_end_each_others_role_at_once_one_stays() {
    let sheaf = Sheaf::start().await;

    for round in 0..10 {
        let (ann, of_ann) = admin(&sheaf, "ann").await;
        let (ben, of_ben) = admin(&sheaf, "ben").await;
        let lower = json!({"role": "viewer"});
        let answers: [_; 2] = if round % 2 == 0 {
            futures::join!(ann.delete(&of_ben), ben.delete(&of_ann)).into()
        } else {
            futures::join!(ann.patch(&of_ben, &lower), ben.patch(&of_ann, &lower)).into()
        };

        let refused = answers.iter().filter(|answer| answer.status == 403).count();
        let roles = each(&sheaf.admin(), "/v1/members", "role").await;
        let admins = roles.iter().filter(|role| *role == "admin").count();
        assert_eq!((refused, admins), (1, 1), "{roles:?}");
    }
}

#[tokio::test]
async fn key_that_is_made_while_its_maker_is_removed_does_not_outlast_them() {
    let sheaf = Sheaf::start().await;

    for _ in 0..10 {
        let (ann, route) = admin(&sheaf, "ann").await;
        let first = key(&ann, "admin").await;
        let asked = json!({"name": "k", "role": "admin"});
        let (other, route) = (sheaf.admin(), route.as_str());
        let (by_ann, by_key, removed) = futures::join!(
            ann.post("/v1/api-keys", &asked),
            first.post("/v1/api-keys", &asked),
            other.delete(route),
        );

        removed.expect(204);
        assert!([201, 403].contains(&by_ann.status.as_u16()));
        assert!([201, 401, 403].contains(&by_key.status.as_u16()));
        assert!(each(&other, "/v1/api-keys", "id").await.is_empty());
    }
}
