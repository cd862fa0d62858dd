//! What is known of some bytes: what was read from them, and their one summary by each model and
//! prompt. Files with equal bytes share it, counted by reference.

use domain::facts::Facts;
use domain::file::{Failure, File, Version};
use domain::summary::{PIPELINE_VERSION, Summary, SummaryKey};
use domain::{BlobId, Error, FileId, Result, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blob::ObjectKey;
use crate::file::{change_file, settle_version};
use crate::keys::{Key, SUMMARY_PREFIX, content_partition};
use crate::table::{Expression, Query, Rejected, Write, absent, present};
use crate::work::{self, WorkItem};

/// What reading some bytes came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Reading {
    /// There is text; it is in S3.
    Text {
        /// Where. An id of its own for each reading, so that what is forgotten with the last
        /// reference is never what someone else has just read from the same bytes.
        text: BlobId,
        /// Its length in bytes of UTF-8.
        text_bytes: u64,
    },
    /// It is a document without text.
    NoText,
    /// It is no document.
    Unsupported,
    /// It could not be read.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// What is known of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentItem {
    /// Version of what read them.
    pub pipeline_version: u32,
    /// What reading them came to.
    pub reading: Reading,
    /// What they say of themselves.
    pub facts: Facts,
    /// How many versions have these bytes.
    #[serde(default)]
    pub refs: u64,
}

/// The one summary of some bytes, claimed or committed.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SummaryItem {
    /// Grows with every claim (fencing token).
    #[serde(rename = "fence")]
    token: u64,
    /// When a claim can be taken over, in microseconds since 1970.
    lease_until_us: i64,
    /// How often the model was called for it: 1, and 1 more for each crash or lease that ran out.
    attempts: u64,
    /// The summary, once it is committed.
    summary: Option<Summary>,
}

/// How long one worker may take to write a summary: above the model's own time limit, below the
/// queue's visibility timeout.
const LEASE: SignedDuration = SignedDuration::from_mins(3);

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
    /// Someone else is writing it.
    Taken,
}

