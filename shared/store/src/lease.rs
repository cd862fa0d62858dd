//! Leases: the right of one worker to do something that takes a while, until a time.
//!
//! A row holds when the lease ends, who has it, and a fencing token that grows with every claim: what
//! a worker commits is refused once someone else has claimed after it.

use jiff::{SignedDuration, Timestamp};
use runtime::ids::Ids;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long one worker may take to write a summary: above the model's own time limit, below the
/// queue's visibility timeout.
pub(crate) const WRITING: SignedDuration = SignedDuration::from_mins(3);

/// Whether a lease can outlive the process that claimed it.
#[derive(Clone, Copy, Debug)]
pub enum Holders {
    /// Many processes work on the store, and none knows of another's end: a lease holds until its
    /// time is up.
    Many,
    /// Only this process works on the store, as long as it runs: the leases of every other run
    /// ended with it, so what was cut off by a kill goes on at the next start.
    One(Run),
}

/// One run of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Run(Uuid);

impl Run {
    /// A run that was never before.
    pub fn new(ids: Ids) -> Self {
        Self(ids.random())
    }
}

impl Holders {
    /// Returns until when a lease holds that was claimed in a run until a time, in microseconds
    /// since 1970; the past where that run is over.
    pub(crate) fn holds_until(self, until_us: i64, run: Option<Run>) -> Timestamp {
        match self {
            Self::One(this) if run != Some(this) => Timestamp::MIN,
            Self::Many | Self::One(_) => {
                Timestamp::from_microsecond(until_us).unwrap_or(Timestamp::MIN)
            }
        }
    }

    /// What is noted of the run that claims.
    pub(crate) fn run(self) -> Option<Run> {
        match self {
            Self::Many => None,
            Self::One(run) => Some(run),
        }
    }
}
