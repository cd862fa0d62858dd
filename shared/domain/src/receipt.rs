//! Receipts: what a deletion removed, kept after it is gone.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::file::BlobRef;
use crate::id::{FileId, ReceiptId, Sha256};

/// Why something was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its time was up.
    Expired,
    /// Someone asked for it.
    Deleted,
    /// Someone asked for versions to go; the file stays.
    Pruned,
}

/// One version that was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedVersion {
    /// Its number.
    pub version: u32,
    /// The blob it pointed to.
    pub blob: BlobRef,
    /// The hash of its bytes, where they had been verified.
    pub sha256: Option<Sha256>,
    /// Its size.
    pub size_bytes: u64,
    /// Whether its bytes were removed with it: they stay while another version has them.
    #[serde(default = "removed")]
    pub blob_removed: bool,
}

/// Before blobs were shared, the bytes went with every version.
const fn removed() -> bool {
    true
}

/// A record of what one deletion removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// The file that was removed, or whose versions were.
    pub file: FileId,
    /// Why.
    pub reason: Reason,
    /// When it was no longer readable.
    pub gone_at: Timestamp,
    /// When its bytes were removed.
    pub removed_at: Timestamp,
    /// What was removed.
    pub versions: Vec<RemovedVersion>,
    /// SHA-256 over the fields above, a line each.
    pub digest: Sha256,
}

impl Receipt {
    /// Makes the receipt of a file's removal.
    pub fn new(
        id: ReceiptId,
        file: FileId,
        reason: Reason,
        gone_at: Timestamp,
        removed_at: Timestamp,
        versions: Vec<RemovedVersion>,
    ) -> Self {
        let mut receipt = Self {
            id,
            file,
            reason,
            gone_at,
            removed_at,
            versions,
            digest: Sha256::new([0; 32]),
        };
        receipt.digest = receipt.compute_digest();
        receipt
    }

    /// Says whether the digest is that of the fields.
    pub fn is_intact(&self) -> bool {
        self.digest == self.compute_digest()
    }

    /// Hashes one line per field and version; none of them can hold a line break.
    fn compute_digest(&self) -> Sha256 {
        use std::fmt::Write as _;

        let mut text = format!(
            "{}\n{}\n{:?}\n{}\n{}\n",
            self.id, self.file, self.reason, self.gone_at, self.removed_at
        );
        for removed in &self.versions {
            let hash = removed
                .sha256
                .map(|hash| hash.to_string())
                .unwrap_or_default();
            // Writing to a String does not fail.
            let stays = if removed.blob_removed { "" } else { " shared" };
            let _ = writeln!(
                text,
                "{} {} {} {hash}{stays}",
                removed.version, removed.blob.id, removed.size_bytes
            );
        }
        Sha256::of(text.as_bytes())
    }
}
