//! Where objects are. Every path of the bucket is built here.

use std::str::FromStr;

use domain::file::{BlobRef, Writer};
use domain::{BlobId, ReceiptId, WorkspaceId};

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectKey {
    /// The bytes of a version.
    Blob(WorkspaceId, BlobRef),
    /// The text that was read from some bytes.
    Text(WorkspaceId, BlobId),
    /// The manifest of a receipt.
    Receipt(WorkspaceId, ReceiptId),
    /// A file that someone dropped to be taken in; the rest of the path is its own.
    Inbox(WorkspaceId, String),
}

/// Blobs that our functions write. They raise no event.
pub const BLOBS_PREFIX: &str = "blobs/";
/// Blobs that clients write through signed URLs. They raise an event.
pub const PRESIGNED_PREFIX: &str = "presigned/";
/// Objects to be taken in. They raise an event.
pub const INBOX_PREFIX: &str = "inbox/";

impl ObjectKey {
    /// Returns the key as S3 has it.
    pub fn path(&self) -> String {
        match self {
            Self::Blob(workspace, blob) => match blob.written_by {
                Writer::Function => format!("{BLOBS_PREFIX}{workspace}/{}", blob.id),
                Writer::Client => format!("{PRESIGNED_PREFIX}{workspace}/{}", blob.id),
            },
            Self::Text(workspace, text) => format!("text/{workspace}/{text}"),
            Self::Receipt(workspace, receipt) => format!("receipts/{workspace}/{receipt}"),
            Self::Inbox(workspace, path) => format!("{INBOX_PREFIX}{workspace}/{path}"),
        }
    }

    /// Reads a key of a blob or of the inbox; none for any other.
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
        } else {
            let (workspace, rest) = path.strip_prefix(INBOX_PREFIX)?.split_once('/')?;
            (!rest.is_empty())
                .then(|| workspace.parse().ok())
                .flatten()
                .map(|workspace| Self::Inbox(workspace, rest.to_owned()))
        }
    }
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
        let inbox = ObjectKey::Inbox(workspace, "bills/May.pdf".to_owned());
        assert_eq!(ObjectKey::parse(&inbox.path()), Some(inbox));
        for other in ["text/acme/x", "inbox/acme/", "inbox/UP/x", "blobs/acme/x"] {
            assert_eq!(ObjectKey::parse(other), None, "{other}");
        }
    }
}
