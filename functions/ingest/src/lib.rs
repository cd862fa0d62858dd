//! The `ingest` function: reads committed versions, puts files into dossiers, finishes uploads
//! whose client vanished and takes in what is dropped in the inbox.
//!
//! # Permissions
//! - table: read, write
//! - objects blobs/: get, put, delete
//! - objects presigned/: get, put, delete, parts, abort
//! - objects inbox/: get, delete
//! - objects text/: get, put, delete
//! - bucket: list
//! - queue ingest: receive, send
//! - queue summarize: send

mod arrival;
mod inbox;
mod message;
mod read;

use std::io::ErrorKind;
use std::path::PathBuf;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::{Destination, Task, Work};
use domain::{Error, Result, Retry};
use extract::{Extractor, Limits};
use runtime::batch::{self, Message, Outcome};
use runtime::config::ConfigError;
use store::Store;
use store::work::WorkItem;
use tracing::{error, info, warn};

use crate::message::Received;

/// What the function works with.
#[derive(Clone, Debug)]
pub struct State {
    /// Where things are kept.
    pub store: Store,
    /// Reads untrusted files, each in a process of its own.
    pub extractor: Extractor,
    /// Where files are copied to while they are read.
    pub scratch: PathBuf,
    /// How many bytes of a file too large to read are hashed in one run.
    pub slice_bytes: u64,
    /// How many pages of files are put into a dossier in one run.
    pub fill_pages: usize,
}

/// Bytes that are hashed in one run: 1 GiB takes 41 seconds even at 25 MiB/s, a third of the
/// function's time.
const SLICE_BYTES: u64 = 1024 * 1024 * 1024;

/// Pages of 100 files: at some 50 milliseconds a file they take half a minute.
const FILL_PAGES: usize = 6;

/// How often work begins again at once because someone else changed what it was about to change.
const RACES: u32 = 4;

impl State {
    /// Works with this store and this reader of files, within the usual limits.
    pub fn new(store: Store, extractor: Extractor) -> Self {
        Self {
            store,
            extractor,
            scratch: std::env::temp_dir(),
            slice_bytes: SLICE_BYTES,
            fill_pages: FILL_PAGES,
        }
    }

    /// Connects to what the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment() -> Result<Self, ConfigError> {
        let program = std::env::current_exe().map_err(|error| ConfigError::Unreadable {
            name: "/proc/self/exe",
            meaning: "this program, to start again as the reader of files",
            reason: error.to_string(),
        })?;
        let store = Store::from_environment(&[Destination::Ingest, Destination::Summarize])?;
        Ok(Self {
            scratch: empty_scratch()?,
            ..Self::new(store, Extractor::new(program, Limits::default()))
        })
    }
}

/// Makes an empty folder for copies. Lambda keeps what a run that was cut off has left on its disk,
/// and starts the next one beside it.
fn empty_scratch() -> Result<PathBuf, ConfigError> {
    let folder = std::env::temp_dir().join("sheaf-ingest");
    let made = match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => std::fs::create_dir(&folder),
    };
    made.map_err(|error| ConfigError::Unreadable {
        name: "TMPDIR",
        meaning: "a folder for copies of the files that are read",
        reason: error.to_string(),
    })?;
    Ok(folder)
}

/// How often the queue gives out a message before it goes to the dead letters. `template.yaml`
/// says the same as `maxReceiveCount`.
pub const MAX_RECEIVES: u32 = 5;

/// Handles a batch of messages; those that failed are named and come again.
pub async fn handle(state: &State, event: SqsEvent) -> SqsBatchResponse {
    batch::run(
        event,
        |message| handle_one(state, message),
        |again| state.store.postpone(Destination::Ingest, again),
    )
    .await
}

async fn handle_one(state: &State, message: Message) -> Outcome {
    match message::read(&message.body) {
        Ok(Received::Work(work)) => handle_work(state, &work, message.receive_count).await,
        Ok(Received::Objects(objects)) => {
            for object in objects {
                if let Err(error) = arrival::take(state, &object).await {
                    warn!(error = error.for_log(), "an S3 event was not handled");
                    return Outcome::Again;
                }
            }
            Outcome::Done
        }
        Ok(Received::Test) => Outcome::Done,
        Err(detail) => {
            error!(detail, "a message cannot be read");
            Outcome::Again
        }
    }
}

async fn handle_work(state: &State, work: &Work, receive_count: u32) -> Outcome {
    let store = &state.store;
    let is_last = receive_count >= MAX_RECEIVES;
    let mut found = store.begin_work(work, is_last).await;
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
            if !item.is_asked_by(work) {
                return settle_earlier(&item, result);
            }
            return settle(state, &item, result, receive_count).await;
        }
        found = store.work(&work.workspace, work.id).await;
    }
}

async fn perform(state: &State, item: &WorkItem) -> Result<()> {
    let workspace = &item.work.workspace;
    match item.work.task {
        Task::ReadVersion { file, version } => read::read(state, item, file, version).await,
        Task::TakeIn { ref path } => inbox::take_again(state, item, path).await,
        Task::PlaceFile { file } => state.store.place_file(workspace, item, file).await,
        Task::FillDossier { dossier } => {
            let store = &state.store;
            store
                .fill_dossier(workspace, item, dossier, state.fill_pages)
                .await
        }
        Task::SummarizeVersion { .. } | Task::SummarizeDossier { .. } | Task::RunJob { .. } => {
            // Sent to the wrong queue by hand: to the right one with it.
            state.store.send(&item.work).await;
            Ok(())
        }
    }
}

/// Decides what becomes of a message whose work was asked for again since: done. What it could not
/// do is left to the message of the later asking, which has all its tries.
fn settle_earlier(item: &WorkItem, result: Result<()>) -> Outcome {
    match result {
        Ok(()) => info!(work.id = %item.work.id, "work done"),
        Err(error) => {
            warn!(work.id = %item.work.id, error = error.for_log(), "work failed that was asked for again");
        }
    }
    Outcome::Done
}

/// Decides what becomes of a message after its work: done, again, or given up and listed.
async fn settle(state: &State, item: &WorkItem, result: Result<()>, receive_count: u32) -> Outcome {
    let Err(error) = result else {
        info!(work.id = %item.work.id, "work done");
        return Outcome::Done;
    };
    let last = receive_count >= MAX_RECEIVES;
    warn!(work.id = %item.work.id, receive_count, error = error.for_log(), "work failed");
    if error.retry() == Retry::Later && !last {
        return Outcome::Again;
    }
    let failure = domain::file::Failure {
        stage: "ingest".to_owned(),
        code: "gave_up".to_owned(),
        detail: format!("{error}: redrive it once the cause is gone"),
    };
    if let Err(error) = state.store.give_up(item, failure).await {
        warn!(work.id = %item.work.id, error = error.for_log(), "work could not be given up");
    }
    Outcome::Again
}
