//! The `jobs` function: takes jobs, which are too much for one request, step by step to their end,
//! from a queue of their own, so that they never hold up what people wait for.
//!
//! What a job is to do and how far it has come stands in the job's own row.
//!
//! # Permissions
//! - table: read, scan, write
//! - objects blobs/: get, put, delete, parts, abort
//! - objects exports/: get, put, delete, parts, abort
//! - objects keys/: get, put
//! - objects presigned/: get, delete, abort
//! - objects receipts/: get, put
//! - objects staged/: get, delete
//! - objects text/: get, delete
//! - bucket: list
//! - queue ingest: send
//! - queue summarize: send
//! - queue jobs: receive, send

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::{Destination, Task};
use runtime::batch;
use runtime::config::ConfigError;
use store::Store;
use store::work::WorkItem;
use store::worker::{self, Progress, Setback};

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// How many steps of a job are made for one message. A step takes some seconds at most.
    pub steps: usize,
}

/// Steps for one message: a minute at five seconds a step, of the two that the function has.
const STEPS: usize = 12;

impl State {
    /// Works with this store, within the usual limits.
    pub const fn new(store: Store) -> Self {
        Self {
            store,
            steps: STEPS,
        }
    }

    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let store = Store::from_environment(&[
            Destination::Ingest,
            Destination::Summarize,
            Destination::Jobs,
        ])?;
        Ok(Self::new(store))
    }
}

/// Does the work that the messages of a batch name, and says which are to come again.
pub async fn handle(state: &State, event: SqsEvent) -> SqsBatchResponse {
    // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
    batch::run(
        event,
        |message| {
            Box::pin(async move {
                worker::receive(&state.store, &message, |item| perform(state, item)).await
            })
        },
        |again| state.store.postpone(Destination::Jobs, again),
    )
    .await
}

async fn perform(state: &State, item: WorkItem) -> Result<Progress, Setback> {
    match item.work.task {
        Task::RunJob { job } => state
            .store
            .run_job(&item, job, state.steps, media::accept)
            .await
            .map_err(|error| Setback::at("jobs", &error))?,
        Task::ReadVersion { .. }
        | Task::SummarizeVersion { .. }
        | Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. } => {
            // Sent to the wrong queue by hand: to the right one with it.
            state.store.send(&item.work).await;
        }
    }
    Ok(Progress::Finished)
}
