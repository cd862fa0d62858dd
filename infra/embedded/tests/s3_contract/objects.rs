//! Objects as wholes: written, read, headed, copied, deleted.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier};

use crate::place::{Place, bytes, code};

#[tokio::test]
async fn object_is_read_as_written() {
    let place = Place::start().await;
    for length in [0, 1, 65_536, 3_000_000] {
        let written = bytes(length);
        place.put("some/key", written.clone()).await;
        assert!(place.get("some/key").await == written, "{length} bytes");
    }
}

#[tokio::test]
async fn etag_is_the_md5() {
    let place = Place::start().await;
    assert_eq!(
        place.put("key", b"hello".to_vec()).await,
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
}

#[tokio::test]
async fn headers_and_metadata_are_kept() {
    let place = Place::start().await;
    place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("key")
        .content_type("text/html; charset=utf-8")
        .content_encoding("gzip")
        .content_disposition("attachment; filename=\"a.html\"")
        .cache_control("no-cache")
        .metadata("sheaf-sha256", "abc")
        .metadata("other", "more")
        .body(ByteStream::from_static(b"x"))
        .send()
        .await
        .unwrap();

    let head = place
        .client
        .head_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();
    let get = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();

    assert_eq!(head.content_type(), Some("text/html; charset=utf-8"));
    assert_eq!(head.content_encoding(), Some("gzip"));
    assert_eq!(head.content_length(), Some(1));
    assert_eq!(head.metadata().unwrap()["sheaf-sha256"], "abc");
    assert_eq!(
        get.content_disposition(),
        Some("attachment; filename=\"a.html\"")
    );
    assert_eq!(get.cache_control(), Some("no-cache"));
    assert_eq!(get.content_encoding(), Some("gzip"));
}

#[tokio::test]
async fn any_key_is_just_a_name() {
    let place = Place::start().await;
    let keys = [
        "../../../../etc/passwd".to_owned(),
        "a/../b".to_owned(),
        "/leading".to_owned(),
        "trailing/".to_owned(),
        "double//slash".to_owned(),
        ".".to_owned(),
        "with space+plus%percent?query#hash&and=equals".to_owned(),
        "emoji 🗂 and \u{202e}right to left".to_owned(),
        "quote\"back\\slash'<xml>&".to_owned(),
        "n".repeat(900),
        "é".repeat(450),
        format!("{}/{}", "f".repeat(255), "g".repeat(700)),
    ];

    for key in &keys {
        place.put(key, key.as_bytes().to_vec()).await;
    }

    for key in &keys {
        assert_eq!(place.get(key).await, key.as_bytes(), "{key}");
    }
    let listed = place
        .client
        .list_objects_v2()
        .bucket(&place.bucket)
        .send()
        .await
        .unwrap();
    let mut sorted = keys.to_vec();
    sorted.sort();
    assert_eq!(
        listed
            .contents()
            .iter()
            .map(|o| o.key().unwrap().to_owned())
            .collect::<Vec<_>>(),
        sorted
    );
}

#[tokio::test]
async fn key_over_1024_bytes_is_refused() {
    let place = Place::start().await;
    if !place.is_strict() {
        return;
    }
    let put = place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("k".repeat(1025))
        .body(ByteStream::default());
    assert_eq!(code(&put.send().await.unwrap_err()), "KeyTooLongError");
}

#[tokio::test]
async fn ranges_are_cut_from_the_object() {
    let place = Place::start().await;
    let written = bytes(1_000_000);
    place.put("key", written.clone()).await;
    let ranges = [
        ("bytes=0-0", 0..1),
        ("bytes=10-19", 10..20),
        ("bytes=262140-262150", 262_140..262_151),
        ("bytes=999990-", 999_990..1_000_000),
        ("bytes=999990-2000000", 999_990..1_000_000),
        ("bytes=-5", 999_995..1_000_000),
    ];

    for (range, expected) in ranges {
        let get = place
            .client
            .get_object()
            .bucket(&place.bucket)
            .key("key")
            .range(range)
            .send()
            .await
            .unwrap();
        let content_range = format!("bytes {}-{}/1000000", expected.start, expected.end - 1);
        assert_eq!(get.content_range(), Some(content_range.as_str()));
        assert_eq!(get.content_length(), i64::try_from(expected.len()).ok());
        assert!(
            get.body.collect().await.unwrap().to_vec() == written[expected],
            "{range}"
        );
    }
}

#[tokio::test]
async fn range_outside_the_object_is_refused() {
    let place = Place::start().await;
    if !place.is_strict() {
        return;
    }
    place.put("key", b"12345".to_vec()).await;
    place.put("empty", Vec::new()).await;
    for (key, range) in [
        ("key", "bytes=5-"),
        ("empty", "bytes=0-"),
        ("empty", "bytes=-1"),
    ] {
        let get = place
            .client
            .get_object()
            .bucket(&place.bucket)
            .key(key)
            .range(range)
            .send()
            .await;
        assert_eq!(code(&get.unwrap_err()), "InvalidRange", "{key} {range}");
    }
}

#[tokio::test]
async fn missing_object_is_not_found() {
    let place = Place::start().await;
    let get = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("none")
        .send()
        .await
        .unwrap_err();
    let head = place
        .client
        .head_object()
        .bucket(&place.bucket)
        .key("none")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&get), "NoSuchKey");
    assert!(head.into_service_error().is_not_found());
}

