//! The queues: messages with a delay, leases, retries and dead letters, in a table beside the objects' metadata.
//!
//! Behaves as SQS does for Lambda: a received message is leased for its visibility timeout and comes again unless
//! deleted by the receipt of that lease; after [`Settings::most_receives`] it is a dead letter, listed and sent
//! again on request. Unlike SQS it knows by itself how long a failed message waits before it is tried again.
//!
//! Messages and their leases outlive the end of the process, and not always a power cut: work is a row of the table,
//! synced before its message is sent, and sent again at the next start. S3's events are synced with their object.

mod event;
mod runner;
mod table;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::message::Destination;
use jiff::Timestamp;
use runtime::batch::Backoff;
use rusqlite::Connection;
use tokio::sync::Notify;
use uuid::Uuid;

pub use self::runner::{Runner, RunnerSettings};
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};

/// Longest delay of a message. Source: SQS quotas, `DelaySeconds`.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// Longest body of a message: 1 MiB. Source: SQS quotas, message size.
const LONGEST_BODY: usize = 1024 * 1024;

/// The queues of one database. Clones share it.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    clock: Clock,
    settings: Settings,
    ingest: Notify,
    summarize: Notify,
    access: Notify,
    jobs: Notify,
}

/// How often and how soon a message is tried again.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// After so many receives without a delete a message is a dead letter.
    pub most_receives: u32,
    /// How long a message waits that failed.
    pub backoff: Backoff,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            most_receives: 5,
            backoff: Backoff::default(),
        }
    }
}

/// A received message, leased to whoever received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Stays the same however often it is received.
    pub id: Uuid,
    /// Names this lease; what deletes the message or gives it back.
    pub receipt: String,
    /// What was sent.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was received for the first time.
    pub first_received_at: Timestamp,
    /// How often it was received, this time included.
    pub receives: u32,
}

/// A message that was received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The message's id.
    pub id: Uuid,
    /// The queue it was in.
    pub destination: Destination,
    /// What was sent.
    pub body: String,
    /// How often it was received.
    pub receives: u32,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When it was given up.
    pub died_at: Timestamp,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// To be received, now or when their delay is over.
    pub pending: u64,
    /// Leased.
    pub in_flight: u64,
    /// Dead letters.
    pub dead: u64,
}

impl Counts {
    /// Whether nothing is left to do.
    pub const fn is_idle(self) -> bool {
        self.pending == 0 && self.in_flight == 0
    }
}

