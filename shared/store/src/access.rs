//! Downloads, counted after the fact and once each.

use domain::message::Access;
use domain::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::time::Duration;
use tracing::warn;

use crate::Store;
use crate::keys::Key;
use crate::table::{Expression, Rejected, Write, to_row};

/// How long a single download is kept.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

#[derive(Debug, Serialize)]
struct AccessItem<'a> {
    version: u32,
    principal: &'a str,
    at: Timestamp,
    /// When DynamoDB may remove the row, in seconds since 1970.
    forget_at: i64,
}

impl Store {
    /// Notes a download, to be counted soon. One that cannot be noted is not counted, but is given.
    pub async fn note_access(&self, access: &Access) {
        if let Err(error) = self.send_access(access).await {
            warn!(file.id = %access.file, %error, "a download was not counted");
        }
    }

    async fn send_access(&self, access: &Access) -> Result<()> {
        let body = serde_json::to_string(access)
            .map_err(|error| Error::corrupt(format!("an access cannot be written: {error}")))?;
        self.queue
            .send(domain::message::Destination::Access, body, Duration::ZERO)
            .await
    }

    /// Counts a download. The row of the download makes sure that it counts once.
    pub async fn count_access(&self, access: &Access) -> Result<()> {
        let item = AccessItem {
            version: access.version,
            principal: &access.principal,
            at: access.at,
            forget_at: access
                .at
                .checked_add(KEPT_FOR)
                .unwrap_or(Timestamp::MAX)
                .as_second(),
        };
        let id = access.id.to_string();
        let writes = vec![
            Write::create(to_row(
                Key::access(&access.workspace, access.file, &id),
                &item,
            )?),
            Write::Update {
                condition: None,
                key: Key::counters(&access.workspace, access.file),
                change: Expression::new("SET last_accessed_at = :at ADD download_count :one")
                    .text(":at", access.at.to_string())
                    .number(":one", 1),
            },
            // A file that is gone is not counted, and leaves no counters behind.
            Write::Check {
                condition: Expression::new("attribute_exists(revision)"),
                key: Key::file(&access.workspace, access.file),
            },
        ];
        match self.table.transact(writes).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
