//! Where objects are. Every path of the bucket is built here.

use std::str::FromStr;

use domain::file::{BlobRef, Writer};
use domain::{BlobId, JobId, ReceiptId, Sha256, UploadId, WorkspaceId};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectKey {
    /// The bytes of a version.
    Blob(WorkspaceId, BlobRef),
    /// The text that was read from the bytes of this hash, in one reading of them.
    Text(WorkspaceId, Sha256, BlobId),
    /// Bytes of an open upload that are too few to be a part of an object.
    Staged(WorkspaceId, UploadId, BlobId),
    /// What a job makes that exports files.
    Export(WorkspaceId, JobId, ExportPiece),
    /// A file that someone dropped to be taken in; the rest of the path is its own.
    Inbox(WorkspaceId, String),
    /// The manifest of a receipt: what a deletion removed.
    Receipt(WorkspaceId, ReceiptId),
    /// The private key of this number, which signs receipts.
    ReceiptKey(u32),
}

/// What belongs to an export. All but the archive are named by the claim of the step that wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportPiece {
    /// The archive itself.
    Archive,
    /// Bytes of it that are too few to be a part.
    Rest(u64),
    /// Lines of its manifest.
    Manifest(u64),
    /// Rows of its directory.
    Directory(u64),
}

impl ExportPiece {
    fn name(self) -> String {
        match self {
            Self::Archive => "archive".to_owned(),
            Self::Rest(claim) => format!("rest-{claim}"),
            Self::Manifest(claim) => format!("manifest-{claim}"),
            Self::Directory(claim) => format!("directory-{claim}"),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if name == "archive" {
            return Some(Self::Archive);
        }
        let (piece, claim) = name.split_once('-')?;
        let claim = claim.parse().ok()?;
        match piece {
            "rest" => Some(Self::Rest(claim)),
            "manifest" => Some(Self::Manifest(claim)),
            "directory" => Some(Self::Directory(claim)),
            _ => None,
        }
    }
}

/// Blobs that our functions write. They raise no event.
pub const BLOBS_PREFIX: &str = "blobs/";
/// Blobs that clients write through signed URLs. They raise an event.
pub const PRESIGNED_PREFIX: &str = "presigned/";
/// Texts that were read. They raise no event.
pub const TEXT_PREFIX: &str = "text/";
/// Bytes of open uploads that wait for more. They raise no event.
pub const STAGED_PREFIX: &str = "staged/";
/// Archives of exported files, and what they are made of. They raise no event.
pub const EXPORTS_PREFIX: &str = "exports/";
/// Objects to be taken in. They raise an event.
pub const INBOX_PREFIX: &str = "inbox/";
/// Manifests of receipts. They raise no event.
const RECEIPTS_PREFIX: &str = "receipts/";
/// Private keys, which only who signs with them may read. They raise no event.
const KEYS_PREFIX: &str = "keys/";

impl ObjectKey {
    /// Returns the key as S3 has it.
    pub fn path(&self) -> String {
        match self {
            Self::Blob(workspace, blob) => match blob.written_by {
                Writer::Function => format!("{BLOBS_PREFIX}{workspace}/{}", blob.id),
                Writer::Client => format!("{PRESIGNED_PREFIX}{workspace}/{}", blob.id),
            },
            Self::Text(workspace, content, text) => {
                format!("{TEXT_PREFIX}{workspace}/{content}/{text}")
            }
            Self::Staged(workspace, upload, piece) => {
                format!("{}{piece}", staged_prefix(workspace, *upload))
            }
            Self::Export(workspace, job, piece) => {
                format!("{}{}", export_prefix(workspace, *job), piece.name())
            }
            Self::Inbox(workspace, path) => format!("{INBOX_PREFIX}{workspace}/{path}"),
            Self::Receipt(workspace, receipt) => {
                format!("{RECEIPTS_PREFIX}{workspace}/{receipt}.json")
            }
            Self::ReceiptKey(number) => format!("{KEYS_PREFIX}receipt-{number}"),
        }
    }

