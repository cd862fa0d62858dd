//! Kills the process of the backends while writers are at it, and looks for what they had acknowledged.
//!
//! The process is this test binary again, asked by a variable to write instead of to test. It prints the number of
//! each write once that is acknowledged.

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

/// Names the data folder to write to.
const FOLDER: &str = "LOCAL_TEST_FOLDER";

/// Names the first number to write; 0 when the table is not there yet.
const FIRST: &str = "LOCAL_TEST_FIRST";

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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = embedded::s3::Credentials {
            access_key: "access".to_owned(),
            secret_key: "secret".to_owned(),
        };
        Self {
            objects: Server::start(store, listener, key).unwrap(),
            tables: DynamoDb::open(folder.dynamodb()).await.unwrap(),
            queue,
            _folder: folder,
        }
    }

    fn clients(&self) -> Clients {
        let objects = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.objects.address()))
            .force_path_style(true)
            .credentials_provider(Credentials::from_keys("access", "secret", None))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled());
        Clients {
            objects: aws_sdk_s3::Client::from_conf(objects.build()),
            tables: self.tables.client(),
        }
    }
}

#[derive(Clone)]
struct Clients {
    objects: aws_sdk_s3::Client,
    tables: aws_sdk_dynamodb::Client,
}

impl Clients {
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

/// Writes when asked to by the test below, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writing_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let first = std::env::var(FIRST).unwrap().parse().unwrap();
    let backends = Backends::start(&PathBuf::from(folder)).await;
    let clients = backends.clients();
    if first == 0 {
        clients.create_table().await;
    }
    let next = Arc::new(AtomicUsize::new(first));
    let writers = (0..WRITERS).map(|_| {
        let (clients, next) = (clients.clone(), Arc::clone(&next));
        tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                assert!(clients.write(number).await);
                writeln!(std::io::stdout(), "\nwrote {number}.").unwrap();
            }
        })
    });
    futures::future::join_all(writers).await;
}

/// Killed when dropped, so that a failed test leaves no process behind.
struct Process(Child);

impl Process {
    /// Starts it and returns it with the numbers it prints.
    fn start(folder: &Path, first: usize) -> (Self, impl Iterator<Item = usize>) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writing_process", "--nocapture"])
            .env(FOLDER, folder)
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // The kill may cut the last line short, and then it is no number of ours.
        let written = lines
            .map_while(Result::ok)
            .filter_map(|line| line.strip_prefix("wrote ")?.strip_suffix('.')?.parse().ok());
        (Self(child), written)
    }

    /// Kills at once, as `kill -9` does.
    fn kill(&mut self) {
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

/// Lets the process write until `enough` writes were acknowledged, then kills it under its writers.
fn write_until_killed(folder: &Path, first: usize, enough: usize) -> BTreeSet<usize> {
    let (mut process, mut numbers) = Process::start(folder, first);
    let mut written: BTreeSet<usize> = numbers.by_ref().take(enough).collect();
    process.kill();
    written.extend(numbers);
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
        written.extend(write_until_killed(&folder, round * 1_000_000, enough));
    }

    let backends = Backends::start(&folder).await;
    let clients = backends.clients();
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
