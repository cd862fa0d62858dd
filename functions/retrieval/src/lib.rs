//! The `retrieval` function: everything that is read.
//!
//! # Permissions
//! - table: read
//! - index created: read
//! - index list: read
//! - index folder: read
//! - objects blobs/: get
//! - objects exports/: get
//! - objects presigned/: get
//! - objects receipts/: get
//! - objects text/: get
//! - bucket: list
//! - queue access: send

pub mod content;
pub mod dossier;
pub mod dossier_comparison;
pub mod dossier_export;
pub mod dossiers;
pub mod exports;
pub mod facts;
pub mod failures;
pub mod file;
pub mod files;
pub mod findings;
pub mod folders;
pub mod health;
pub mod jobs;
pub mod manifest;
pub mod openapi;
pub mod receipt;
pub mod receipt_keys;
pub mod receipts;
pub mod templates;
pub mod text;
pub mod usage;
pub mod verify;
pub mod versions;
pub mod workspaces;

mod answer;
mod elsewhere;
mod filter;
mod paths;
mod walk;

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
        let store = Store::from_environment(&[Destination::Access])?;
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
    files::list,
    file::show,
    versions::list,
    content::fetch,
    text::fetch,
    facts::show,
    facts::history,
    folders::list,
    folders::show,
    findings::list,
    jobs::list,
    jobs::show,
    exports::show,
    exports::fetch,
    dossiers::list,
    dossier::show,
    dossier::documents,
    dossier_export::export,
    dossier_comparison::show,
    templates::list,
    templates::show,
    receipts::list,
    receipt::show,
    manifest::fetch,
    verify::verify,
    receipt_keys::list,
    usage::show,
    failures::list,
    workspaces::list,
    openapi::show,
    health::show,
}

/// The routes of this function, and the refusal of what no function has a route for.
pub fn deployed(state: State) -> axum::Router {
    elsewhere::with_every_path(router(state))
}
