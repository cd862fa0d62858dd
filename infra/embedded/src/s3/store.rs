//! The store of one bucket: opened, swept, and changed in one transaction at a time.

use std::path::PathBuf;
use std::sync::Arc;

use domain::message::Destination;
use jiff::Timestamp;
use rusqlite::Connection;
use s3s::{S3Error, S3Result};
use thiserror::Error;
use tokio_util::task::TaskTracker;

use super::blobs::{BlobId, Blobs};
use super::fault::{Fault, Result};
use super::files::Files;
use super::notification::{self, Cause};
use super::objects::{self, Condition, Object, Piece, Unnamed};
use super::uploads;
use crate::clock::Clock;
use crate::database::{Database, DatabaseError};
use crate::queue::Queue;

/// The objects of one bucket. Clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    blobs: Arc<Blobs>,
    queue: Queue,
    clock: Clock,
    bucket: String,
    notifications: Vec<Notification>,
    mutations: TaskTracker,
}

/// How a store is set up.
#[derive(Clone)]
pub struct StoreSettings {
    /// Folder of the bytes.
    pub folder: PathBuf,
    /// The only bucket there is.
    pub bucket: String,
    /// Who is told of new objects.
    pub notifications: Vec<Notification>,
    /// The file system.
    pub files: Files,
}

/// Sends an event to a queue for each object made under a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// How the keys begin.
    pub prefix: String,
    /// The queue.
    pub to: Destination,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The index could not be read or written.
    #[error("the index of the objects: {0}")]
    Database(#[from] DatabaseError),
    /// The bytes could not be reached.
    #[error("the objects' bytes: {0}")]
    Files(#[from] std::io::Error),
    /// A statement was refused.
    #[error("the index of the objects: {0}")]
    Refused(S3Error),
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Database(error) => Self::Database(error),
            Fault::Files(error) => Self::Files(error),
            Fault::Refused(error) => Self::Refused(error),
        }
    }
}

impl StoreSettings {
    /// A bucket whose presigned uploads and inbox are told to the ingest queue, as in `template.yaml`.
    pub fn new(folder: PathBuf, bucket: impl Into<String>) -> Self {
        let notify_ingest = |prefix: &str| Notification {
            prefix: prefix.to_owned(),
            to: Destination::Ingest,
        };
        Self {
            folder,
            bucket: bucket.into(),
            notifications: vec![notify_ingest("presigned/"), notify_ingest("inbox/")],
            files: Files::default(),
        }
    }
}

impl Store {
    /// Opens the store and removes what a crash left behind.
    pub async fn open(
        database: Database,
        queue: Queue,
        settings: StoreSettings,
        clock: Clock,
    ) -> std::result::Result<Self, StoreError> {
        database
            .write(|transaction| -> Result<()> {
                objects::create(transaction)?;
                uploads::create(transaction)
            })
            .await?;
        let known = database.read(objects::named_blobs).await?;
        let (files, folder) = (settings.files, settings.folder);
        let opened = tokio::task::spawn_blocking(move || {
            let blobs = Blobs::open(files, &folder)?;
            for missing in blobs.sweep(&known)? {
                tracing::error!(blob = %missing, "the bytes of an object are missing from the data folder");
            }
            Ok::<_, std::io::Error>(blobs)
        });
        let blobs = opened.await.map_err(std::io::Error::other)??;
        Ok(Self {
            shared: Arc::new(Shared {
                database,
                blobs: Arc::new(blobs),
                queue,
                clock,
                bucket: settings.bucket,
                notifications: settings.notifications,
                mutations: TaskTracker::new(),
            }),
        })
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.shared.bucket
    }

    pub(super) fn blobs(&self) -> &Arc<Blobs> {
        &self.shared.blobs
    }

    pub(super) fn database(&self) -> &Database {
        &self.shared.database
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.shared.clock)()
    }

    pub(super) fn check_bucket(&self, bucket: &str) -> Result<()> {
        if bucket == self.shared.bucket {
            return Ok(());
        }
        Err(objects::no_such_bucket().into())
    }

    /// Runs what must not stop half-way in a task of its own: the server drops a request's future when its client
    /// hangs up, and with it whatever was being awaited.
    pub(super) async fn to_the_end<T: Send + 'static>(
        &self,
        mutation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> S3Result<T> {
        match self.shared.mutations.spawn(mutation).await {
            Ok(outcome) => outcome.map_err(S3Error::from),
            Err(error) => Err(S3Error::internal_error(error)),
        }
    }

    /// Returns when no mutation is running. None may begin after.
    pub(super) async fn finish(&self) {
        self.shared.mutations.close();
        self.shared.mutations.wait().await;
    }

    /// Runs work on files off the async threads.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Blobs>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let blobs = Arc::clone(&self.shared.blobs);
        match tokio::task::spawn_blocking(move || work(&blobs)).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Fault::Files(std::io::Error::other(error))),
        }
    }

    /// Makes placed bytes the object at a key, and tells of it in the same transaction. When that is refused, the
    /// bytes are removed; when it failed, they stay until the next start says whether a row names them.
    pub(super) async fn commit_object(
        &self,
        key: String,
        object: Object,
        pieces: Vec<Piece>,
        condition: Condition,
        cause: Cause,
    ) -> Result<()> {
        let blobs: Vec<BlobId> = pieces.iter().map(|piece| piece.blob).collect();
        let store = self.clone();
        let committed = self
            .shared
            .database
            .write(move |transaction| {
                let unnamed = objects::replace(transaction, &key, &object, &pieces, &condition)?;
                let told = store.tell(transaction, &key, &object, cause)?;
                Ok((unnamed, told))
            })
            .await;
        match committed {
            Ok((unnamed, told)) => {
                self.wake(told);
                self.remove(unnamed).await
            }
            Err(refused @ Fault::Refused(_)) => {
                self.remove_blobs(blobs).await?;
                Err(refused)
            }
            Err(failed) => Err(failed),
        }
    }

    /// Adds the event of a new object to its transaction. Returns the queue to [`Self::wake`] once it is committed.
    pub(super) fn tell(
        &self,
        transaction: &Connection,
        key: &str,
        object: &Object,
        cause: Cause,
    ) -> Result<Option<Destination>> {
        let Some(notification) = self
            .shared
            .notifications
            .iter()
            .find(|n| key.starts_with(&n.prefix))
        else {
            return Ok(None);
        };
        let sequence = objects::next_in_sequence(transaction)?;
        let body = notification::body(&self.shared.bucket, key, object, cause, sequence);
        self.shared
            .queue
            .send_within(transaction, notification.to, &body)?;
        Ok(Some(notification.to))
    }

    pub(super) fn wake(&self, told: Option<Destination>) {
        if let Some(queue) = told {
            self.shared.queue.wake(queue);
        }
    }

    /// Removes the bytes of contents whose rows are gone.
    pub(super) async fn remove(&self, unnamed: impl IntoIterator<Item = Unnamed>) -> Result<()> {
        let unnamed: Vec<Unnamed> = unnamed.into_iter().collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        self.blocking(move |blobs| {
            for content in unnamed {
                blobs.remove(content.content, content.blobs);
            }
            Ok(())
        })
        .await
    }

    /// Removes blobs that no content ever had.
    pub(super) async fn remove_blobs(&self, unnamed: Vec<BlobId>) -> Result<()> {
        if unnamed.is_empty() {
            return Ok(());
        }
        self.blocking(move |blobs| {
            blobs.remove_unnamed(&unnamed);
            Ok(())
        })
        .await
    }
}
