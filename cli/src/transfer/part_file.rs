//! A file that is being fetched, under a name of its own beside its target until it is whole.
//!
//! It is as long as it will be from the start. Behind the content it says which version that is and
//! which ranges are there, a line for each, so that a run that was interrupted is gone on with; what
//! is behind goes before the file gets its name. A line counts once it is whole, and is written
//! after its bytes. A power cut can lose bytes of a line that stays, which the hash of the whole
//! finds out.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::source;
use crate::error::{Error, Result};
use crate::held::{hold, whole_lines};
use crate::state;

/// Which content: a version never changes, so what is there of it stays right.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Identity {
    pub(super) file_id: String,
    pub(super) version: u32,
    pub(super) size_bytes: u64,
    /// Unknown until the server has hashed it.
    pub(super) sha256: Option<String>,
}

impl Identity {
    fn is_same(&self, other: &Self) -> bool {
        let is_same_hash = match (&self.sha256, &other.sha256) {
            (Some(this), Some(that)) => this == that,
            (None, _) | (_, None) => true,
        };
        self.file_id == other.file_id
            && self.version == other.version
            && self.size_bytes == other.size_bytes
            && is_same_hash
    }
}

/// The file, held by this process alone.
#[derive(Debug)]
pub(super) struct PartFile {
    file: Arc<File>,
    path: PathBuf,
    target: PathBuf,
    identity: Identity,
    /// What is there, in order and apart from each other, and where the next line goes.
    present: Mutex<(Vec<Range<u64>>, u64)>,
}

impl PartFile {
    /// Opens the part file of a target. What another version left of it is dropped.
    ///
    /// # Errors
    /// When another run is fetching to the same target.
    pub(super) fn open(target: &Path, identity: Identity) -> Result<Self> {
        let path = beside(target);
        let failed = |error| Error::disk("write", &path)(error);
        let file = hold(&path, 0o666).map_err(failed)?.ok_or_else(|| {
            Error::failed(
                format!("{} is being fetched by another run", target.display()),
                "Wait for it, or end it and run this command again: it goes on where that stopped.",
            )
        })?;
        let (present, end) = match read(&file, &identity).map_err(failed)? {
            Some(found) => found,
            None => (Vec::new(), begin(&file, &identity).map_err(failed)?),
        };
        Ok(Self {
            file: Arc::new(file),
            path,
            target: target.to_owned(),
            identity,
            present: Mutex::new((present, end)),
        })
    }

    /// Returns what is still to be fetched, in pieces of at most so many bytes.
    pub(super) fn missing(&self, most: u64) -> Vec<Range<u64>> {
        let present = self.present();
        let mut missing = Vec::new();
        let mut at = 0;
        let end = self.identity.size_bytes;
        for range in present.0.iter().chain(std::iter::once(&(end..end))) {
            while at < range.start {
                let next = range.start.min(at.saturating_add(most));
                missing.push(at..next);
                at = next;
            }
            at = at.max(range.end);
        }
        missing
    }

    /// Writes bytes where they belong.
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(Error::disk("write", &self.target))
    }

    /// Notes that a range is there.
    pub(super) fn note(&self, range: Range<u64>) -> Result<()> {
        // Nothing else would find out that bytes were lost.
        if self.identity.sha256.is_none() {
            self.file
                .sync_data()
                .map_err(Error::disk("write", &self.target))?;
        }
        let line = format!("{} {}\n", range.start, range.end);
        let mut present = self.present();
        self.file
            .write_all_at(line.as_bytes(), present.1)
            .map_err(Error::disk("write", &self.target))?;
        present.1 += line.len() as u64;
        insert(&mut present.0, range);
        Ok(())
    }

    /// Hashes the content.
    pub(super) async fn sha256(&self) -> Result<String> {
        let file = Arc::clone(&self.file);
        let size_bytes = self.identity.size_bytes;
        tokio::task::spawn_blocking(move || source::hash::<sha2::Sha256>(&file, 0, size_bytes))
            .await
            .map_err(std::io::Error::other)
            .and_then(|hashed| hashed)
            .map_err(Error::disk("read", &self.target))
    }

    /// Gives the file its name; `overwrite` says whether one that is there may go.
    pub(super) fn finish(self, overwrite: bool) -> Result<()> {
        let failed = |error| Error::disk("write", &self.target)(error);
        self.file
            .set_len(self.identity.size_bytes)
            .and_then(|()| self.file.sync_all())
            .map_err(failed)?;
        if overwrite {
            return std::fs::rename(&self.path, &self.target).map_err(failed);
        }
        let part = TempPath::try_from_path(&self.path).map_err(failed)?;
        part.persist_noclobber(&self.target).map_err(|error| {
            // What was fetched is not to be fetched again for being in the way of another.
            let _ = error.path.keep();
            match error.error.kind() {
                std::io::ErrorKind::AlreadyExists => in_the_way(&self.target),
                _ => failed(error.error),
            }
        })
    }

    /// Takes the file away.
    pub(super) fn discard(self) -> Result<()> {
        std::fs::remove_file(&self.path).map_err(Error::disk("remove", &self.path))
    }

    fn present(&self) -> MutexGuard<'_, (Vec<Range<u64>>, u64)> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says that a target is taken, and what to do.
pub(super) fn in_the_way(path: &Path) -> Error {
    Error::failed(
        format!("{} is there already", path.display()),
        "--force replaces it; -o names another.",
    )
}

