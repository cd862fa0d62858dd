//! What browsers ask before and after they send a presigned request. On AWS the bucket's CORS rules answer.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use reqwest::{Client, Method};

use crate::place::{Place, without_checksums};

#[tokio::test]
async fn page_may_put_and_read_the_etag() {
    let place = Place::start().await;
    if place.queue().is_none() {
        return; // Another S3 needs CORS rules first.
    }
    let put = without_checksums(&place.client)
        .put_object()
        .bucket(&place.bucket)
        .key("key")
        .if_none_match("*");
    let url = put
        .presigned(PresigningConfig::expires_in(Duration::from_mins(1)).unwrap())
        .await
        .unwrap();
    let origin = "https://app.example";

    let preflight = Client::new()
        .request(Method::OPTIONS, url.uri())
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header(
            "access-control-request-headers",
            "content-type, if-none-match",
        )
        .send()
        .await
        .unwrap();
    let sent = Client::new()
        .put(url.uri())
        .header("origin", origin)
        .header("if-none-match", "*")
        .body("x")
        .send()
        .await
        .unwrap();

    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    assert!(
        preflight.headers()["access-control-allow-methods"]
            .to_str()
            .unwrap()
            .contains("PUT")
    );
    assert_eq!(
        preflight.headers()["access-control-allow-headers"],
        "content-type, if-none-match"
    );
    assert_eq!(sent.status(), 200);
    assert_eq!(sent.headers()["access-control-allow-origin"], "*");
    assert!(
        sent.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("ETag")
    );
}

#[tokio::test]
async fn refused_request_can_be_read_by_the_page() {
    let place = Place::start().await;
    if place.queue().is_none() {
        return; // Another S3 needs CORS rules first.
    }
    let endpoint = place.client.get_object().bucket(&place.bucket).key("key");
    let url = endpoint
        .presigned(PresigningConfig::expires_in(Duration::from_mins(1)).unwrap())
        .await
        .unwrap();

    let missing = Client::new()
        .get(url.uri())
        .header("origin", "https://app.example")
        .send()
        .await
        .unwrap();

    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["access-control-allow-origin"], "*");
}
