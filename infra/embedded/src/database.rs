//! One `SQLite` file with one writer and many readers.
//!
//! Changes that arrive while another is being committed are committed together: each in a savepoint of its own, so
//! that a refused one undoes only itself, then one `COMMIT` and so one sync of the log for all of them. A caller
//! hears of success only after that sync (`journal_mode=WAL`, `synchronous=FULL`, both checked when opening), unless
//! it asked for less.
//! Reads run beside the writer, on connections of their own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use thiserror::Error;
use tokio::sync::oneshot;

/// Most changes committed together. Bounds how long the first of them waits for the others.
const MOST_CHANGES_IN_A_COMMIT: usize = 64;

/// Read connections kept for the next read; more are opened under load and closed after.
const READERS_KEPT: usize = 8;

/// How long a statement waits for a lock of another process, such as a person's `sqlite3` shell.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// Layout of the tables. A file with a higher number was written by a newer Sheaf and is refused.
const FORMAT: i64 = 1;

/// The open database. Clones share it.
#[derive(Clone)]
pub struct Database {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    changes: Sender<Change>,
    readers: Mutex<Vec<Connection>>,
}

/// Why a read or a change failed.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// A statement failed; nothing was changed by it.
    #[error("the database failed: {0}")]
    Statement(#[from] rusqlite::Error),
    /// The commit failed. Whether the change is there is only known after the database was opened anew.
    #[error("the change could not be committed: {0}")]
    Commit(String),
    /// The writer or a reader has gone, as it does when the process ends.
    #[error("the database is closed")]
    Closed,
    /// The file cannot be used.
    #[error("{path}: {detail}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
}

/// What outlives what, once a caller has heard of success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// The change outlives the end of the process. A power cut can undo it, with all that came after
    /// it, until the next synced change is on the disk.
    Process,
    /// The change outlives a power cut.
    PowerCut,
}

impl Durability {
    /// The setting of `SQLite` for it. Source: <https://sqlite.org/pragma.html#pragma_synchronous>
    const fn synchronous(self) -> &'static str {
        match self {
            Self::Process => "NORMAL",
            Self::PowerCut => "FULL",
        }
    }
}

/// A change waiting for the writer.
struct Change {
    durability: Durability,
    run: Run,
}

/// Runs a change in the open transaction that the writer gives it, or hears why there is none.
/// Returns who is to be told, once it is known how the commit went.
type Run = Box<dyn FnOnce(Result<&Connection, String>) -> Told + Send>;
type Told = Box<dyn FnOnce(Result<(), String>) + Send>;

impl Database {
    /// Opens the file, making it when missing, and starts its writer.
    ///
    /// # Errors
    /// [`DatabaseError::Unusable`] when durability cannot be had or the file is of a newer format.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(LOCK_WAIT)?;
        make_durable(&connection, path)?;
        check_format(&connection, path)?;

