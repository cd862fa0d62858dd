//! What the benches share: doing something often and at once, and telling how fast it was.
//!
//! Absolute times on a shared machine mean little, so what is compared runs in turns, round after
//! round, in one process, and medians and spreads are told. Any answer that is an error fails the run.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench prints its figures, which are far below 2^52"
)]

mod connections;
mod upload_calls;

use std::future::Future;
use std::time::Instant;

use futures::StreamExt as _;

pub use connections::Connections;
pub use upload_calls::UploadCalls;

/// Connections at once, as the figures are stated.
pub const AT_ONCE: usize = 16;

/// Does something `count` times, [`AT_ONCE`] at once, and returns how many per second.
pub async fn rate<F, Fut>(count: usize, act: F) -> f64
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = ()>,
{
    let begun = Instant::now();
    futures::stream::iter(0..count)
        .map(act)
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
    count as f64 / begun.elapsed().as_secs_f64()
}

/// Values of several rounds.
#[derive(Debug, Default)]
pub struct Rounds(Vec<f64>);

impl Rounds {
    /// Adds the value of a round.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// Returns the middle value.
    ///
    /// # Panics
    /// When there was no round.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    }

    /// Prints the middle, the least and the largest value.
    pub fn tell(&self, what: &str, unit: &str) {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(0.0, f64::max);
        println!(
            "{what:<52} {:>9.1} {unit}  ({least:.1} to {most:.1})",
            self.median()
        );
    }
}

/// Says how this was built, which the figures depend on.
#[must_use]
pub const fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "dev profile"
    } else {
        "release profile"
    }
}
