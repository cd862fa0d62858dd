//! The `generation` function: templates and parameters become files.
//!
//! # Permissions
//! - table: read, write
//! - objects blobs/: get, put, delete
//! - objects presigned/: get
//! - bucket: list
//! - queue ingest: send

pub mod generate;
pub mod preview;

mod answer;
mod recipe;

use api::auth::Authenticator;
use axum::extract::FromRef;
use domain::message::Destination;
use runtime::config::ConfigError;
use store::Store;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// Who calls.
    pub authenticator: Authenticator,
}

impl State {
    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&[Destination::Ingest])?;
        Ok(Self {
            authenticator: Authenticator::from_environment(store.clone())?,
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
    generate::generate,
    preview::preview,
}
