//! Files and their versions.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::correction::Corrections;
use crate::error::{Error, Kind};
use crate::facts::Facts;
use crate::id::{BlobId, FileId, FolderId, Sha256};
use crate::name::FileName;
use crate::receipt::Reason;
use crate::summary::Summary;
use crate::tag::{Tag, Tags};

/// Where a file's current version stands in the document pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Committed; nothing has looked at it yet.
    Pending,
    /// Being verified and scanned.
    Scanning,
    /// Its text and facts have been read.
    Extracted,
    /// Its type and tags are settled.
    Classified,
    /// Its summary has been written.
    Summarized,
    /// All has been done that can be.
    Completed,
    /// A stage could not do its work; see the file's failure.
    Failed,
    /// Held back: not readable.
    Quarantined,
}

impl Status {
    /// All of them, in the order of the pipeline.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Scanning,
        Self::Extracted,
        Self::Classified,
        Self::Summarized,
        Self::Completed,
        Self::Failed,
        Self::Quarantined,
    ];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Scanning => "scanning",
            Self::Extracted => "extracted",
            Self::Classified => "classified",
            Self::Summarized => "summarized",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
        }
    }
}

impl FromStr for Status {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or_else(|| {
                Error::invalid(
                    "/status",
                    "status is pending, scanning, extracted, classified, summarized, completed, failed or quarantined",
                )
            })
    }
}

/// Whether a file is in its folder or in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In its folder.
    Active,
    /// In the trash; it can be restored.
    Trashed,
}

/// How a file came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Sent by a client.
    Uploaded,
    /// Made from a template.
    Generated,
    /// Taken in from the inbox.
    Imported,
}

/// Why a completed file has no summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SummaryReason {
    /// It is a document, but there is no text in it.
    NoText,
    /// It is no document: a photo, an archive, a binary.
    Unsupported,
}

/// Why a stage of the pipeline could not do its work, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The stage: `verify`, `extract`, `summarize`, `storage`.
    pub stage: String,
    /// A word clients can switch on, such as `encrypted`.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
}

impl Failure {
    /// The code when the bytes were not there, whether they were to be read or were looked for.
    pub const BYTES_MISSING: &str = "bytes_missing";

    /// Says whether the bytes were not there.
    pub fn is_of_missing_bytes(&self) -> bool {
        self.code == Self::BYTES_MISSING
    }

    /// Returns what is said of a file that fails like this after it had failed before: that its bytes are missing stays
    /// true, whatever else fails.
    #[must_use]
    pub fn after(self, before: Option<Self>) -> Self {
        before.filter(Self::is_of_missing_bytes).unwrap_or(self)
    }
}

/// Where the bytes of a version are in S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// Its random id.
    pub id: BlobId,
    /// Who wrote it, which says under which prefix it is.
    pub written_by: Writer,
}

/// Who wrote a blob. Only clients' writes raise S3 events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// One of our functions.
    Function,
    /// A client, through a signed URL.
    Client,
}

/// The bytes of a version and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Where they are.
    pub blob: BlobRef,
    /// How many.
    pub size_bytes: u64,
    /// What they are, by their own look.
    pub content_type: String,
    /// Their hash as the server computed it; none until then.
    pub sha256: Option<Sha256>,
    /// The hash the client promised and the server has not checked yet. Bytes under such a promise
    /// are not readable.
    pub promised_sha256: Option<Sha256>,
}

impl Content {
    /// Says whether the bytes may be read: nothing promised of them is still unchecked.
    pub const fn is_readable(&self) -> bool {
        self.promised_sha256.is_none()
    }
}

/// One immutable content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Its bytes.
    pub content: Content,
    /// Who made it, by pseudonym.
    pub owner: String,
    /// When.
    pub created_at: Timestamp,
    /// Why reading its bytes was given up. It stays when another version takes its place.
    pub failure: Option<Failure>,
}

/// The type and tags under which dossiers find a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The type.
    pub document_type: Tag,
    /// The tags.
    pub tags: Tags,
}

/// A file with its current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: FileName,
    /// The folder it is in.
    pub folder: FolderId,
    /// What the document is.
    pub document_type: Option<Tag>,
    /// Its tags.
    pub tags: Tags,
    /// Where its current version stands in the pipeline.
    pub status: Status,
    /// Number of the current version.
    pub version: u32,
    /// The bytes of the current version.
    pub content: Content,
    /// How it came to be.
    pub origin: Origin,
    /// Who made it, by pseudonym.
    pub owner: String,
    /// When.
    pub created_at: Timestamp,
    /// When anything but its counters last changed.
    pub updated_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
    /// Active or trashed.
    pub state: State,
    /// When the trash lets go of it; none outside of it, and where things stay there for ever.
    pub purge_at: Option<Timestamp>,
    /// What the current version says of itself, once it has been read.
    pub facts: Facts,
    /// What people say of the current version, which stands before what was read.
    pub corrections: Corrections,
    /// Its summary, once it has been written.
    pub summary: Option<Summary>,
    /// Why it has none.
    pub summary_reason: Option<SummaryReason>,
    /// Why the pipeline stopped.
    pub failure: Option<Failure>,
    /// Marked by a person.
    pub favorite: bool,
    /// Put away by a person.
    pub archived: bool,
    /// Under which type and tags dossiers find it at this moment; none before it is read and while
    /// it is in the trash.
    pub posted: Option<Posting>,
    /// Grows with every change but those of counters.
    pub revision: u64,
    /// How often its content was fetched.
    pub download_count: u64,
    /// When its content was last fetched.
    pub last_accessed_at: Option<Timestamp>,
}

