//! The local runner in this process over a data folder, with what it asks for counted.

use std::path::PathBuf;
use std::time::Duration;

use domain::WorkspaceId;
use domain::message::Destination;
use domain::principal::Role;
use embedded::stack::{Stack, listen, loopback};
use jiff::SignedDuration;
use local::server::{Server, ServerSettings, run_queues};
use runtime::clock::Clock;
use store::Store;
use store::quota::Quota;
use testkit::Client;

use crate::Meter;

/// How much a workspace may store here: more than any measurement does.
const QUOTA: Quota = Quota {
    bytes: 1 << 50,
    files: 100_000_000,
};

/// The runner, serving, with nothing done that is queued.
pub struct Metered {
    /// It.
    pub server: Server,
    /// What counts.
    pub meter: Meter,
}

impl Metered {
    /// Starts it over a data folder.
    ///
    /// # Panics
    /// When it cannot start.
    pub async fn start(data: PathBuf, clock: Clock) -> Self {
        let reader = crate::sibling("extract-child");
        let mut settings = ServerSettings::over(data, loopback(0), reader);
        settings.stack.quota = QUOTA;
        settings.stack.clock = clock;
        settings.sweeps = false;
        settings.works = false;
        let listener = listen(settings.address).await.expect("a port");
        let mut stack = Stack::start(settings.stack.clone())
            .await
            .expect("the embedded stack");
        let meter = Meter::default();
        meter.attach(&mut stack.store);
        let server = Server::start_on(stack, listener, settings)
            .await
            .expect("the local runner");
        Self { server, meter }
    }

    /// Returns what the functions work with.
    pub fn store(&self) -> &Store {
        &self.server.stack.store
    }

    /// Returns a client that may do everything in a workspace.
    ///
    /// # Panics
    /// When no token can be signed.
    pub fn client(&self, workspace: &WorkspaceId) -> Client {
        let now = self.store().clock.now();
        let lifetime = SignedDuration::from_hours(24 * 365);
        let secrets = &self.server.stack.secrets;
        let token = secrets.sign(workspace, Role::Admin, "bench", now, lifetime);
        Client::new(self.server.url(), token.expect("a token"))
    }

    /// Does what is queued, until nothing is.
    ///
    /// # Panics
    /// When a queue cannot be read.
    pub async fn work(&self) {
        let queue = &self.server.stack.queue;
        let runners = run_queues(queue, &self.server.functions);
        while !self.is_at_rest().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for runner in runners {
            runner.stop().await;
        }
    }

    async fn is_at_rest(&self) -> bool {
        for destination in Destination::ALL {
            let counts = self.server.stack.queue.counts(destination).await;
            if !counts.expect("the counts of a queue").is_idle() {
                return false;
            }
        }
        true
    }
}