#[tokio::test]
async fn other_bucket_is_not_found() {
    let place = Place::start().await;
    let get = place
        .client
        .get_object()
        .bucket("not-this-bucket-at-all")
        .key("key")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&get), "NoSuchBucket");
    assert!(
        place
            .client
            .head_bucket()
            .bucket(&place.bucket)
            .send()
            .await
            .is_ok()
    );
    assert!(
        place
            .client
            .head_bucket()
            .bucket("not-this-bucket-at-all")
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn deleted_object_and_its_bytes_are_gone() {
    let place = Place::start().await;
    place.put("key", b"x".to_vec()).await;

    place
        .client
        .delete_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();
    place
        .client
        .delete_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();

    assert!(!place.exists("key").await);
    assert!(place.files().is_none_or(|files| files == 0));
}

#[tokio::test]
async fn replaced_bytes_are_gone() {
    let place = Place::start().await;
    place.put("key", b"one".to_vec()).await;
    place.put("key", b"two".to_vec()).await;
    assert_eq!(place.get("key").await, b"two");
    assert!(place.files().is_none_or(|files| files == 1));
}

#[tokio::test]
async fn object_replaced_while_it_is_read_is_read_to_its_end() {
    let place = Place::start().await;
    let written = bytes(8_000_000);
    place.put("key", written.clone()).await;
    let reading = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();

    place.put("key", b"new".to_vec()).await;
    place
        .client
        .delete_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();

    assert!(reading.body.collect().await.unwrap().to_vec() == written);
    assert!(!place.exists("key").await);
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let place = Place::start().await;
    for key in ["a", "b", "c"] {
        place.put(key, b"x".to_vec()).await;
    }
    let named = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let delete = Delete::builder()
        .objects(named("a"))
        .objects(named("never"))
        .objects(named("c"))
        .build()
        .unwrap();

    let answer = place
        .client
        .delete_objects()
        .bucket(&place.bucket)
        .delete(delete)
        .send()
        .await
        .unwrap();

    assert_eq!(answer.deleted().len(), 3);
    assert!(answer.errors().is_empty());
    assert!(!place.exists("a").await && place.exists("b").await && !place.exists("c").await);
}

#[tokio::test]
async fn copy_outlives_its_source() {
    let place = Place::start().await;
    let written = bytes(100_000);
    place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("from/ä key")
        .content_type("text/plain")
        .body(written.clone().into())
        .send()
        .await
        .unwrap();
    let source = format!("{}/from/%C3%A4%20key", place.bucket);
    let copy = || {
        place
            .client
            .copy_object()
            .bucket(&place.bucket)
            .copy_source(&source)
    };

    copy().key("same").send().await.unwrap();
    let replaced = copy()
        .key("other")
        .metadata_directive(MetadataDirective::Replace)
        .content_type("image/png");
    replaced.send().await.unwrap();
    place
        .client
        .delete_object()
        .bucket(&place.bucket)
        .key("from/ä key")
        .send()
        .await
        .unwrap();

    assert!(place.get("same").await == written && place.get("other").await == written);
    let head = |key: &str| {
        place
            .client
            .head_object()
            .bucket(&place.bucket)
            .key(key)
            .send()
    };
    assert_eq!(
        head("same").await.unwrap().content_type(),
        Some("text/plain")
    );
    assert_eq!(
        head("other").await.unwrap().content_type(),
        Some("image/png")
    );
}

#[tokio::test]
async fn response_headers_can_be_overridden() {
    let place = Place::start().await;
    place.put("key", b"x".to_vec()).await;
    let get = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .response_content_type("application/pdf")
        .response_content_disposition("attachment; filename*=UTF-8''%C3%A4.pdf")
        .send()
        .await
        .unwrap();
    assert_eq!(get.content_type(), Some("application/pdf"));
    assert_eq!(
        get.content_disposition(),
        Some("attachment; filename*=UTF-8''%C3%A4.pdf")
    );
}