    /// Reads a key of a blob, a text, staged bytes, an export or the inbox; none for any other.
    pub fn parse(path: &str) -> Option<Self> {
        let blob = |rest: &str, written_by| {
            let (workspace, id) = rest.split_once('/')?;
            let id = BlobId::from_str(id).ok()?;
            Some(Self::Blob(
                workspace.parse().ok()?,
                BlobRef { id, written_by },
            ))
        };
        if let Some(rest) = path.strip_prefix(BLOBS_PREFIX) {
            blob(rest, Writer::Function)
        } else if let Some(rest) = path.strip_prefix(PRESIGNED_PREFIX) {
            blob(rest, Writer::Client)
        } else if let Some(rest) = path.strip_prefix(TEXT_PREFIX) {
            let (workspace, rest) = rest.split_once('/')?;
            let (content, text) = rest.split_once('/')?;
            Some(Self::Text(
                workspace.parse().ok()?,
                content.parse().ok()?,
                text.parse().ok()?,
            ))
        } else if let Some(rest) = path.strip_prefix(STAGED_PREFIX) {
            let (workspace, rest) = rest.split_once('/')?;
            let (upload, piece) = rest.split_once('/')?;
            Some(Self::Staged(
                workspace.parse().ok()?,
                upload.parse().ok()?,
                piece.parse().ok()?,
            ))
        } else if let Some(rest) = path.strip_prefix(EXPORTS_PREFIX) {
            let (workspace, rest) = rest.split_once('/')?;
            let (job, piece) = rest.split_once('/')?;
            Some(Self::Export(
                workspace.parse().ok()?,
                job.parse().ok()?,
                ExportPiece::parse(piece)?,
            ))
        } else {
            let (workspace, rest) = path.strip_prefix(INBOX_PREFIX)?.split_once('/')?;
            (!rest.is_empty())
                .then(|| workspace.parse().ok())
                .flatten()
                .map(|workspace| Self::Inbox(workspace, rest.to_owned()))
        }
    }
}

/// Where the staged bytes of one upload are.
pub(crate) fn staged_prefix(workspace: &WorkspaceId, upload: UploadId) -> String {
    format!("{STAGED_PREFIX}{workspace}/{upload}/")
}

/// Where all of an export is.
pub(crate) fn export_prefix(workspace: &WorkspaceId, job: JobId) -> String {
    format!("{EXPORTS_PREFIX}{workspace}/{job}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let workspace: WorkspaceId = "acme".parse().unwrap();
        for written_by in [Writer::Function, Writer::Client] {
            let id = BlobId::new(uuid::Uuid::from_u128(7));
            let key = ObjectKey::Blob(workspace.clone(), BlobRef { id, written_by });
            assert_eq!(ObjectKey::parse(&key.path()), Some(key));
        }
        let id = BlobId::new(uuid::Uuid::from_u128(7));
        let text = ObjectKey::Text(workspace.clone(), Sha256::of(b"bytes"), id);
        assert_eq!(ObjectKey::parse(&text.path()), Some(text));
        let staged = ObjectKey::Staged(workspace.clone(), UploadId::new(id.uuid()), id);
        assert_eq!(ObjectKey::parse(&staged.path()), Some(staged));
        for piece in [
            ExportPiece::Archive,
            ExportPiece::Rest(1),
            ExportPiece::Manifest(20),
            ExportPiece::Directory(u64::MAX),
        ] {
            let key = ObjectKey::Export(workspace.clone(), JobId::new(id.uuid()), piece);
            assert_eq!(ObjectKey::parse(&key.path()), Some(key));
        }
        let inbox = ObjectKey::Inbox(workspace, "bills/May.pdf".to_owned());
        assert_eq!(ObjectKey::parse(&inbox.path()), Some(inbox));
        for other in ["text/acme/x", "inbox/acme/", "inbox/UP/x", "blobs/acme/x"] {
            assert_eq!(ObjectKey::parse(other), None, "{other}");
        }
    }
}