impl Queue {
    /// Opens the queues kept in `database`, making their table when missing. What was being worked on when the process
    /// last ended is received again at once.
    pub async fn open(
        database: Database,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, DatabaseError> {
        let now = clock();
        database
            .write(move |connection| {
                table::create(connection)?;
                table::end_leases(connection, now)
            })
            .await?;
        Ok(Self {
            shared: Arc::new(Shared {
                database,
                clock,
                settings,
                ingest: Notify::new(),
                summarize: Notify::new(),
                access: Notify::new(),
                jobs: Notify::new(),
            }),
        })
    }

    /// Adds a message to a transaction of the caller's, who calls [`Self::wake`] once it is committed.
    pub fn send_within(
        &self,
        transaction: &Connection,
        to: Destination,
        body: &str,
    ) -> Result<(), DatabaseError> {
        let now = (self.shared.clock)();
        table::insert(transaction, Uuid::new_v4(), to, body, now, now)
    }

    /// Tells the runner of a queue to look for messages.
    pub fn wake(&self, queue: Destination) {
        self.bell(queue).notify_one();
    }

    /// Leases up to `most` messages that are due, those due first first.
    pub async fn receive(
        &self,
        from: Destination,
        most: usize,
        visibility: Duration,
    ) -> Result<Vec<Message>, DatabaseError> {
        let now = (self.shared.clock)();
        let most_receives = self.shared.settings.most_receives;
        self.shared
            .database
            .write_unsynced(move |transaction| {
                loop {
                    let (leased, complete) =
                        table::lease(transaction, from, most, most_receives, now, visibility)?;
                    if complete {
                        return Ok(leased);
                    }
                }
            })
            .await
    }

    /// Ends leases: the messages of `done` are deleted, those of `failed` are given back to be tried again later or
    /// become dead letters. Receipts of leases that ended before change nothing.
    pub async fn settle(
        &self,
        done: Vec<String>,
        failed: Vec<String>,
    ) -> Result<(), DatabaseError> {
        let now = (self.shared.clock)();
        let settings = self.shared.settings;
        let ended = self
            .shared
            .database
            .write_unsynced(move |transaction| {
                for receipt in &done {
                    table::delete(transaction, receipt)?;
                }
                let mut ended = Vec::new();
                for receipt in &failed {
                    ended.extend(table::give_back(transaction, receipt, now, &settings)?);
                }
                Ok::<_, DatabaseError>(ended)
            })
            .await?;
        for queue in ended {
            self.wake(queue);
        }
        Ok(())
    }

    /// Deletes a message by the receipt of its current lease; `false` when that lease has ended.
    pub async fn delete(&self, receipt: String) -> Result<bool, DatabaseError> {
        let delete = move |transaction: &Connection| table::delete(transaction, &receipt);
        self.shared.database.write_unsynced(delete).await
    }

    /// Up to `most` dead letters, the oldest first, beginning after the one named.
    pub async fn dead_letters(
        &self,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<DeadLetter>, DatabaseError> {
        let list = move |connection: &Connection| table::dead_letters(connection, after, most);
        self.shared.database.read(list).await
    }

    /// Sends a dead letter again, with all its tries; `false` when there is no such dead letter.
    pub async fn redrive(&self, id: Uuid) -> Result<bool, DatabaseError> {
        let now = (self.shared.clock)();
        let redrive = move |transaction: &Connection| table::redrive(transaction, id, now);
        let queue = self.shared.database.write(redrive).await?;
        if let Some(queue) = queue {
            self.wake(queue);
        }
        Ok(queue.is_some())
    }

    /// How many messages a queue holds.
    pub async fn counts(&self, of: Destination) -> Result<Counts, DatabaseError> {
        let now = (self.shared.clock)();
        self.shared
            .database
            .read(move |connection| table::counts(connection, of, now))
            .await
    }

    fn bell(&self, queue: Destination) -> &Notify {
        match queue {
            Destination::Ingest => &self.shared.ingest,
            Destination::Summarize => &self.shared.summarize,
            Destination::Access => &self.shared.access,
            Destination::Jobs => &self.shared.jobs,
        }
    }

    /// How long from now until a message is due or a lease ends; `None` when the queue is empty.
    async fn next_due(&self, from: Destination) -> Result<Option<Duration>, DatabaseError> {
        let due = self
            .shared
            .database
            .read(move |connection| table::next_due(connection, from))
            .await?;
        let now = (self.shared.clock)();
        Ok(due.map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default()))
    }
}

#[async_trait]
impl store::queue::Queue for Queue {
    async fn send(&self, to: Destination, body: String, delay: Duration) -> domain::Result<()> {
        const ACTION: &str = "sending a message";
        if body.len() > LONGEST_BODY || delay > LONGEST_DELAY {
            return Err(domain::Error::dependency(
                ACTION,
                "SQS refuses a body over 1 MiB or a delay over 15 minutes",
            ));
        }
        let now = (self.shared.clock)();
        let visible_at = now
            .checked_add(delay)
            .map_err(|e| domain::Error::dependency(ACTION, e))?;
        self.shared
            .database
            .write_unsynced(move |transaction| {
                table::insert(transaction, Uuid::new_v4(), to, &body, now, visible_at)
            })
            .await
            .map_err(|error| domain::Error::dependency(ACTION, error))?;
        self.wake(to);
        Ok(())
    }

    /// Does nothing: a message that is given back waits as long by itself, also when its handler never got to say so.
    async fn postpone(&self, _: Destination, _: &str, _: Duration) -> domain::Result<()> {
        Ok(())
    }
}
