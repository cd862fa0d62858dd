//! What things look like on the wire.

pub mod dossier;
pub mod export;
pub mod facts;
pub mod failure;
pub mod file;
pub mod files;
pub mod finding;
pub mod folder;
pub mod job;
pub mod receipt;
pub mod upload;
