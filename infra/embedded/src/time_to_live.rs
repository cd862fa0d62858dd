//! The rows that the table may forget. AWS removes them by itself, within days; `dynoxide` would go by the system's
//! clock, so they are looked for here, by the clock everything else goes by.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::scan::{ScanError, ScanOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use thiserror::Error;

use crate::clock::Clock;
use crate::schema::TABLE;

/// The attribute that says when a row may be removed, in seconds since 1970, as `template.yaml` declares it.
const ATTRIBUTE: &str = "forget_at";

/// What a row that may be removed looks like.
const OVER: &str = "#forget_at < :now";

/// Rows that are looked at in one go, so that no connection is held for long.
const PAGE_ROWS: i32 = 500;

/// Why rows could not be removed.
#[derive(Debug, Error)]
pub enum TimeToLiveError {
    /// The table could not be looked through.
    #[error("looking for rows that may be forgotten: {0}")]
    Scan(#[source] Box<SdkError<ScanError>>),
    /// A row could not be removed.
    #[error("forgetting a row: {0}")]
    Delete(#[source] Box<SdkError<DeleteItemError>>),
}

/// Removes the rows whose time to live is over.
#[derive(Clone)]
pub struct TimeToLive {
    client: Client,
    clock: Clock,
}

impl TimeToLive {
    /// Looks at the table through this client.
    pub(crate) fn new(client: Client, clock: Clock) -> Self {
        Self { client, clock }
    }

    /// Looks at every row once, and returns how many were removed.
    ///
    /// # Errors
    /// `TimeToLiveError` when the table refuses; what is left is the next sweep's.
    pub async fn sweep(&self) -> Result<usize, TimeToLiveError> {
        let now = (self.clock)();
        let mut removed = 0;
        let mut last = None;
        loop {
            let page = self.page(now, last).await?;
            for row in page.items.into_iter().flatten() {
                removed += usize::from(self.forget(row, now).await?);
            }
            last = page.last_evaluated_key;
            if last.is_none() {
                return Ok(removed);
            }
        }
    }

    async fn page(
        &self,
        now: Timestamp,
        after: Option<HashMap<String, AttributeValue>>,
    ) -> Result<ScanOutput, TimeToLiveError> {
        self.client
            .scan()
            .table_name(TABLE)
            .filter_expression(OVER)
            .projection_expression("pk, sk")
            .expression_attribute_names("#forget_at", ATTRIBUTE)
            .expression_attribute_values(":now", seconds(now))
            .limit(PAGE_ROWS)
            .set_exclusive_start_key(after)
            .send()
            .await
            .map_err(|error| TimeToLiveError::Scan(Box::new(error)))
    }

    /// Removes a row, unless it has been given more time since it was looked at. Says whether it did.
    async fn forget(
        &self,
        key: HashMap<String, AttributeValue>,
        now: Timestamp,
    ) -> Result<bool, TimeToLiveError> {
        let removed = self
            .client
            .delete_item()
            .table_name(TABLE)
            .set_key(Some(key))
            .condition_expression(OVER)
            .expression_attribute_names("#forget_at", ATTRIBUTE)
            .expression_attribute_values(":now", seconds(now))
            .send()
            .await;
        match removed {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(refused))
                if refused.err().is_conditional_check_failed_exception() =>
            {
                Ok(false)
            }
            Err(error) => Err(TimeToLiveError::Delete(Box::new(error))),
        }
    }
}

fn seconds(time: Timestamp) -> AttributeValue {
    AttributeValue::N(time.as_second().to_string())
}
