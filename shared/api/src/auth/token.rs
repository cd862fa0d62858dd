//! Checks a JWT: its signature against its issuer's keys, its issuer, audience and times.

use domain::{Error, Result, Sha256};
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::checked::Checked;
use crate::jwks::Keys;

/// How far a token's clock may be ahead of or behind ours, in seconds.
const LEEWAY_S: i64 = 30;

/// An issuer of tokens that is trusted to say who someone is.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its `iss`.
    pub issuer: String,
    /// The `aud` its tokens must have.
    pub audience: String,
    /// Its keys.
    pub keys: Keys,
    /// Whether its tokens may also say in which workspace and with which role (`workspace`, `role`).
    pub trusted_with_roles: bool,
}

/// What a token says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    exp: i64,
    nbf: Option<i64>,
    pub(super) workspace: Option<String>,
    pub(super) role: Option<String>,
}

/// Checks a token and returns who issued it and what it says.
///
/// # Errors
/// `Unauthenticated`; `Dependency` or `Busy` when the issuer's keys cannot be had.
pub(super) async fn verify<'a>(
    issuers: &'a [Issuer],
    checked: &Checked,
    token: &str,
    now: Timestamp,
) -> Result<(&'a Issuer, Claims)> {
    const UNREADABLE: Error = Error::Unauthenticated {
        detail: "the token cannot be read",
    };
    const REFUSED: Error = Error::Unauthenticated {
        detail: "the token's signature, issuer or audience is not accepted here",
    };
    let header = jsonwebtoken::decode_header(token).map_err(|_| UNREADABLE)?;
    // Only to choose the issuer: nothing is believed before the signature is checked.
    let claims: Claims =
        jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| UNREADABLE)?;
    let issuer = issuers
        .iter()
        .find(|issuer| issuer.issuer == claims.iss)
        .ok_or(REFUSED)?;
    let key = issuer
        .keys
        .find(header.kid.as_deref())
        .await?
        .ok_or(REFUSED)?;
    let hash = Sha256::of(token.as_bytes());
    if !checked.has(hash, &key) {
        check(issuer, token, &key, header.alg).ok_or(REFUSED)?;
        checked.add(hash, key);
    }
    let now = now.as_second();
    if claims.exp.saturating_add(LEEWAY_S) <= now {
        return Err(Error::Unauthenticated {
            detail: "the token has expired: get a new one",
        });
    }
    if claims
        .nbf
        .is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_S))
    {
        return Err(Error::Unauthenticated {
            detail: "the token is not valid yet",
        });
    }
    Ok((issuer, claims))
}

/// Checks a token's signature, issuer and audience; none when one of them does not hold. Of its
/// times nothing is said.
fn check(issuer: &Issuer, token: &str, key: &Jwk, claimed: Algorithm) -> Option<()> {
    let mut validation = Validation::new(algorithm_of(key, claimed)?);
    validation.set_audience(&[&issuer.audience]);
    validation.set_issuer(&[&issuer.issuer]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // Checked with every request, by our own clock.
    validation.validate_exp = false;
    let decoding = DecodingKey::from_jwk(key).ok()?;
    let decoded = jsonwebtoken::decode::<Claims>(token, &decoding, &validation);
    decoded.is_ok().then_some(())
}

/// The algorithm a key is for. A token's own word counts only among what the key can do, and never
/// for keys that both sides share.
fn algorithm_of(key: &Jwk, claimed: Algorithm) -> Option<Algorithm> {
    let asymmetric = !matches!(
        claimed,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    );
    let agrees = match key.common.key_algorithm {
        Some(algorithm) => names(algorithm, claimed),
        None => true,
    };
    (asymmetric && agrees).then_some(claimed)
}

fn names(algorithm: KeyAlgorithm, claimed: Algorithm) -> bool {
    algorithm.to_string() == format!("{claimed:?}")
}
