//! A queue of a test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::message::Destination::Ingest;
use embedded::clock::Clock;
use embedded::database::Database;
use embedded::queue::{Counts, Message, Queue, Settings};
use jiff::Timestamp;
use runtime::batch::Backoff;
use store::queue::Queue as _;
use tempfile::TempDir;

pub(super) const LEASE: Duration = Duration::from_mins(6);

/// The smallest time the queue tells apart.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// A queue with a clock of the test's.
pub(super) struct Place {
    pub(super) queue: Queue,
    pub(super) milliseconds: Arc<AtomicI64>,
    _folder: TempDir,
}

impl Place {
    pub(super) async fn start(most_receives: u32) -> Self {
        let milliseconds = Arc::new(AtomicI64::new(1_700_000_000_000));
        let time = Arc::clone(&milliseconds);
        let clock =
            Arc::new(move || Timestamp::from_millisecond(time.load(Ordering::SeqCst)).unwrap());
        Self {
            milliseconds,
            ..Self::with_clock(most_receives, clock).await
        }
    }

    pub(super) async fn with_clock(most_receives: u32, clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(&folder.path().join("queue.sqlite")).unwrap();
        let settings = Settings {
            most_receives,
            backoff: Backoff {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(10),
            },
        };
        Self {
            queue: Queue::open(database, clock, settings).await.unwrap(),
            milliseconds: Arc::default(),
            _folder: folder,
        }
    }

    pub(super) fn pass(&self, time: Duration) {
        self.milliseconds
            .fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        self.queue.wake(Ingest);
    }

    pub(super) async fn send(&self, body: &str) {
        self.queue
            .send(Ingest, body.to_owned(), Duration::ZERO)
            .await
            .unwrap();
    }

    pub(super) async fn receive(&self) -> Vec<Message> {
        self.queue.receive(Ingest, 10, LEASE).await.unwrap()
    }

    pub(super) async fn counts(&self) -> Counts {
        self.queue.counts(Ingest).await.unwrap()
    }
}

pub(super) fn counts(pending: u64, in_flight: u64, dead: u64) -> Counts {
    Counts {
        pending,
        in_flight,
        dead,
    }
}
