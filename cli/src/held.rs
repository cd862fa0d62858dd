//! Files that one process holds at a time, and that end in lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Error, Result};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Opens or makes a file with these permissions and locks it; nothing when another process has.
pub(crate) fn hold(path: &Path, mode: u32) -> Result<Option<File>> {
    loop {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (held, found) = (file.metadata()?, path.symlink_metadata());
        match found {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {
                return Ok(Some(file));
            }
            // A link that someone put there would lead the bytes elsewhere.
            Ok(found) if !found.is_file() => {
                return Err(Error::other(format!(
                    "{} is in the way: remove it",
                    path.display()
                )));
            }
            // Whoever had it gave it another name, or took it away.
            Ok(_) | Err(_) => {}
        }
    }
}

/// How many bytes the whole lines are that these begin with: a kill cuts off the last one.
pub(crate) fn whole_lines(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|&byte| byte == b'\n')
        .map_or(0, |at| at + 1)
}
