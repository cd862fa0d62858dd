//! Exports on the wire.

use domain::job::Job;
use jiff::Timestamp;
use serde::Serialize;
use store::export::{Export, Stage};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view::job::JobView;

/// An archive of files: being made by its job, there, or gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Export)]
pub struct ExportView {
    /// Its id, which is that of its job.
    id: Uuid,
    /// What the archive is called.
    #[schema(example = "bills 2026-01-01.zip")]
    name: String,
    /// making, ready or gone. One that is being made came to nothing when its job is `failed`, which
    /// can be redriven for a week; where only some files were left out, it is ready all the same.
    #[schema(example = "ready")]
    state: &'static str,
    /// How many bytes the archive has, once it is ready.
    size_bytes: Option<u64>,
    /// From when on it is gone: a day after it was ready.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// The job that makes it, whose progress counts files.
    job: JobView,
}

impl ExportView {
    /// Shows an export and its job.
    pub fn new(export: &Export, job: Job) -> Self {
        Self {
            id: export.job.uuid(),
            name: export.name.to_string(),
            state: match export.stage {
                Stage::Making => "making",
                Stage::Ready => "ready",
                Stage::Gone => "gone",
            },
            size_bytes: export.size_bytes,
            expires_at: export.expires_at,
            job: job.into(),
        }
    }
}
