//! Where a test finds its S3.

use std::net::SocketAddr;
use std::sync::Arc;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Region, RequestChecksumCalculation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use embedded::database::Database;
use embedded::queue::Queue;
use embedded::s3::{Server, Store, StoreSettings};
use jiff::Timestamp;
use tempfile::TempDir;
use uuid::Uuid;

/// A bucket of its own for one test.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) bucket: String,
    embedded: Option<Embedded>,
}

struct Embedded {
    queue: Queue,
    folder: TempDir,
    server: Server,
}

impl Place {
    pub(crate) async fn start() -> Self {
        match std::env::var("S3_CONTRACT_ENDPOINT") {
            Ok(endpoint) => Self::at(&endpoint).await,
            Err(_) => Self::embedded().await,
        }
    }

    async fn at(endpoint: &str) -> Self {
        let variable = |name| std::env::var(name).unwrap_or_else(|_| "test".to_owned());
        let (access_key, secret_key) = (
            variable("S3_CONTRACT_ACCESS_KEY"),
            variable("S3_CONTRACT_SECRET_KEY"),
        );
        let client = client(endpoint, &access_key, &secret_key);
        let bucket = format!("contract-{}", Uuid::new_v4().simple());
        client.create_bucket().bucket(&bucket).send().await.unwrap();
        Self {
            client,
            bucket,
            embedded: None,
        }
    }

    async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: embedded::clock::Clock = Arc::new(Timestamp::now);
        let database = Database::open(&folder.path().join("objects.sqlite")).unwrap();
        let queue = Queue::open(
            database.clone(),
            Arc::clone(&clock),
            embedded::queue::Settings::default(),
        )
        .await
        .unwrap();
        let settings = StoreSettings::new(folder.path().to_owned(), "contract");
        let store = Store::open(database, queue.clone(), settings, clock)
            .await
            .unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = embedded::s3::Credentials {
            access_key: "access".to_owned(),
            secret_key: "secret".to_owned(),
        };
        let server = Server::start(store, listener, key).unwrap();
        Self {
            client: client(&format!("http://{}", server.address()), "access", "secret"),
            bucket: "contract".to_owned(),
            embedded: Some(Embedded {
                queue,
                folder,
                server,
            }),
        }
    }

    /// Whether this S3 refuses what AWS refuses, and computes what AWS computes.
    pub(crate) fn is_strict(&self) -> bool {
        self.embedded.is_some() || std::env::var_os("S3_CONTRACT_LENIENT").is_none()
    }

    /// Where the embedded store listens; `None` when this is another's.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.embedded
            .as_ref()
            .map(|embedded| embedded.server.address())
    }

    /// The queue events go to; `None` when this is not the embedded store.
    pub(crate) fn queue(&self) -> Option<&Queue> {
        self.embedded.as_ref().map(|embedded| &embedded.queue)
    }

    /// How many files of bytes the embedded store has on the disk, finished or not; `None` when it is another's.
    pub(crate) fn files(&self) -> Option<usize> {
        let folder = self.embedded.as_ref()?.folder.path();
        let shards = folder
            .join("blobs")
            .read_dir()
            .unwrap()
            .map(|shard| shard.unwrap().path());
        let folders = shards.chain([folder.join("incoming")]);
        Some(
            folders
                .map(|folder| folder.read_dir().unwrap().count())
                .sum(),
        )
    }

    pub(crate) async fn put(&self, key: &str, bytes: impl Into<ByteStream>) -> String {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .body(bytes.into());
        request.send().await.unwrap().e_tag.unwrap()
    }

    pub(crate) async fn get(&self, key: &str) -> Vec<u8> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .unwrap();
        answer.body.collect().await.unwrap().to_vec()
    }

    pub(crate) async fn exists(&self, key: &str) -> bool {
        self.client
            .head_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .is_ok()
    }
}

/// A client that adds the SDK's own checksums only where a request must have one.
pub(crate) fn without_checksums(client: &Client) -> Client {
    let config = client.config().to_builder();
    Client::from_conf(
        config
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build(),
    )
}

fn client(endpoint: &str, access_key: &str, secret_key: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .credentials_provider(Credentials::from_keys(access_key, secret_key, None))
        .build();
    Client::from_conf(config)
}

/// The code S3 refused with, or the status when the answer had no body.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None => error
            .raw_response()
            .map_or("no answer".to_owned(), |answer| {
                answer.status().as_u16().to_string()
            }),
    }
}

/// Bytes that are not the same anywhere.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8)
        .collect()
}
