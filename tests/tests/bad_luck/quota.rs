//! A quota holds whatever races for it, and comes back whole.

use std::sync::atomic::{AtomicBool, Ordering};

use api::auth::{Authenticator, Caller};
use api::request::{Json, Query};
use domain::principal::{Identity, Principal, Role, Standing};
use e2e::id;
use futures::future::join_all;
use http::HeaderMap;
use serde_json::{Value, json};
use store::Store;
use store::blob::Blobs;
use store::quota::Quota;
use testkit::{Client, Options};

use crate::{start, start_with, usage, workspace};

const UPLOADS: usize = 16;
const FIT: usize = 5;
const SIZE: usize = 1000;

#[tokio::test(flavor = "multi_thread")]
async fn racing_uploads_never_exceed_the_bytes_of_a_quota() {
    let quota = Quota {
        bytes: (FIT * SIZE) as u64,
        files: 1000,
    };
    Box::pin(race(quota)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_uploads_never_exceed_the_files_of_a_quota() {
    let quota = Quota {
        bytes: 1_000_000,
        files: FIT as u64,
    };
    Box::pin(race(quota)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_that_could_not_begin_reserves_nothing_unless_the_request_can_come_again() {
    let Some(sheaf) = start().await else { return };
    // S3 answers that there is no such bucket.
    let blobs = Blobs::new(sheaf.store().blobs.client().clone(), "nowhere".to_owned());
    let store = Store {
        blobs,
        ..sheaf.store().clone()
    };
    let state = upload::State {
        authenticator: Authenticator::new(store.clone(), Vec::new(), None),
        limits: upload::Limits::default(),
        store,
    };
    let principal = Principal {
        identity: Identity::User {
            issuer: "issuer".to_owned(),
            subject: "someone".to_owned(),
        },
        workspace: workspace(),
        role: Role::Editor,
        standing: Standing::Granted,
    };
    let size_bytes = 100 * 1024 * 1024;
    let begin = async |headers: HeaderMap| {
        let asked = json!({"name": "a.tif", "size_bytes": size_bytes});
        let body = Json {
            bytes: asked.to_string().into(),
            value: serde_json::from_value(asked).unwrap(),
        };
        let (state, caller) = (state.clone(), Caller(principal.clone()));
        let begun = upload::begin::begin(
            axum::extract::State(state),
            caller,
            Query::default(),
            headers,
            body,
        );
        assert!(begun.await.is_err());
    };
    let repeatable = ("idempotency-key".parse().unwrap(), "one".parse().unwrap());

    begin(HeaderMap::new()).await;
    assert_eq!(usage(&sheaf.admin()).await, (0, 0));
    begin(HeaderMap::from_iter([repeatable])).await;
    assert_eq!(usage(&sheaf.admin()).await, (1, size_bytes));
}

async fn race(quota: Quota) {
    let options = Options {
        quota,
        ..Options::default()
    };
    let Some(sheaf) = start_with(options).await else {
        return;
    };
    let client = sheaf.admin();

    // Twice: what was given back is there again.
    for round in 0..2 {
        let over = AtomicBool::new(false);
        let watching = async {
            while !over.load(Ordering::SeqCst) {
                let (files, bytes) = usage(&client).await;
                assert!(
                    files <= quota.files && bytes <= quota.bytes,
                    "{files} {bytes}"
                );
            }
        };
        let uploading = async {
            let stored = upload_at_once(&client, round).await;
            over.store(true, Ordering::SeqCst);
            stored
        };
        let (stored, ()) = tokio::join!(uploading, watching);

        assert_eq!(stored.len(), FIT);
        assert_eq!(usage(&client).await, (FIT as u64, (FIT * SIZE) as u64));
        for file in stored {
            let path = format!("/v1/files/{}?permanent=true", id(&file));
            client.delete(&path).await.expect(200);
        }
        assert_eq!(usage(&client).await, (0, 0));
        sheaf.rest().await;
    }
}

/// Uploads files all at once; returns those that fit, and checks that the others were refused.
async fn upload_at_once(client: &Client, round: usize) -> Vec<Value> {
    let uploads = (0..UPLOADS).map(async |number| {
        let bytes = format!("{round} {number:SIZE$}")[..SIZE].to_owned();
        client
            .upload(&format!("name={round}-{number}.txt"), bytes)
            .await
    });
    let mut stored = Vec::new();
    for answer in join_all(uploads).await {
        if answer.status == 201 {
            stored.push(answer.json());
        } else {
            assert_eq!(answer.expect(507).code(), "quota_exceeded");
        }
    }
    stored
}
