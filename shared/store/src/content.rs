//! What was read from some bytes. Files with equal bytes share it, counted by reference.

use domain::fact_sheet::FactSheet;
use domain::file::{Failure, File, Version};
use domain::summary::PIPELINE_VERSION;
use domain::{BlobId, Error, FileId, Result, Sha256, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blob::ObjectKey;
use crate::file::{VersionItem, change_file, settle_version};
use crate::keys::Key;
use crate::reference::{Sharing, fetched_until};
use crate::table::{Expression, Rejected, Write, absent, busy};
use crate::work::{self, WorkItem};

/// How often keeping what was read looks again after losing a race.
const TRIES: u32 = 8;

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

impl Reading {
    /// Says whether all that have these bytes may take it over. What could not be read under one
    /// name and media type can be a document under another.
    pub const fn holds_for_all(&self) -> bool {
        match self {
            Self::Text { .. } | Self::NoText => true,
            Self::Unsupported | Self::Failed { .. } => false,
        }
    }
}

/// What is known of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentItem {
    /// Version of what read them.
    pub pipeline_version: u32,
    /// What reading them came to.
    pub reading: Reading,
    /// What they say of themselves, and where.
    #[serde(default)]
    pub fact_sheet: FactSheet,
    /// How many versions have these bytes.
    #[serde(default)]
    pub refs: u64,
    /// Whether it is being forgotten: no version has these bytes, and none can refer to it any more.
    #[serde(default)]
    pub being_forgotten: bool,
}

impl ContentItem {
    /// What this pipeline has read from some bytes.
    pub const fn new(reading: Reading, fact_sheet: FactSheet) -> Self {
        Self {
            pipeline_version: PIPELINE_VERSION,
            reading,
            fact_sheet,
            refs: 0,
            being_forgotten: false,
        }
    }

    /// Says whether reading the bytes again would come to the same: this pipeline has read them, whatever they are called.
    pub const fn is_settled(&self) -> bool {
        self.pipeline_version == PIPELINE_VERSION && self.reading.holds_for_all()
    }

    /// Says whether it is still what should be known when `other` has been read.
    fn stands_against(&self, other: &Self) -> bool {
        self.pipeline_version >= other.pipeline_version && self.reading.holds_for_all()
    }
}

