//! Upload sessions: what a client says it will send, until it is a version of a file.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::file::BlobRef;
use crate::id::{FileId, Sha256, UploadId};
use crate::name::{FileName, FolderPath};
use crate::tag::{Tag, Tags};

/// How long an upload session stays open. A week lets a client come back after days offline and
/// equals the longest life of a signed URL.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Largest object S3 keeps: 5 TiB. Source: S3 quotas.
pub const MAX_OBJECT_BYTES: u64 = 5 * 1024 * GIB;
/// Largest single PUT: 5 GiB. Source: S3 quotas.
pub const MAX_SINGLE_PUT_BYTES: u64 = 5 * GIB;
/// Most parts of a multipart upload. Source: S3 multipart limits.
pub const MAX_PARTS: u32 = 10_000;
/// Smallest part but for the last: 5 MiB. Source: S3 multipart limits.
pub const MIN_PART_BYTES: u64 = 5 * MIB;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// Size up to which one PUT is used: below it a retry from the start costs less than bookkeeping.
const SINGLE_PUT_BYTES: u64 = 16 * MIB;
/// Part size while 10,000 of them are enough.
const USUAL_PART_BYTES: u64 = 8 * MIB;

/// How the bytes of an upload are sent to S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// One PUT.
    Single,
    /// Parts, all of `part_bytes` but for the last.
    Multipart {
        /// Size of a part.
        part_bytes: u64,
        /// Number of parts.
        part_count: u32,
    },
    /// Bytes in order, through us, in pieces of any size (tus).
    Tus(TusKind),
}

/// What a tus upload becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TusKind {
    /// A file.
    Whole,
    /// A piece of a file that others make whole.
    Partial,
    /// A file made of pieces that were uploaded each by itself.
    Final,
}

impl Plan {
    /// Chooses how to send `size_bytes`.
    ///
    /// # Errors
    /// `TooLarge` above S3's limit.
    pub fn for_size(size_bytes: u64) -> Result<Self, Error> {
        if size_bytes > MAX_OBJECT_BYTES {
            return Err(Error::TooLarge {
                detail: "a file is at most 5 TiB".to_owned(),
            });
        }
        if size_bytes <= SINGLE_PUT_BYTES {
            return Ok(Self::Single);
        }
        let least = size_bytes
            .div_ceil(u64::from(MAX_PARTS))
            .next_multiple_of(MIB);
        let part_bytes = least.max(USUAL_PART_BYTES);
        let part_count = u32::try_from(size_bytes.div_ceil(part_bytes))
            .map_err(|_| Error::corrupt("more parts than fit a number"))?;
        Ok(Self::Multipart {
            part_bytes,
            part_count,
        })
    }

    /// Number of things the client PUTs to S3.
    pub const fn part_count(self) -> u32 {
        match self {
            Self::Single => 1,
            Self::Multipart { part_count, .. } => part_count,
            Self::Tus(_) => 0,
        }
    }

    /// Size of a part but for the last.
    pub const fn part_bytes(self, size_bytes: u64) -> u64 {
        match self {
            Self::Single => size_bytes,
            Self::Multipart { part_bytes, .. } => part_bytes,
            Self::Tus(_) => 0,
        }
    }

    /// Exact size of part `number` (from 1) of an upload of `size_bytes`.
    ///
    /// # Errors
    /// `Invalid` when there is no such part.
    pub fn size_of_part(self, number: u32, size_bytes: u64) -> Result<u64, Error> {
        if number == 0 || number > self.part_count() {
            return Err(Error::invalid(
                "/numbers",
                format!("parts are numbered from 1 to {}", self.part_count()),
            ));
        }
        let part = self.part_bytes(size_bytes);
        let before = part * u64::from(number - 1);
        Ok(part.min(size_bytes - before))
    }
}

/// What to do when the name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Refuse.
    #[default]
    Fail,
    /// Take the next free ` (2)`, ` (3)`, ….
    Rename,
    /// Make a new version of the file that has the name.
    Version,
}

impl FromStr for OnConflict {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "fail" => Ok(Self::Fail),
            "rename" => Ok(Self::Rename),
            "version" => Ok(Self::Version),
            _ => Err(Error::invalid(
                "/on_conflict",
                "on_conflict is fail, rename or version",
            )),
        }
    }
}

/// What a file must be for a new version of it to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// There is one.
    Any,
    /// It is at one of these revisions.
    Revisions(Vec<u64>),
}

impl Expected {
    /// Says whether a file at this revision is what was expected.
    pub fn holds_at(&self, revision: u64) -> bool {
        match self {
            Self::Any => true,
            Self::Revisions(expected) => expected.contains(&revision),
        }
    }
}

