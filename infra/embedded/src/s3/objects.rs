//! The tables of objects: one row by key, and one row for each blob of its content, in order.
//!
//! Keys are blobs, so that they sort by their UTF-8 bytes as in S3 and a prefix has an end that can be computed.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use s3s::dto::{ChecksumType, ETagCondition};
use s3s::{S3Error, S3ErrorCode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::blobs::{BlobId, ContentId};
use super::digest::Checksums;
use super::fault::{Fault, Result};

/// An object as the index knows it.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) content: ContentId,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) modified_at: Timestamp,
    pub(super) about: About,
}

/// What is kept with an object besides its bytes, as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Checksums::is_empty")]
    pub(super) checksums: Checksums,
    /// The checksums are of the parts' checksums, not of the bytes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) composite: bool,
}

impl About {
    pub(super) fn checksum_type(&self) -> ChecksumType {
        ChecksumType::from_static(if self.composite {
            ChecksumType::COMPOSITE
        } else {
            ChecksumType::FULL_OBJECT
        })
    }
}

/// A blob of a content, and where in the content its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) blob: BlobId,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// What must hold of the object at a key for it to be written.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    /// `If-None-Match: *`: there is none.
    pub(super) absent: bool,
    /// `If-Match`: there is one, with this `ETag`.
    pub(super) etag: Option<ETagCondition>,
}

/// Bytes no row names any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    pub(super) content: ContentId,
    pub(super) blobs: Vec<BlobId>,
}

impl Condition {
    /// Reads the headers of a write.
    pub(super) fn of(
        if_match: Option<ETagCondition>,
        if_none_match: Option<&ETagCondition>,
    ) -> Result<Self> {
        let absent = match if_none_match {
            None => false,
            Some(ETagCondition::Any) => true,
            Some(ETagCondition::ETag(_)) => {
                return Err(Fault::refused(
                    S3ErrorCode::NotImplemented,
                    "A header you provided implies functionality that is not implemented: If-None-Match other than *",
                ));
            }
        };
        Ok(Self {
            absent,
            etag: if_match,
        })
    }

    pub(super) fn check(&self, current: Option<&Object>) -> Result<()> {
        if self.absent && current.is_some() {
            return Err(Fault::precondition_failed());
        }
        match (&self.etag, current) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Fault::no_such_key()),
            (Some(wanted), Some(object)) if matches(wanted, &object.etag) => Ok(()),
            (Some(_), Some(_)) => Err(Fault::precondition_failed()),
        }
    }
}

/// Whether an `ETag` meets the condition of a header.
pub(super) fn matches(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

pub(super) fn create(connection: &Connection) -> Result<()> {
    Ok(connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS objects (
             key BLOB PRIMARY KEY,
             content BLOB NOT NULL,
             size INTEGER NOT NULL,
             etag TEXT NOT NULL,
             modified_at INTEGER NOT NULL,
             about TEXT NOT NULL
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS pieces (
             content BLOB NOT NULL,
             offset INTEGER NOT NULL,
             blob BLOB NOT NULL,
             size INTEGER NOT NULL,
             PRIMARY KEY (content, offset)
         ) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS sequence (last INTEGER NOT NULL);
         INSERT INTO sequence SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM sequence);",
    )?)
}

pub(super) fn find(connection: &Connection, key: &str) -> Result<Option<Object>> {
    Ok(connection
        .prepare_cached(
            "SELECT content, size, etag, modified_at, about FROM objects WHERE key = ?1",
        )?
        .query_row([key.as_bytes()], |row| object(row, 0))
        .optional()?)
}

/// Reads an object from a row whose columns, from `first` on, are those of [`find`].
pub(super) fn object(row: &Row<'_>, first: usize) -> rusqlite::Result<Object> {
    let about: String = row.get(first + 4)?;
    Ok(Object {
        content: Uuid::from_bytes(row.get(first)?),
        size: row.get(first + 1)?,
        etag: row.get(first + 2)?,
        modified_at: time(row, first + 3)?,
        about: serde_json::from_str(&about).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(
                first + 4,
                rusqlite::types::Type::Text,
                error.into(),
            )
        })?,
    })
}

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let milliseconds: i64 = row.get(column)?;
    Timestamp::from_millisecond(milliseconds)
        .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, milliseconds))
}

/// Puts an object in the place of the one at its key, if the condition holds. Returns what nothing names any more.
pub(super) fn replace(
    connection: &Connection,
    key: &str,
    object: &Object,
    pieces: &[Piece],
    condition: &Condition,
) -> Result<Option<Unnamed>> {
    let current = find(connection, key)?;
    condition.check(current.as_ref())?;
    let unnamed = current
        .map(|current| take_pieces(connection, current.content))
        .transpose()?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO objects (key, content, size, etag, modified_at, about) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            key.as_bytes(),
            object.content.as_bytes(),
            object.size,
            object.etag,
            object.modified_at.as_millisecond(),
            serde_json::to_string(&object.about)?
        ])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO pieces (content, offset, blob, size) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for piece in pieces {
        insert.execute(params![
            object.content.as_bytes(),
            piece.offset,
            piece.blob.as_bytes(),
            piece.size
        ])?;
    }
    Ok(unnamed)
}

/// Forgets the object at a key, if there is one and the condition holds. Returns what nothing names any more.
pub(super) fn delete(
    connection: &Connection,
    key: &str,
    condition: &Condition,
) -> Result<Option<Unnamed>> {
    let current = find(connection, key)?;
    condition.check(current.as_ref())?;
    let Some(current) = current else {
        return Ok(None);
    };
    connection
        .prepare_cached("DELETE FROM objects WHERE key = ?1")?
        .execute([key.as_bytes()])?;
    take_pieces(connection, current.content).map(Some)
}

fn take_pieces(connection: &Connection, content: ContentId) -> Result<Unnamed> {
    let blobs = connection
        .prepare_cached("DELETE FROM pieces WHERE content = ?1 RETURNING blob")?
        .query_map([content.as_bytes()], |row| {
            Ok(Uuid::from_bytes(row.get(0)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Unnamed { content, blobs })
}

/// The pieces of a content that hold bytes of a range, in order.
pub(super) fn pieces(
    connection: &Connection,
    content: ContentId,
    range: &Range<u64>,
) -> Result<Vec<Piece>> {
    let pieces = connection
        .prepare_cached(
            "SELECT blob, offset, size FROM pieces
             WHERE content = ?1 AND offset < ?3 AND offset + size > ?2 ORDER BY offset",
        )?
        .query_map(params![content.as_bytes(), range.start, range.end], |row| {
            Ok(Piece {
                blob: Uuid::from_bytes(row.get(0)?),
                offset: row.get(1)?,
                size: row.get(2)?,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(pieces)
}

/// A number higher than any before: orders the events of a key.
pub(super) fn next_in_sequence(connection: &Connection) -> Result<i64> {
    Ok(connection
        .prepare_cached("UPDATE sequence SET last = last + 1 RETURNING last")?
        .query_row([], |row| row.get(0))?)
}

/// Every blob a row names, sorted.
pub(super) fn named_blobs(connection: &Connection) -> Result<Vec<BlobId>> {
    let blobs = connection
        .prepare("SELECT blob FROM pieces UNION SELECT blob FROM parts ORDER BY 1")?
        .query_map([], |row| Ok(Uuid::from_bytes(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(blobs)
}

/// S3's answer to a bucket that is not this store's.
pub(super) fn no_such_bucket() -> S3Error {
    S3Error::with_message(
        S3ErrorCode::NoSuchBucket,
        "The specified bucket does not exist",
    )
}
