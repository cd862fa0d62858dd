//! The functions' states, all on one stack: what each `main.rs` reads from its environment comes
//! from the local settings here.

use std::sync::Arc;
use std::time::Duration;

use ai::LanguageModel;
use api::auth::{Authenticator, Issuer};
use api::jwks::Keys;
use api::serve::Origins;
use axum::Router;
use axum::routing::get;
use extract::Extractor;
use store::Store;
use utoipa::openapi::OpenApi;

use embedded::secrets::{AUDIENCE, ISSUER, Secrets, SecretsError};

/// What the functions are told.
#[derive(Clone)]
pub struct FunctionSettings {
    /// What reads untrusted files.
    pub extractor: Extractor,
    /// What writes summaries.
    pub model: Arc<dyn LanguageModel>,
    /// What may be uploaded.
    pub uploads: upload::Limits,
    /// How long a request of many changes begins new ones.
    pub bulk_time: Duration,
    /// The origins browsers may call from.
    pub origins: Origins,
}

/// The states of all functions.
#[derive(Clone)]
pub struct Functions {
    upload: upload::State,
    retrieval: retrieval::State,
    organize: organize::State,
    generation: generation::State,
    /// For the ingest queue.
    pub ingest: ingest::State,
    /// For the summarize queue.
    pub summarize: summarize::State,
    /// For the jobs queue.
    pub jobs: jobs::State,
    /// For the access queue and the schedule.
    pub cleanup: cleanup::State,
    keys: serde_json::Value,
    origins: Origins,
}

impl Functions {
    /// Puts the functions on a store.
    ///
    /// # Errors
    /// `SecretsError` when the keys that check tokens cannot be read.
    pub fn new(
        store: &Store,
        secrets: &Secrets,
        settings: FunctionSettings,
    ) -> Result<Self, SecretsError> {
        let keys = secrets.public_keys()?;
        let published = serde_json::to_value(&keys).unwrap_or_default();
        let issuer = Issuer {
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: Keys::fixed(keys),
            trusted_with_roles: true,
        };
        let authenticator = Authenticator::new(store.clone(), vec![issuer], None);
        Ok(Self {
            upload: upload::State {
                store: store.clone(),
                authenticator: authenticator.clone(),
                limits: settings.uploads,
            },
            retrieval: retrieval::State {
                store: store.clone(),
                authenticator: authenticator.clone(),
            },
            organize: organize::State {
                store: store.clone(),
                authenticator: authenticator.clone(),
                bulk_time: settings.bulk_time,
            },
            generation: generation::State {
                store: store.clone(),
                authenticator,
            },
            ingest: ingest::State::new(store.clone(), settings.extractor),
            summarize: summarize::State {
                store: store.clone(),
                model: settings.model,
            },
            jobs: jobs::State::new(store.clone()),
            cleanup: cleanup::State::new(store.clone()),
            keys: published,
            origins: settings.origins,
        })
    }

    /// Returns the routes of all functions on one router.
    pub fn router(&self) -> Router {
        let keys = self.keys.clone();
        let router = upload::router(self.upload.clone())
            .merge(retrieval::router(self.retrieval.clone()))
            .merge(organize::router(self.organize.clone()))
            .merge(generation::router(self.generation.clone()))
            .route(
                "/.well-known/jwks.json",
                get(move || async move { axum::Json(keys) }),
            );
        api::serve::around(router, &self.origins)
    }
}

/// Returns the OpenAPI document of all functions.
pub fn openapi() -> OpenApi {
    let mut document = upload::routes().into_openapi();
    document.merge(retrieval::routes().into_openapi());
    document.merge(organize::routes().into_openapi());
    document.merge(generation::routes().into_openapi());
    api::openapi::complete(document)
}
