//! The table of messages, one statement per thing that can happen to one.
//!
//! Times are milliseconds since 1970. A message is alive while `died_at` is null; it is leased while `receipt` is
//! set and `visible_at` lies ahead. A receipt is `{sequence}.{random}`, so that it is found by the primary key.

use std::time::Duration;

use domain::message::Destination;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{Counts, DeadLetter, Message, Settings};
use crate::database::DatabaseError;

type Result<T> = std::result::Result<T, DatabaseError>;

pub(super) fn create(connection: &Connection) -> Result<()> {
    Ok(connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS messages (
             sequence INTEGER PRIMARY KEY AUTOINCREMENT,
             id BLOB NOT NULL,
             queue TEXT NOT NULL,
             body TEXT NOT NULL,
             sent_at INTEGER NOT NULL,
             visible_at INTEGER NOT NULL,
             receives INTEGER NOT NULL DEFAULT 0,
             first_received_at INTEGER,
             receipt TEXT,
             died_at INTEGER
         );
         CREATE INDEX IF NOT EXISTS messages_due ON messages (queue, visible_at) WHERE died_at IS NULL;
         CREATE UNIQUE INDEX IF NOT EXISTS messages_dead ON messages (id) WHERE died_at IS NOT NULL;",
    )?)
}

/// Ends every lease: whoever held one is gone, because only one process has the data folder open.
pub(super) fn end_leases(connection: &Connection, now: Timestamp) -> Result<()> {
    connection.execute(
        "UPDATE messages SET receipt = NULL, visible_at = ?1 WHERE receipt IS NOT NULL AND died_at IS NULL",
        params![now.as_millisecond()],
    )?;
    Ok(())
}

pub(super) fn insert(
    connection: &Connection,
    id: Uuid,
    to: Destination,
    body: &str,
    sent_at: Timestamp,
    visible_at: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO messages (id, queue, body, sent_at, visible_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            id.as_bytes(),
            to.name(),
            body,
            sent_at.as_millisecond(),
            visible_at.as_millisecond()
        ])?;
    Ok(())
}

/// Leases messages that are due. Those whose last lease ended without a word, as when the process was killed, become
/// dead letters instead; `false` says that only such were found and there may be more.
pub(super) fn lease(
    connection: &Connection,
    from: Destination,
    most: usize,
    most_receives: u32,
    now: Timestamp,
    visibility: Duration,
) -> Result<(Vec<Message>, bool)> {
    let due: Vec<(i64, u32)> = connection
        .prepare_cached(
            "SELECT sequence, receives FROM messages WHERE queue = ?1 AND died_at IS NULL AND visible_at <= ?2
             ORDER BY visible_at, sequence LIMIT ?3",
        )?
        .query_map(params![from.name(), now.as_millisecond(), most], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let looked_at_all = due.len() < most;
    let (spent, due): (Vec<_>, Vec<_>) = due
        .into_iter()
        .partition(|(_, receives)| *receives >= most_receives);
    for (sequence, receives) in spent {
        bury(connection, sequence, receives, from.name(), now)?;
    }
    let mut statement = connection.prepare_cached(
        "UPDATE messages SET receipt = ?2, visible_at = ?3, receives = receives + 1,
             first_received_at = coalesce(first_received_at, ?4)
         WHERE sequence = ?1 RETURNING id, receipt, body, sent_at, first_received_at, receives",
    )?;
    let mut leased = Vec::new();
    for (sequence, _) in due {
        let receipt = format!("{sequence}.{}", Uuid::new_v4().simple());
        let values = params![
            sequence,
            receipt,
            later(now, visibility),
            now.as_millisecond()
        ];
        leased.push(statement.query_row(values, message)?);
    }
    let complete = looked_at_all || !leased.is_empty();
    Ok((leased, complete))
}

fn bury(
    connection: &Connection,
    sequence: i64,
    receives: u32,
    queue: &str,
    now: Timestamp,
) -> Result<()> {
    tracing::warn!(queue, receives, "a message became a dead letter");
    connection
        .prepare_cached("UPDATE messages SET receipt = NULL, died_at = ?2 WHERE sequence = ?1")?
        .execute(params![sequence, now.as_millisecond()])?;
    Ok(())
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        id: Uuid::from_bytes(row.get(0)?),
        receipt: row.get(1)?,
        body: row.get(2)?,
        sent_at: time(row, 3)?,
        first_received_at: time(row, 4)?,
        receives: row.get(5)?,
    })
}

