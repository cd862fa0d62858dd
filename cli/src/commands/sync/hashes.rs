//! What files hash to, kept between runs so that what did not change is not read again.
//!
//! Only a memory: without it everything is hashed, and nothing else differs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tree::Stamp;

/// A file that was touched so shortly before it was hashed may have been touched again without
/// looking any different: file systems tell time in steps.
const STEP: Duration = Duration::from_secs(2);

#[derive(Debug, Default, Deserialize, Serialize)]
struct Kept {
    /// By the name below the folder.
    hashes: BTreeMap<String, (Stamp, String)>,
    /// By the id of the file in Sheaf: which version of it was made of what.
    sent: BTreeMap<String, (u32, String)>,
}

/// The memory of one folder.
#[derive(Debug)]
pub(super) struct Hashes {
    path: Option<PathBuf>,
    kept: Kept,
    is_changed: bool,
}

impl Hashes {
    /// Reads what is kept; of what cannot be read, nothing.
    pub(super) fn read(path: Option<PathBuf>) -> Self {
        let kept = path
            .as_ref()
            .and_then(|path| std::fs::read(path).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self {
            path,
            kept: kept.unwrap_or_default(),
            is_changed: false,
        }
    }

    /// Returns the hash of a file that still looks as it did.
    pub(super) fn hash(&self, name: &str, stamp: &Stamp) -> Option<&str> {
        let (known, sha256) = self.kept.hashes.get(name)?;
        (known == stamp).then_some(sha256)
    }

    /// Remembers the hash of a file that looked like this before it was read, at `read_at`.
    pub(super) fn note(&mut self, name: &str, stamp: Stamp, sha256: &str, read_at: SystemTime) {
        if is_settled(&stamp, read_at, STEP) {
            self.is_changed = true;
            self.kept
                .hashes
                .insert(name.to_owned(), (stamp, sha256.to_owned()));
        }
    }

    /// Returns what a version was made of, if it was made by this command.
    pub(super) fn sent(&self, file_id: &str, version: u32) -> Option<&str> {
        let (known, sha256) = self.kept.sent.get(file_id)?;
        (*known == version).then_some(sha256)
    }

    /// Remembers what a version was made of.
    pub(super) fn note_sent(&mut self, file_id: &str, version: u32, sha256: &str) {
        self.is_changed = true;
        self.kept
            .sent
            .insert(file_id.to_owned(), (version, sha256.to_owned()));
    }

    /// Forgets files that are no longer there, here or in Sheaf.
    pub(super) fn retain(
        &mut self,
        is_here: impl Fn(&str) -> bool,
        is_stored: impl Fn(&str) -> bool,
    ) {
        let before = (self.kept.hashes.len(), self.kept.sent.len());
        self.kept.hashes.retain(|name, _| is_here(name));
        self.kept.sent.retain(|id, _| is_stored(id));
        self.is_changed |= before != (self.kept.hashes.len(), self.kept.sent.len());
    }

    /// Writes it down, whole or not at all.
    pub(super) fn save(&mut self) -> Result<()> {
        let Some(path) = self.path.as_ref().filter(|_| self.is_changed) else {
            return Ok(());
        };
        let folder = path.parent().unwrap_or(Path::new("."));
        let failed = |error| Error::disk("write", path)(error);
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        serde_json::to_writer(std::io::BufWriter::new(&mut file), &self.kept)
            .map_err(|error| failed(error.into()))?;
        file.persist(path).map_err(|error| failed(error.error))?;
        self.is_changed = false;
        Ok(())
    }
}

/// Says whether a file was last touched longer ago than that. One of the future counts as old: it
/// would never settle.
pub(super) fn is_settled(stamp: &Stamp, now: SystemTime, since: Duration) -> bool {
    let age = |(seconds, nanoseconds): (i64, i64)| {
        let at = Duration::new(
            u64::try_from(seconds).unwrap_or_default(),
            u32::try_from(nanoseconds).unwrap_or_default(),
        );
        now.duration_since(SystemTime::UNIX_EPOCH + at)
    };
    [stamp.modified, stamp.changed]
        .into_iter()
        .all(|at| !age(at).is_ok_and(|age| age < since))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(modified: i64) -> Stamp {
        Stamp {
            size_bytes: 1,
            inode: 2,
            device: 3,
            modified: (modified, 0),
            changed: (modified, 0),
        }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn hash_holds_while_the_file_looks_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = Some(folder.path().join("kept"));
        let mut hashes = Hashes::read(path.clone());
        hashes.note("a", stamp(100), "1", at(200));
        hashes.note_sent("id", 3, "1");
        hashes.save().unwrap();

        let hashes = Hashes::read(path);

        assert_eq!(hashes.hash("a", &stamp(100)), Some("1"));
        assert_eq!(hashes.hash("a", &stamp(101)), None);
        assert_eq!(hashes.hash("b", &stamp(100)), None);
        assert_eq!(
            (hashes.sent("id", 3), hashes.sent("id", 4)),
            (Some("1"), None)
        );
    }

    #[test]
    fn file_touched_just_before_is_not_remembered() {
        let mut hashes = Hashes::read(None);

        hashes.note("a", stamp(100), "1", at(101));

        assert_eq!(hashes.hash("a", &stamp(100)), None);
        hashes.save().unwrap();
    }

    #[test]
    fn broken_memory_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        std::fs::write(&path, "{\"hashes\": 3}").unwrap();

        assert_eq!(Hashes::read(Some(path)).hash("a", &stamp(1)), None);
    }

    #[test]
    fn file_of_the_future_is_settled() {
        let settled = |now| is_settled(&stamp(100), at(now), Duration::from_secs(2));

        assert!(settled(102) && settled(50));
        assert!(!settled(101) && !settled(100));
    }
}
