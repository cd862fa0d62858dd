//! What this command remembers between runs, in a folder of the user's own.
//!
//! All of it may be lost: then an interrupted transfer begins anew and files are hashed again.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};
use crate::held::{hold, whole_lines};

/// How long a journal is kept that nobody has touched: longer than an upload session lives.
const KEPT_FOR: Duration = Duration::from_hours(24 * 8);

/// Makes and returns the folder of one kind of memory, readable by its owner only.
///
/// It is below `$XDG_STATE_HOME/sheaf`, or `~/.local/state/sheaf` without that.
pub(crate) fn folder(kind: &str) -> Result<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    // A relative path is to be ignored. Source: XDG Base Directory Specification.
    let base = match given.filter(|path| path.is_absolute()) {
        Some(path) => path,
        None => std::env::home_dir()
            .filter(|home| home.is_absolute())
            .ok_or_else(|| Error::failed("there is no home folder here", "Set XDG_STATE_HOME."))?
            .join(".local/state"),
    };
    let folder = base.join("sheaf").join(kind);
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(Error::disk("make", &folder))?;
    Ok(folder)
}

/// Makes a file name of what tells one memory from another.
pub(crate) fn key(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // With its length, so that no two lists read the same.
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}

/// Removes what was left in a folder by runs that never came back.
pub(crate) fn tidy(folder: &Path) -> Result<()> {
    let now = SystemTime::now();
    for entry in std::fs::read_dir(folder).map_err(Error::disk("read", folder))? {
        let path = entry.map_err(Error::disk("read", folder))?.path();
        let is_old = path
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > KEPT_FOR));
        if is_old && let Some(journal) = Journal::open(&path)? {
            journal.remove()?;
        }
    }
    Ok(())
}

/// A file of lines that only grows, held by one process at a time.
///
/// A line counts once it is whole: what a kill cut off is dropped when it is opened again.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    lines: Vec<String>,
}

impl Journal {
    /// Opens or makes it; nothing when another process has it open.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        hold(path, 0o600)
            .map_err(Error::disk("write", path))?
            .map(|file| Self::read(file, path))
            .transpose()
    }

    fn read(mut file: File, path: &Path) -> Result<Self> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(Error::disk("read", path))?;
        let whole = whole_lines(&bytes);
        file.set_len(whole as u64)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(Error::disk("write", path))?;
        let lines = String::from_utf8_lossy(&bytes[..whole])
            .lines()
            .map(str::to_owned)
            .collect();
        Ok(Self {
            file,
            path: path.to_owned(),
            lines,
        })
    }

    /// Reads the lines that were there when it was opened, up to the first of another version.
    pub(crate) fn entries<T: DeserializeOwned>(&self) -> Vec<T> {
        self.lines
            .iter()
            .map_while(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Adds a line, which is on the disk when this returns.
    pub(crate) fn append(&mut self, entry: &impl Serialize) -> Result<()> {
        let failed = Error::disk("write", &self.path);
        let mut line = serde_json::to_vec(entry)
            .map_err(std::io::Error::other)
            .map_err(Error::disk("write", &self.path))?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .map_err(failed)
    }

    /// Forgets every line.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.lines.clear();
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(Error::disk("write", &self.path))
    }

    /// Takes the file away.
    pub(crate) fn remove(self) -> Result<()> {
        // While it is locked, so that nobody's newer one is removed.
        std::fs::remove_file(&self.path).map_err(Error::disk("remove", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn lines_read_back_and_one_cut_off_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut journal = Journal::open(&path).unwrap().unwrap();
        journal.append(&1).unwrap();
        journal.append(&2).unwrap();
        drop(journal);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"3").unwrap();

        let mut journal = Journal::open(&path).unwrap().unwrap();
        assert_eq!(journal.entries::<u32>(), [1, 2]);
        journal.append(&4).unwrap();
        drop(journal);

        let journal = Journal::open(&path).unwrap().unwrap();
        assert_eq!(journal.entries::<u32>(), [1, 2, 4]);
    }

    #[test]
    fn journal_is_held_by_one_and_gone_once_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut first = Journal::open(&path).unwrap().unwrap();
        first.append(&1).unwrap();

        assert!(Journal::open(&path).unwrap().is_none());
        first.remove().unwrap();

        let second = Journal::open(&path).unwrap().unwrap();
        assert_eq!(second.entries::<u32>(), [] as [u32; 0]);
    }

    #[test]
    fn cleared_journal_begins_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut journal = Journal::open(&path).unwrap().unwrap();
        journal.append(&"long enough to be seen").unwrap();
        journal.clear().unwrap();
        journal.append(&5).unwrap();
        drop(journal);

        assert_eq!(Journal::open(&path).unwrap().unwrap().entries::<u32>(), [5]);
    }

    #[test]
    fn keys_differ_where_their_parts_do() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
    }
}
