//! `DynamoDB`, by `dynoxide` over one `SQLite` file, called in this process: no port leads to the tables.
//!
//! `dynoxide` sets a write-ahead log and leaves `synchronous` at the library's default, which is FULL; both are
//! checked when opening, because an acknowledged write must outlive a power cut. Its bulk loading is never used: it
//! would leave `synchronous` at NORMAL.

mod connector;
mod operation;

use std::fmt::Display;
use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use dynoxide::Database;
use rusqlite::Connection;
use thiserror::Error;
use tokio_util::task::TaskTracker;

use self::connector::Connector;
use self::operation::{Answer, Tables};

/// Asked by SDK and signature rules, resolved by nobody: `.invalid` never is. Source: RFC 2606.
const ENDPOINT: &str = "http://dynamodb.invalid";

/// Connections that read beside the one that writes.
const READERS: usize = 4;

/// The tables, open.
pub struct DynamoDb {
    tables: Tables,
    requests: TaskTracker,
}

/// Why the tables could not be opened.
#[derive(Debug, Error)]
pub enum DynamoDbError {
    /// The file could not be opened or read.
    #[error("the tables in {path}: {detail}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

impl DynamoDb {
    /// Opens the file, making it when missing.
    ///
    /// # Errors
    /// [`DynamoDbError::Unusable`] when it is no database or durability cannot be had.
    pub async fn open(path: PathBuf) -> Result<Self, DynamoDbError> {
        let place = path.clone();
        let opened = tokio::task::spawn_blocking(move || open(&path));
        let tables = opened
            .await
            .unwrap_or_else(|error| Err(unusable(&place, &error)))?;
        Ok(Self {
            tables,
            requests: TaskTracker::new(),
        })
    }

    /// Returns a client of the SDK whose requests are answered here. They are not signed: whoever has the client is
    /// in this process, and may.
    pub fn client(&self) -> Client {
        let connector = Connector::new(self.tables.clone(), self.requests.clone());
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(ENDPOINT)
            .allow_no_auth()
            .retry_config(RetryConfig::standard())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(connector)
            .build();
        Client::from_conf(config)
    }

    /// Answers a request as DynamoDB's endpoint would, by the operation that its `X-Amz-Target` names: a status and a
    /// body of JSON. For whoever has a port of their own lead here, as measurements do; the runner has none.
    pub async fn answer(&self, target: String, body: Vec<u8>) -> (u16, Vec<u8>) {
        let tables = self.tables.clone();
        let answering = self
            .requests
            .spawn_blocking(move || tables.answer(&target, &body));
        match answering.await {
            Ok(Answer { status, body }) => (status, body),
            Err(panic) => (500, panic.to_string().into_bytes()),
        }
    }

    /// Takes no more requests and returns when those it had are answered.
    pub async fn stop(self) {
        self.requests.close();
        self.requests.wait().await;
    }
}

fn open(path: &Path) -> Result<Tables, DynamoDbError> {
    let name = path
        .to_str()
        .ok_or_else(|| unusable(path, &"the path is not UTF-8"))?;
    let connect = || Database::new(name).map_err(|error| unusable(path, &error));
    let tables = Tables::new(
        connect()?,
        (0..READERS).map(|_| connect()).collect::<Result<_, _>>()?,
    );
    let (journal, synchronous) = durability(path).map_err(|error| unusable(path, &error))?;
    // 2 is FULL. Source: https://sqlite.org/pragma.html#pragma_synchronous
    if journal == "wal" && synchronous == 2 {
        return Ok(tables);
    }
    Err(unusable(
        path,
        &format!(
            "wanted a synced write-ahead log, got journal_mode={journal} synchronous={synchronous}"
        ),
    ))
}

fn unusable(path: &Path, detail: &dyn Display) -> DynamoDbError {
    DynamoDbError::Unusable {
        path: path.to_owned(),
        detail: detail.to_string(),
    }
}

/// The journal mode, which the file keeps, and how connections of this `SQLite` sync unless told otherwise. The
/// statements run are those `dynoxide` runs when it opens the file.
fn durability(path: &Path) -> rusqlite::Result<(String, i64)> {
    let connection = Connection::open(path)?;
    let journal =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    let synchronous = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    Ok((journal, synchronous))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn file_is_opened_with_a_synced_log() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("dynamodb.sqlite");

        let tables = DynamoDb::open(path.clone()).await.unwrap();

        assert_eq!(durability(&path).unwrap(), ("wal".to_owned(), 2));
        tables.stop().await;
    }

    #[tokio::test]
    async fn file_that_is_no_database_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("dynamodb.sqlite");
        std::fs::write(
            &path,
            "not a database, but long enough to look like one".repeat(100),
        )
        .unwrap();

        let refused = DynamoDb::open(path).await.err().unwrap();

        assert!(
            matches!(refused, DynamoDbError::Unusable { .. }),
            "{refused}"
        );
    }
}
