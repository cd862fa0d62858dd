//! What a function does with a message that names work: it looks the work up, does it, and decides
//! what becomes of the message.
//!
//! A message only says where to look: what is to be done is the row of work it names, and when that
//! is gone, so is the work. So messages may come twice, late, in any order and at once.

use std::time::Duration;

use domain::file::Failure;
use domain::message::Work;
use domain::{Error, Retry};
use runtime::batch::{self, Message, Outcome};
use tracing::{error, info, warn};

use crate::Store;
use crate::work::WorkItem;

/// How often a message is received before its queue sets it aside. `template.yaml` says the same as
/// `maxReceiveCount`.
pub const MAX_RECEIVES: u32 = 5;

/// How often work begins again at once because someone else changed what it was about to change.
const RACES: u32 = 4;

/// What work came to that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do for this message.
    Finished,
    /// Someone else is doing it: look again after so long.
    Later(Duration),
}

/// Why work stopped, whatever it was.
#[derive(Debug)]
pub struct Setback {
    /// Whether the same work may succeed when it is tried again.
    pub retry: Retry,
    /// Whether someone else changed what was about to be changed: then it may succeed at once.
    pub lost_race: bool,
    /// How it is listed when it is given up; none for work that is not this function's to give up.
    pub failure: Option<Failure>,
    /// For a log, which quotes neither names nor documents.
    pub cause: String,
}

impl Setback {
    /// An error at this stage, which a person can have tried again.
    #[must_use]
    pub fn at(stage: &str, error: &Error) -> Self {
        Self {
            retry: error.retry(),
            lost_race: matches!(error, Error::Busy { .. }),
            failure: Some(Failure {
                stage: stage.to_owned(),
                code: "gave_up".to_owned(),
                detail: format!("{error}: redrive it once the cause is gone"),
            }),
            cause: error.for_log(),
        }
    }
}

/// Reads the body of a message that names work.
///
/// # Errors
/// What is wrong with it, for a log.
pub fn read(body: &str) -> Result<Work, String> {
    let work: Work = batch::parse(body)?;
    if work.v > Work::FORMAT {
        return Err(format!("format {} is newer than this function", work.v));
    }
    Ok(work)
}

/// Does the work that a message names, if there is any left, by `perform`. One that cannot be read
/// comes again until it is set aside, where a person finds it.
pub async fn receive<F, D>(store: &Store, message: &Message, perform: F) -> Outcome
where
    F: Fn(WorkItem) -> D,
    D: Future<Output = Result<Progress, Setback>>,
{
    match read(&message.body) {
        Ok(work) => receive_work(store, &work, message.receive_count, perform).await,
        Err(detail) => {
            error!(detail, "a message cannot be read");
            Outcome::Again
        }
    }
}

/// Does work that was received so often. What fails comes again; after its last try, or where no
/// other would help, it is given up and listed.
pub async fn receive_work<F, D>(
    store: &Store,
    message: &Work,
    receive_count: u32,
    perform: F,
) -> Outcome
where
    F: Fn(WorkItem) -> D,
    D: Future<Output = Result<Progress, Setback>>,
{
    let is_last = receive_count >= MAX_RECEIVES;
    let mut found = store.begin_work(message, is_last).await;
    let mut races = 0;
    loop {
        let item = match found {
            Ok(Some(item)) => item,
            // Done before: this is a duplicate.
            Ok(None) => return Outcome::Done,
            Err(error) => {
                warn!(work.id = %message.id, error = error.for_log(), "work could not be looked up");
                return Outcome::Again;
            }
        };
        let setback = match perform(item.clone()).await {
            Ok(Progress::Finished) => {
                info!(work.id = %message.id, "work done");
                return Outcome::Done;
            }
            Ok(Progress::Later(delay)) => return wait(store, &item, delay).await,
            Err(setback) => setback,
        };
        races += 1;
        if races == RACES || !setback.lost_race {
            return settle(store, message, &item, setback, receive_count).await;
        }
        found = store.work(&message.workspace, message.id).await;
    }
}

/// Has work looked at again later: by a new message and not this one again, because waiting is no
/// failed try.
async fn wait(store: &Store, item: &WorkItem, delay: Duration) -> Outcome {
    match store.wait_for_other(item, delay).await {
        Ok(()) => Outcome::Done,
        Err(error) => {
            warn!(work.id = %item.work.id, error = error.for_log(), "work could not wait");
            Outcome::Again
        }
    }
}

/// Decides what becomes of a message whose work stopped: another try, or a failure that is listed.
async fn settle(
    store: &Store,
    message: &Work,
    item: &WorkItem,
    setback: Setback,
    receive_count: u32,
) -> Outcome {
    let id = item.work.id;
    warn!(work.id = %id, receive_count, error = setback.cause, "work failed");
    if !item.is_asked_by(message) {
        // It was asked for again since: what it could not do is left to the message of that asking,
        // which has all its tries.
        return Outcome::Done;
    }
    let again = setback.retry == Retry::Later;
    if again && receive_count < MAX_RECEIVES {
        return Outcome::Again;
    }
    if let Some(failure) = setback.failure {
        let code = failure.code.clone();
        if let Err(error) = store.give_up(item, failure).await {
            warn!(work.id = %id, error = error.for_log(), "work could not be given up");
            return Outcome::Again;
        }
        info!(work.id = %id, code, "gave work up");
    }
    // What may work later also goes where the queue keeps the messages it set aside.
    if again { Outcome::Again } else { Outcome::Done }
}
