//! The `summarize` function: summaries of versions and of dossiers, from the summarize queue.
//!
//! A message only says where to look: what is to be done is the row of work it names, and when
//! that is gone, so is the work. So messages may come twice, late, in any order and at once.
//!
//! # Permissions
//! - table: read, write
//! - objects text/: get
//! - bucket: list
//! - queue summarize: receive, send
//! - model: invoke

mod dossier;
mod stop;
mod version;

use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use ai::LanguageModel;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::{Destination, Task, Work};
use domain::{Error, Retry};
use runtime::batch::{self, Message, Outcome};
use runtime::config::{self, ConfigError};
use store::Store;
use store::work::WorkItem;
use tracing::{error, info, warn};

use crate::stop::Stop;

/// How often a message is received before its queue sets it aside. The queue's `maxReceiveCount`
/// is the same.
pub const MAX_RECEIVES: u32 = 5;

/// How often work begins again at once because someone else changed what it was about to change.
const RACES: u32 = 4;

/// After how long work is tried again that someone else is doing at the moment.
const LATER: Duration = Duration::from_secs(2);

/// What the function works with.
#[derive(Clone)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// What writes the summaries.
    pub model: Arc<dyn LanguageModel>,
}

impl State {
    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub async fn from_environment() -> Result<Self, ConfigError> {
        let model: ai::Config = config::optional(
            "MODEL",
            "the language model: extractive, bedrock, or bedrock: and a model id",
        )?
        .unwrap_or_default();
        Ok(Self {
            store: Store::from_environment(&[Destination::Summarize])?,
            model: model
                .connect(ready(runtime::aws::from_environment()?))
                .await,
        })
    }
}

/// What work came to that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing is left to do.
    Finished,
    /// Someone else is doing it: look again a little later.
    Later,
}

/// Does the work that the messages of a batch name, and says which are to come again.
pub async fn handle(state: &State, event: SqsEvent) -> SqsBatchResponse {
    // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
    batch::run(
        event,
        |message| Box::pin(receive(state, message)),
        |again| state.store.postpone(Destination::Summarize, again),
    )
    .await
}

async fn receive(state: &State, message: Message) -> Outcome {
    let work = match read(&message.body) {
        Ok(work) => work,
        Err(detail) => {
            // It comes again until it is set aside, where a person finds it.
            error!(detail, "a message of the summarize queue cannot be read");
            return Outcome::Again;
        }
    };
    let mut races = 0;
    loop {
        let is_last = message.receive_count >= MAX_RECEIVES;
        let begun = state.store.begin_work(&work, is_last);
        let item = match begun.await {
            Ok(Some(item)) => item,
            Ok(None) => return Outcome::Done,
            Err(error) => {
                warn!(work.id = %work.id, error = error.for_log(), "work could not be looked up");
                return Outcome::Again;
            }
        };
        let stop = match perform(state, &item).await {
            Ok(Progress::Finished) => return Outcome::Done,
            Ok(Progress::Later) => {
                // A new message and not this one again: waiting is no failed try.
                return match state.store.wait_for_other(&item, LATER).await {
                    Ok(()) => Outcome::Done,
                    Err(error) => {
                        warn!(work.id = %work.id, error = error.for_log(), "work could not wait");
                        Outcome::Again
                    }
                };
            }
            Err(stop) => stop,
        };
        races += 1;
        let lost_race = matches!(stop, Stop::Store(Error::Busy { .. }));
        if !lost_race || races == RACES {
            if !item.is_asked_by(&work) {
                // What it could not do is left to the message of the later asking.
                warn!(work.id = %work.id, code = stop.code(), error = stop.for_log(), "work stopped that was asked for again");
                return Outcome::Done;
            }
            return stopped(state, &item, &stop, message.receive_count).await;
        }
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

async fn perform(state: &State, item: &WorkItem) -> Result<Progress, Stop> {
    match item.work.task {
        Task::SummarizeVersion { file, version } => {
            version::summarize(state, item, file, version).await
        }
        Task::SummarizeDossier { dossier } => dossier::summarize(state, item, dossier).await,
        Task::ReadVersion { .. }
        | Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::TakeIn { .. }
        | Task::RunJob { .. } => Err(Stop::Misrouted),
    }
}

/// Decides what becomes of work that could not be done: another try, or a failure that is listed.
async fn stopped(state: &State, item: &WorkItem, stop: &Stop, receive_count: u32) -> Outcome {
    let id = item.work.id;
    warn!(work.id = %id, receive_count, code = stop.code(), error = stop.for_log(), "work stopped");
    let again = stop.retry() == Retry::Later;
    if again && receive_count < MAX_RECEIVES {
        return Outcome::Again;
    }
    if let Some(failure) = stop.failure() {
        if let Err(error) = state.store.give_up(item, failure).await {
            warn!(work.id = %id, error = error.for_log(), "work could not be given up");
            return Outcome::Again;
        }
        info!(work.id = %id, code = stop.code(), "gave work up");
    }
    // What may work later also goes where the queue keeps the messages it set aside.
    if again { Outcome::Again } else { Outcome::Done }
}
