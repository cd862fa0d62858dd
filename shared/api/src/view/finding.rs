//! What a check has found, on the wire.

use domain::finding::Finding;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Something that a check found to be other than it should be.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingView {
    /// What is wrong: expired, `overdue_trash`, `stopped_erasing`, `stale_upload`, `overdue_blob`,
    /// `lost_work`, `orphan_object`, `missing_object`, `orphan_row`, `wrong_reference_count`, `wrong_counter`,
    /// `leaked_reservation`, `wrong_quota` or `unreadable_row`.
    #[schema(example = "orphan_object")]
    kind: &'static str,
    /// What with, by ids.
    #[schema(example = "file 0199a0b1-7c00-7000-8000-000000000001")]
    about: String,
    /// Since when, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// What was done: mended, left where a person must decide, or found where nothing was to be changed.
    #[schema(example = "mended")]
    outcome: &'static str,
    /// How it is and what was done, or what is to be done.
    detail: String,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        Self {
            kind: finding.kind.as_str(),
            about: finding.about,
            since: finding.since,
            outcome: finding.outcome.as_str(),
            detail: finding.detail,
        }
    }
}
