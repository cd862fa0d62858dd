//! Looking through an archive before anything is made of it.

use archive::directory::{Directory, Method, Row, TAIL_BYTES, find};
use archive::manifest::{FORMAT, FORMAT_VERSION, Heading, NAME};
use archive::unpack::check_crc32;
use archive::{Refused, entry_path};
use domain::{Result, Sha256, WorkspaceId};

use super::entries::{Lines, Rows, Source};
use super::{Manifest, Place};
use crate::Store;
use crate::export::Hashes;

/// What was found of the rows of a directory.
#[derive(Default)]
struct Found {
    /// Where each entry begins, and where it ends at the earliest.
    spans: Vec<(u64, u64)>,
    /// Hashes of the paths.
    paths: Vec<u128>,
    files: u64,
    unpacked_bytes: u64,
    last: Option<Row>,
}

impl Store {
    /// Looks through an archive: whether it is whole, whether any two of its entries share bytes or a
    /// path, whether there is room for what comes of it, and whether it is one of ours.
    pub(super) async fn look_through(
        &self,
        workspace: &WorkspaceId,
        source: &Source,
    ) -> Result<Result<Place, Refused>> {
        let tail_at = source.size_bytes.saturating_sub(TAIL_BYTES);
        let tail = self
            .blobs
            .read_range(&source.key, tail_at..source.size_bytes)
            .await?;
        let directory = match find(&tail, source.size_bytes) {
            Ok(directory) => directory,
            Err(refused) => return Ok(Err(refused)),
        };
        let found = match self.rows_of(source, directory).await? {
            Ok(found) => found,
            Err(refused) => return Ok(Err(refused)),
        };
        let Found {
            spans,
            paths,
            files,
            unpacked_bytes,
            last,
        } = found;
        if let Err(refused) = check_spans(spans, directory).and_then(|()| check_paths(paths)) {
            return Ok(Err(refused));
        }
        let mut place = Place {
            directory_at: directory.offset,
            directory_bytes: directory.size_bytes,
            entries: directory.entries,
            manifest: None,
            row_at: 0,
            done: 0,
            made: None,
            large: None,
            alone: false,
        };
        if let Some(row) = last {
            match self.manifest_of(source, &row, &place).await? {
                Ok(manifest) => place.manifest = manifest,
                Err(refused) => return Ok(Err(refused)),
            }
        }
        Ok(self
            .check_room(workspace, unpacked_bytes, files)
            .await?
            .map(|()| place))
    }

    async fn rows_of(
        &self,
        source: &Source,
        directory: Directory,
    ) -> Result<Result<Found, Refused>> {
        let bounds = (directory.offset, directory.offset + directory.size_bytes);
        let mut rows = Rows::new(self, source, bounds, directory.entries);
        let mut found = Found::default();
        loop {
            let row = match rows.next().await? {
                Ok(Some((row, _))) => row,
                Ok(None) => return Ok(Ok(found)),
                Err(refused) => return Ok(Err(refused)),
            };
            let until = row.offset.saturating_add(row.least_bytes());
            found.spans.push((row.offset, until));
            if let Ok(names) = entry_path::read(&row.path) {
                let names: Vec<&str> = names.iter().map(domain::name::FileName::as_str).collect();
                let hash = Sha256::of(names.join("/").as_bytes());
                let (half, _) = hash.as_bytes().split_at(16);
                found.paths.push(
                    half.iter()
                        .fold(0, |all, byte| all << 8 | u128::from(*byte)),
                );
            }
            if row.check().is_ok() && row.size_bytes > 0 {
                found.files += 1;
                found.unpacked_bytes = found.unpacked_bytes.saturating_add(row.size_bytes);
            }
            found.last = Some(row);
        }
    }

