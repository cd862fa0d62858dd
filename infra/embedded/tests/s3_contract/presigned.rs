//! Presigned URLs, as plain HTTP clients use them.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use reqwest::{Client, Method, Response};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::place::{Place, bytes, without_checksums};

fn for_an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_hours(1)).unwrap()
}

fn expired() -> PresigningConfig {
    let start = SystemTime::now() - Duration::from_hours(2);
    PresigningConfig::builder()
        .start_time(start)
        .expires_in(Duration::from_hours(1))
        .build()
        .unwrap()
}

async fn send(presigned: &PresignedRequest, url: &str, body: &'static [u8]) -> Response {
    let mut request = Client::new().request(presigned.method().parse::<Method>().unwrap(), url);
    // The length is that of the body, as in any client; whether it is the signed one is the server's to find out.
    for (name, value) in presigned
        .headers()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
    {
        request = request.header(name, value);
    }
    request.body(body).send().await.unwrap()
}

async fn put_once(place: &Place, length: i64, config: PresigningConfig) -> PresignedRequest {
    let put = without_checksums(&place.client)
        .put_object()
        .bucket(&place.bucket)
        .key("presigned/a b");
    put.content_length(length)
        .if_none_match("*")
        .presigned(config)
        .await
        .unwrap()
}

#[tokio::test]
async fn presigned_put_stores_once() {
    let place = Place::start().await;
    let presigned = put_once(&place, 5, for_an_hour()).await;

    let first = send(&presigned, presigned.uri(), b"hello").await;
    let second = send(&presigned, presigned.uri(), b"other").await;

    assert_eq!(first.status(), 200);
    assert_eq!(
        first.headers()["etag"],
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
    assert_eq!(second.status(), 412);
    assert_eq!(place.get("presigned/a b").await, b"hello");
}

#[tokio::test]
async fn presigned_put_holds_its_client_to_the_signed_headers() {
    let place = Place::start().await;
    let presigned = put_once(&place, 5, for_an_hour()).await;

    let longer = send(&presigned, presigned.uri(), b"hello, world").await;
    let without_condition = Client::new()
        .put(presigned.uri())
        .body("hello")
        .send()
        .await
        .unwrap();

    assert_eq!(longer.status(), 403);
    assert_eq!(without_condition.status(), 403);
    assert!(!place.exists("presigned/a b").await);
}

#[tokio::test]
async fn presigned_put_with_a_checksum_refuses_other_bytes() {
    let place = Place::start().await;
    let put = without_checksums(&place.client)
        .put_object()
        .bucket(&place.bucket)
        .key("key");
    let put = put.checksum_sha256("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let presigned = put.presigned(for_an_hour()).await.unwrap();

    let wrong = send(&presigned, presigned.uri(), b"other").await;
    assert_eq!(wrong.status(), 400);
    assert!(!place.exists("key").await);
    let right = send(&presigned, presigned.uri(), b"hello").await;
    assert_eq!(right.status(), 200);
}

#[tokio::test]
async fn presigned_get_needs_no_key_and_gives_ranges() {
    let place = Place::start().await;
    let written = bytes(1000);
    place.put("key", written.clone()).await;
    let get = place.client.get_object().bucket(&place.bucket).key("key");
    let get = get
        .response_content_disposition("attachment; filename*=UTF-8''%C3%BC.bin")
        .presigned(for_an_hour())
        .await
        .unwrap();

    let all = Client::new().get(get.uri()).send().await.unwrap();
    let part = Client::new()
        .get(get.uri())
        .header("range", "bytes=990-")
        .send()
        .await
        .unwrap();

    assert_eq!(all.status(), 200);
    assert_eq!(
        all.headers()["content-disposition"].as_bytes(),
        "attachment; filename*=UTF-8''%C3%BC.bin".as_bytes()
    );
    assert_eq!(all.bytes().await.unwrap(), written);
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 990-999/1000");
    assert_eq!(part.bytes().await.unwrap(), written[990..]);
}

#[tokio::test]
async fn tampered_url_is_refused() {
    let place = Place::start().await;
    place.put("key", b"x".to_vec()).await;
    place.put("kez", b"y".to_vec()).await;
    let get = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .presigned(for_an_hour())
        .await
        .unwrap();
    let url = get.uri();
    let tampered = [
        url.replace("/key?", "/kez?"),
        url.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
        format!("{url}&response-content-type=text%2Fhtml"),
        url[..url.rfind("X-Amz-Signature=").unwrap() + 20].to_owned() + &"0".repeat(60),
        url[..url.find('?').unwrap()].to_owned(),
    ];

    for url in tampered {
        let answer = Client::new().get(&url).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{url}");
    }
    assert_eq!(
        Client::new()
            .put(url)
            .body("new")
            .send()
            .await
            .unwrap()
            .status(),
        403
    );
    assert_eq!(
        Client::new().delete(url).send().await.unwrap().status(),
        403
    );
    assert_eq!(place.get("key").await, b"x");
}

#[tokio::test]
async fn expired_url_is_refused() {
    let place = Place::start().await;
    place.put("key", b"x".to_vec()).await;
    let get = place
        .client
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .presigned(expired())
        .await
        .unwrap();
    let put = put_once(&place, 5, expired()).await;

    assert_eq!(
        Client::new().get(get.uri()).send().await.unwrap().status(),
        403
    );
    assert_eq!(send(&put, put.uri(), b"hello").await.status(), 403);
}

#[tokio::test]
async fn presigned_part_gives_its_etag() {
    let place = Place::start().await;
    let client = without_checksums(&place.client);
    let created = client
        .create_multipart_upload()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap();
    let part = client
        .upload_part()
        .bucket(&place.bucket)
        .key("key")
        .upload_id(created.upload_id().unwrap());
    let presigned = part
        .part_number(1)
        .content_length(5)
        .presigned(for_an_hour())
        .await
        .unwrap();

    let sent = send(&presigned, presigned.uri(), b"hello").await;

    assert_eq!(sent.status(), 200);
    assert_eq!(
        sent.headers()["etag"],
        "\"5d41402abc4b2a76b9719d911017c592\""
    );
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_requests_are_refused() {
    let place = Place::start().await;
    place.put("key", b"x".to_vec()).await;
    let other_key = aws_credential_types::Credentials::from_keys("access", "not the secret", None);
    let stranger = place
        .client
        .config()
        .to_builder()
        .credentials_provider(other_key)
        .build();
    let stranger = aws_sdk_s3::Client::from_conf(stranger);

    let get = stranger
        .get_object()
        .bucket(&place.bucket)
        .key("key")
        .send()
        .await
        .unwrap_err();

    assert_eq!(get.raw_response().unwrap().status().as_u16(), 403);
}

/// Looks until the embedded store has so many files.
async fn until_files(place: &Place, count: usize) {
    let looks = async {
        while place.files() != Some(count) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looks)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn client_that_hangs_up_half_way_leaves_nothing() {
    let place = Place::start().await;
    let Some(address) = place.address() else {
        return;
    };
    let put = without_checksums(&place.client)
        .put_object()
        .bucket(&place.bucket)
        .key("key");
    let presigned = put.presigned(for_an_hour()).await.unwrap();
    let path = presigned.uri().split_once(&address.to_string()).unwrap().1;
    let head = format!("PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2000000\r\n\r\n");

    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&bytes(1_000_000)).await.unwrap();
    until_files(&place, 1).await;
    drop(connection);

    until_files(&place, 0).await;
    assert!(!place.exists("key").await);
}
