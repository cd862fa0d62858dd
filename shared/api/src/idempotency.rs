//! The Idempotency-Key header.

use axum::http::HeaderMap;
use domain::principal::Principal;
use domain::{Error, Result, Sha256};
use store::idempotency::Repeatable;

/// The header.
pub const HEADER: &str = "idempotency-key";

/// Longest key, in bytes: room for any UUID or hash a client may choose.
const MAX_BYTES: usize = 255;

/// Reads the key of a request, with the hash of what it asks for.
///
/// # Errors
/// `Invalid` when the key is empty or too long.
pub fn repeatable(
    headers: &HeaderMap,
    principal: &Principal,
    request: &[&[u8]],
) -> Result<Option<Repeatable>> {
    let Some(key) = headers.get(HEADER) else {
        return Ok(None);
    };
    if key.is_empty() || key.len() > MAX_BYTES {
        return Err(Error::invalid(
            "/Idempotency-Key",
            "an Idempotency-Key is 1 to 255 bytes",
        ));
    }
    let mut joined = Vec::new();
    for part in request {
        joined.extend_from_slice(Sha256::of(part).as_bytes());
    }
    Ok(Some(Repeatable {
        principal: principal.identity.pseudonym(),
        key: Sha256::of(key.as_bytes()),
        request: Sha256::of(&joined),
    }))
}
