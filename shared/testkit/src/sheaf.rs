//! The whole local runner over a folder of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ai::LanguageModel;
use domain::message::Destination;
use domain::principal::Role;
use embedded::secrets::{AUDIENCE, ISSUER};
use embedded::stack::{StackSettings, loopback};
use extract::{Extractor, Limits};
use jiff::SignedDuration;
use local::functions::FunctionSettings;
use local::server::{Server, ServerSettings};
use runtime::batch::Backoff;
use runtime::clock::Clock;
use serde_json::json;
use store::quota::Quota;
use store::trash::TrashTime;
use tempfile::TempDir;

use crate::client::Client;
use crate::reader;

/// Longest wait for the pipeline to come to rest. Far above what it takes: a wait that ends here
/// is work that hangs.
const REST: Duration = Duration::from_mins(1);

/// How a test's runner differs from the usual.
#[derive(Clone)]
pub struct Options {
    /// The quota of its workspaces.
    pub quota: Quota,
    /// How long things stay in the trash.
    pub trash_time: TrashTime,
    /// What may be uploaded.
    pub uploads: upload::Limits,
    /// What writes summaries.
    pub model: Arc<dyn LanguageModel>,
    /// How much one file may take to read.
    pub reading: Limits,
    /// How queues try again.
    pub queue: embedded::queue::Settings,
    /// How long a request of many changes begins new ones.
    pub bulk_time: Duration,
    /// Whether queued work is done.
    pub works: bool,
    /// Whether the sweep also runs by itself.
    pub sweeps: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            trash_time: TrashTime::default(),
            uploads: upload::Limits::default(),
            model: Arc::new(ai::Extractive),
            reading: Limits::default(),
            queue: embedded::queue::Settings {
                // Waits are part of behavior, their length is not.
                backoff: Backoff {
                    first: Duration::from_millis(20),
                    longest: Duration::from_millis(200),
                },
                ..embedded::queue::Settings::default()
            },
            bulk_time: organize::BULK_TIME,
            works: true,
            sweeps: false,
        }
    }
}

/// The whole local runner, running.
pub struct Sheaf {
    /// The runner.
    pub server: Server,
    options: Options,
    clock: Clock,
    folder: TempDir,
}

impl Sheaf {
    /// Starts a fresh runner.
    pub async fn start() -> Self {
        Self::start_with(Options::default()).await
    }

    /// Starts a fresh runner with options.
    pub async fn start_with(options: Options) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let clock = Clock::manual();
        let server = Box::pin(serve(folder.path(), &options, &clock)).await;
        Self {
            server,
            options,
            clock,
            folder,
        }
    }

    /// Stops the runner and starts it again over the same folder.
    pub async fn restart(self) -> Self {
        let Self {
            server,
            options,
            clock,
            folder,
        } = self;
        server.stop().await;
        let server = Box::pin(serve(folder.path(), &options, &clock)).await;
        Self {
            server,
            options,
            clock,
            folder,
        }
    }

    /// Stops the runner and starts it again over the same folder, with changed options.
    pub async fn restart_with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self.restart().await
    }

    /// Returns a client with a role in a workspace.
    pub fn client(&self, workspace: &str, role: Role) -> Client {
        let token = self
            .server
            .stack
            .secrets
            .sign(
                &workspace.parse().expect("a workspace"),
                role,
                "someone",
                self.clock.now(),
                SignedDuration::from_hours(24 * 365 * 20),
            )
            .expect("a token");
        Client::new(self.server.url(), token)
    }

    /// Returns a client whose token says who it is and gives no role anywhere.
    pub fn stranger(&self) -> Client {
        let now = self.clock.now().as_second();
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "stranger", "iat": now, "exp": now + 3600,
        });
        let token = self.server.stack.secrets.sign_claims(&claims);
        Client::new(self.server.url(), token.expect("a token"))
    }

    /// Returns a client that may do everything in the workspace `acme`.
    pub fn admin(&self) -> Client {
        self.client("acme", Role::Admin)
    }

    /// Returns what the functions work with.
    pub fn store(&self) -> &store::Store {
        &self.server.stack.store
    }

    /// Says whether queued work is done.
    pub fn works(&self) -> bool {
        self.options.works
    }

    /// Moves the time ahead.
    pub fn advance(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// Waits until every queue is at rest: nothing to receive, nothing being handled.
    pub async fn rest(&self) {
        let deadline = Instant::now() + REST;
        while !self.is_at_rest().await {
            assert!(
                Instant::now() < deadline,
                "the pipeline does not come to rest"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn is_at_rest(&self) -> bool {
        for queue in Destination::ALL {
            let counts = self
                .server
                .stack
                .queue
                .counts(queue)
                .await
                .expect("the counts of a queue");
            if !counts.is_idle() {
                return false;
            }
        }
        true
    }

    /// Runs the sweep once, as the runner would: after it, rows that may be forgotten go.
    pub async fn sweep(&self) -> cleanup::sweep::Report {
        let report = cleanup::sweep::run(&self.server.functions.cleanup).await;
        let forgotten = self.server.stack.time_to_live.sweep().await;
        forgotten.expect("the table lets go of rows");
        report
    }
}

async fn serve(folder: &Path, options: &Options, clock: &Clock) -> Server {
    let mut stack = StackSettings::new(folder.join("data"));
    stack.clock = clock.clone();
    stack.quota = options.quota;
    stack.trash_time = options.trash_time;
    stack.queue = options.queue;
    Server::start(ServerSettings {
        stack,
        functions: FunctionSettings {
            extractor: Extractor::new(reader::program(), options.reading),
            model: Arc::clone(&options.model),
            uploads: options.uploads,
            bulk_time: options.bulk_time,
            origins: "http://localhost:3000".parse().expect("an origin"),
        },
        address: loopback(0),
        sweeps: options.sweeps,
        works: options.works,
    })
    .await
    .expect("the local runner")
}
