//! The `cleanup` function: on schedule it removes what has expired, aborts uploads left open, sends
//! work again whose message was lost, counts what workspaces use, asks again for objects of the inbox
//! and compares objects and rows; from the access queue it counts downloads.
//!
//! All of it may run twice and at once: every step looks at the row first and has its condition.
//!
//! # Permissions
//! - table: read, scan, write
//! - index due: read
//! - objects blobs/: get, delete, abort
//! - objects exports/: delete, abort
//! - objects keys/: get, put
//! - objects presigned/: get, delete, abort
//! - objects receipts/: get, put
//! - objects staged/: get, delete
//! - objects text/: get, delete
//! - bucket: list, list-multiparts
//! - queue access: receive
//! - queue ingest: send
//! - queue summarize: send
//! - queue jobs: send

pub mod access;
pub mod sweep;

mod inbox;
mod reconcile;
mod usage;

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use domain::message::Destination;
use runtime::config::ConfigError;
use serde_json::Value;
use store::Store;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// How much one run does.
    pub limits: Limits,
}

/// How much one run does. What is left is the next run's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long it goes on beginning new pages of work.
    pub time: Duration,
    /// Rows of a page of what is due.
    pub page_rows: i32,
    /// Pages of objects that are compared with rows; S3 puts up to 1,000 on one.
    pub object_pages: usize,
    /// Pages of rows that are compared with objects.
    pub row_pages: usize,
    /// Rows of one of these pages.
    pub rows_of_page: i32,
}

impl Default for Limits {
    /// Well below the four minutes that `template.yaml` gives the function: a page that has begun
    /// is finished.
    fn default() -> Self {
        Self {
            time: Duration::from_secs(150),
            page_rows: 100,
            object_pages: 20,
            row_pages: 4,
            rows_of_page: 500,
        }
    }
}

impl State {
    /// Works with this store, within the usual limits.
    pub fn new(store: Store) -> Self {
        Self {
            store,
            limits: Limits::default(),
        }
    }

    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&Destination::ALL)?;
        Ok(Self::new(store))
    }
}

/// Handles whatever Lambda brings: messages of the access queue, or else the schedule.
///
/// # Errors
/// When the messages are not in the form of SQS.
pub async fn handle(state: &State, payload: Value) -> Result<Value, serde_json::Error> {
    if payload.get("Records").is_some() {
        let event: SqsEvent = serde_json::from_value(payload)?;
        return serde_json::to_value(access::handle(state, event).await);
    }
    serde_json::to_value(sweep::run(state).await)
}
