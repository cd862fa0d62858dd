//! The one place that makes random ids.

use jiff::Timestamp;
use uuid::{NoContext, Uuid};

/// Makes ids.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids;

impl Ids {
    /// Makes an id that sorts by time (UUID version 7).
    pub fn sortable(self, now: Timestamp) -> Uuid {
        let seconds = u64::try_from(now.as_second()).unwrap_or_default();
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or_default();
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanos))
    }

    /// Makes an id that says nothing (UUID version 4), for names that must not be guessed.
    pub fn random(self) -> Uuid {
        Uuid::new_v4()
    }

    /// Makes a secret of 256 random bits, as hexadecimal digits.
    pub fn secret(self) -> String {
        let bytes: [u8; 32] = rand::random();
        bytes
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                use std::fmt::Write as _;
                // Writing to a String does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}
