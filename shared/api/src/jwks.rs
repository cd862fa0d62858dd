//! The public keys of token issuers: given, or fetched from a URL and kept for a while.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Error, Result};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use tokio::sync::Mutex;

/// How long fetched keys are used before they are fetched again.
const KEPT_FOR: Duration = Duration::from_hours(1);

/// How soon keys are fetched again when a token names one that is not among them: an issuer has
/// new keys, or someone tries to make us fetch.
const REFETCHED_AFTER: Duration = Duration::from_secs(30);

/// How long an issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keys of one issuer.
#[derive(Clone, Debug)]
pub enum Keys {
    /// These.
    Fixed(Arc<JwkSet>),
    /// Those at a URL.
    Remote(Arc<Remote>),
}

/// Keys at a URL.
#[derive(Debug)]
pub struct Remote {
    url: String,
    client: reqwest::Client,
    fetched: Mutex<Option<(Instant, Arc<JwkSet>)>>,
}

impl Keys {
    /// These keys and no others.
    pub fn fixed(keys: JwkSet) -> Self {
        Self::Fixed(Arc::new(keys))
    }

    /// The keys at a URL.
    ///
    /// # Errors
    /// `Dependency` when no HTTP client can be made.
    pub fn at(url: String) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Error::dependency("preparing to fetch keys", error))?;
        Ok(Self::Remote(Arc::new(Remote {
            url,
            client,
            fetched: Mutex::new(None),
        })))
    }

    /// Finds a key by its id; without an id, the only one there is.
    pub async fn find(&self, id: Option<&str>) -> Result<Option<Jwk>> {
        match self {
            Self::Fixed(keys) => Ok(pick(keys, id)),
            Self::Remote(remote) => remote.find(id).await,
        }
    }
}

fn pick(keys: &JwkSet, id: Option<&str>) -> Option<Jwk> {
    match id {
        Some(id) => keys.find(id).cloned(),
        None if keys.keys.len() == 1 => keys.keys.first().cloned(),
        None => None,
    }
}

impl Remote {
    async fn find(&self, id: Option<&str>) -> Result<Option<Jwk>> {
        // One fetch at a time: whoever waits here finds what the first has fetched.
        let mut fetched = self.fetched.lock().await;
        if let Some((at, keys)) = fetched.as_ref() {
            let found = pick(keys, id);
            let age = at.elapsed();
            if age < REFETCHED_AFTER || (found.is_some() && age < KEPT_FOR) {
                return Ok(found);
            }
        }
        let keys = match (self.fetch().await, fetched.as_ref()) {
            (Ok(keys), _) => Arc::new(keys),
            // An issuer that is down for a moment does not lock its users out.
            (Err(_), Some((_, keys))) => Arc::clone(keys),
            (Err(error), None) => return Err(error),
        };
        *fetched = Some((Instant::now(), Arc::clone(&keys)));
        Ok(pick(&keys, id))
    }

    async fn fetch(&self) -> Result<JwkSet> {
        let failed = |error| Error::dependency("fetching the issuer's keys", error);
        self.client
            .get(&self.url)
            .send()
            .await
            .and_then(reqwest::Response::error_for_status)
            .map_err(failed)?
            .json()
            .await
            .map_err(failed)
    }
}
