//! The data folder: where one embedded stack keeps everything, used by one process at a time.
//!
//! A folder made here can be entered by its owner only, and the database files in it are made with owner-only
//! permissions before anything is written to them, so a folder that was there before leaks nothing either.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Opened data folder. The lock is held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    _lock: File,
}

/// Why a data folder could not be opened.
#[derive(Debug, Error)]
pub enum DataFolderError {
    /// Another process holds the lock.
    #[error(
        "another sheaf serve uses this data folder: {path} (process {process}); stop it or give --data another folder"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process that holds it, as it wrote itself down.
        process: String,
    },
    /// The folder could not be made, read or written.
    #[error("cannot use the data folder {path}: {source}")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl DataFolder {
    /// Opens the folder, making it and what belongs in it when missing, and locks it.
    ///
    /// # Errors
    /// [`DataFolderError::InUse`] when another process has it open.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, DataFolderError> {
        let path = path.into();
        let unusable = |source| DataFolderError::Unusable {
            path: path.clone(),
            source,
        };
        make_private_folder(&path).map_err(unusable)?;
        let mut lock = open_private_file(&path.join("lock")).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DataFolderError::InUse {
                    process: holder(&mut lock),
                    path,
                });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        sign(&mut lock).map_err(unusable)?;

        let folder = Self { path, _lock: lock };
        folder
            .prepare()
            .map_err(|source| DataFolderError::Unusable {
                path: folder.path.clone(),
                source,
            })?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The `SQLite` file of the `DynamoDB` tables.
    pub fn dynamodb(&self) -> PathBuf {
        self.path.join("dynamodb.sqlite")
    }

    /// The `SQLite` file of the objects' metadata and of the queues: one file, so that an object and the event
    /// that tells of it are one transaction.
    pub fn database(&self) -> PathBuf {
        self.path.join("objects.sqlite")
    }

    /// The folder of the objects' bytes.
    pub fn objects(&self) -> PathBuf {
        self.path.join("s3")
    }

    fn prepare(&self) -> io::Result<()> {
        make_private_folder(&self.objects())?;
        // SQLite gives its journal files the permissions of the database file.
        open_private_file(&self.dynamodb())?;
        open_private_file(&self.database())?;
        // What was just made must be there after a power cut, too: the rows that are promised live in it.
        sync_folder(&self.path)?;
        // A process that was killed may have made the folder and not come to this.
        if let Some(parent) = self.path.parent().filter(|p| !p.as_os_str().is_empty()) {
            sync_folder(parent)?;
        }
        Ok(())
    }
}

/// Makes a folder and those above it that are missing, for their owner only. Each that was made is there after a
/// power cut, too.
///
/// # Errors
/// What the system says.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    make_folders(path, &mut sync_folder)
}

fn make_folders(path: &Path, sync: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_folders(parent, sync)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        // Another process made it meanwhile.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    // Its name is in the folder above.
    sync(parent)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn open_private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn holder(lock: &mut File) -> String {
    let mut process = String::new();
    match lock.read_to_string(&mut process) {
        Ok(length) if length > 0 => process,
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_process_is_told_who_uses_the_folder() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("data");
        let first = DataFolder::open(&path).unwrap();

        let refused = DataFolder::open(&path).unwrap_err().to_string();

        assert!(refused.starts_with("another sheaf serve uses this data folder: "));
        assert!(refused.contains(&format!("process {}", std::process::id())));
        drop(first);
        DataFolder::open(&path).unwrap();
    }

    #[test]
    fn each_folder_that_is_made_is_synced_into_the_one_above() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("very/deep/data");
        let mut synced = Vec::new();

        for _ in 0..2 {
            make_folders(&path, &mut |folder| {
                synced.push(folder.to_owned());
                Ok(())
            })
            .unwrap();
        }

        let above = ["", "very", "very/deep"].map(|folder| place.path().join(folder));
        assert_eq!(synced, above);
        assert!(path.is_dir());
    }

    #[cfg(unix)]
    #[test]
    fn folder_and_files_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(place.path().join("deep/data")).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;

        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&place.path().join("deep")), 0o700);
        assert_eq!(mode(&folder.objects()), 0o700);
        assert_eq!(mode(&folder.database()), 0o600);
        assert_eq!(mode(&folder.dynamodb()), 0o600);
    }
}