        let (changes, waiting) = channel();
        std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(move || write_until_closed(&connection, &waiting))
            .map_err(|error| DatabaseError::Unusable {
                path: path.to_owned(),
                detail: format!("no thread for the writer: {error}"),
            })?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                changes,
                readers: Mutex::default(),
            }),
        })
    }

    /// Runs a change as one transaction and returns once it is on the disk.
    ///
    /// # Errors
    /// What `change` returned, with nothing changed; or the [`DatabaseError`] that kept it from the disk.
    pub async fn write<T, E>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.enqueue(Durability::PowerCut, change).await
    }

    /// Runs a change as one transaction and returns once it outlives the end of the process. A power cut can undo it:
    /// for what is known elsewhere too, so that nobody waits for the disk.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_unsynced<T, E>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        self.enqueue(Durability::Process, change).await
    }

    async fn enqueue<T, E>(
        &self,
        durability: Durability,
        change: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let run: Run = Box::new(move |transaction| {
            let outcome = transaction
                .map_err(|error| DatabaseError::Commit(error).into())
                .and_then(|connection| in_savepoint(connection, change));
            Box::new(move |committed| {
                let outcome = outcome.and_then(|value| {
                    committed
                        .map(|()| value)
                        .map_err(|e| DatabaseError::Commit(e).into())
                });
                // A caller that went away is told nothing; its change stands.
                let _ = reply.send(outcome);
            })
        });
        if self
            .shared
            .changes
            .send(Change { durability, run })
            .is_err()
        {
            return Err(DatabaseError::Closed.into());
        }
        answer
            .await
            .unwrap_or_else(|_| Err(DatabaseError::Closed.into()))
    }

    /// Runs a query off the async threads.
    pub async fn read<T, E>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DatabaseError> + Send + 'static,
    {
        let database = self.clone();
        tokio::task::spawn_blocking(move || database.read_blocking(query))
            .await
            .unwrap_or_else(|_| Err(DatabaseError::Closed.into()))
    }

    /// Runs a query on this thread, which may block.
    pub fn read_blocking<T, E>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DatabaseError>,
    {
        let connection = self.reader()?;
        let outcome = query(&connection);
        let mut readers = self.readers();
        if readers.len() < READERS_KEPT {
            readers.push(connection);
        }
        outcome
    }

    fn reader(&self) -> Result<Connection, DatabaseError> {
        if let Some(connection) = self.readers().pop() {
            return Ok(connection);
        }
        let connection = Connection::open_with_flags(
            &self.shared.path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(LOCK_WAIT)?;
        Ok(connection)
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.shared
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_durable(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let journal: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let synchronous: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
    // 2 is FULL. Source: https://sqlite.org/pragma.html#pragma_synchronous
    if journal == "wal" && synchronous == 2 {
        return Ok(());
    }
    Err(DatabaseError::Unusable {
        path: path.to_owned(),
        detail: format!(
            "wanted a synced write-ahead log, got journal_mode={journal} synchronous={synchronous}"
        ),
    })
}

fn check_format(connection: &Connection, path: &Path) -> Result<(), DatabaseError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > FORMAT {
        return Err(DatabaseError::Unusable {
            path: path.to_owned(),
            detail: format!(
                "written by a newer version of Sheaf (format {found}, this one reads {FORMAT})"
            ),
        });
    }
    Ok(connection.pragma_update(None, "user_version", FORMAT)?)
}

fn write_until_closed(connection: &Connection, waiting: &Receiver<Change>) {
    let mut next = None;
    while let Some(first) = next.take().or_else(|| waiting.recv().ok()) {
        if let Err(error) = begin(connection, first.durability) {
            tracing::error!(%error, "cannot begin a transaction");
            let error = error.to_string();
            (first.run)(Err(error.clone()))(Err(error));
            continue;
        }
        let (told, ran);
        (told, ran, next) = run_together(connection, first, waiting);
        let committed = ran
            .and_then(|()| {
                connection
                    .execute_batch("COMMIT")
                    .map_err(|e| e.to_string())
            })
            .inspect_err(|error| {
                tracing::error!(%error, "cannot commit");
                // Fails when SQLite has rolled back by itself, which is as good.
                let _ = connection.execute_batch("ROLLBACK");
            });
        for tell in told {
            tell(committed.clone());
        }
    }
}

fn begin(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    // SQLite refuses to change this inside a transaction.
    connection.pragma_update(None, "synchronous", durability.synchronous())?;
    connection.execute_batch("BEGIN IMMEDIATE")
}

/// Runs a change and those that arrive meanwhile and ask for no more durability. Returns whom to tell, whether it may
/// be committed, and the change that begins the next commit.
fn run_together(
    connection: &Connection,
    first: Change,
    waiting: &Receiver<Change>,
) -> (Vec<Told>, Result<(), String>, Option<Change>) {
    let durability = first.durability;
    let mut told = vec![(first.run)(Ok(connection))];
    loop {
        // Some failures (a full disk) end the whole transaction; what ran in it is lost, and no more may run.
        if connection.is_autocommit() {
            return (
                told,
                Err("SQLite rolled the transaction back".to_owned()),
                None,
            );
        }
        if told.len() == MOST_CHANGES_IN_A_COMMIT {
            return (told, Ok(()), None);
        }
        match waiting.try_recv() {
            Ok(next) if durability == Durability::PowerCut || next.durability == durability => {
                told.push((next.run)(Ok(connection)));
            }
            Ok(next) => return (told, Ok(()), Some(next)),
            Err(_) => return (told, Ok(()), None),
        }
    }
}

fn in_savepoint<T, E: From<DatabaseError>>(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let run = |sql: &str| -> Result<(), E> {
        let mut statement = connection
            .prepare_cached(sql)
            .map_err(DatabaseError::from)?;
        statement.execute([]).map_err(DatabaseError::from)?;
        Ok(())
    };
    run("SAVEPOINT change")?;
    let outcome = change(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        run("ROLLBACK TO change")?;
    }
    if !connection.is_autocommit() {
        run("RELEASE change")?;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn numbers(database: &Database) -> Vec<i64> {
        database
            .read(|connection| -> Result<_, DatabaseError> {
                let mut statement = connection.prepare("SELECT n FROM numbers ORDER BY n")?;
                let rows = statement.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
            .unwrap()
    }

    async fn fresh() -> (tempfile::TempDir, Database) {
        let place = tempfile::tempdir().unwrap();
        let database = Database::open(&place.path().join("test.sqlite")).unwrap();
        database
            .write(|c| {
                Ok::<_, DatabaseError>(
                    c.execute_batch("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")?,
                )
            })
            .await
            .unwrap();
        (place, database)
    }

    fn insert(connection: &Connection, number: i64) -> Result<(), DatabaseError> {
        connection.execute("INSERT INTO numbers VALUES (?1)", [number])?;
        Ok(())
    }

    #[tokio::test]
    async fn refused_change_undoes_only_itself() {
        let (_place, database) = fresh().await;

        let changes = (0..40).map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .write(move |connection| {
                        insert(connection, number)?;
                        if number % 2 == 1 {
                            return Err(DatabaseError::Closed);
                        }
                        Ok(())
                    })
                    .await
            })
        });
        for change in futures::future::join_all(changes).await {
            let _refused_or_not = change.unwrap();
        }

        assert_eq!(
            numbers(&database).await,
            (0..40).step_by(2).collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn change_is_seen_by_the_next_read() {
        let (_place, database) = fresh().await;
        database
            .write(|connection| insert(connection, 7))
            .await
            .unwrap();
        assert_eq!(numbers(&database).await, [7]);
    }

    #[tokio::test]
    async fn change_is_committed_with_the_durability_it_asked_for_or_more() {
        let (_place, database) = fresh().await;
        // 1 is NORMAL, 2 is FULL.
        let synchronous = |c: &Connection| {
            Ok::<i64, DatabaseError>(c.pragma_query_value(None, "synchronous", |row| row.get(0))?)
        };
        assert_eq!(database.write_unsynced(synchronous).await.unwrap(), 1);

        let changes = (0..40).map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    database.write(synchronous).await.unwrap() == 2
                } else {
                    database.write_unsynced(synchronous).await.unwrap() >= 1
                }
            })
        });

        for holds in futures::future::join_all(changes).await {
            assert!(holds.unwrap());
        }
    }

    #[tokio::test]
    async fn full_disk_fails_every_change_of_the_commit_and_none_after() {
        let (_place, database) = fresh().await;
        let limit = |pages: i64| {
            database.write(move |c| {
                Ok::<_, DatabaseError>(c.pragma_update(None, "max_page_count", pages)?)
            })
        };
        limit(2).await.unwrap();
        let too_much = database
            .write(|c| {
                Ok::<_, DatabaseError>(
                    c.execute_batch("CREATE TABLE big AS SELECT zeroblob(100000)")?,
                )
            })
            .await;

        limit(1000).await.unwrap();
        database
            .write(|connection| insert(connection, 1))
            .await
            .unwrap();

        assert!(too_much.is_err());
        assert_eq!(numbers(&database).await, [1]);
    }

    #[tokio::test]
    async fn file_of_a_newer_format_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("test.sqlite");
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", FORMAT + 1)
            .unwrap();

        let refused = Database::open(&path).err().unwrap().to_string();

        assert!(refused.contains("newer version"), "{refused}");
    }
}
