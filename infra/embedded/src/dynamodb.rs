//! `DynamoDB`, by `dynoxide` over one `SQLite` file.
//!
//! `dynoxide` sets a write-ahead log and leaves `synchronous` at the library's default, which is FULL; both are
//! checked when opening, because an acknowledged write must outlive a power cut. Its bulk loading is never used: it
//! would leave `synchronous` at NORMAL.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The tables being served on a loopback port.
pub struct DynamoDb {
    database: dynoxide::Database,
    address: SocketAddr,
    stopping: CancellationToken,
    serving: JoinHandle<Result<(), String>>,
}

/// Why the tables could not be served or swept.
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
    /// The listener is not one.
    #[error("the port of the tables: {0}")]
    Listener(#[from] std::io::Error),
    /// Expired items could not be removed.
    #[error("expired items could not be removed: {0}")]
    Sweep(String),
}

impl DynamoDb {
    /// Opens the file, making it when missing, and serves its tables on the listener.
    pub async fn start(path: PathBuf, listener: TcpListener) -> Result<Self, DynamoDbError> {
        let address = listener.local_addr()?;
        let opened = tokio::task::spawn_blocking(move || open(&path));
        let database = opened.await.map_err(std::io::Error::other)??;
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        let serving = tokio::spawn(dynoxide::server::serve_with_shutdown(
            listener,
            database.clone(),
            stopped,
        ));
        Ok(Self {
            database,
            address,
            stopping,
            serving,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Removes items whose time to live is over. AWS does this by itself; `dynoxide` when asked.
    /// Returns how many there were.
    pub async fn sweep_expired(&self) -> Result<usize, DynamoDbError> {
        let database = self.database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl());
        match swept.await {
            Ok(Ok(removed)) => Ok(removed),
            Ok(Err(error)) => Err(DynamoDbError::Sweep(error.to_string())),
            Err(error) => Err(DynamoDbError::Sweep(error.to_string())),
        }
    }

    /// Takes no more requests and returns when those it had are answered.
    pub async fn stop(self) {
        self.stopping.cancel();
        match self.serving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(error, "the tables' server failed"),
            Err(error) => tracing::error!(%error, "the tables' server failed"),
        }
    }
}

fn open(path: &Path) -> Result<dynoxide::Database, DynamoDbError> {
    let unusable = |detail: String| DynamoDbError::Unusable {
        path: path.to_owned(),
        detail,
    };
    let name = path
        .to_str()
        .ok_or_else(|| unusable("the path is not UTF-8".to_owned()))?;
    let database = dynoxide::Database::new(name).map_err(|error| unusable(error.to_string()))?;
    let (journal, synchronous) = durability(path).map_err(|error| unusable(error.to_string()))?;
    // 2 is FULL. Source: https://sqlite.org/pragma.html#pragma_synchronous
    if journal == "wal" && synchronous == 2 {
        return Ok(database);
    }
    Err(unusable(format!(
        "wanted a synced write-ahead log, got journal_mode={journal} synchronous={synchronous}"
    )))
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

        let tables = DynamoDb::start(path.clone(), listener).await.unwrap();

        assert_eq!(durability(&path).unwrap(), ("wal".to_owned(), 2));
        assert_eq!(tables.sweep_expired().await.unwrap(), 0);
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
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();

        let refused = DynamoDb::start(path, listener).await.err().unwrap();

        assert!(
            matches!(refused, DynamoDbError::Unusable { .. }),
            "{refused}"
        );
    }
}
