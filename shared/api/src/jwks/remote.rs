//! Keys at a URL.
//!
//! One request at a time fetches them. Whoever presents a key that is known does not wait for the
//! fetch of another, and for their own no longer than a prompt issuer takes. So an issuer that is
//! slow or down, and tokens with made-up keys, hold up nobody else.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use domain::{Error, Result};
use http_body_util::{BodyExt as _, Limited};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use runtime::aws::https;
use runtime::clock::Clock;
use runtime::telemetry::chain_of;
use tokio::sync::{Mutex as Turns, OwnedMutexGuard};
use tokio::time::timeout;
use tracing::warn;

use super::pick;

/// How long fetched keys are used before they are fetched again.
const FRESH_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How long fetched keys are used while the issuer cannot be reached. A key that the issuer has
/// withdrawn meanwhile is accepted for as long.
const USED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How soon keys are fetched again when the issuer cannot be reached, or when a token names one
/// that is not among them: an issuer has new keys, or someone tries to make us fetch.
const TRIED_AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// How long an issuer may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long whoever presents a key that is known waits for the fetch that fell to them. Not at all
/// would not do: Lambda freezes what goes on after the answer, and a function that is called seldom
/// would never hear that a key was withdrawn.
const PATIENCE: Duration = Duration::from_millis(500);

/// Most bytes of an issuer's keys: room for some hundred.
const MAX_BYTES: usize = 256 * 1024;

/// What fails when keys cannot be had.
const FETCHING: &str = "fetching the issuer's keys";

/// Keys at a URL.
#[derive(Debug)]
pub struct Remote {
    url: String,
    clock: Clock,
    kept: Mutex<Kept>,
    /// Held by the one who fetches.
    turns: Arc<Turns<()>>,
}

/// What came of the fetches so far.
#[derive(Debug, Default)]
struct Kept {
    fetched: Option<Fetched>,
    tried_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Fetched {
    at: Timestamp,
    keys: Arc<JwkSet>,
}

impl Remote {
    pub(super) fn new(url: String, clock: Clock) -> Self {
        Self {
            url,
            clock,
            kept: Mutex::default(),
            turns: Arc::default(),
        }
    }

    pub(super) async fn find(self: &Arc<Self>, id: Option<&str>) -> Result<Option<Jwk>> {
        if let Some(key) = self
            .younger_than(FRESH_FOR)
            .and_then(|keys| pick(&keys, id))
        {
            return Ok(Some(key));
        }
        let known = self.younger_than(USED_FOR).and_then(|keys| pick(&keys, id));
        let turns = Arc::clone(&self.turns);
        let turn = match known {
            // Somebody else who fetches is not waited for.
            Some(_) => turns.try_lock_owned().ok(),
            None => Some(turns.lock_owned().await),
        };
        // Whoever has waited for the turn may find that the one before has just fetched.
        if let Some(turn) = turn
            && self.may_try()
        {
            let fetching = self.fetch_to_the_end(turn);
            if known.is_none() {
                fetching.await?;
            } else if let Ok(outcome) = timeout(PATIENCE, fetching).await {
                outcome?;
            }
        }
        let keys = self.younger_than(USED_FOR).ok_or_else(|| Error::Busy {
            detail: "the token issuer cannot be reached: try again".to_owned(),
            retry_after: TRIED_AGAIN_AFTER.unsigned_abs(),
        })?;
        Ok(pick(&keys, id))
    }

    /// The keys, where they were fetched less than `age` ago.
    fn younger_than(&self, age: SignedDuration) -> Option<Arc<JwkSet>> {
        let now = self.clock.now();
        let kept = self.kept();
        let fetched = kept.fetched.as_ref()?;
        (now.duration_since(fetched.at) < age).then(|| Arc::clone(&fetched.keys))
    }

    /// Says whether the last try is long enough ago.
    fn may_try(&self) -> bool {
        let now = self.clock.now();
        self.kept()
            .tried_at
            .is_none_or(|at| now.duration_since(at) >= TRIED_AGAIN_AFTER)
    }

    /// Fetches in a task of its own: a client that hangs up, or goes on with the key that is known,
    /// does not waste the turn of all others. A task that was frozen fails by its timeout once the
    /// process runs again, so the turn comes back and the next one tries anew.
    ///
    /// # Errors
    /// `Dependency` when it failed and no earlier keys can be used.
    async fn fetch_to_the_end(self: &Arc<Self>, turn: OwnedMutexGuard<()>) -> Result<()> {
        let remote = Arc::clone(self);
        let fetching = tokio::spawn(async move {
            let outcome = remote.fetch().await;
            let outcome = remote.note(outcome);
            drop(turn);
            outcome
        });
        fetching
            .await
            .map_err(|error| Error::dependency(FETCHING, error))?
    }

    async fn fetch(&self) -> Result<JwkSet> {
        let body = timeout(TIMEOUT, read(&self.url))
            .await
            .map_err(|elapsed| Error::dependency(FETCHING, elapsed))?
            .map_err(|cause| Error::dependency(FETCHING, cause))?;
        serde_json::from_slice(&body).map_err(|error| Error::dependency(FETCHING, error))
    }

    fn note(&self, outcome: Result<JwkSet>) -> Result<()> {
        let now = self.clock.now();
        self.kept().tried_at = Some(now);
        match outcome {
            Ok(keys) => {
                self.kept().fetched = Some(Fetched {
                    at: now,
                    keys: Arc::new(keys),
                });
                Ok(())
            }
            // An issuer that is down for a while does not lock its users out.
            Err(error) if self.younger_than(USED_FOR).is_some() => {
                warn!(cause = chain_of(&error), "goes on with earlier keys");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Never held while something is waited for.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what is at a URL. Redirects are not followed: an issuer names the place itself.
async fn read(url: &str) -> std::result::Result<Bytes, BoxError> {
    let mut request = HttpRequest::new(SdkBody::empty());
    request.set_uri(url)?;
    let response = https().call(request).await?;
    if !response.status().is_success() {
        return Err(format!("it answered {}", response.status().as_u16()).into());
    }
    let body = Limited::new(response.into_body(), MAX_BYTES);
    Ok(body.collect().await?.to_bytes())
}