/// What makes a new file.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its name.
    pub name: FileName,
    /// The folder it is to be in.
    pub folder: FolderId,
    /// What the document is.
    pub document_type: Option<Tag>,
    /// Its tags.
    pub tags: Tags,
    /// Its bytes.
    pub content: Content,
    /// How it comes to be.
    pub origin: Origin,
    /// Who makes it, by pseudonym.
    pub owner: String,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
}

impl File {
    /// A file with its first version, of which nothing has been read yet.
    pub fn new(id: FileId, now: Timestamp, new: NewFile) -> Self {
        Self {
            id,
            name: new.name,
            folder: new.folder,
            document_type: new.document_type,
            tags: new.tags,
            status: Status::Pending,
            version: 1,
            content: new.content,
            origin: new.origin,
            owner: new.owner,
            created_at: now,
            updated_at: now,
            expires_at: new.expires_at,
            state: State::Active,
            purge_at: None,
            facts: Facts::default(),
            corrections: Corrections::default(),
            summary: None,
            summary_reason: None,
            failure: None,
            favorite: false,
            archived: false,
            posted: None,
            revision: 1,
            download_count: 0,
            last_accessed_at: None,
        }
    }

    /// The current version, as it is when it was just made by someone.
    pub fn made_version(&self, owner: String, now: Timestamp) -> Version {
        Version {
            number: self.version,
            content: self.content.clone(),
            owner,
            created_at: now,
            failure: None,
        }
    }

    /// The facts that hold of the current version: as people gave them, else as they were read.
    pub fn known_facts(&self) -> Facts {
        self.corrections.over(&self.facts)
    }

    /// The date the document is about: as a person gave it, else as it was read.
    pub fn document_date(&self) -> Option<Date> {
        let given = self.corrections.document_date.as_ref();
        given.map_or(self.facts.document_date, |given| given.value().copied())
    }

    /// Says whether its time is up.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// When the sweep is to remove it, where nobody does before: its time is up, or that in the trash.
    pub fn due_at(&self) -> Option<Timestamp> {
        let times = [self.expires_at, self.purged_from()];
        times.into_iter().flatten().min()
    }

    /// Why the sweep is to remove it; none while it is not.
    pub fn why_due(&self, now: Timestamp) -> Option<Reason> {
        if self.is_expired(now) {
            return Some(Reason::Expired);
        }
        let is_overdue = self.purged_from().is_some_and(|at| at <= now);
        is_overdue.then_some(Reason::Purged)
    }

    /// From when on the trash has let go of it; none for what is not there, whatever else is said of it.
    fn purged_from(&self) -> Option<Timestamp> {
        self.purge_at.filter(|_| self.state == State::Trashed)
    }

    /// Returns the type and tags under which dossiers should find this file: none in the trash or
    /// without a type.
    pub fn posting(&self) -> Option<Posting> {
        let document_type = self.document_type.clone()?;
        (self.state == State::Active).then(|| Posting {
            document_type,
            tags: self.tags.clone(),
        })
    }

    /// Returns the file when it is still there.
    ///
    /// # Errors
    /// `Gone` from the instant it expires.
    pub fn living(self, now: Timestamp) -> Result<Self, Error> {
        if self.is_expired(now) {
            return Err(gone(self.id, "its time is up"));
        }
        Ok(self)
    }
}

/// The answer for a file that was there.
pub fn gone(id: FileId, reason: &'static str) -> Error {
    Error::Gone {
        kind: Kind::File,
        id: id.to_string(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: &str) -> Failure {
        Failure {
            stage: "storage".to_owned(),
            code: code.to_owned(),
            detail: String::new(),
        }
    }

    #[test]
    fn missing_bytes_stay_what_is_said_of_a_file_until_it_is_mended() {
        let missing = || failure(Failure::BYTES_MISSING);
        let gave_up = || failure("gave_up");

        assert_eq!(gave_up().after(Some(missing())), missing());
        assert_eq!(missing().after(Some(gave_up())), missing());
        assert_eq!(gave_up().after(Some(failure("corrupt"))), gave_up());
        assert_eq!(gave_up().after(None), gave_up());
    }
}