/// The part file of a target: hidden, and short however long the target's name is.
fn beside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let mut key = state::key(&[&name]);
    key.truncate(24);
    target.with_file_name(format!(".sheaf-{key}.part"))
}

/// Reads what is there of a content; nothing when it is of another.
fn read(mut file: &File, identity: &Identity) -> std::io::Result<Option<(Vec<Range<u64>>, u64)>> {
    let size_bytes = identity.size_bytes;
    if file.metadata()?.len() <= size_bytes {
        return Ok(None);
    }
    let mut journal = Vec::new();
    file.seek(SeekFrom::Start(size_bytes))?;
    file.read_to_end(&mut journal)?;
    let whole = whole_lines(&journal);
    let text = String::from_utf8_lossy(&journal[..whole]);
    let mut lines = text.lines();
    let found: Option<Identity> = lines
        .next()
        .and_then(|line| serde_json::from_str(line).ok());
    if !found.is_some_and(|found| found.is_same(identity)) {
        return Ok(None);
    }
    let mut present = Vec::new();
    for line in lines {
        if let Some(range) = range(line).filter(|range| range.end <= size_bytes) {
            insert(&mut present, range);
        }
    }
    Ok(Some((present, size_bytes + whole as u64)))
}

fn range(line: &str) -> Option<Range<u64>> {
    let (start, end) = line.split_once(' ')?;
    let range = start.parse().ok()?..end.parse().ok()?;
    (range.start < range.end).then_some(range)
}

/// Makes the file as long as it will be, says what it is of, and returns where ranges are noted.
fn begin(file: &File, identity: &Identity) -> std::io::Result<u64> {
    file.set_len(0)?;
    file.set_len(identity.size_bytes)?;
    let mut line = serde_json::to_vec(identity).map_err(std::io::Error::other)?;
    line.push(b'\n');
    file.write_all_at(&line, identity.size_bytes)?;
    Ok(identity.size_bytes + line.len() as u64)
}

/// Adds a range to those in order, joined with what it touches.
fn insert(ranges: &mut Vec<Range<u64>>, new: Range<u64>) {
    let first = ranges.partition_point(|range| range.end < new.start);
    let last = ranges.partition_point(|range| range.start <= new.end);
    let start = ranges
        .get(first)
        .filter(|_| first < last)
        .map_or(new.start, |range| range.start.min(new.start));
    let end = ranges[first..last]
        .last()
        .map_or(new.end, |range| range.end.max(new.end));
    ranges.splice(first..last, std::iter::once(start..end));
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use proptest::prelude::*;

    use super::*;

    fn identity(version: u32, size_bytes: u64) -> Identity {
        Identity {
            file_id: "f".to_owned(),
            version,
            size_bytes,
            sha256: Some("00".to_owned()),
        }
    }

    #[test]
    fn what_is_there_is_known_again_and_of_another_version_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let part = PartFile::open(&target, identity(1, 10)).unwrap();
        part.write(4, b"456").unwrap();
        part.note(4..7).unwrap();
        assert!(PartFile::open(&target, identity(1, 10)).is_err());
        drop(part);

        let part = PartFile::open(&target, identity(1, 10)).unwrap();
        assert_eq!(part.missing(3), [0..3, 3..4, 7..10]);
        drop(part);

        for (version, size_bytes) in [(2, 10), (1, 10), (1, 11)] {
            let part = PartFile::open(&target, identity(version, size_bytes)).unwrap();
            assert!(
                matches!(part.missing(u64::MAX)[..], [Range { start: 0, end }] if end == size_bytes)
            );
        }
    }

    #[test]
    fn line_that_was_cut_off_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let part = PartFile::open(&target, identity(1, 100)).unwrap();
        part.note(0..50).unwrap();
        let path = part.path.clone();
        part.note(60..70).unwrap();
        drop(part);
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();

        let part = PartFile::open(&target, identity(1, 100)).unwrap();

        assert!(matches!(
            part.missing(u64::MAX)[..],
            [Range {
                start: 50,
                end: 100
            }]
        ));
        part.note(50..100).unwrap();
        assert!(part.missing(u64::MAX).is_empty());
    }

    #[test]
    fn finished_file_is_its_content_and_takes_no_place_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        std::fs::write(&target, "mine").unwrap();
        let fetch = || {
            let part = PartFile::open(&target, identity(1, 4)).unwrap();
            part.write(0, b"test").unwrap();
            part.note(0..4).unwrap();
            part
        };

        assert!(fetch().finish(false).is_err());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "mine");
        fetch().finish(true).unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "test");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn link_in_the_place_of_a_part_file_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let elsewhere = folder.path().join("elsewhere");
        std::fs::write(&elsewhere, "theirs").unwrap();
        std::os::unix::fs::symlink(&elsewhere, beside(&target)).unwrap();

        assert!(PartFile::open(&target, identity(1, 4)).is_err());
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "theirs");
    }

    proptest! {
        #[test]
        fn ranges_are_those_that_were_noted(noted in proptest::collection::vec((0_u64..60, 1_u64..20), 0..20)) {
            let mut ranges = Vec::new();
            let mut expected = [false; 80];
            for (start, length) in noted {
                insert(&mut ranges, start..start + length);
                for at in start..start + length {
                    expected[usize::try_from(at).unwrap()] = true;
                }
            }
            for (at, expected) in (0_u64..).zip(expected) {
                prop_assert_eq!(ranges.iter().filter(|range| range.contains(&at)).count(), usize::from(expected));
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
