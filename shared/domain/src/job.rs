//! Jobs: what is too much for one request, done step by step, with its progress to look at.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{FileId, FolderId, JobId};
use crate::receipt;
use crate::upload::OnConflict;

/// What a job is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Take the files of a folder that went into the trash out of their dossiers.
    TrashFolder {
        /// The folder.
        folder: FolderId,
    },
    /// Put the files of a folder that left the trash back into their dossiers.
    RestoreFolder {
        /// The folder.
        folder: FolderId,
    },
    /// Remove a folder that was deleted for good, and all it holds.
    DeleteFolder {
        /// The folder.
        folder: FolderId,
        /// What the receipts of its files give for a reason.
        #[serde(default = "asked_for")]
        reason: receipt::Reason,
    },
    /// Hold all rows and objects of the workspace against each other.
    Check {
        /// Whether nothing is to be changed.
        dry_run: bool,
    },
    /// Make an archive of files.
    ExportFiles {
        /// Which.
        what: Exported,
        /// Whether with their earlier versions.
        versions: bool,
    },
    /// Make files of what is in an archive.
    ImportArchive {
        /// The archive.
        file: FileId,
        /// Its version.
        version: u32,
        /// The folder they go into.
        folder: FolderId,
        /// What to do where a name is taken.
        on_conflict: OnConflict,
        /// Who imports them, by pseudonym.
        owner: String,
    },
}

/// What an archive is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exported {
    /// All that is in a folder.
    Folder(FolderId),
    /// These files.
    Files(Vec<FileId>),
}

/// Before the trash let go of things by itself, someone asked for every folder to go.
const fn asked_for() -> receipt::Reason {
    receipt::Reason::Deleted
}

impl Task {
    /// The word for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TrashFolder { .. } => "trash_folder",
            Self::RestoreFolder { .. } => "restore_folder",
            Self::DeleteFolder { .. } => "delete_folder",
            Self::Check { .. } => "check",
            Self::ExportFiles { .. } => "export_files",
            Self::ImportArchive { .. } => "import_archive",
        }
    }

    /// The folder it is about, when it is about one.
    pub const fn folder(&self) -> Option<FolderId> {
        match self {
            Self::TrashFolder { folder }
            | Self::RestoreFolder { folder }
            | Self::DeleteFolder { folder, .. }
            | Self::ImportArchive { folder, .. }
            | Self::ExportFiles {
                what: Exported::Folder(folder),
                ..
            } => Some(*folder),
            Self::Check { .. }
            | Self::ExportFiles {
                what: Exported::Files(_),
                ..
            } => None,
        }
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is waiting or under way.
    Running,
    /// It came to its end, and nothing of it failed.
    Done,
    /// It came to its end, and some of it failed, or it was given up.
    Failed,
    /// Someone ended it.
    Cancelled,
}

impl State {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why one of the things that a job is about failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The file, when it was one.
    pub file: Option<FileId>,
    /// A word clients can switch on.
    pub code: String,
    /// What happened and what to do.
    pub detail: String,
}

/// How far a job has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// How many things are done.
    pub done: u64,
    /// How many there are, when that is known.
    pub total: Option<u64>,
    /// How many failed.
    pub failed: u64,
    /// Why, of the first of them.
    pub reasons: Vec<Reason>,
}

impl Progress {
    /// Most reasons that are kept.
    pub const MAX_REASONS: usize = 100;

    /// Adds what a step has done.
    pub fn add(&mut self, done: u64, failed: Vec<Reason>) {
        self.done = self.done.saturating_add(done);
        let count = u64::try_from(failed.len()).unwrap_or(u64::MAX);
        self.failed = self.failed.saturating_add(count);
        let room = Self::MAX_REASONS.saturating_sub(self.reasons.len());
        self.reasons.extend(failed.into_iter().take(room));
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it is to do.
    pub task: Task,
    /// How it stands.
    pub state: State,
    /// How far it has come.
    pub progress: Progress,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last came a step further.
    pub updated_at: Timestamp,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_beyond_the_reasons_that_are_kept() {
        let reason = Reason {
            file: None,
            code: "c".to_owned(),
            detail: "d".to_owned(),
        };
        let mut progress = Progress::default();

        progress.add(3, vec![reason.clone(); 90]);
        progress.add(4, vec![reason; 90]);

        assert_eq!((progress.done, progress.failed), (7, 180));
        assert_eq!(progress.reasons.len(), Progress::MAX_REASONS);
    }
}
