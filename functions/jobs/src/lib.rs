//! The `jobs` function: takes jobs, which are too much for one request, step by step to their end,
//! from a queue of their own, so that they never hold up what people wait for.
//!
//! A message only says where to look: the row of work it names, and when that is gone, so is the
//! work. What a job is to do and how far it has come stands in the job's own row.
//!
//! # Permissions
//! - table: read, write
//! - objects blobs/: get, put, delete, parts, abort
//! - objects exports/: get, put, delete, parts, abort
//! - objects keys/: get, put
//! - objects presigned/: get, delete
//! - objects receipts/: get, put
//! - objects text/: delete
//! - bucket: list
//! - queue ingest: send
//! - queue summarize: send
//! - queue jobs: receive, send

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::file::Failure;
use domain::message::{Destination, Task, Work};
use domain::{Error, Result, Retry};
use runtime::batch::{self, Message, Outcome};
use runtime::config::ConfigError;
use store::Store;
use store::work::WorkItem;
use tracing::{error, info, warn};

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

/// How often a message is received before its queue sets it aside. The queue's `maxReceiveCount`
/// is the same.
pub const MAX_RECEIVES: u32 = 5;

/// How often work begins again at once because someone else changed what it was about to change.
const RACES: u32 = 4;

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
        |message| Box::pin(receive(state, message)),
        |again| state.store.postpone(Destination::Jobs, again),
    )
    .await
}

async fn receive(state: &State, message: Message) -> Outcome {
    let work = match read(&message.body) {
        Ok(work) => work,
        Err(detail) => {
            // It comes again until it is set aside, where a person finds it.
            error!(detail, "a message of the jobs queue cannot be read");
            return Outcome::Again;
        }
    };
    let is_last = message.receive_count >= MAX_RECEIVES;
    let mut found = state.store.begin_work(&work, is_last).await;
    let mut races = 0;
    loop {
        let item = match found {
            Ok(Some(item)) => item,
            // Done before: this is a duplicate.
            Ok(None) => return Outcome::Done,
            Err(error) => {
                warn!(work.id = %work.id, error = error.for_log(), "work could not be looked up");
                return Outcome::Again;
            }
        };
        let result = perform(state, &item).await;
        races += 1;
        if races == RACES || !matches!(result, Err(Error::Busy { .. })) {
            return settle(state, &work, &item, result, message.receive_count).await;
        }
        found = state.store.work(&work.workspace, work.id).await;
    }
}

/// Reads the body of a message.
fn read(body: &str) -> Result<Work, String> {
    let work: Work = batch::parse(body)?;
    if work.v > Work::FORMAT {
        return Err(format!("format {} is newer than this function", work.v));
    }
    Ok(work)
}

async fn perform(state: &State, item: &WorkItem) -> Result<()> {
    match item.work.task {
        Task::RunJob { job } => {
            let accept = media::accept;
            state.store.run_job(item, job, state.steps, accept).await
        }
        Task::ReadVersion { .. }
        | Task::SummarizeVersion { .. }
        | Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. } => {
            // Sent to the wrong queue by hand: to the right one with it.
            state.store.send(&item.work).await;
            Ok(())
        }
    }
}

/// Decides what becomes of a message after its work: done, again, or given up and listed.
async fn settle(
    state: &State,
    message: &Work,
    item: &WorkItem,
    result: Result<()>,
    receive_count: u32,
) -> Outcome {
    let id = item.work.id;
    let Err(error) = result else {
        info!(work.id = %id, "steps of a job done");
        return Outcome::Done;
    };
    warn!(work.id = %id, receive_count, error = error.for_log(), "a step of a job failed");
    if !item.is_asked_by(message) {
        // What it could not do is left to the message of the later asking.
        return Outcome::Done;
    }
    let again = error.retry() == Retry::Later;
    if again && receive_count < MAX_RECEIVES {
        return Outcome::Again;
    }
    let failure = Failure {
        stage: "jobs".to_owned(),
        code: "gave_up".to_owned(),
        detail: format!("{error}: redrive it once the cause is gone"),
    };
    if let Err(error) = state.store.give_up(item, failure).await {
        warn!(work.id = %id, error = error.for_log(), "work could not be given up");
        return Outcome::Again;
    }
    // What may work later also goes where the queue keeps the messages it set aside.
    if again { Outcome::Again } else { Outcome::Done }
}
