//! The `summarize` function: summaries of versions and of dossiers, from the summarize queue.
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
use domain::message::{Destination, Task};
use runtime::batch;
use runtime::config::{self, ConfigError};
use store::Store;
use store::work::WorkItem;
use store::worker::{self, Progress, Setback};

use crate::stop::Stop;

/// After how long work is tried again that someone else is doing at the moment.
pub(crate) const LATER: Duration = Duration::from_secs(2);

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

/// Does the work that the messages of a batch name, and says which are to come again.
pub async fn handle(state: &State, event: SqsEvent) -> SqsBatchResponse {
    // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
    batch::run(
        event,
        |message| {
            Box::pin(async move {
                worker::receive(&state.store, &message, |item| async move {
                    perform(state, &item).await.map_err(Setback::from)
                })
                .await
            })
        },
        |again| state.store.postpone(Destination::Summarize, again),
    )
    .await
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
