//! The one place that reads the time.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Tells the time: the system's, or one that a test moves.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Manual(Arc<Mutex<SignedDuration>>),
}

impl Clock {
    /// The system's clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that runs like the system's but can be moved ahead with [`Clock::advance`].
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(Mutex::new(SignedDuration::ZERO))))
    }

    /// Returns the time, in microseconds, which is what rows keep.
    pub fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        let now = match &self.0 {
            Source::System => now,
            Source::Manual(ahead) => {
                let ahead = *ahead.lock().unwrap_or_else(PoisonError::into_inner);
                now.checked_add(ahead).unwrap_or(Timestamp::MAX)
            }
        };
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Moves a manual clock ahead, for all who share it. The system's clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(ahead) = &self.0 {
            let mut ahead = ahead.lock().unwrap_or_else(PoisonError::into_inner);
            *ahead = ahead.saturating_add(by);
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            Source::Manual(_) => "Clock(manual)",
        })
    }
}
