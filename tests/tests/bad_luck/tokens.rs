//! A token opens the API only when everything about it is right.

use embedded::secrets::{AUDIENCE, ISSUER, Secrets};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::start;

const HOUR: i64 = 3600;

/// Claims that are accepted, with some changed; one that is changed to null is left out.
fn claims(changes: &Value) -> Value {
    let now = Timestamp::now().as_second();
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "someone", "iat": now, "exp": now + HOUR,
        "workspace": "acme", "role": "viewer",
    });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    claims
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_a_wrong_claim_is_refused() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let secrets = &sheaf.server.stack.secrets;
    let now = Timestamp::now().as_second();
    let right = secrets.sign_claims(&claims(&json!({}))).unwrap();
    client.with_token(&right).get("/v1/files").await.expect(200);

    for wrong in [
        json!({"exp": now - HOUR}),
        json!({"exp": null}),
        json!({"exp": "tomorrow"}),
        json!({"aud": "another"}),
        json!({"aud": null}),
        json!({"iss": "another"}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"nbf": now + HOUR}),
    ] {
        let token = secrets.sign_claims(&claims(&wrong)).unwrap();
        let answer = client.with_token(&token).get("/v1/files").await;
        assert_eq!(answer.status, 401, "{wrong}");
        assert_eq!(answer.code(), "unauthenticated", "{wrong}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_accepted_is_refused_once_it_has_expired() {
    let Some(sheaf) = start().await else { return };
    let secrets = &sheaf.server.stack.secrets;
    let token = secrets.sign_claims(&claims(&json!({}))).unwrap();
    let client = sheaf.admin().with_token(&token);
    client.get("/v1/files").await.expect(200);

    sheaf.advance(SignedDuration::from_secs(HOUR + 60));

    client.get("/v1/files").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_this_issuer_did_not_sign_is_refused() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let folder = TempDir::new().unwrap();
    let stranger = Secrets::open(folder.path()).unwrap();
    let right = sheaf
        .server
        .stack
        .secrets
        .sign_claims(&claims(&json!({})))
        .unwrap();
    let foreign = stranger.sign_claims(&claims(&json!({}))).unwrap();
    let (content, _) = right.rsplit_once('.').unwrap();
    let (_, foreign_signature) = foreign.rsplit_once('.').unwrap();
    let (_, payload) = content.split_once('.').unwrap();
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{payload}.");

    for token in [
        foreign.as_str(),
        &format!("{content}.{foreign_signature}"),
        &format!("{content}."),
        content,
        &unsigned,
        "nonsense",
        "sk_nonsense",
    ] {
        let answer = client.with_token(token).get("/v1/files").await;
        assert_eq!(answer.status, 401, "{token}");
    }
}