impl Store {
    /// Returns what this pipeline has read from some bytes; none when it has not.
    pub async fn content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
    ) -> Result<Option<ContentItem>> {
        let item: Option<ContentItem> = self.table.get(Key::content(workspace, content)).await?;
        Ok(item.filter(|item| item.pipeline_version == PIPELINE_VERSION))
    }

    /// Keeps what was read from some bytes. What is known of them stays, unless it is that they
    /// could not be read or an older pipeline read them.
    pub async fn keep_content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
        item: &ContentItem,
    ) -> Result<()> {
        let write = Write::Update {
            condition: Some(
                Expression::new(
                    "attribute_not_exists(pk) OR reading.outcome = :failed OR pipeline_version < :version",
                )
                .text(":failed", "failed"),
            ),
            key: Key::content(workspace, content),
            change: Expression::new(
                "SET reading = :reading, facts = :facts, pipeline_version = :version",
            )
            .value(":reading", &item.reading)?
            .value(":facts", &item.facts)?
            .number(":version", item.pipeline_version),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Writes what was read into a file and its version: the version refers to the bytes from now
    /// on, and is counted once however often it is read. The file is then to be placed, which
    /// `next` asks for.
    ///
    /// # Errors
    /// `Busy` when the file changed meanwhile, or the bytes were forgotten with their last version.
    pub async fn settle(
        &self,
        workspace: &WorkspaceId,
        file: &mut File,
        version: &Version,
        content: Sha256,
        finished: &WorkItem,
        next: &domain::message::Work,
    ) -> Result<()> {
        let counted = self.is_counted(workspace, file.id, version.number).await?;
        let now = self.clock.now();
        let writes = vec![
            change_file(workspace, file, now)?,
            settle_version(workspace, file.id, version, counted)?,
            Write::Update {
                condition: Some(present()),
                key: Key::content(workspace, content),
                change: Expression::new("ADD refs :more").number(":more", i32::from(!counted)),
            },
            work::done(finished),
            work::ask(next, now)?,
        ];
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the file was changed while it was read"))
    }

    /// Writes a file that has come to the end of the pipeline, and removes the work that took it
    /// there.
    ///
    /// # Errors
    /// `Busy` when the file changed meanwhile, or the work was asked for again.
    pub async fn complete_file(
        &self,
        workspace: &WorkspaceId,
        file: &mut File,
        finished: &WorkItem,
    ) -> Result<()> {
        let writes = vec![
            change_file(workspace, file, self.clock.now())?,
            work::done(finished),
        ];
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the file was changed while it was summarized"))
    }

    /// Asks for the right to write a summary.
    pub async fn claim_summary(&self, workspace: &WorkspaceId, key: SummaryKey) -> Result<Claimed> {
        let row_key = Key::summary(workspace, &key);
        let now = self.clock.now();
        let until = now.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        let item: Option<SummaryItem> = self.table.get(row_key.clone()).await?;
        let token = match item {
            Some(SummaryItem {
                summary: Some(summary),
                ..
            }) => return Ok(Claimed::Written(summary)),
            Some(item) if item.lease_until_us > now.as_microsecond() => return Ok(Claimed::Taken),
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
            change: Expression::new("SET lease_until_us = :until ADD fence :one, attempts :one")
                .number(":until", until.as_microsecond())
                .number(":one", 1),
        };
        match self.table.transact(vec![write]).await {
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

    /// Forgets what is known of some bytes once no version refers to them: text, facts, summaries.
    pub(crate) async fn forget_content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
    ) -> Result<()> {
        #[derive(Deserialize)]
        struct Keyed {
            sk: String,
        }
        let item: Option<ContentItem> = self.table.get(Key::content(workspace, content)).await?;
        let Some(item) = item else { return Ok(()) };
        let gone = Write::Delete {
            condition: Some(
                Expression::new(
                    "(attribute_not_exists(refs) OR refs <= :zero) AND reading = :reading",
                )
                .number(":zero", 0)
                .value(":reading", &item.reading)?,
            ),
            key: Key::content(workspace, content),
        };
        match self.table.transact(vec![gone]).await {
            Ok(()) => {}
            // Another file has the same bytes, or is just being read.
            Err(Rejected::Conditions(_)) => return Ok(()),
            Err(Rejected::Error(error)) => return Err(error),
        }
        let partition = content_partition(workspace, content);
        let summaries: Vec<Keyed> = self
            .table
            .query_all(Query::prefix(partition.clone(), SUMMARY_PREFIX))
            .await?;
        for summary in summaries {
            let key = Key {
                pk: partition.clone(),
                sk: summary.sk,
            };
            let delete = Write::Delete {
                condition: None,
                key,
            };
            self.table
                .transact(vec![delete])
                .await
                .map_err(|rejected| rejected.into_error("a summary could not be removed"))?;
        }
        match item.reading {
            Reading::Text { text, .. } => {
                let key = ObjectKey::Text(workspace.clone(), text);
                self.blobs.delete(&key).await
            }
            Reading::NoText | Reading::Unsupported | Reading::Failed { .. } => Ok(()),
        }
    }
}

/// One version no longer refers to some bytes.
pub(crate) fn release(workspace: &WorkspaceId, content: Sha256) -> Write {
    Write::Update {
        condition: None,
        key: Key::content(workspace, content),
        change: Expression::new("ADD refs :less").number(":less", -1),
    }
}

/// The text of a file, where it is.
///
/// # Errors
/// `NoText` before it is read and when there is none.
pub fn text_key(
    workspace: &WorkspaceId,
    file: &File,
    reading: Option<&Reading>,
) -> Result<ObjectKey> {
    match reading {
        Some(Reading::Text { text, .. }) => Ok(ObjectKey::Text(workspace.clone(), *text)),
        Some(Reading::NoText | Reading::Unsupported | Reading::Failed { .. }) | None => {
            Err(no_text(file.id))
        }
    }
}

fn no_text(id: FileId) -> Error {
    Error::NoText { id: id.to_string() }
}