pub(super) fn delete(connection: &Connection, receipt: &str) -> Result<bool> {
    let Some(sequence) = sequence(receipt) else {
        return Ok(false);
    };
    let deleted = connection
        .prepare_cached("DELETE FROM messages WHERE sequence = ?1 AND receipt = ?2")?
        .execute(params![sequence, receipt])?;
    Ok(deleted == 1)
}

/// Ends a lease without a delete. Returns the queue, or `None` when the lease had ended before.
pub(super) fn give_back(
    connection: &Connection,
    receipt: &str,
    now: Timestamp,
    settings: &Settings,
) -> Result<Option<Destination>> {
    let Some(sequence) = sequence(receipt) else {
        return Ok(None);
    };
    let found: Option<(u32, String)> = connection
        .prepare_cached(
            "SELECT receives, queue FROM messages WHERE sequence = ?1 AND receipt = ?2",
        )?
        .query_row(params![sequence, receipt], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let Some((receives, queue)) = found else {
        return Ok(None);
    };
    if receives >= settings.most_receives {
        bury(connection, sequence, receives, &queue, now)?;
    } else {
        connection
            .prepare_cached(
                "UPDATE messages SET receipt = NULL, visible_at = ?2 WHERE sequence = ?1",
            )?
            .execute(params![
                sequence,
                later(now, settings.backoff.after(receives))
            ])?;
    }
    destination(&queue).map(Some)
}

pub(super) fn dead_letters(
    connection: &Connection,
    after: Option<Uuid>,
    most: usize,
) -> Result<Vec<DeadLetter>> {
    let after: i64 = match after {
        None => 0,
        Some(id) => connection
            .query_row(
                "SELECT sequence FROM messages WHERE id = ?1 AND died_at IS NOT NULL",
                [id.as_bytes()],
                |row| row.get(0),
            )
            .optional()?
            .unwrap_or(0),
    };
    let mut statement = connection.prepare_cached(
        "SELECT id, queue, body, receives, sent_at, died_at FROM messages
         WHERE died_at IS NOT NULL AND sequence > ?1 ORDER BY sequence LIMIT ?2",
    )?;
    let mut rows = statement.query(params![after, most])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        letters.push(DeadLetter {
            id: Uuid::from_bytes(row.get(0)?),
            destination: destination(&row.get::<_, String>(1)?)?,
            body: row.get(2)?,
            receives: row.get(3)?,
            sent_at: time(row, 4)?,
            died_at: time(row, 5)?,
        });
    }
    Ok(letters)
}

pub(super) fn redrive(
    connection: &Connection,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Destination>> {
    let queue: Option<String> = connection
        .prepare_cached(
            "UPDATE messages SET died_at = NULL, receives = 0, first_received_at = NULL, visible_at = ?2
             WHERE id = ?1 AND died_at IS NOT NULL RETURNING queue",
        )?
        .query_row(params![id.as_bytes(), now.as_millisecond()], |row| row.get(0))
        .optional()?;
    queue.as_deref().map(destination).transpose()
}

pub(super) fn counts(connection: &Connection, of: Destination, now: Timestamp) -> Result<Counts> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE died_at IS NULL AND (receipt IS NULL OR visible_at <= ?2)),
                    count(*) FILTER (WHERE died_at IS NULL AND receipt IS NOT NULL AND visible_at > ?2),
                    count(*) FILTER (WHERE died_at IS NOT NULL)
             FROM messages WHERE queue = ?1",
        )?
        .query_row(params![of.name(), now.as_millisecond()], |row| {
            Ok(Counts {
                pending: row.get(0)?,
                in_flight: row.get(1)?,
                dead: row.get(2)?,
            })
        })?)
}

pub(super) fn next_due(connection: &Connection, from: Destination) -> Result<Option<Timestamp>> {
    let due: Option<i64> = connection
        .prepare_cached(
            "SELECT min(visible_at) FROM messages WHERE queue = ?1 AND died_at IS NULL",
        )?
        .query_row([from.name()], |row| row.get(0))?;
    Ok(due.and_then(|due| Timestamp::from_millisecond(due).ok()))
}

fn later(now: Timestamp, wait: Duration) -> i64 {
    let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
    now.as_millisecond().saturating_add(wait)
}

fn sequence(receipt: &str) -> Option<i64> {
    receipt.split_once('.')?.0.parse().ok()
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds: i64 = row.get(column)?;
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, milliseconds))
}

fn destination(name: &str) -> Result<Destination> {
    Destination::ALL
        .into_iter()
        .find(|destination| destination.name() == name)
        .ok_or_else(|| {
            rusqlite::Error::InvalidParameterName(format!("no queue is named {name}")).into()
        })
}
