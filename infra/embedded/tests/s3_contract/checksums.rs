//! Bytes that don't arrive as promised are refused, and what was there stays.

use std::net::SocketAddr;

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::place::{Place, bytes, code, without_checksums};

/// Of `other`, not of what is sent.
const WRONG: [(&str, &str); 6] = [
    ("md5", "eV8xSmYpnXOPk/VnHr3lTA=="),
    ("crc32", "4PbEUA=="),
    ("crc32c", "N8QUFQ=="),
    ("crc64nvme", "QVQZiEcpfRg="),
    ("sha1", "0bgmVydEMXWIyfC0TsVw/nKnKvg="),
    ("sha256", "0pSbvCFEzzx3XRuAuTTkmQ0p9Z9Zs0LX1mtPGmC2wYI="),
];

fn promising(put: PutObjectFluentBuilder, algorithm: &str, sum: &str) -> PutObjectFluentBuilder {
    match algorithm {
        "md5" => put.content_md5(sum),
        "crc32" => put.checksum_crc32(sum),
        "crc32c" => put.checksum_crc32_c(sum),
        "crc64nvme" => put.checksum_crc64_nvme(sum),
        "sha1" => put.checksum_sha1(sum),
        _ => put.checksum_sha256(sum),
    }
}

#[tokio::test]
async fn wrong_checksum_leaves_the_old_object() {
    let place = Place::start().await;
    place.put("key", b"old".to_vec()).await;
    let client = without_checksums(&place.client);

    for (algorithm, sum) in WRONG {
        let put = client
            .put_object()
            .bucket(&place.bucket)
            .key("key")
            .body(ByteStream::from_static(b"new"));
        let refused = promising(put, algorithm, sum).send().await.unwrap_err();
        assert_eq!(code(&refused), "BadDigest", "{algorithm}");
    }

    assert_eq!(place.get("key").await, b"old");
    assert!(place.files().is_none_or(|files| files == 1));
}

#[tokio::test]
async fn checksum_given_is_kept_and_shown() {
    let place = Place::start().await;
    let put = place
        .client
        .put_object()
        .bucket(&place.bucket)
        .key("key")
        .body(ByteStream::from_static(b"hello"));
    put.checksum_algorithm(ChecksumAlgorithm::Sha256)
        .send()
        .await
        .unwrap();

    let head = place.client.head_object().bucket(&place.bucket).key("key");
    let head = head
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();

    assert_eq!(
        head.checksum_sha256(),
        Some("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")
    );
}

#[tokio::test]
async fn every_algorithm_of_the_sdk_is_checked_and_passes() {
    let place = Place::start().await;
    let algorithms = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in algorithms {
        let written = bytes(200_000);
        let put = place
            .client
            .put_object()
            .bucket(&place.bucket)
            .key("key")
            .body(written.clone().into());
        put.checksum_algorithm(algorithm).send().await.unwrap();
        assert!(place.get("key").await == written);
    }
}

/// A body whose length is known but whose bytes are not, which the SDK sends with its checksum in a trailer.
fn streaming(bytes: &[u8]) -> ByteStream {
    let length = bytes.len() as u64;
    let chunks = bytes
        .chunks(10_000)
        .map(bytes::Bytes::copy_from_slice)
        .collect::<Vec<_>>();
    let frames = chunks
        .into_iter()
        .map(|chunk| Ok::<_, std::io::Error>(hyper::body::Frame::data(chunk)));
    ByteStream::new(SdkBody::from_body_1_x(Sized {
        inner: http_body_util::StreamBody::new(futures::stream::iter(frames)),
        length,
    }))
}

/// A stream that says its length.
struct Sized<B> {
    inner: B,
    length: u64,
}

impl<B: hyper::body::Body + Unpin> hyper::body::Body for Sized<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<B::Data>, B::Error>>> {
        std::pin::Pin::new(&mut self.inner).poll_frame(context)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.length)
    }
}

#[tokio::test]
async fn streams_with_trailing_checksums_arrive_whole() {
    let place = Place::start().await;
    for length in [1, 65_536, 2_500_000] {
        let written = bytes(length);
        place.put("key", streaming(&written)).await;
        assert!(place.get("key").await == written, "{length} bytes");
        let head = place
            .client
            .head_object()
            .bucket(&place.bucket)
            .key("key")
            .send()
            .await
            .unwrap();
        assert_eq!(head.content_encoding(), None);
    }
}

/// Passes requests on to a server, with every `~` in them altered.
async fn altering(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) =
                TcpStream::connect(server).await.unwrap().into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            tokio::spawn(async move {
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
                    for byte in buffer[..length].iter_mut().filter(|byte| **byte == b'~') {
                        *byte = b'!';
                    }
                    to_server.write_all(&buffer[..length]).await.unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn bytes_altered_on_the_way_are_refused() {
    let place = Place::start().await;
    let Some(address) = place.address() else {
        return;
    };
    let endpoint = format!("http://{}", altering(address).await);
    let config = place.client.config().to_builder().endpoint_url(endpoint);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let put = |body: &[u8]| {
        client
            .put_object()
            .bucket(&place.bucket)
            .key("key")
            .body(streaming(body))
            .send()
    };

    put(b"unaltered").await.unwrap();
    // Over plain HTTP the SDK signs each chunk, too, so that is what gives it away.
    let refused = put(b"altered~").await.unwrap_err();

    assert_eq!(code(&refused), "SignatureDoesNotMatch");
    assert_eq!(place.get("key").await, b"unaltered");
}
