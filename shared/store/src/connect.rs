//! Connecting to the table, the bucket and the queues that the environment names.

use std::collections::HashMap;
use std::sync::Arc;

use domain::message::Destination;
use runtime::clock::Clock;
use runtime::config::{self, ConfigError};
use runtime::ids::Ids;

use crate::Store;
use crate::blob::Blobs;
use crate::lease::Holders;
use crate::queue::SqsQueues;
use crate::quota::{Quota, Shard};
use crate::receipt_key::Signer;
use crate::table::Table;

/// The environment variable that names a queue, and what it means.
const fn queue_setting(destination: Destination) -> (&'static str, &'static str) {
    match destination {
        Destination::Ingest => (
            "INGEST_QUEUE_URL",
            "the queue of the ingest function that template.yaml creates",
        ),
        Destination::Summarize => (
            "SUMMARIZE_QUEUE_URL",
            "the queue of the summarize function that template.yaml creates",
        ),
        Destination::Access => (
            "ACCESS_QUEUE_URL",
            "the queue of downloads that template.yaml creates",
        ),
        Destination::Jobs => (
            "JOBS_QUEUE_URL",
            "the queue of the jobs function that template.yaml creates",
        ),
    }
}

impl Store {
    /// Connects to what the environment names. A function names the queues it sends to or receives
    /// from, and no others, so that its settings and its permissions say the same.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment(queues: &[Destination]) -> Result<Self, ConfigError> {
        let table_name = config::required(
            "TABLE_NAME",
            "the DynamoDB table that template.yaml creates",
        )?;
        let bucket = config::required("BUCKET_NAME", "the S3 bucket that template.yaml creates")?;
        let mut urls = HashMap::new();
        for destination in queues {
            let (name, meaning) = queue_setting(*destination);
            urls.insert(*destination, config::required(name, meaning)?);
        }
        let usual = Quota::default();
        let quota = Quota {
            bytes: config::optional("QUOTA_BYTES", "bytes a new workspace may store")?
                .unwrap_or(usual.bytes),
            files: config::optional("QUOTA_FILES", "files a new workspace may store")?
                .unwrap_or(usual.files),
        };
        let trash_time = config::optional(
            "TRASH_DAYS",
            "how many days things stay in the trash, or forever",
        )?;
        let receipt_key =
            config::optional("RECEIPT_KEY", "the number of the key that signs receipts")?;
        let aws = runtime::aws::from_environment()?;
        let sqs = aws_sdk_sqs::Client::new(&aws);
        Ok(Self {
            table: Table::new(aws_sdk_dynamodb::Client::new(&aws), table_name),
            blobs: Blobs::new(runtime::aws::s3_client(&aws), bucket),
            queue: Arc::new(SqsQueues::new(sqs, urls)),
            clock: Clock::system(),
            ids: Ids,
            quota,
            trash_time: trash_time.unwrap_or_default(),
            shard: Shard::any(Ids),
            signer: Signer::new(receipt_key.unwrap_or(1)),
            holders: Holders::Many,
        })
    }
}
