//! The tables of multipart uploads and of their parts.
//!
//! A completed upload keeps its row for a day, so that a complete whose answer was lost can be repeated.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::blobs::{BlobId, ContentId};
use super::digest::{Algorithm, Checksums};
use super::fault::{Fault, Result};
use super::objects::{About, time};

/// How long a completed upload is remembered.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A multipart upload.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) initiated_at: Timestamp,
    pub(super) about: About,
    pub(super) algorithm: Option<Algorithm>,
    /// The content it was made into.
    pub(super) made: Option<ContentId>,
}

/// A part that has arrived.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) number: u32,
    pub(super) blob: BlobId,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) checksums: Checksums,
    pub(super) modified_at: Timestamp,
}

pub(super) fn create(connection: &Connection) -> Result<()> {
    Ok(connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS uploads (
             id TEXT PRIMARY KEY,
             key BLOB NOT NULL,
             initiated_at INTEGER NOT NULL,
             about TEXT NOT NULL,
             algorithm TEXT,
             made BLOB,
             made_at INTEGER
         ) WITHOUT ROWID;
         CREATE INDEX IF NOT EXISTS uploads_open ON uploads (key, id) WHERE made IS NULL;
         CREATE INDEX IF NOT EXISTS uploads_made ON uploads (made_at) WHERE made_at IS NOT NULL;
         CREATE TABLE IF NOT EXISTS parts (
             upload TEXT NOT NULL,
             number INTEGER NOT NULL,
             blob BLOB NOT NULL,
             size INTEGER NOT NULL,
             md5 BLOB NOT NULL,
             checksums TEXT NOT NULL,
             modified_at INTEGER NOT NULL,
             PRIMARY KEY (upload, number)
         ) WITHOUT ROWID;",
    )?)
}

/// Forgets uploads completed long ago. Done whenever another is begun.
pub(super) fn forget_completed(connection: &Connection, now: Timestamp) -> Result<()> {
    let before = now
        .as_millisecond()
        .saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
    connection
        .prepare_cached("DELETE FROM uploads WHERE made_at < ?1")?
        .execute([before])?;
    Ok(())
}

pub(super) fn insert(connection: &Connection, upload: &Upload) -> Result<()> {
    connection
        .prepare_cached("INSERT INTO uploads (id, key, initiated_at, about, algorithm) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            upload.id,
            upload.key.as_bytes(),
            upload.initiated_at.as_millisecond(),
            serde_json::to_string(&upload.about)?,
            upload.algorithm.map(Algorithm::name)
        ])?;
    Ok(())
}

/// The upload with this id, open or completed, if it is for this key.
pub(super) fn find(connection: &Connection, id: &str, key: &str) -> Result<Upload> {
    connection
        .prepare_cached(
            "SELECT id, key, initiated_at, about, algorithm, made FROM uploads WHERE id = ?1 AND key = ?2",
        )?
        .query_row(params![id, key.as_bytes()], |row| Ok(upload(row)))
        .optional()?
        .ok_or_else(Fault::no_such_upload)?
}

/// The upload with this id, if it is for this key and open.
pub(super) fn find_open(connection: &Connection, id: &str, key: &str) -> Result<Upload> {
    let upload = find(connection, id, key)?;
    match upload.made {
        None => Ok(upload),
        Some(_) => Err(Fault::no_such_upload()),
    }
}

/// Open uploads for keys that begin with `prefix`, in order of key and id, beginning after `(key, id)`.
pub(super) fn list(
    connection: &Connection,
    prefix: &str,
    after: (&[u8], &str),
    most: usize,
) -> Result<Vec<Upload>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, key, initiated_at, about, algorithm, made FROM uploads
         WHERE made IS NULL AND (key, id) > (?1, ?2) AND key >= ?3 ORDER BY key, id LIMIT ?4",
    )?;
    let mut rows = statement.query(params![after.0, after.1, prefix.as_bytes(), most])?;
    let mut uploads = Vec::new();
    while let Some(row) = rows.next()? {
        let upload = upload(row)?;
        if !upload.key.starts_with(prefix) {
            break;
        }
        uploads.push(upload);
    }
    Ok(uploads)
}

fn upload(row: &Row<'_>) -> Result<Upload> {
    let about: String = row.get(3)?;
    let algorithm: Option<String> = row.get(4)?;
    let made: Option<[u8; 16]> = row.get(5)?;
    Ok(Upload {
        id: row.get(0)?,
        key: String::from_utf8_lossy(&row.get::<_, Vec<u8>>(1)?).into_owned(),
        initiated_at: time(row, 2)?,
        about: serde_json::from_str(&about)?,
        algorithm: algorithm.as_deref().map(Algorithm::from_name).transpose()?,
        made: made.map(Uuid::from_bytes),
    })
}

/// Keeps a part, in place of the one with its number. Returns the blob of that one.
pub(super) fn put_part(
    connection: &Connection,
    upload: &str,
    part: &Part,
) -> Result<Option<BlobId>> {
    let replaced: Option<[u8; 16]> = connection
        .prepare_cached("SELECT blob FROM parts WHERE upload = ?1 AND number = ?2")?
        .query_row(params![upload, part.number], |row| row.get(0))
        .optional()?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO parts (upload, number, blob, size, md5, checksums, modified_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            upload,
            part.number,
            part.blob.as_bytes(),
            part.size,
            part.md5,
            serde_json::to_string(&part.checksums)?,
            part.modified_at.as_millisecond()
        ])?;
    Ok(replaced.map(Uuid::from_bytes))
}

/// Parts in order of their numbers, beginning after `after`.
pub(super) fn parts(
    connection: &Connection,
    upload: &str,
    after: u32,
    most: usize,
) -> Result<Vec<Part>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, blob, size, md5, checksums, modified_at FROM parts
         WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
    )?;
    let mut rows = statement.query(params![upload, after, most])?;
    let mut parts = Vec::new();
    while let Some(row) = rows.next()? {
        let checksums: String = row.get(4)?;
        parts.push(Part {
            number: row.get(0)?,
            blob: Uuid::from_bytes(row.get(1)?),
            size: row.get(2)?,
            md5: row.get(3)?,
            checksums: serde_json::from_str(&checksums)?,
            modified_at: time(row, 5)?,
        });
    }
    Ok(parts)
}

/// Remembers what an upload was made into, and forgets its parts.
pub(super) fn complete(
    connection: &Connection,
    upload: &str,
    made: ContentId,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM parts WHERE upload = ?1")?
        .execute([upload])?;
    connection
        .prepare_cached("UPDATE uploads SET made = ?2, made_at = ?3 WHERE id = ?1")?
        .execute(params![upload, made.as_bytes(), now.as_millisecond()])?;
    Ok(())
}

/// Forgets an upload and its parts. Returns their blobs.
pub(super) fn abort(connection: &Connection, upload: &str) -> Result<Vec<BlobId>> {
    let blobs = connection
        .prepare_cached("DELETE FROM parts WHERE upload = ?1 RETURNING blob")?
        .query_map([upload], |row| Ok(Uuid::from_bytes(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?;
    connection
        .prepare_cached("DELETE FROM uploads WHERE id = ?1")?
        .execute([upload])?;
    Ok(blobs)
}
