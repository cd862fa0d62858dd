//! `If-Match` and `If-None-Match`, when writing and when reading.

use aws_sdk_s3::primitives::{ByteStream, DateTime};
use futures::future::join_all;

use crate::place::{Place, code};

#[tokio::test]
async fn of_racing_writers_one_wins() {
    let place = Place::start().await;
    for round in 0..4 {
        let key = format!("round-{round}");
        let writers = (0..16_u8).map(|writer| {
            let put = place
                .client
                .put_object()
                .bucket(&place.bucket)
                .key(&key)
                .if_none_match("*");
            put.body(ByteStream::from(vec![writer; 70_000])).send()
        });

        let outcomes = join_all(writers).await;

        let winners: Vec<_> = (0..16_u8)
            .zip(&outcomes)
            .filter(|(_, outcome)| outcome.is_ok())
            .map(|(w, _)| w)
            .collect();
        assert_eq!(winners.len(), 1, "round {round}");
        for refused in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(code(refused), "PreconditionFailed");
        }
        assert!(place.get(&key).await == vec![winners[0]; 70_000]);
    }
    assert!(
        place.files().is_none_or(|files| files == 4),
        "the losers' bytes are removed"
    );
}

#[tokio::test]
async fn write_if_matching_replaces_only_what_it_names() {
    let place = Place::start().await;
    let etag = place.put("key", b"one".to_vec()).await;
    let put = |etag: &str| {
        let put = place
            .client
            .put_object()
            .bucket(&place.bucket)
            .key("key")
            .if_match(etag);
        put.body(ByteStream::from_static(b"two")).send()
    };

    let wrong = put("\"00000000000000000000000000000000\"")
        .await
        .unwrap_err();
    assert_eq!(code(&wrong), "PreconditionFailed");
    assert_eq!(place.get("key").await, b"one");
    put(&etag).await.unwrap();
    assert_eq!(place.get("key").await, b"two");
}

#[tokio::test]
async fn write_if_matching_nothing_is_not_found() {
    let place = Place::start().await;
    let put = place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("none")
        .if_match("\"aa\"");
    assert_eq!(
        code(&put.body(ByteStream::default()).send().await.unwrap_err()),
        "NoSuchKey"
    );
}

#[tokio::test]
async fn known_object_is_not_sent_again() {
    let place = Place::start().await;
    let etag = place.put("key", b"x".to_vec()).await;
    let get = || place.client.get_object().bucket(&place.bucket).key("key");

    let known = get().if_none_match(&etag).send().await.unwrap_err();
    let unchanged = get()
        .if_modified_since(DateTime::from_secs(32_503_680_000))
        .send()
        .await
        .unwrap_err();

    assert_eq!(known.raw_response().unwrap().status().as_u16(), 304);
    assert_eq!(
        known.raw_response().unwrap().headers().get("etag"),
        Some(etag.as_str())
    );
    assert_eq!(unchanged.raw_response().unwrap().status().as_u16(), 304);
    assert!(get().if_none_match("\"other\"").send().await.is_ok());
    assert!(
        get()
            .if_modified_since(DateTime::from_secs(0))
            .send()
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn read_if_matching_refuses_another_state() {
    let place = Place::start().await;
    let etag = place.put("key", b"x".to_vec()).await;
    let get = || place.client.get_object().bucket(&place.bucket).key("key");

    assert!(get().if_match(&etag).send().await.is_ok());
    assert_eq!(
        code(&get().if_match("\"other\"").send().await.unwrap_err()),
        "PreconditionFailed"
    );
    let before = get()
        .if_unmodified_since(DateTime::from_secs(0))
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&before), "PreconditionFailed");
}
