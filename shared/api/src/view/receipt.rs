//! Deletion receipts on the wire.

use domain::receipt::{Reason, Receipt};
use jiff::Timestamp;
use serde::Serialize;
use store::receipt_key::PublicKey;
use store::verify::{Leftover, ManifestState, Remains, SignatureState, Verification};
use utoipa::ToSchema;
use uuid::Uuid;

/// A signed record of what a deletion removed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    /// Its id.
    id: Uuid,
    /// The workspace whose file it was.
    workspace: String,
    /// The file that was removed, or whose versions were.
    file_id: Uuid,
    /// Why: expired, deleted, purged from the trash, or pruned, where the file itself stays.
    #[schema(value_type = String, example = "expired")]
    reason: Reason,
    /// When it was no longer readable.
    #[schema(value_type = String, format = DateTime)]
    gone_at: Timestamp,
    /// When its bytes were removed.
    #[schema(value_type = String, format = DateTime)]
    removed_at: Timestamp,
    /// How many versions were removed; null in receipts from before there were manifests.
    version_count: Option<u64>,
    /// How many bytes these had; null in receipts from before there were manifests.
    size_bytes: Option<u64>,
    /// SHA-256 of the manifest, which lists all versions: `GET /v1/receipts/{id}/manifest`; null in
    /// receipts from before there were manifests.
    manifest_sha256: Option<String>,
    /// SHA-256 over the fields above, as docs/receipts.md says.
    digest: String,
    /// The key it was signed with, of those of `GET /v1/receipt-keys`; null in receipts from before
    /// they were signed.
    key_id: Option<String>,
    /// The Ed25519 signature of the 32 bytes of the digest, in base64 for URLs without padding.
    signature: Option<String>,
    /// The first of the versions that were removed, 100 at most; empty in lists.
    versions: Vec<RemovedVersionView>,
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

impl ReceiptView {
    /// Returns the id of the receipt.
    pub const fn id(&self) -> Uuid {
        self.id
    }
}

impl From<Receipt> for ReceiptView {
    fn from(receipt: Receipt) -> Self {
        let (key_id, signature) = receipt
            .seal
            .map(|seal| (seal.key_id, seal.signature))
            .unzip();
        Self {
            id: receipt.id.uuid(),
            workspace: receipt.workspace.to_string(),
            file_id: receipt.file.uuid(),
            reason: receipt.reason,
            gone_at: receipt.gone_at,
            removed_at: receipt.removed_at,
            version_count: receipt.manifest.map(|manifest| manifest.version_count),
            size_bytes: receipt.manifest.map(|manifest| manifest.size_bytes),
            manifest_sha256: receipt.manifest.map(|manifest| manifest.sha256.to_string()),
            digest: receipt.digest.to_string(),
            key_id,
            signature,
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
        }
    }
}

/// The public keys that check receipts, as a JSON Web Key Set (RFC 7517, RFC 8037).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptKeys)]
pub struct ReceiptKeysView {
    /// The keys, also those that are no longer signed with.
    keys: Vec<ReceiptKeyView>,
}

/// A public key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptKey)]
pub struct ReceiptKeyView {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// `EdDSA`.
    alg: &'static str,
    /// `sig`.
    r#use: &'static str,
    /// The id that receipts name it by.
    kid: String,
    /// Its 32 bytes, in base64 for URLs without padding.
    x: String,
}

impl From<Vec<PublicKey>> for ReceiptKeysView {
    fn from(keys: Vec<PublicKey>) -> Self {
        let keys = keys.into_iter().map(|key| ReceiptKeyView {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: key.key_id,
            x: key.public_key,
        });
        Self {
            keys: keys.collect(),
        }
    }
}

/// What checking a receipt came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptVerification)]
pub struct VerificationView {
    /// Whether all of this holds: the digest, the signature, the manifest, and nothing is left of
    /// the versions that were looked for.
    verified: bool,
    /// Whether the digest is that of the receipt's fields.
    digest_holds: bool,
    /// `valid`, `invalid`, `unknown_key`, or `unsigned` for a receipt from before they were signed.
    signature: &'static str,
    /// `intact`, `altered`, `missing`, or `unnamed` for a receipt from before there were manifests.
    manifest: &'static str,
    /// How many versions were looked for by this call, 100 at most.
    checked_versions: usize,
    /// What is there although it should be gone.
    leftovers: Vec<LeftoverView>,
    /// Give this as `cursor` to look for the next versions; null when all were looked for.
    next_cursor: Option<String>,
}

/// Something that is there although it should be gone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReceiptLeftover)]
pub struct LeftoverView {
    /// Of which version; null for the whole file.
    version: Option<u32>,
    /// What it is: `file`, `version`, `blob`, `bytes`, or `reading`, which is what was read from the
    /// bytes.
    what: &'static str,
}

impl VerificationView {
    /// Shows what checking came to; `next_cursor` is that of its next versions.
    pub fn new(verification: &Verification, next_cursor: Option<String>) -> Self {
        Self {
            verified: verification.is_intact
                && verification.signature == SignatureState::Valid
                && verification.manifest == ManifestState::Intact
                && verification.leftovers.is_empty(),
            digest_holds: verification.is_intact,
            signature: match verification.signature {
                SignatureState::Valid => "valid",
                SignatureState::Invalid => "invalid",
                SignatureState::UnknownKey => "unknown_key",
                SignatureState::Unsigned => "unsigned",
            },
            manifest: match verification.manifest {
                ManifestState::Intact => "intact",
                ManifestState::Altered => "altered",
                ManifestState::Missing => "missing",
                ManifestState::Unnamed => "unnamed",
            },
            checked_versions: verification.checked,
            leftovers: verification
                .leftovers
                .iter()
                .map(LeftoverView::from)
                .collect(),
            next_cursor,
        }
    }
}

impl From<&Leftover> for LeftoverView {
    fn from(leftover: &Leftover) -> Self {
        Self {
            version: leftover.version,
            what: match leftover.remains {
                Remains::File => "file",
                Remains::Version => "version",
                Remains::Blob => "blob",
                Remains::Bytes => "bytes",
                Remains::Reading => "reading",
            },
        }
    }
}
