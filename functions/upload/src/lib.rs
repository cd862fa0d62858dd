//! The `upload` function: bytes become versions of files.
//!
//! # Permissions
//! - table: read, write
//! - objects blobs/: get, put, delete
//! - objects presigned/: get, put, delete, parts, abort
//! - bucket: list
//! - queue ingest: send

pub mod abort;
pub mod begin;
pub mod complete;
pub mod direct;
pub mod parts;
pub mod show;

mod answer;

use api::auth::Authenticator;
use axum::extract::FromRef;
use domain::message::Destination;
use runtime::config::{self, ConfigError};
use store::Store;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// Who calls.
    pub authenticator: Authenticator,
    /// What may be uploaded.
    pub limits: Limits,
}

/// What may be uploaded.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest body of a direct upload. A Lambda request carries 6 MB in base64, so 4 MiB there.
    pub direct_bytes: usize,
    /// Largest file.
    pub file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            direct_bytes: 4 * 1024 * 1024,
            file_bytes: domain::upload::MAX_OBJECT_BYTES,
        }
    }
}

impl State {
    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&[Destination::Ingest])?;
        let usual = Limits::default();
        Ok(Self {
            authenticator: Authenticator::from_environment(store.clone())?,
            limits: Limits {
                direct_bytes: config::optional(
                    "MAX_DIRECT_BYTES",
                    "the largest body of a direct upload, in bytes",
                )?
                .unwrap_or(usual.direct_bytes),
                file_bytes: config::optional("MAX_FILE_BYTES", "the largest file, in bytes")?
                    .unwrap_or(usual.file_bytes),
            },
            store,
        })
    }
}

impl FromRef<State> for Authenticator {
    fn from_ref(state: &State) -> Self {
        state.authenticator.clone()
    }
}

api::routes! {
    State:
    direct::upload,
    begin::begin,
    show::show,
    abort::abort,
    parts::sign,
    complete::complete,
}