    /// Reads whether the last entry is a manifest of ours, and checks it against all others.
    async fn manifest_of(
        &self,
        source: &Source,
        row: &Row,
        place: &Place,
    ) -> Result<Result<Option<Manifest>, Refused>> {
        let is_named = row
            .path
            .rsplit_once('/')
            .is_some_and(|(_, name)| name == NAME);
        if !is_named || row.method != Method::Stored || row.check().is_err() {
            return Ok(Ok(None));
        }
        let Some(at) = self.bytes_of(source, row, place).await? else {
            return Ok(Ok(None));
        };
        let end = at + row.size_bytes;
        let mut lines = Lines::new(self, source, (at, end));
        let Some(heading) = lines.next().await? else {
            return Ok(Ok(None));
        };
        let length = heading.len() as u64;
        let Ok(heading) = serde_json::from_slice::<Heading>(&heading) else {
            return Ok(Ok(None));
        };
        if heading.format != FORMAT || row.path != format!("{}/{NAME}", heading.folder) {
            return Ok(Ok(None));
        }
        if heading.format_version > FORMAT_VERSION {
            return Ok(Err(other_manifest(
                "the archive was exported by a newer Sheaf than this one: import it there",
            )));
        }
        let mut hashes = Hashes::default();
        self.blobs
            .hash_range(&source.key, at..end, &mut hashes)
            .await?;
        if let Err(refused) = check_crc32(hashes.crc32.value(), row.crc32) {
            return Ok(Err(refused));
        }
        let bounds = (
            place.directory_at,
            place.directory_at + place.directory_bytes,
        );
        let mut rows = Rows::new(self, source, bounds, place.entries);
        for _ in 1..place.entries {
            let row = match rows.next().await? {
                Ok(Some((row, _))) => row,
                Ok(None) => break,
                Err(refused) => return Ok(Err(refused)),
            };
            let line = lines.next_entry().await?;
            if line.is_none_or(|(line, _)| line.path() != Some(&row.path)) {
                return Ok(Err(other_manifest(
                    "the archive has other entries than its manifest says: it was changed since \
                     it was exported. Import it as it was, or without the manifest",
                )));
            }
        }
        if lines.next_entry().await?.is_some() {
            return Ok(Err(other_manifest(
                "the manifest has more entries than the archive: it was changed since it was \
                 exported. Import it as it was, or without the manifest",
            )));
        }
        Ok(Ok(Some(Manifest {
            at,
            size_bytes: row.size_bytes,
            line_at: length,
        })))
    }

    /// Finds where the bytes of an entry begin; none where they are not within the archive.
    pub(super) async fn bytes_of(
        &self,
        source: &Source,
        row: &Row,
        place: &Place,
    ) -> Result<Option<u64>> {
        let until = row.offset.saturating_add(row.header_bytes());
        if until > place.directory_at {
            return Ok(None);
        }
        let header = self
            .blobs
            .read_range(&source.key, row.offset..until)
            .await?;
        let at = row.bytes_at(&header).ok();
        Ok(at.filter(|at| at.saturating_add(row.packed_bytes) <= place.directory_at))
    }

    /// Checks that there is room for what comes of an archive, before any of it is made.
    async fn check_room(
        &self,
        workspace: &WorkspaceId,
        bytes: u64,
        files: u64,
    ) -> Result<Result<(), Refused>> {
        let usage = self.usage(workspace).await?;
        let room_bytes = usage.limit.bytes.saturating_sub(usage.used_bytes);
        let room_files = usage.limit.files.saturating_sub(usage.used_files);
        if bytes <= room_bytes && files <= room_files {
            return Ok(Ok(()));
        }
        Ok(Err(Refused {
            code: "quota_exceeded",
            detail: format!(
                "{bytes} bytes in {files} files come of the archive, and there is room for \
                 {room_bytes} bytes and {room_files} files: delete what is not needed, or import \
                 less"
            ),
        }))
    }
}

/// Checks that no two entries share bytes, and all are in front of the directory.
fn check_spans(mut spans: Vec<(u64, u64)>, directory: Directory) -> Result<(), Refused> {
    spans.sort_unstable();
    let begins = spans.iter().skip(1).map(|(from, _)| *from);
    let limits = begins.chain([directory.offset]);
    if spans
        .iter()
        .zip(limits)
        .all(|((_, until), limit)| *until <= limit)
    {
        return Ok(());
    }
    Err(Refused {
        code: "overlapping_entries",
        detail: "entries of the archive share bytes, or go beyond its end: it is damaged, or a \
                 bomb. Zip the files anew"
            .to_owned(),
    })
}

fn check_paths(mut paths: Vec<u128>) -> Result<(), Refused> {
    paths.sort_unstable();
    let mut pairs = paths.windows(2);
    if pairs.all(|pair| pair.first() != pair.last()) {
        return Ok(());
    }
    Err(Refused {
        code: "duplicate_paths",
        detail: "two entries of the archive have one path, so that nobody knows which is meant: \
                 zip the files anew"
            .to_owned(),
    })
}

fn other_manifest(detail: &str) -> Refused {
    Refused {
        code: "other_manifest",
        detail: detail.to_owned(),
    }
}
