//! The SHA-256 of bytes that are too many for one run: what has been hashed can be kept, and gone on
//! with by another process.

use sha2::Digest;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::id::Sha256;

/// Begins what is kept. The state is that of this version of the crate and of no other, so what
/// another one kept is not gone on with.
const FORMAT: &str = "sha2-0.11";

/// A hash under way.
#[derive(Clone, Debug, Default)]
pub struct Hashing {
    hash: sha2::Sha256,
    hashed_bytes: u64,
}

impl Hashing {
    /// Goes on with what [`Hashing::keep`] wrote; none when it was written in another form, so that
    /// hashing begins again.
    pub fn resume(kept: &str) -> Option<Self> {
        let (format, rest) = kept.split_once(':')?;
        let (hashed_bytes, state) = rest.split_once(':')?;
        if format != FORMAT {
            return None;
        }
        let state = hex::decode(state).ok()?;
        let state = SerializedState::<sha2::Sha256>::try_from(state.as_slice()).ok()?;
        Some(Self {
            hash: sha2::Sha256::deserialize(&state).ok()?,
            hashed_bytes: hashed_bytes.parse().ok()?,
        })
    }

    /// Writes how far the hash has come.
    pub fn keep(&self) -> String {
        let state = hex::encode(SerializableState::serialize(&self.hash));
        format!("{FORMAT}:{}:{state}", self.hashed_bytes)
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.hashed_bytes += bytes.len() as u64;
    }

    /// How many bytes it has taken.
    pub const fn hashed_bytes(&self) -> u64 {
        self.hashed_bytes
    }

    /// Returns the hash of all bytes it has taken.
    pub fn finish(self) -> Sha256 {
        Sha256::new(self.hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_hash_that_is_kept_and_resumed_anywhere_is_the_hash_of_all(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cuts in prop::collection::vec(0..400_usize, 0..4),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut hashing = Hashing::default();
            for cut in cuts.windows(2) {
                hashing = Hashing::resume(&hashing.keep()).unwrap();
                hashing.update(&bytes[cut[0]..cut[1]]);
            }
            prop_assert_eq!(hashing.hashed_bytes(), bytes.len() as u64);
            prop_assert_eq!(hashing.finish(), Sha256::of(&bytes));
        }
    }

    #[test]
    fn what_was_kept_in_another_form_is_not_resumed() {
        let kept = Hashing::default().keep();
        for other in [
            String::new(),
            kept.replace(FORMAT, "sha2-0.12"),
            kept.replace(":0:", ":x:"),
            kept[..kept.len() - 2].to_owned(),
        ] {
            assert!(Hashing::resume(&other).is_none(), "{other}");
        }
    }
}
