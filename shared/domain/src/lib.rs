//! What Sheaf is about, with nothing of how it travels or where it is kept.
//!
//! Pure: no AWS, no HTTP, no async, no clock. Time and ids come in as arguments.

#![warn(missing_docs)]

pub mod comparison;
pub mod correction;
pub mod dossier;
pub mod error;
pub mod fact_sheet;
pub mod facts;
pub mod figures;
pub mod file;
pub mod finding;
pub mod folder;
pub mod hashing;
pub mod id;
pub mod job;
pub mod message;
pub mod name;
pub mod principal;
pub mod quota;
pub mod quotation;
pub mod receipt;
pub mod summary;
pub mod tag;
pub mod tus;
pub mod upload;
pub mod usage;

pub use error::{Error, Kind, Result, Retry};
pub use id::{
    BlobId, DossierId, FileId, FolderId, JobId, KeyId, ReceiptId, Sha256, UploadId, WorkId,
    WorkspaceId,
};
