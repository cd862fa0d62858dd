//! Why an operation did not happen: refused, which the client hears, or failed, which the log hears.

use std::io;

use s3s::{S3Error, S3ErrorCode};

use crate::database::DatabaseError;

/// Why an operation did not happen.
#[derive(Debug)]
pub(super) enum Fault {
    /// The request asks for what S3 would refuse, too. Nothing was changed.
    Refused(S3Error),
    /// The database failed.
    Database(DatabaseError),
    /// The file system failed.
    Files(io::Error),
}

pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// A refusal with S3's own code for it.
    pub(super) fn refused(code: S3ErrorCode, message: &'static str) -> Self {
        Self::Refused(S3Error::with_message(code, message))
    }

    pub(super) fn no_such_key() -> Self {
        Self::refused(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
    }

    pub(super) fn no_such_upload() -> Self {
        Self::refused(
            S3ErrorCode::NoSuchUpload,
            "The specified multipart upload does not exist. The upload ID might be invalid, or it might have been aborted or completed.",
        )
    }

    pub(super) fn precondition_failed() -> Self {
        Self::refused(
            S3ErrorCode::PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold",
        )
    }
}

impl From<S3Error> for Fault {
    fn from(error: S3Error) -> Self {
        Self::Refused(error)
    }
}

impl From<DatabaseError> for Fault {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Files(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Files(error.into())
    }
}

impl From<Fault> for S3Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Database(error) => {
                tracing::error!(%error, "the object store's database failed");
                S3Error::internal_error(error)
            }
            Fault::Files(error) => {
                tracing::error!(%error, "the object store's files failed");
                S3Error::internal_error(error)
            }
        }
    }
}
