//! Moves bytes: small ones through the API, large ones by signed URLs.

pub(crate) mod archive;
pub(crate) mod download;
pub(crate) mod part_file;
pub(crate) mod parts;
mod record;
pub(crate) mod source;
pub(crate) mod store;
pub(crate) mod upload;
