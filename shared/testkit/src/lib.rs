//! What tests stand on: the embedded stack and the whole local runner over a folder of their own,
//! with a clock that can be moved.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot be set up fails, and says where"
)]

mod beginning;
mod client;
mod doctor;
mod reader;
mod sheaf;

pub use beginning::beginning;
pub use client::{Answer, Client};
pub use doctor::{assert_doctor_clean, run_doctor};
pub use sheaf::{Options, Sheaf};

use embedded::stack::StackSettings;
use jiff::SignedDuration;
use runtime::clock::Clock;
use tempfile::TempDir;

/// The embedded stack over a folder of its own, without the functions.
pub struct Stack {
    /// The stack.
    pub stack: embedded::stack::Stack,
    clock: Clock,
    _folder: TempDir,
}

impl Stack {
    /// Starts a fresh stack.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Clock::manual();
        let mut settings = StackSettings::new(folder.path().join("data"));
        settings.clock = clock.clone();
        let stack = embedded::stack::Stack::start(settings)
            .await
            .expect("the embedded stack");
        Self {
            stack,
            clock,
            _folder: folder,
        }
    }

    /// Moves the time ahead.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }
}
