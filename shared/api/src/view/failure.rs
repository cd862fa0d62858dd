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
    /// What is to be done: `read_version`, `summarize_version`, `place_file`, `fill_dossier` or
    /// `summarize_dossier`.
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
        let (task, file, version, dossier) = match work.task {
            Task::ReadVersion { file, version } => {
                ("read_version", Some(file), Some(version), None)
            }
            Task::SummarizeVersion { file, version } => {
                ("summarize_version", Some(file), Some(version), None)
            }
            Task::PlaceFile { file } => ("place_file", Some(file), None, None),
            Task::FillDossier { dossier } => ("fill_dossier", None, None, Some(dossier)),
            Task::SummarizeDossier { dossier } => ("summarize_dossier", None, None, Some(dossier)),
        };
        Self {
            id: work.id.uuid(),
            task,
            file_id: file.map(domain::FileId::uuid),
            version,
            dossier_id: dossier.map(domain::DossierId::uuid),
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
