//! The local runner: all functions in one process, on the embedded stack.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ai::Extractive;
use api::serve::Origins;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use domain::message::Destination;
use extract::{Extractor, Limits};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::functions::{FunctionSettings, Functions};
use embedded::queue::{Queue, Runner, RunnerSettings};
use embedded::secrets::SecretsError;
use embedded::stack::{Stack, StackError, StackSettings, listen};
use embedded::time_to_live::TimeToLive;

/// How often the sweep runs; the schedule of `template.yaml` is slower, because there it costs.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// How often rows that may be forgotten are looked for: that looks at every row, and none is in a hurry.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// How long a handler may take for a message: more than a model's longest answer.
const HANDLER: Duration = Duration::from_mins(4);

/// How long the pictures of one file may take to be recognized: with what reading it and storing its text may take, less than
/// a handler may.
const RECOGNITION: Duration = Duration::from_secs(150);

/// How long open requests may take to end once the runner is told to stop.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// Largest body of a direct upload: nothing here carries it in base64, so more than when deployed.
const DIRECT_BYTES: usize = 64 * 1024 * 1024;

/// Why the runner could not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The embedded stack.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The keys that check tokens.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// What was left undone could not be taken up.
    #[error("taking up what was left undone: {0}")]
    Undone(#[from] domain::Error),
}

/// How the runner is set up.
#[derive(Clone)]
pub struct ServerSettings {
    /// The stack under the functions.
    pub stack: StackSettings,
    /// What the functions are told.
    pub functions: FunctionSettings,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Whether the sweep runs by itself; tests call it.
    pub sweeps: bool,
    /// Whether queued work is done; it waits where only requests are measured.
    pub works: bool,
}

impl ServerSettings {
    /// The usual settings: everything under `data`, the API at `address`, the built-in model.
    ///
    /// `reader` is a program whose `main` begins with [`crate::read_if_asked`].
    pub fn over(data: PathBuf, address: SocketAddr, reader: PathBuf) -> Self {
        Self {
            stack: StackSettings::new(data),
            functions: FunctionSettings {
                extractor: Extractor::new(reader, reading()),
                model: Arc::new(Extractive),
                uploads: upload::Limits {
                    direct_bytes: DIRECT_BYTES,
                    ..upload::Limits::default()
                },
                bulk_time: organize::BULK_TIME,
                origins: Origins::default(),
            },
            address,
            sweeps: true,
            works: true,
        }
    }
}

/// How much one file may take to read here, where a handler may take longer than when deployed.
pub fn reading() -> Limits {
    Limits {
        recognition_wall: RECOGNITION,
        ..Limits::default()
    }
}

/// The local runner, running.
pub struct Server {
    /// The stack under the functions.
    pub stack: Stack,
    /// The functions.
    pub functions: Functions,
    address: SocketAddr,
    stopping: CancellationToken,
    serving: JoinHandle<()>,
    sweeping: Option<JoinHandle<()>>,
    runners: Vec<Runner>,
}

impl Server {
    /// Starts the runner. What was left undone when it last stopped goes on at once.
    ///
    /// # Errors
    /// `ServerError` saying which part could not start.
    pub async fn start(settings: ServerSettings) -> Result<Self, ServerError> {
        let listener = listen(settings.address).await?;
        let stack = Stack::start(settings.stack.clone()).await?;
        Self::start_on(stack, listener, settings).await
    }

    /// Starts the runner on a stack that has been started.
    ///
    /// # Errors
    /// `ServerError` saying which part could not start.
    pub async fn start_on(
        stack: Stack,
        listener: TcpListener,
        settings: ServerSettings,
    ) -> Result<Self, ServerError> {
        let address = listener.local_addr().map_err(|source| StackError::Listen {
            address: settings.address,
            source,
        })?;
        let functions = Functions::new(&stack.store, &stack.secrets, settings.functions)?;
        let stopping = CancellationToken::new();
        let stopped = stopping.clone().cancelled_owned();
        let router = functions.router();
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped);
            if let Err(error) = served.await {
                error!(%error, "the API's server failed");
            }
        });
        let resent = stack.store.resend_all().await?;
        let runners = if settings.works {
            run_queues(&stack.queue, &functions)
        } else {
            Vec::new()
        };
        let sweeping = settings.sweeps.then(|| {
            let sweeping = sweep_often(
                functions.clone(),
                stack.time_to_live.clone(),
                stopping.clone(),
            );
            tokio::spawn(sweeping)
        });
        info!(%address, resent, "the local runner is up");
        Ok(Self {
            stack,
            functions,
            address,
            stopping,
            serving,
            sweeping,
            runners,
        })
    }

    /// Returns where the API is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets what is under way end, and returns when all is on the disk.
    pub async fn stop(self) {
        self.stopping.cancel();
        if tokio::time::timeout(LAST_REQUESTS, self.serving)
            .await
            .is_err()
        {
            warn!("some requests were cut off");
        }
        for runner in self.runners {
            runner.stop().await;
        }
        if let Some(sweeping) = self.sweeping
            && let Err(error) = sweeping.await
        {
            error!(%error, "the sweep failed");
        }
        self.stack.stop().await;
    }
}

/// Has the functions do the queued work, until the runners are stopped.
pub fn run_queues(queue: &Queue, functions: &Functions) -> Vec<Runner> {
    let ingest = functions.ingest.clone();
    let summarize = functions.summarize.clone();
    let jobs = functions.jobs.clone();
    let access = functions.cleanup.clone();
    // A model may take minutes, so each message is answered for itself.
    let settings = RunnerSettings {
        batch: 1,
        timeout: HANDLER,
        visibility: HANDLER * 6,
        ..RunnerSettings::default()
    };
    vec![
        Runner::start(queue.clone(), Destination::Ingest, settings, move |event| {
            let state = ingest.clone();
            async move { Ok::<SqsBatchResponse, String>(ingest::handle(&state, event).await) }
        }),
        Runner::start(
            queue.clone(),
            Destination::Summarize,
            settings,
            move |event| {
                let state = summarize.clone();
                async move { Ok::<SqsBatchResponse, String>(summarize::handle(&state, event).await) }
            },
        ),
        Runner::start(queue.clone(), Destination::Jobs, settings, move |event| {
            let state = jobs.clone();
            async move { Ok::<SqsBatchResponse, String>(jobs::handle(&state, event).await) }
        }),
        Runner::start(queue.clone(), Destination::Access, settings, move |event| {
            let state = access.clone();
            async move { Ok::<SqsBatchResponse, String>(cleanup::access::handle(&state, event).await) }
        }),
    ]
}

async fn sweep_often(functions: Functions, time_to_live: TimeToLive, stopping: CancellationToken) {
    let mut forgot_at: Option<Instant> = None;
    loop {
        cleanup::sweep::run(&functions.cleanup).await;
        if forgot_at.is_none_or(|at| at.elapsed() >= FORGET_EVERY) {
            forgot_at = Some(Instant::now());
            if let Err(error) = time_to_live.sweep().await {
                warn!(%error, "rows that may be forgotten stay until later");
            }
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(SWEEP_EVERY) => {}
        }
    }
}
