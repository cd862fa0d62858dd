//! Work that was given up, on the wire.

use domain::message::{Task, Work};
use jiff::Timestamp;
use serde::Serialize;
use store::failure::FailureItem;
use utoipa::ToSchema;
use uuid::Uuid;

/// A piece of work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Work)]
pub struct WorkView {
    /// Its id.
    id: Uuid,
    /// What is to be done: `read_version`, `summarize_version`, `place_file`, `fill_dossier`,
    /// `summarize_dossier`, `take_in` or `run_job`.
    #[schema(example = "summarize_version")]
    task: &'static str,
    /// The file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<Uuid>,
    /// The version of the file it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The dossier it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    dossier_id: Option<Uuid>,
    /// The object it is about, by its path in the workspace's inbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bills/May.pdf")]
    inbox_path: Option<String>,
    /// The job it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
}

/// A piece of work that was given up after its tries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailedWork)]
pub struct FailedWorkView {
    /// What was to be done. Its id is the id to redrive.
    #[serde(flatten)]
    work: WorkView,
    /// The stage that could not do its part.
    #[schema(example = "summarize")]
    stage: String,
    /// A word to switch on.
    #[schema(example = "model_unavailable")]
    code: String,
    /// What happened and what to do.
    detail: String,
    /// When it was given up.
    #[schema(value_type = String, format = DateTime)]
    failed_at: Timestamp,
}

impl From<Work> for WorkView {
    fn from(work: Work) -> Self {
        let about = Self {
            id: work.id.uuid(),
            task: "",
            file_id: None,
            version: None,
            dossier_id: None,
            inbox_path: None,
            job_id: None,
        };
        match work.task {
            Task::ReadVersion { file, version } => Self {
                task: "read_version",
                file_id: Some(file.uuid()),
                version: Some(version),
                ..about
            },
            Task::SummarizeVersion { file, version } => Self {
                task: "summarize_version",
                file_id: Some(file.uuid()),
                version: Some(version),
                ..about
            },
            Task::PlaceFile { file } => Self {
                task: "place_file",
                file_id: Some(file.uuid()),
                ..about
            },
            Task::FillDossier { dossier } => Self {
                task: "fill_dossier",
                dossier_id: Some(dossier.uuid()),
                ..about
            },
            Task::SummarizeDossier { dossier } => Self {
                task: "summarize_dossier",
                dossier_id: Some(dossier.uuid()),
                ..about
            },
            Task::TakeIn { path } => Self {
                task: "take_in",
                inbox_path: Some(path),
                ..about
            },
            Task::RunJob { job } => Self {
                task: "run_job",
                job_id: Some(job.uuid()),
                ..about
            },
        }
    }
}

impl From<FailureItem> for FailedWorkView {
    fn from(item: FailureItem) -> Self {
        Self {
            work: item.work.into(),
            stage: item.failure.stage,
            code: item.failure.code,
            detail: item.failure.detail,
            failed_at: item.failed_at,
        }
    }
}
