//! Findings: what a check of a workspace has found to be other than it should be.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file whose time was up long before, and which no sweep has removed.
    Expired,
    /// A file or folder that was in the trash for long enough long before, and which no sweep has removed.
    OverdueTrash,
    /// A deletion that stopped half-way, and which no sweep has taken up.
    StoppedErasing,
    /// An upload whose session ran out long before, and which no sweep has aborted.
    StaleUpload,
    /// A blob that nothing refers to any more, and whose object no sweep has removed.
    OverdueBlob,
    /// Work that no sweep has sent again.
    LostWork,
    /// An object that no row names.
    OrphanObject,
    /// A version whose object is missing.
    MissingObject,
    /// A row whose counterpart is missing, or says something else.
    OrphanRow,
    /// A count of the versions that refer to some bytes that is not how many do.
    WrongReferenceCount,
    /// A counter of a folder that is not what is in it.
    WrongCounter,
    /// A quota that says that more is used than there is.
    LeakedReservation,
    /// A quota that says that less is used than there is.
    WrongQuota,
    /// A row that does not read back.
    UnreadableRow,
}

impl Kind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::OverdueTrash => "overdue_trash",
            Self::StoppedErasing => "stopped_erasing",
            Self::StaleUpload => "stale_upload",
            Self::OverdueBlob => "overdue_blob",
            Self::LostWork => "lost_work",
            Self::OrphanObject => "orphan_object",
            Self::MissingObject => "missing_object",
            Self::OrphanRow => "orphan_row",
            Self::WrongReferenceCount => "wrong_reference_count",
            Self::WrongCounter => "wrong_counter",
            Self::LeakedReservation => "leaked_reservation",
            Self::WrongQuota => "wrong_quota",
            Self::UnreadableRow => "unreadable_row",
        }
    }
}

/// What was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Nothing, because nothing was to be.
    Found,
    /// It is as it should be.
    Mended,
    /// It could not be mended: a person must decide.
    Left,
}

impl Outcome {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Mended => "mended",
            Self::Left => "left",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: Kind,
    /// What with: `file` and its id, `object` and its path. No names that people gave.
    pub about: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// What was done about it.
    pub outcome: Outcome,
    /// How it is and what was done, or what is to be done.
    pub detail: String,
}
