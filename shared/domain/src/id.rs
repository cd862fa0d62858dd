//! Typed ids, parsed at the edge, so that one kind is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest;
use uuid::Uuid;

use crate::error::{Error, Kind};

/// Declares a UUID newtype with parsing, display and serde.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a UUID made by the caller (version 7 for new things).
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Returns the UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// A malformed id names nothing, so it is answered as one that does not exist.
            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| Error::not_found($kind, text))
            }
        }
    };
}

uuid_id!(
    /// Names a file.
    FileId,
    Kind::File
);
uuid_id!(
    /// Names a folder. The root of every workspace is [`FolderId::ROOT`].
    FolderId,
    Kind::Folder
);
uuid_id!(
    /// Names an upload session.
    UploadId,
    Kind::Upload
);
uuid_id!(
    /// Names the bytes of one version. Random, so that a blob is never written twice.
    BlobId,
    Kind::Blob
);
uuid_id!(
    /// Names a dossier. Derived from workspace and signature: see [`crate::dossier::Signature::dossier_id`].
    DossierId,
    Kind::Dossier
);
uuid_id!(
    /// Names a job.
    JobId,
    Kind::Job
);
uuid_id!(
    /// Names the public half of an API key.
    KeyId,
    Kind::ApiKey
);
uuid_id!(
    /// Names a deletion receipt.
    ReceiptId,
    Kind::Receipt
);
uuid_id!(
    /// Names a row of work still to be done (outbox).
    WorkId,
    Kind::Work
);

impl FolderId {
    /// The root folder of every workspace. Its rows still begin with the workspace.
    pub const ROOT: Self = Self(Uuid::nil());
}

/// The tenant: owns every row, blob and index entry.
///
/// 1 to 63 characters of `a-z`, `0-9` and `-`, neither first nor last a `-`: it is a part of keys
/// and of object paths, so it must need no escaping in either.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkspaceId(String);

impl WorkspaceId {
    /// Longest workspace id, in bytes. Source: a DNS label, so that it can become a host name.
    pub const MAX_BYTES: usize = 63;

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WorkspaceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        let valid = (1..=Self::MAX_BYTES).contains(&text.len())
            && text.bytes().all(allowed)
            && !text.starts_with('-')
            && !text.ends_with('-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(
                "/workspace",
                "a workspace is 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -",
            ))
        }
    }
}

impl TryFrom<String> for WorkspaceId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<WorkspaceId> for String {
    fn from(id: WorkspaceId) -> Self {
        id.0
    }
}

/// The SHA-256 of some bytes; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Hashes bytes that are all in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Wraps a digest made elsewhere.
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Returns the 32 bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text.to_ascii_lowercase(), &mut digest)
            .map_err(|_| Error::invalid("/sha256", "a SHA-256 is 64 hexadecimal digits"))?;
        Ok(Self(digest))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}
