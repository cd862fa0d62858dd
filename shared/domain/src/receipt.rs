//! Receipts: what a deletion removed, kept after it is gone.
//!
//! A receipt says how many versions went and names a manifest that lists them. Its digest is over
//! its fields, the manifest's hash among them, and is signed: so neither can be changed unnoticed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::file::BlobRef;
use crate::id::{FileId, ReceiptId, Sha256, WorkspaceId};

/// Why something was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its time was up.
    Expired,
    /// Someone asked for it.
    Deleted,
    /// It was in the trash for as long as things stay there.
    Purged,
    /// Someone asked for versions to go; the file stays.
    Pruned,
}

impl Reason {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Deleted => "deleted",
            Self::Purged => "purged",
            Self::Pruned => "pruned",
        }
    }
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

/// The list of what one deletion removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// Whose file it was.
    pub workspace: WorkspaceId,
    /// The receipt.
    pub receipt: ReceiptId,
    /// The file.
    pub file: FileId,
    /// Its versions.
    pub versions: Vec<RemovedVersion>,
}

impl Manifest {
    /// The current version of the format.
    pub const FORMAT: u32 = 1;

    /// Writes it: the same list is always the same bytes.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be JSON.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self)
            .map_err(|error| Error::corrupt(format!("a manifest cannot be written: {error}")))
    }

    /// Reads it back.
    ///
    /// # Errors
    /// `Corrupt` when it is none.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::corrupt(format!("a manifest does not read back: {error}")))
    }
}

/// What a receipt says of its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSummary {
    /// The hash of its bytes.
    pub sha256: Sha256,
    /// How many versions it lists.
    pub version_count: u64,
    /// Their size, together.
    pub size_bytes: u64,
}

impl ManifestSummary {
    /// Sums up a manifest that was written as these bytes.
    pub fn of(versions: &[RemovedVersion], bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::of(bytes),
            version_count: versions.len().try_into().unwrap_or(u64::MAX),
            size_bytes: versions
                .iter()
                .fold(0, |sum, removed| sum.saturating_add(removed.size_bytes)),
        }
    }
}

/// A signature, and the key that it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The id of the key.
    pub key_id: String,
    /// The Ed25519 signature of the digest's 32 bytes, in base64 for URLs without padding.
    pub signature: String,
}

/// A record of what one deletion removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: ReceiptId,
    /// Whose file it was.
    pub workspace: WorkspaceId,
    /// The file that was removed, or whose versions were.
    pub file: FileId,
    /// Why.
    pub reason: Reason,
    /// When it was no longer readable.
    pub gone_at: Timestamp,
    /// When its bytes were removed.
    pub removed_at: Timestamp,
    /// The first of the versions that were removed; all of them where there is no manifest.
    pub versions: Vec<RemovedVersion>,
    /// The list of all of them; none in receipts from before there were any.
    pub manifest: Option<ManifestSummary>,
    /// SHA-256 over the fields above, a line each.
    pub digest: Sha256,
    /// The signature of the digest; none in receipts from before they were signed.
    pub seal: Option<Seal>,
}

impl Receipt {
    /// Computes what the digest of these fields is.
    ///
    /// Of one line for each field; none of them can hold a line break. Those of receipts without a
    /// manifest are from before, and have a line for each version.
    pub fn compute_digest(&self) -> Sha256 {
        let Some(manifest) = self.manifest else {
            return self.digest_of_versions();
        };
        let text = format!(
            "sheaf-receipt-1\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n",
            self.workspace,
            self.id,
            self.file,
            self.reason.as_str(),
            self.gone_at,
            self.removed_at,
            manifest.version_count,
            manifest.size_bytes,
            manifest.sha256
        );
        Sha256::of(text.as_bytes())
    }

    /// Says whether the digest is that of the fields.
    pub fn is_intact(&self) -> bool {
        self.digest == self.compute_digest()
    }

    fn digest_of_versions(&self) -> Sha256 {
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

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::file::Writer;
    use crate::id::BlobId;

    fn receipt() -> (Manifest, Receipt) {
        let id = |number| Uuid::from_u128(number);
        let removed = |version| RemovedVersion {
            version,
            blob: BlobRef {
                id: BlobId::new(id(u128::from(version))),
                written_by: Writer::Function,
            },
            sha256: Some(Sha256::of(b"bytes")),
            size_bytes: 5,
            blob_removed: true,
        };
        let manifest = Manifest {
            format: Manifest::FORMAT,
            workspace: "acme".parse().unwrap(),
            receipt: ReceiptId::new(id(100)),
            file: FileId::new(id(200)),
            versions: vec![removed(1), removed(2)],
        };
        let bytes = manifest.to_json().unwrap();
        let mut receipt = Receipt {
            id: manifest.receipt,
            workspace: manifest.workspace.clone(),
            file: manifest.file,
            reason: Reason::Expired,
            gone_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            removed_at: "2026-01-01T00:05:00Z".parse().unwrap(),
            versions: manifest.versions.clone(),
            manifest: Some(ManifestSummary::of(&manifest.versions, &bytes)),
            digest: Sha256::new([0; 32]),
            seal: None,
        };
        receipt.digest = receipt.compute_digest();
        (manifest, receipt)
    }

    #[test]
    fn every_field_is_in_the_digest() {
        let (manifest, intact) = receipt();
        assert!(intact.is_intact());
        let summary = intact.manifest.unwrap();
        assert_eq!((summary.version_count, summary.size_bytes), (2, 10));
        let changes: [fn(&mut Receipt); 9] = [
            |receipt| receipt.id = ReceiptId::new(Uuid::nil()),
            |receipt| receipt.workspace = "other".parse().unwrap(),
            |receipt| receipt.file = FileId::new(Uuid::nil()),
            |receipt| receipt.reason = Reason::Deleted,
            |receipt| receipt.gone_at = Timestamp::UNIX_EPOCH,
            |receipt| receipt.removed_at = Timestamp::UNIX_EPOCH,
            |receipt| receipt.manifest.as_mut().unwrap().version_count += 1,
            |receipt| receipt.manifest.as_mut().unwrap().size_bytes += 1,
            |receipt| receipt.manifest.as_mut().unwrap().sha256 = Sha256::of(b"other"),
        ];
        for change in changes {
            let mut tampered = intact.clone();
            change(&mut tampered);
            assert!(!tampered.is_intact(), "{tampered:?}");
        }
        let mut other = manifest.clone();
        other.versions[1].size_bytes += 1;
        assert_ne!(
            Sha256::of(&other.to_json().unwrap()),
            Sha256::of(&manifest.to_json().unwrap())
        );
    }

    #[test]
    fn what_is_hashed_is_what_the_documents_say() {
        let (_, receipt) = receipt();
        let lines = [
            "sheaf-receipt-1",
            "acme",
            "00000000-0000-0000-0000-000000000064",
            "00000000-0000-0000-0000-0000000000c8",
            "expired",
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:05:00Z",
            "2",
            "10",
            &receipt.manifest.unwrap().sha256.to_string(),
            "",
        ];
        assert_eq!(receipt.digest, Sha256::of(lines.join("\n").as_bytes()));
    }
}
