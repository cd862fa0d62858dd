//! Findings that the sweep comes to as well: objects that no row names, versions whose object is missing.

use domain::file::{BlobRef, Version};
use domain::finding::{Finding, Kind, Outcome};
use domain::{BlobId, FileId, Result, UploadId, WorkspaceId};
use jiff::Timestamp;
use tracing::warn;

use crate::Store;
use crate::blob::ObjectKey;
use crate::forget::Text;

/// An object that no row names.
#[derive(Clone, Debug)]
pub enum Orphan {
    /// The bytes of nothing.
    Blob(WorkspaceId, BlobRef),
    /// Staged bytes that no open upload has.
    Staged(WorkspaceId, UploadId, BlobId),
    /// A text of bytes that no version has.
    Text(Text),
}

impl Orphan {
    /// Whose it is.
    pub const fn workspace(&self) -> &WorkspaceId {
        match self {
            Self::Blob(workspace, _) | Self::Staged(workspace, ..) => workspace,
            Self::Text(text) => &text.workspace,
        }
    }

    pub(super) fn key(&self) -> ObjectKey {
        match self.clone() {
            Self::Blob(workspace, blob) => ObjectKey::Blob(workspace, blob),
            Self::Staged(workspace, upload, id) => ObjectKey::Staged(workspace, upload, id),
            Self::Text(text) => ObjectKey::Text(text.workspace, text.content, text.id),
        }
    }

    /// Tells it as a finding.
    pub fn finding(&self, written_at: Option<Timestamp>, outcome: Outcome) -> Finding {
        Finding {
            kind: Kind::OrphanObject,
            about: format!("object {}", self.key().path()),
            since: written_at,
            outcome,
            detail: "no row names it: it is removed".to_owned(),
        }
    }
}

/// Tells of a version whose object is missing as a finding.
pub fn missing_object(file: FileId, version: &Version, outcome: Outcome) -> Finding {
    Finding {
        kind: Kind::MissingObject,
        about: format!("file {file}, version {}", version.number),
        since: Some(version.created_at),
        outcome,
        detail: "its bytes are no longer in store: bring them back to where they were and retry \
                 the file, store it again, or delete the version"
            .to_owned(),
    }
}

/// Logs a finding: `template.yaml` counts these lines by kind. What it is about has no names in it that
/// people gave.
pub fn tell(workspace: &WorkspaceId, finding: &Finding) {
    warn!(
        event = "finding",
        workspace = %workspace,
        kind = finding.kind.as_str(),
        about = finding.about,
        outcome = finding.outcome.as_str(),
        "something is not as it should be"
    );
}

impl Store {
    /// Says whether an object is there that was listed and that no row names: it may have gone since,
    /// and its row after it.
    pub async fn is_there(&self, orphan: &Orphan) -> Result<bool> {
        Ok(self.blobs.head(&orphan.key()).await?.is_some())
    }

    /// Removes an object that no row names. A text that has come to be needed since stays.
    pub async fn remove_orphan(&self, orphan: &Orphan) -> Result<()> {
        match orphan {
            Orphan::Blob(..) | Orphan::Staged(..) => self.blobs.delete(&orphan.key()).await,
            Orphan::Text(text) => self.forget_text(text).await,
        }
    }
}
