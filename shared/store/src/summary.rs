//! The one summary of some bytes by each model and prompt: claimed by one worker, committed once.

use domain::summary::{Summary, SummaryKey};
use domain::{Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::content::is_kept;
use crate::keys::{Key, SUMMARY_PREFIX, content_partition};
use crate::lease::{Holders, Run, WRITING};
use crate::table::{Expression, Query, Rejected, Write, absent};

/// The one summary of some bytes, claimed or committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SummaryItem {
    /// Grows with every claim (fencing token).
    #[serde(rename = "fence")]
    token: u64,
    /// When a claim can be taken over, in microseconds since 1970.
    lease_until_us: i64,
    /// The run that claimed it, where that counts.
    #[serde(default)]
    lease_run: Option<Run>,
    /// How often the model was called for it: 1, and 1 more for each crash or lease that ran out.
    attempts: u64,
    /// The summary, once it is committed.
    summary: Option<Summary>,
}

impl SummaryItem {
    fn lease_holds_until(&self, holders: Holders) -> Timestamp {
        holders.holds_until(self.lease_until_us, self.lease_run)
    }
}

/// The right to write the summary of some bytes.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Which summary.
    pub key: SummaryKey,
    token: u64,
}

/// What asking for the right to write a summary came to.
#[derive(Debug)]
pub enum Claimed {
    /// It is yours to write.
    Yours(Claim),
    /// It is written.
    Written(Summary),
    /// Someone else is writing it, or the bytes are being forgotten.
    Taken,
}

impl Store {
    /// Asks for the right to write a summary.
    pub async fn claim_summary(&self, workspace: &WorkspaceId, key: SummaryKey) -> Result<Claimed> {
        let row_key = Key::summary(workspace, &key);
        let content_key = Key::content(workspace, key.content);
        let now = self.clock.now();
        let until = now.checked_add(WRITING).unwrap_or(Timestamp::MAX);
        let item: Option<SummaryItem> = self.table.get(row_key.clone()).await?;
        let token = match item {
            Some(SummaryItem {
                summary: Some(summary),
                ..
            }) => return Ok(Claimed::Written(summary)),
            Some(item) if item.lease_holds_until(self.holders) > now => return Ok(Claimed::Taken),
            Some(item) => item.token,
            None => 0,
        };
        let write = Write::Update {
            condition: Some(if token == 0 {
                absent()
            } else {
                Expression::new("fence = :seen").number(":seen", token)
            }),
            key: row_key,
            change: Expression::new(
                "SET lease_until_us = :until, lease_run = :run ADD fence :one, attempts :one",
            )
            .number(":until", until.as_microsecond())
            .value(":run", &self.holders.run())?
            .number(":one", 1),
        };
        // Beside bytes that are being forgotten, a summary would be left behind.
        let kept = Write::Check {
            condition: is_kept(),
            key: content_key,
        };
        match self.table.transact(vec![write, kept]).await {
            Ok(()) => Ok(Claimed::Yours(Claim {
                key,
                token: token + 1,
            })),
            Err(Rejected::Conditions(_)) => Ok(Claimed::Taken),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Commits a summary, if the claim still holds.
    ///
    /// # Errors
    /// `Busy` when the claim was taken over.
    pub async fn commit_summary(
        &self,
        workspace: &WorkspaceId,
        claim: &Claim,
        summary: &Summary,
    ) -> Result<()> {
        let write = Write::Update {
            condition: Some(
                Expression::new("fence = :token AND attribute_not_exists(summary)")
                    .number(":token", claim.token),
            ),
            key: Key::summary(workspace, &claim.key),
            change: Expression::new("SET summary = :summary").value(":summary", summary)?,
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("another worker writes this summary"))
    }

    /// Gives a claim back after a failure, so that the next try need not wait for the lease.
    pub async fn release_summary(&self, workspace: &WorkspaceId, claim: &Claim) -> Result<()> {
        let write = Write::Update {
            condition: Some(
                Expression::new("fence = :token AND attribute_not_exists(summary)")
                    .number(":token", claim.token),
            ),
            key: Key::summary(workspace, &claim.key),
            change: Expression::new("SET lease_until_us = :zero").number(":zero", 0),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Returns how many summaries of some bytes are committed and how often a model was called for
    /// them.
    pub async fn summary_attempts(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
    ) -> Result<(usize, u64)> {
        let items: Vec<SummaryItem> = self
            .table
            .query_all(Query::prefix(
                content_partition(workspace, content),
                SUMMARY_PREFIX,
            ))
            .await?;
        let committed = items.iter().filter(|item| item.summary.is_some()).count();
        Ok((committed, items.iter().map(|item| item.attempts).sum()))
    }
}
