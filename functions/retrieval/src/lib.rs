//! The `retrieval` function: everything that is read.
//!
//! # Permissions
//! - table: read
//! - index created: read
//! - index list: read
//! - objects blobs/: get
//! - objects presigned/: get
//! - objects text/: get
//! - bucket: list
//! - queue access: send

pub mod content;
pub mod dossier;
pub mod dossiers;
pub mod facts;
pub mod failures;
pub mod file;
pub mod files;
pub mod folders;
pub mod health;
pub mod openapi;
pub mod receipt;
pub mod templates;
pub mod text;
pub mod usage;
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
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
    pub async fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&[Destination::Access]).await?;
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

/// The routes of this function, with their documentation.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(files::list))
        .routes(routes!(file::show))
        .routes(routes!(versions::list))
        .routes(routes!(content::fetch))
        .routes(routes!(text::fetch))
        .routes(routes!(facts::show))
        .routes(routes!(folders::list))
        .routes(routes!(folders::show))
        .routes(routes!(dossiers::list))
        .routes(routes!(dossier::show))
        .routes(routes!(dossier::documents))
        .routes(routes!(templates::list))
        .routes(routes!(templates::show))
        .routes(routes!(receipt::show))
        .routes(routes!(usage::show))
        .routes(routes!(failures::list))
        .routes(routes!(workspaces::list))
        .routes(routes!(openapi::show))
        .routes(routes!(health::show))
}

/// The routes of this function, ready to be served beside those of the others.
pub fn router(state: State) -> axum::Router {
    axum::Router::from(routes()).with_state(state)
}

/// The routes of this function, and the refusal of what no function has a route for.
pub fn deployed(state: State) -> axum::Router {
    elsewhere::with_every_path(router(state))
}
