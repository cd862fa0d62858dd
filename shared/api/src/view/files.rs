//! A page of files as the API shows it.

use jiff::Timestamp;
use serde::Serialize;
use store::file::GoneFile;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::view::file::FileView;

/// A page of files.
#[derive(Debug, Serialize, ToSchema)]
pub struct FilePage {
    /// The files.
    pub items: Vec<FileView>,
    /// Files that are gone since then: of the whole workspace with `updated_since`, whatever other
    /// filters say, for the 30 days that it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<Vec<GoneFileView>>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// A file that is gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = GoneFile)]
pub struct GoneFileView {
    /// What it was known by.
    id: Uuid,
    /// expired, deleted or purged from the trash.
    #[schema(example = "deleted")]
    reason: &'static str,
    /// Since when it is gone.
    #[schema(value_type = String, format = DateTime)]
    gone_at: Timestamp,
}

impl From<GoneFile> for GoneFileView {
    fn from(gone: GoneFile) -> Self {
        Self {
            id: gone.id.uuid(),
            reason: gone.reason.as_str(),
            gone_at: gone.gone_at,
        }
    }
}
