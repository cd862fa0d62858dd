//! The `organize` function: changes of files, folders, dossiers, keys and members.
//!
//! # Permissions
//! - table: read, write
//! - objects blobs/: delete
//! - objects exports/: delete, abort
//! - objects keys/: get, put
//! - objects presigned/: delete
//! - objects receipts/: get, put, delete
//! - objects text/: delete
//! - bucket: list
//! - queue ingest: send
//! - queue summarize: send
//! - queue jobs: send

pub mod api_keys;
pub mod bulk;
pub mod change;
pub mod checks;
pub mod copy;
pub mod delete;
pub mod delete_version;
pub mod dossiers;
pub mod exports;
pub mod facts;
pub mod folder;
pub mod folders;
pub mod imports;
pub mod invitations;
pub mod members;
pub mod prune;
pub mod redrive;
pub mod restore;
pub mod restore_version;
pub mod retry;

mod answer;
mod body;

use std::time::Duration;

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
    /// How long a request of many changes begins new ones.
    pub bulk_time: Duration,
}

/// How long a request of many changes begins new ones, unless it is set: API Gateway gives up on an
/// answer after 30 s, and what has begun is to be finished by then.
pub const BULK_TIME: Duration = Duration::from_secs(20);

impl State {
    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&[
            Destination::Ingest,
            Destination::Summarize,
            Destination::Jobs,
        ])?;
        let bulk_time: Option<u64> = config::optional(
            "BULK_TIME_S",
            "seconds for which a request of many changes begins new ones, 20 by default",
        )?;
        Ok(Self {
            bulk_time: bulk_time.map_or(BULK_TIME, Duration::from_secs),
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
    change::change,
    facts::correct,
    delete::delete,
    restore::restore,
    retry::retry,
    copy::copy,
    restore_version::restore_version,
    delete_version::delete_version,
    prune::prune,
    bulk::bulk,
    checks::begin,
    folders::create,
    folder::change,
    folder::delete,
    folder::restore,
    exports::create,
    exports::delete,
    imports::create,
    dossiers::create,
    dossiers::regenerate,
    redrive::redrive,
    api_keys::create,
    api_keys::list,
    api_keys::revoke,
    members::invite,
    members::list,
    members::change,
    members::remove,
    invitations::list,
    invitations::accept,
    invitations::decline,
}
