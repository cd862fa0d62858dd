//! What happens to messages, with a clock that stands still until it is set: leases, redelivery, dead letters; and
//! what the runner makes of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod messages;
mod model;
mod place;
mod runner;
