//! What a workspace may store: reserved before bytes are accepted, returned when they go.

use domain::{Error, Result, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::Key;
use crate::table::{Expression, Write, to_row};

/// How much a workspace may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all versions.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

impl Default for Quota {
    /// 100 GiB and a million files: generous for people, a stop for a program run wild.
    fn default() -> Self {
        Self {
            bytes: 100 * 1024 * 1024 * 1024,
            files: 1_000_000,
        }
    }
}

/// The quota row. What is available is stored, not what is used: a condition of DynamoDB can
/// compare a number but not add two.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct QuotaItem {
    pub(crate) available_bytes: i64,
    pub(crate) available_files: i64,
    pub(crate) limit_bytes: u64,
    pub(crate) limit_files: u64,
}

/// Takes from what is available; holds only when there is enough.
pub(crate) fn reserve(workspace: &WorkspaceId, bytes: u64, files: u64) -> Write {
    Write::Update {
        condition: Some(
            Expression::new("available_bytes >= :bytes AND available_files >= :files"),
        ),
        key: Key::quota(workspace),
        change: Expression::new(
            "SET available_bytes = available_bytes - :bytes, available_files = available_files - :files",
        )
        .number(":bytes", bytes)
        .number(":files", files),
    }
}

/// Gives back what was taken. Always beside a write whose condition holds only once.
pub(crate) fn give_back(workspace: &WorkspaceId, bytes: u64, files: u64) -> Write {
    Write::Update {
        condition: None,
        key: Key::quota(workspace),
        change: Expression::new("ADD available_bytes :bytes, available_files :files")
            .number(":bytes", bytes)
            .number(":files", files),
    }
}

/// What a workspace stores of what it may. Open uploads count with all they have reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all versions.
    pub used_bytes: u64,
    /// Number of files.
    pub used_files: u64,
    /// What it may.
    pub limit: Quota,
}

impl Store {
    /// Returns what a workspace stores. One that has stored nothing yet has the usual quota.
    pub async fn usage(&self, workspace: &WorkspaceId) -> Result<Usage> {
        let item: Option<QuotaItem> = self.table.get(Key::quota(workspace)).await?;
        let used = |limit: u64, available: i64| {
            // An available amount below zero is use above a limit that was lowered since.
            let used = i128::from(limit) - i128::from(available);
            u64::try_from(used.max(0)).unwrap_or(u64::MAX)
        };
        Ok(match item {
            None => Usage {
                used_bytes: 0,
                used_files: 0,
                limit: self.quota,
            },
            Some(item) => Usage {
                used_bytes: used(item.limit_bytes, item.available_bytes),
                used_files: used(item.limit_files, item.available_files),
                limit: Quota {
                    bytes: item.limit_bytes,
                    files: item.limit_files,
                },
            },
        })
    }

    /// Finds out why a reservation did not hold.
    ///
    /// Returns normally when the reservation can be tried again: the workspace had no quota row yet,
    /// and has one now, or some was given back.
    ///
    /// # Errors
    /// `QuotaExceeded` when there is too little left.
    pub(crate) async fn explain_refused_quota(
        &self,
        workspace: &WorkspaceId,
        bytes: u64,
    ) -> Result<()> {
        let Some(item) = self.table.get::<QuotaItem>(Key::quota(workspace)).await? else {
            return self.open_quota(workspace).await;
        };
        // Another writer made the row, or gave some back, since the reservation was refused.
        if item.available_files >= 1 && i128::from(item.available_bytes) >= i128::from(bytes) {
            return Ok(());
        }
        let detail = if item.available_files < 1 {
            format!(
                "the workspace holds its {} files: delete some or ask for more",
                item.limit_files
            )
        } else {
            format!(
                "{bytes} bytes do not fit: {} of {} bytes are left in this workspace",
                item.available_bytes.max(0),
                item.limit_bytes
            )
        };
        Err(Error::QuotaExceeded { detail })
    }

    async fn open_quota(&self, workspace: &WorkspaceId) -> Result<()> {
        let signed = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        let item = QuotaItem {
            available_bytes: signed(self.quota.bytes),
            available_files: signed(self.quota.files),
            limit_bytes: self.quota.bytes,
            limit_files: self.quota.files,
        };
        let row = to_row(Key::quota(workspace), &item)?;
        match self.table.transact(vec![Write::create(row)]).await {
            // Someone else made it at the same time: that one stands.
            Ok(()) | Err(crate::table::Rejected::Conditions(_)) => Ok(()),
            Err(crate::table::Rejected::Error(error)) => Err(error),
        }
    }
}
