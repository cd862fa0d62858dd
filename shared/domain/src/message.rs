//! The messages by which functions ask each other for work. Functions never import each other.
//!
//! Each message carries a version; a reader accepts the current one and the one before.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{DossierId, FileId, JobId, WorkId, WorkspaceId};

/// The queues there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// Read by the `ingest` function. S3 events arrive here, too.
    Ingest,
    /// Read by the `summarize` function.
    Summarize,
    /// Read by the `cleanup` function, which counts downloads.
    Access,
    /// Read by the `jobs` function.
    Jobs,
}

impl Destination {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ingest, Self::Summarize, Self::Access, Self::Jobs];

    /// The name of the queue, as in the local runner and in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Summarize => "summarize",
            Self::Access => "access",
            Self::Jobs => "jobs",
        }
    }
}

/// A piece of work, kept as a row until it is done and sent to a queue to be done soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Version of this format; see [`Work::FORMAT`].
    pub v: u32,
    /// The row that stands for this work (outbox).
    pub id: WorkId,
    /// Whose work it is.
    pub workspace: WorkspaceId,
    /// Names the asking it is sent for, as the row does: a message of an earlier one says nothing
    /// of the tries of a later. None in messages from before this was noted, which stand for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Uuid>,
    /// What is to be done.
    #[serde(flatten)]
    pub task: Task,
}

impl Work {
    /// The current format.
    pub const FORMAT: u32 = 1;

    /// Makes a piece of work in the current format, that nobody has asked for yet.
    pub const fn new(id: WorkId, workspace: WorkspaceId, task: Task) -> Self {
        Self {
            v: Self::FORMAT,
            id,
            workspace,
            asked: None,
            task,
        }
    }
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Read a committed version: verify, extract, find facts, then ask for its summary.
    ReadVersion {
        /// The file.
        file: FileId,
        /// Number of the version.
        version: u32,
    },
    /// Write the summary of a version whose text has been read.
    SummarizeVersion {
        /// The file.
        file: FileId,
        /// Number of the version.
        version: u32,
    },
    /// Put a file into the dossiers it belongs to, and take it out of those it no longer does.
    PlaceFile {
        /// The file.
        file: FileId,
    },
    /// Put the files that match a new dossier into it.
    FillDossier {
        /// The dossier.
        dossier: DossierId,
    },
    /// Write the summary of a dossier whose members have changed.
    SummarizeDossier {
        /// The dossier.
        dossier: DossierId,
    },
    /// Take in an object of the inbox that was refused before, or whose event was lost.
    TakeIn {
        /// Its path in the workspace's inbox.
        path: String,
    },
    /// Take a job some steps further.
    RunJob {
        /// The job.
        job: JobId,
    },
}

impl Task {
    /// The queue this task goes to.
    pub const fn destination(&self) -> Destination {
        match self {
            Self::ReadVersion { .. }
            | Self::PlaceFile { .. }
            | Self::FillDossier { .. }
            | Self::TakeIn { .. } => Destination::Ingest,
            Self::SummarizeVersion { .. } | Self::SummarizeDossier { .. } => Destination::Summarize,
            Self::RunJob { .. } => Destination::Jobs,
        }
    }
}

/// A download, to be counted once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Version of this format; see [`Access::FORMAT`].
    pub v: u32,
    /// Keeps two downloads apart, and two messages of one download together.
    pub id: Uuid,
    /// Whose file.
    pub workspace: WorkspaceId,
    /// Which file.
    pub file: FileId,
    /// Which version.
    pub version: u32,
    /// Who fetched it, by pseudonym.
    pub principal: String,
    /// When.
    pub at: Timestamp,
}

impl Access {
    /// The current format.
    pub const FORMAT: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_that_names_no_asking_reads_back() {
        let before = r#"{"v":1,"id":"00000000-0000-5000-8000-000000000001","workspace":"acme",
            "task":"place_file","file":"00000000-0000-7000-8000-000000000002"}"#;
        let mut work: Work = serde_json::from_str(before).unwrap();
        assert_eq!(work.asked, None);

        work.asked = Some(Uuid::from_u128(7));
        let written = serde_json::to_string(&work).unwrap();
        assert_eq!(serde_json::from_str::<Work>(&written).unwrap(), work);
    }
}
