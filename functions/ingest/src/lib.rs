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
use domain::Result;
use domain::message::{Destination, Task};
use extract::{Extractor, Limits};
use runtime::batch::{self, Message, Outcome};
use runtime::config::ConfigError;
use store::Store;
use store::work::WorkItem;
use store::worker::{self, Progress, Setback};
use tracing::{error, warn};

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
        Ok(Received::Work(work)) => {
            worker::receive_work(
                &state.store,
                &work,
                message.receive_count,
                |item| async move {
                    perform(state, &item)
                        .await
                        .map(|()| Progress::Finished)
                        .map_err(|error| Setback::at("ingest", &error))
                },
            )
            .await
        }
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
