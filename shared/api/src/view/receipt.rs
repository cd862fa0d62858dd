//! Deletion receipts on the wire.

use domain::receipt::{Reason, Receipt};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A record of what a deletion removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    /// Its id.
    id: Uuid,
    /// The file that was removed, or whose versions were.
    file_id: Uuid,
    /// Why: expired, deleted, or pruned, where the file itself stays.
    #[schema(value_type = String, example = "expired")]
    reason: Reason,
    /// When it was no longer readable.
    #[schema(value_type = String, format = DateTime)]
    gone_at: Timestamp,
    /// When its bytes were removed.
    #[schema(value_type = String, format = DateTime)]
    removed_at: Timestamp,
    /// What was removed.
    versions: Vec<RemovedVersionView>,
    /// SHA-256 over the fields above.
    digest: String,
}

/// A version that was removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RemovedVersion)]
pub struct RemovedVersionView {
    /// Its number.
    version: u32,
    /// The hash of its bytes, where it had been verified.
    sha256: Option<String>,
    /// Its size.
    size_bytes: u64,
    /// Whether its bytes were removed with it; false where another version has the same ones.
    blob_removed: bool,
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        Self {
            id: receipt.id.uuid(),
            file_id: receipt.file.uuid(),
            reason: receipt.reason,
            gone_at: receipt.gone_at,
            removed_at: receipt.removed_at,
            versions: receipt
                .versions
                .into_iter()
                .map(|removed| RemovedVersionView {
                    version: removed.version,
                    sha256: removed.sha256.map(Into::into),
                    size_bytes: removed.size_bytes,
                    blob_removed: removed.blob_removed,
                })
                .collect(),
            digest: receipt.digest.to_string(),
        }
    }
}
