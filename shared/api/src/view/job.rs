//! Jobs on the wire.

use domain::job::{Job, Reason};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that is too much for one request, and goes on by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub struct JobView {
    /// Its id.
    id: Uuid,
    /// What it does: `trash_folder`, `restore_folder`, `delete_folder`, `check`, `export_files` or
    /// `import_archive`.
    #[schema(example = "delete_folder")]
    kind: &'static str,
    /// running, done, failed or cancelled. One that failed came to its end all the same, unless it
    /// was given up, which `GET /v1/failures` lists.
    #[schema(example = "running")]
    state: &'static str,
    /// The folder it is about.
    folder_id: Option<Uuid>,
    /// How far it has come.
    progress: ProgressView,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last came a step further.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// When it came to its end. It is forgotten 30 days after.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// How far a job has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobProgress)]
pub struct ProgressView {
    /// How many things are done: files, for a job about a folder or an export; entries of the
    /// archive, for an import; rows and objects that were read, for a check.
    done: u64,
    /// How many there are; null when that is not known before the end.
    total: Option<u64>,
    /// How many failed.
    failed: u64,
    /// Why, of the first 100 of them.
    reasons: Vec<ReasonView>,
}

/// Why one of the things that a job is about failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobReason)]
pub struct ReasonView {
    /// The file, when it was one.
    file_id: Option<Uuid>,
    /// A word to switch on.
    #[schema(example = "refused")]
    code: String,
    /// What happened and what to do.
    detail: String,
}

impl JobView {
    /// Returns the id of the job.
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

impl From<Job> for JobView {
    fn from(job: Job) -> Self {
        let progress = job.progress;
        Self {
            id: job.id.uuid(),
            kind: job.task.kind(),
            state: job.state.as_str(),
            folder_id: job.task.folder().map(domain::FolderId::uuid),
            progress: ProgressView {
                done: progress.done,
                total: progress.total,
                failed: progress.failed,
                reasons: progress.reasons.into_iter().map(ReasonView::from).collect(),
            },
            created_at: job.created_at,
            updated_at: job.updated_at,
            finished_at: job.finished_at,
        }
    }
}

impl From<Reason> for ReasonView {
    fn from(reason: Reason) -> Self {
        Self {
            file_id: reason.file.map(domain::FileId::uuid),
            code: reason.code,
            detail: reason.detail,
        }
    }
}
