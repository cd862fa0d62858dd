//! Tokens whose signature was found good, so that a client that sends the same one with every
//! request has it checked once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::Sha256;
use jsonwebtoken::jwk::Jwk;

/// Most tokens that are remembered, of some 600 bytes each.
const MOST: usize = 1024;

/// The tokens, by hash, and the key that each was checked with: of a key that its issuer has
/// withdrawn or replaced, no token is known any more.
#[derive(Debug, Default)]
pub(super) struct Checked(Mutex<HashMap<Sha256, Jwk>>);

impl Checked {
    /// Says whether a token was found to be signed with this key.
    pub(super) fn has(&self, token: Sha256, key: &Jwk) -> bool {
        self.tokens().get(&token) == Some(key)
    }

    /// Notes that a token is signed with this key.
    pub(super) fn add(&self, token: Sha256, key: Jwk) {
        let mut tokens = self.tokens();
        if tokens.len() >= MOST {
            // Tokens live for minutes, so most of them are of no more use.
            tokens.clear();
        }
        tokens.insert(token, key);
    }

    /// Never held while something is waited for.
    fn tokens(&self) -> MutexGuard<'_, HashMap<Sha256, Jwk>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Jwk {
        serde_json::from_value(serde_json::json!({
            "kty": "OKP", "crv": "Ed25519", "kid": id,
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }))
        .unwrap()
    }

    fn token(number: usize) -> Sha256 {
        Sha256::of(&number.to_le_bytes())
    }

    #[test]
    fn a_token_is_known_by_the_key_it_was_checked_with_and_by_no_other() {
        let checked = Checked::default();

        checked.add(token(1), key("a"));

        assert!(checked.has(token(1), &key("a")));
        assert!(!checked.has(token(1), &key("b")));
        assert!(!checked.has(token(2), &key("a")));
    }

    #[test]
    fn no_more_tokens_are_remembered_than_there_is_room_for() {
        let checked = Checked::default();

        for number in 0..3 * MOST {
            checked.add(token(number), key("a"));
        }

        assert!(checked.tokens().len() <= MOST);
        assert!(checked.has(token(3 * MOST - 1), &key("a")));
    }
}