/// What a client says of the file it will send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The name it is to have.
    pub name: FileName,
    /// The folder it is to be in, created when missing.
    pub folder: FolderPath,
    /// What the document is.
    pub document_type: Option<Tag>,
    /// Its tags.
    pub tags: Tags,
    /// How long the file is to live after this is committed; none leaves that of an older version.
    pub expires_in: Option<SignedDuration>,
    /// What to do when the name is taken.
    pub on_conflict: OnConflict,
    /// What the file must be that this is to be a version of; none when that does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// Who sends it, by pseudonym.
    pub owner: String,
}

/// Longest life a client may ask for: ten years.
pub const MAX_EXPIRES_IN: SignedDuration = SignedDuration::from_hours(24 * 3653);

/// Reads `expires_in_s`.
///
/// # Errors
/// `Invalid` when it is zero, negative or above ten years.
pub fn expires_in(seconds: i64) -> Result<SignedDuration, Error> {
    let duration = SignedDuration::from_secs(seconds);
    if duration <= SignedDuration::ZERO || duration > MAX_EXPIRES_IN {
        return Err(Error::invalid(
            "/expires_in_s",
            "expires_in_s is from 1 second to ten years (315619200)",
        ));
    }
    Ok(duration)
}

/// An upload session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Its id.
    pub id: UploadId,
    /// Where the bytes go.
    pub blob: BlobRef,
    /// What the file will be.
    pub intent: Intent,
    /// How many bytes there will be; where that is not known yet, how many have come.
    pub size_bytes: u64,
    /// What the client says they are: a hint.
    pub content_type: Option<String>,
    /// The hash the client says they have.
    pub sha256: Option<Sha256>,
    /// How they are sent.
    pub plan: Plan,
    /// S3's name for the multipart upload, when the plan is one.
    pub multipart_id: Option<String>,
    /// Where it stands.
    pub state: UploadState,
    /// When it began.
    pub created_at: Timestamp,
    /// When the session ends, finished or not.
    pub expires_at: Timestamp,
}

/// What an open session has reserved of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// Bytes.
    pub bytes: u64,
    /// Files.
    pub files: u64,
}

impl Upload {
    /// Returns what the session has reserved while it is open. The bytes of a file that is made of
    /// pieces are those that the pieces have reserved; a piece is no file.
    pub const fn reserved(&self) -> Reserved {
        match self.plan {
            Plan::Single | Plan::Multipart { .. } | Plan::Tus(TusKind::Whole) => Reserved {
                bytes: self.size_bytes,
                files: 1,
            },
            Plan::Tus(TusKind::Partial) => Reserved {
                bytes: self.size_bytes,
                files: 0,
            },
            Plan::Tus(TusKind::Final) => Reserved { bytes: 0, files: 1 },
        }
    }
}

/// Where an upload stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UploadState {
    /// Bytes may arrive.
    Open,
    /// It became this version of this file.
    Committed {
        /// The file.
        file: FileId,
        /// The version's number.
        version: u32,
    },
    /// It was given up; the quota was returned.
    Aborted {
        /// The media type for which it was refused; none when someone gave it up or it ran out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_files_are_one_put_and_the_largest_fit_ten_thousand_parts() {
        assert_eq!(Plan::for_size(0).unwrap(), Plan::Single);
        assert_eq!(Plan::for_size(SINGLE_PUT_BYTES).unwrap(), Plan::Single);
        assert!(Plan::for_size(MAX_OBJECT_BYTES).unwrap().part_count() <= MAX_PARTS);
        assert!(matches!(
            Plan::for_size(MAX_OBJECT_BYTES + 1),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn session_that_was_aborted_before_reasons_were_kept_reads_back() {
        let kept: UploadState = serde_json::from_str(r#"{"state":"aborted"}"#).unwrap();
        assert_eq!(kept, UploadState::Aborted { refused: None });
    }

    proptest! {
        #[test]
        fn parts_add_up_and_keep_to_the_limits(size_bytes in 0..=64 * GIB) {
            let plan = Plan::for_size(size_bytes).unwrap();
            let sizes: Vec<u64> = (1..=plan.part_count())
                .map(|number| plan.size_of_part(number, size_bytes).unwrap())
                .collect();
            prop_assert_eq!(sizes.iter().sum::<u64>(), size_bytes);
            prop_assert!(plan.part_count() <= MAX_PARTS);
            if let Some((_, all_but_last)) = sizes.split_last() {
                prop_assert!(all_but_last.iter().all(|size| *size >= MIN_PART_BYTES));
            }
            prop_assert!(plan.size_of_part(0, size_bytes).is_err());
            prop_assert!(plan.size_of_part(plan.part_count() + 1, size_bytes).is_err());
        }
    }
}
