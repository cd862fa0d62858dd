//! The public keys of token issuers: given, or fetched from a URL and kept for a while.

mod remote;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use domain::Result;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use runtime::clock::Clock;

pub use remote::Remote;

/// Keys of one issuer.
#[derive(Clone, Debug)]
pub enum Keys {
    /// These.
    Fixed(Arc<JwkSet>),
    /// Those at a URL.
    Remote(Arc<Remote>),
}

impl Keys {
    /// These keys and no others.
    pub fn fixed(keys: JwkSet) -> Self {
        Self::Fixed(Arc::new(keys))
    }

    /// The keys at a URL.
    pub fn at(url: String, clock: Clock) -> Self {
        Self::Remote(Arc::new(Remote::new(url, clock)))
    }

    /// Finds a key by its id; without an id, the only one there is.
    ///
    /// # Errors
    /// `Dependency` or `Busy` when the issuer's keys cannot be had.
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
