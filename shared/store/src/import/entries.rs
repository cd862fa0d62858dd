//! The entries of an archive, one after the other, read by ranges of its object; with the lines of its
//! manifest, which have their order.

use archive::Refused;
use archive::directory::{MAX_ROW_BYTES, Row, read_row};
use archive::manifest::{Line, MAX_LINE_BYTES};
use bytes::{Buf, BytesMut};
use domain::{Error, Result};

use super::Place;
use crate::Store;
use crate::blob::ObjectKey;

/// How many bytes are read of the directory or the manifest at once.
const READ_BYTES: u64 = 256 * 1024;

/// The archive.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) key: ObjectKey,
    pub(super) size_bytes: u64,
}

/// Bytes of an object in their order, read as they are needed.
struct Stretch {
    at: u64,
    end: u64,
    buffer: BytesMut,
}

impl Stretch {
    fn new(at: u64, end: u64) -> Self {
        Self {
            at,
            end,
            buffer: BytesMut::new(),
        }
    }

    /// Reads more behind what is there. False at the end.
    async fn more(&mut self, store: &Store, source: &Source) -> Result<bool> {
        let until = self.end.min(self.at.saturating_add(READ_BYTES));
        if self.at >= until {
            return Ok(false);
        }
        let read = store.blobs.read_range(&source.key, self.at..until).await?;
        self.buffer.extend_from_slice(&read);
        self.at = until;
        Ok(true)
    }
}

/// The rows of a directory.
pub(super) struct Rows<'a> {
    store: &'a Store,
    source: &'a Source,
    stretch: Stretch,
    left: u64,
}

impl<'a> Rows<'a> {
    /// Begins with the row at `at`, behind which there are `left` with itself.
    pub(super) fn new(
        store: &'a Store,
        source: &'a Source,
        (at, end): (u64, u64),
        left: u64,
    ) -> Self {
        Self {
            store,
            source,
            stretch: Stretch::new(at, end),
            left,
        }
    }

    /// Returns the next row, and how long it is.
    pub(super) async fn next(&mut self) -> Result<Result<Option<(Row, usize)>, Refused>> {
        if self.left == 0 {
            let is_end = self.stretch.buffer.is_empty() && self.stretch.at >= self.stretch.end;
            return Ok(if is_end {
                Ok(None)
            } else {
                Err(Refused {
                    code: "broken_archive",
                    detail: "the directory has more than it says: the archive is damaged"
                        .to_owned(),
                })
            });
        }
        loop {
            match read_row(&self.stretch.buffer) {
                Err(refused) => return Ok(Err(refused)),
                Ok(Some((row, length))) => {
                    self.stretch.buffer.advance(length);
                    self.left -= 1;
                    return Ok(Ok(Some((row, length))));
                }
                Ok(None) if self.stretch.buffer.len() <= MAX_ROW_BYTES => {
                    if self.stretch.more(self.store, self.source).await? {
                        continue;
                    }
                }
                Ok(None) => {}
            }
            return Ok(Err(Refused {
                code: "broken_archive",
                detail: "the directory ends within a row: the archive is damaged".to_owned(),
            }));
        }
    }
}

/// The lines of a manifest.
pub(super) struct Lines<'a> {
    store: &'a Store,
    source: &'a Source,
    stretch: Stretch,
}

impl<'a> Lines<'a> {
    pub(super) fn new(store: &'a Store, source: &'a Source, (at, end): (u64, u64)) -> Self {
        Self {
            store,
            source,
            stretch: Stretch::new(at, end),
        }
    }

    /// Returns the next line with its end; none at the end, or where one is too long.
    pub(super) async fn next(&mut self) -> Result<Option<BytesMut>> {
        let mut looked = 0;
        loop {
            let unseen = self.stretch.buffer.get(looked..).unwrap_or_default();
            if let Some(position) = unseen.iter().position(|byte| *byte == b'\n') {
                return Ok(Some(self.stretch.buffer.split_to(looked + position + 1)));
            }
            looked = self.stretch.buffer.len();
            if looked > MAX_LINE_BYTES || !self.stretch.more(self.store, self.source).await? {
                return Ok(None);
            }
        }
    }

    /// Returns the next line that is of an entry, and how long it is with those before.
    pub(super) async fn next_entry(&mut self) -> Result<Option<(Line, u64)>> {
        let mut length = 0;
        loop {
            let Some(bytes) = self.next().await? else {
                return Ok(None);
            };
            length += bytes.len() as u64;
            let Ok(line) = serde_json::from_slice::<Line>(&bytes) else {
                return Ok(None);
            };
            if line.path().is_some() {
                return Ok(Some((line, length)));
            }
        }
    }
}

/// The entries that are still to be done.
pub(super) struct Entries<'a> {
    rows: Rows<'a>,
    lines: Option<Lines<'a>>,
    /// How far the entry that was returned last is behind the one before.
    passed: (u64, u64),
}

impl<'a> Entries<'a> {
    pub(super) fn at(store: &'a Store, source: &'a Source, place: &Place) -> Self {
        let directory = (
            place.directory_at + place.row_at,
            place.directory_at + place.directory_bytes,
        );
        // The manifest is the last one.
        let left = place.entries - place.done;
        Self {
            rows: Rows::new(store, source, directory, left),
            lines: place.manifest.map(|manifest| {
                let end = manifest.at + manifest.size_bytes;
                Lines::new(store, source, (manifest.at + manifest.line_at, end))
            }),
            passed: (0, 0),
        }
    }

    /// Returns the next entry, with its line where there is a manifest. Both were looked at before.
    pub(super) async fn next(&mut self) -> Result<Option<(Row, Option<Line>)>> {
        let changed = || Error::corrupt("an archive does not read as it did");
        let Some((row, row_bytes)) = self.rows.next().await?.map_err(|_| changed())? else {
            return Ok(None);
        };
        let Some(lines) = &mut self.lines else {
            self.passed = (row_bytes as u64, 0);
            return Ok(Some((row, None)));
        };
        if self.rows.left == 0 {
            // The manifest itself.
            return Ok(None);
        }
        let (line, line_bytes) = lines.next_entry().await?.ok_or_else(changed)?;
        self.passed = (row_bytes as u64, line_bytes);
        Ok(Some((row, Some(line))))
    }

    /// Notes that the entry that was returned last is done with.
    pub(super) fn pass(&self, place: &mut Place) {
        let (row_bytes, line_bytes) = self.passed;
        place.row_at += row_bytes;
        place.done += 1;
        if let Some(manifest) = &mut place.manifest {
            manifest.line_at += line_bytes;
        }
    }
}