impl Store {
    /// Returns what was read from some bytes, by this pipeline or an older one; none when nothing was.
    pub async fn content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
    ) -> Result<Option<ContentItem>> {
        let item: Option<ContentItem> = self.table.get(Key::content(workspace, content)).await?;
        Ok(item.filter(|item| !item.being_forgotten))
    }

    /// Keeps what was read from some bytes, and returns what is known of them from now on. What was
    /// known before stands, unless it holds for one name only or an older pipeline read them.
    /// The text of the reading that does not stand is removed.
    ///
    /// # Errors
    /// `Busy` when others read the same bytes at the same time, again and again.
    pub async fn keep_content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
        item: ContentItem,
    ) -> Result<ContentItem> {
        for _ in 0..TRIES {
            let before: Option<ContentItem> =
                self.table.get(Key::content(workspace, content)).await?;
            if before.as_ref().is_some_and(|before| before.being_forgotten) {
                self.forget_content(workspace, content).await?;
                continue;
            }
            if let Some(before) = &before
                && before.stands_against(&item)
            {
                self.remove_text(workspace, content, &item.reading).await?;
                return Ok(before.clone());
            }
            if !self
                .replace_content(workspace, content, before.as_ref(), &item)
                .await?
            {
                continue;
            }
            if let Some(before) = before {
                self.remove_text(workspace, content, &before.reading)
                    .await?;
            }
            return Ok(item);
        }
        Err(busy("the same bytes are being read by someone else"))
    }

    /// Puts one reading in the place of another. False when a race was lost.
    async fn replace_content(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
        before: Option<&ContentItem>,
        item: &ContentItem,
    ) -> Result<bool> {
        let as_read = match before {
            Some(before) => {
                Expression::new("reading = :before AND attribute_not_exists(being_forgotten)")
                    .value(":before", &before.reading)?
            }
            None => absent(),
        };
        let write = Write::Update {
            condition: Some(as_read),
            key: Key::content(workspace, content),
            change: Expression::new(
                "SET reading = :reading, fact_sheet = :facts, pipeline_version = :version",
            )
            .value(":reading", &item.reading)?
            .value(":facts", &item.fact_sheet)?
            .number(":version", item.pipeline_version),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes the text of a reading that no row names any more.
    pub(crate) async fn remove_text(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
        reading: &Reading,
    ) -> Result<()> {
        match reading {
            Reading::Text { text, .. } => {
                let key = ObjectKey::Text(workspace.clone(), content, *text);
                self.blobs.delete(&key).await
            }
            Reading::NoText | Reading::Unsupported | Reading::Failed { .. } => Ok(()),
        }
    }

    /// Writes what was read into a file and its version: the version refers to what is known of the
    /// bytes from now on, and is counted once however often it is read. Where the workspace has the
    /// same bytes already, it shares their blob. The file is then to be placed, which `next` asks
    /// for.
    ///
    /// # Errors
    /// `Busy` when the file changed meanwhile, or the bytes were forgotten with their last version.
    pub async fn settle(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        version: &Version,
        content: Sha256,
        finished: &WorkItem,
        next: &domain::message::Work,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let before = self.version_read(workspace, file.id, version).await?;
            let own = before.content.blob;
            let sharing = self.sharing(workspace, own, &version.content).await?;
            let version = sharing_blob(version, &before, &sharing);
            let mut file = file.clone();
            file.content = version.content.clone();
            let mut writes = vec![
                change_file(workspace, &mut file, now)?,
                settle_version(workspace, file.id, &version, &before)?,
                Write::Update {
                    condition: Some(is_kept()),
                    key: Key::content(workspace, content),
                    change: Expression::new("ADD refs :more")
                        .number(":more", i32::from(!before.counted)),
                },
                work::done(finished),
                work::ask(next, now)?,
            ];
            let others = writes.len();
            writes.extend(sharing.writes(workspace, own, fetched_until(now))?);
            match self.table.transact(writes).await {
                Ok(()) => return Ok(()),
                // The shared blob went, or there is one now: look again.
                Err(rejected) if rejected.only_from(others) => {}
                Err(rejected) => {
                    return Err(rejected.into_error("the file was changed while it was read"));
                }
            }
        }
        Err(busy("the same bytes are coming and going"))
    }

    /// Returns the row of a version that was read.
    pub(crate) async fn version_read(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        version: &Version,
    ) -> Result<VersionItem> {
        let before = self.version_item(workspace, file, version.number).await?;
        before.ok_or_else(|| busy("the version was removed while it was read"))
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
}

/// The version with the blob that it has from now on.
pub(crate) fn sharing_blob(version: &Version, before: &VersionItem, sharing: &Sharing) -> Version {
    let mut version = version.clone();
    version.content.blob = sharing.blob().unwrap_or(before.content.blob);
    version
}

/// So many versions no longer refer to what is known of some bytes.
pub(crate) fn release(workspace: &WorkspaceId, content: Sha256, versions: u64) -> Write {
    Write::Update {
        condition: None,
        key: Key::content(workspace, content),
        change: Expression::new("ADD refs :less").number(":less", format!("-{versions}")),
    }
}

/// Holds while something is known of some bytes that can be referred to.
pub(crate) fn is_kept() -> Expression {
    Expression::new("attribute_exists(pk) AND attribute_not_exists(being_forgotten)")
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
    match (file.content.sha256, reading) {
        (Some(content), Some(Reading::Text { text, .. })) => {
            Ok(ObjectKey::Text(workspace.clone(), content, *text))
        }
        _ => Err(no_text(file.id)),
    }
}

fn no_text(id: FileId) -> Error {
    Error::NoText { id: id.to_string() }
}
