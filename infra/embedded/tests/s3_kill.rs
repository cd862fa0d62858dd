//! Kills the process that serves the backends while writers are at it, and looks for what it had acknowledged.
//!
//! The process is this test binary again, asked by a variable to serve instead of to test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_lambda_events::event::s3::S3Event;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType,
};
use aws_sdk_s3::config::{BehaviorVersion, Region};
use domain::message::Destination;
use embedded::clock::Clock;
use embedded::data_folder::DataFolder;
use embedded::database::Database;
use embedded::dynamodb::DynamoDb;
use embedded::queue::Queue;
use embedded::s3::{Server, Store, StoreSettings};
use jiff::Timestamp;
use tokio::net::TcpListener;

/// Names the data folder to serve.
const SERVE: &str = "LOCAL_TEST_SERVE";

/// Writers at once.
const WRITERS: usize = 8;

struct Backends {
    objects: Server,
    tables: DynamoDb,
    queue: Queue,
    _folder: DataFolder,
}

impl Backends {
    async fn start(path: &Path) -> Self {
        let folder = DataFolder::open(path).unwrap();
        let clock: Clock = Arc::new(Timestamp::now);
        let database = Database::open(&folder.database()).unwrap();
        let queue = Queue::open(
            database.clone(),
            Arc::clone(&clock),
            embedded::queue::Settings::default(),
        )
        .await
        .unwrap();
        let settings = StoreSettings::new(folder.objects(), "bucket");
        let store = Store::open(database, queue.clone(), settings, clock)
            .await
            .unwrap();
        let listener = || TcpListener::bind("127.0.0.1:0");
        let key = embedded::s3::Credentials {
            access_key: "access".to_owned(),
            secret_key: "secret".to_owned(),
        };
        Self {
            objects: Server::start(store, listener().await.unwrap(), key).unwrap(),
            tables: DynamoDb::start(folder.dynamodb(), listener().await.unwrap())
                .await
                .unwrap(),
            queue,
            _folder: folder,
        }
    }
}

#[derive(Clone)]
struct Clients {
    objects: aws_sdk_s3::Client,
    tables: aws_sdk_dynamodb::Client,
}

impl Clients {
    fn of(objects: &str, tables: &str) -> Self {
        let key = || Credentials::from_keys("access", "secret", None);
        let objects = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{objects}"))
            .force_path_style(true)
            .credentials_provider(key())
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
        let tables = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{tables}"))
            .credentials_provider(key())
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled());
        Self {
            objects: aws_sdk_s3::Client::from_conf(objects.build()),
            tables: aws_sdk_dynamodb::Client::from_conf(tables.build()),
        }
    }

    async fn create_table(&self) {
        let id = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder()
            .attribute_name("id")
            .key_type(KeyType::Hash);
        let create = self
            .tables
            .create_table()
            .table_name("items")
            .billing_mode(BillingMode::PayPerRequest);
        let create = create
            .attribute_definitions(id.build().unwrap())
            .key_schema(key.build().unwrap());
        create.send().await.unwrap();
    }

    /// Writes an object with an event, then an item. Returns whether both were acknowledged.
    async fn write(&self, number: usize) -> bool {
        let put = self
            .objects
            .put_object()
            .bucket("bucket")
            .key(object_key(number))
            .if_none_match("*");
        if put.body(content(number).into()).send().await.is_err() {
            return false;
        }
        let put = self.tables.put_item().table_name("items");
        put.item("id", AttributeValue::S(number.to_string()))
            .send()
            .await
            .is_ok()
    }
}

fn object_key(number: usize) -> String {
    format!("inbox/w/{number}")
}

fn content(number: usize) -> Vec<u8> {
    number.to_string().repeat(10_000).into_bytes()
}

/// Serves when asked to by the test below, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serving_process() {
    let Some(path) = std::env::var_os(SERVE) else {
        return;
    };
    let backends = Backends::start(&PathBuf::from(path)).await;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "\nserving {} {}",
        backends.objects.address(),
        backends.tables.address()
    )
    .unwrap();
    out.flush().unwrap();
    std::future::pending::<()>().await;
}

/// Killed when dropped, so that a failed test leaves no process behind.
struct Process(Child);

impl Process {
    fn start(folder: &Path) -> (Self, Clients) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "serving_process", "--nocapture"])
            .env(SERVE, folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let process = Self(child);
        let serving = lines
            .map(Result::unwrap)
            .find_map(|line| Some(line.strip_prefix("serving ")?.to_owned()));
        let (objects, tables) = serving.as_deref().unwrap().split_once(' ').unwrap();
        (process, Clients::of(objects, tables))
    }

    /// Kills at once, as `kill -9` does.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Lets writers write until `enough` writes were acknowledged, then kills the process under them.
async fn write_until_killed(folder: &Path, first: usize, enough: usize) -> BTreeSet<usize> {
    let (process, clients) = Process::start(folder);
    if first == 0 {
        clients.create_table().await;
    }
    let next = Arc::new(AtomicUsize::new(first));
    let (acknowledge, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..WRITERS {
        let (clients, next, acknowledge) =
            (clients.clone(), Arc::clone(&next), acknowledge.clone());
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if !clients.write(number).await {
                    return;
                }
                acknowledge.send(number).unwrap();
            }
        });
    }
    drop(acknowledge);
    let mut written = BTreeSet::new();
    while written.len() < enough {
        written.insert(acknowledged.recv().await.unwrap());
    }
    process.kill();
    while let Some(number) = acknowledged.recv().await {
        written.insert(number);
    }
    written
}

async fn events(queue: &Queue) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    loop {
        let messages = queue
            .receive(Destination::Ingest, 100, Duration::from_mins(10))
            .await
            .unwrap();
        if messages.is_empty() {
            return keys;
        }
        for message in messages {
            let event: S3Event = serde_json::from_str(&message.body).unwrap();
            keys.extend(
                event
                    .records
                    .into_iter()
                    .map(|record| record.s3.object.key.unwrap()),
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_a_kill() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let mut written = BTreeSet::new();
    for (round, enough) in [(0, 5), (1, 40), (2, 90)] {
        written.extend(write_until_killed(&folder, round * 1_000_000, enough).await);
    }

    let backends = Backends::start(&folder).await;
    let clients = Clients::of(
        &backends.objects.address().to_string(),
        &backends.tables.address().to_string(),
    );
    let events = events(&backends.queue).await;

    assert!(written.len() >= 135);
    for number in written {
        let get = clients
            .objects
            .get_object()
            .bucket("bucket")
            .key(object_key(number))
            .send()
            .await
            .unwrap();
        assert!(
            get.body.collect().await.unwrap().to_vec() == content(number),
            "object {number}"
        );
        assert!(events.contains(&object_key(number)), "event of {number}");
        let item = clients
            .tables
            .get_item()
            .table_name("items")
            .consistent_read(true);
        let item = item
            .key("id", AttributeValue::S(number.to_string()))
            .send()
            .await
            .unwrap();
        assert!(item.item.is_some(), "item {number}");
    }
}
