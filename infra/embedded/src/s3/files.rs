//! Every file operation of the object store, each of which can be watched.
//!
//! A test watches the steps to cut the power after any of them: it keeps what had been synced by then, forgets the
//! rest, opens the store anew and looks for what was promised. See `tests/s3_power_cut.rs`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing done to the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A folder was made.
    MadeFolder(PathBuf),
    /// An empty file was made.
    Made(PathBuf),
    /// Bytes were written to a file, not yet to the disk.
    Wrote(PathBuf),
    /// All bytes of a file are on the disk.
    SyncedFile(PathBuf),
    /// A file has another name, not yet on the disk.
    Moved {
        /// The name it had.
        from: PathBuf,
        /// The name it has.
        to: PathBuf,
    },
    /// A file has one more name, not yet on the disk.
    Linked {
        /// The name it had before.
        from: PathBuf,
        /// The name it has now, too.
        to: PathBuf,
    },
    /// The names in a folder are on the disk.
    SyncedFolder(PathBuf),
    /// A name is gone, perhaps not yet from the disk.
    Removed(PathBuf),
}

/// Is told of every step after it was done.
pub type Watcher = Arc<dyn Fn(&Step) + Send + Sync>;

/// The file system, as the object store uses it. All calls block.
#[derive(Clone, Default)]
pub struct Files {
    watcher: Option<Watcher>,
}

/// A file that is being written.
pub(super) struct NewFile {
    files: Files,
    path: PathBuf,
    file: File,
}

impl Files {
    /// The file system with a watcher.
    pub fn watched_by(watcher: Watcher) -> Self {
        Self {
            watcher: Some(watcher),
        }
    }

    pub(super) fn make_folder(&self, path: &Path) -> io::Result<()> {
        match std::fs::create_dir(path) {
            Ok(()) => self.done(|| Step::MadeFolder(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn make(&self, path: PathBuf) -> io::Result<NewFile> {
        let file = File::create_new(&path)?;
        self.done(|| Step::Made(path.clone()));
        Ok(NewFile {
            files: self.clone(),
            path,
            file,
        })
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)?;
        self.done(|| Step::Moved {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    pub(super) fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::hard_link(from, to)?;
        self.done(|| Step::Linked {
            from: from.to_owned(),
            to: to.to_owned(),
        });
        Ok(())
    }

    pub(super) fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()?;
        self.done(|| Step::SyncedFolder(path.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)?;
        self.done(|| Step::Removed(path.to_owned()));
        Ok(())
    }

    fn done(&self, step: impl FnOnce() -> Step) {
        if let Some(watcher) = &self.watcher {
            watcher(&step());
        }
    }
}

impl NewFile {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        self.files.remove(&self.path)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.files.done(|| Step::Wrote(self.path.clone()));
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        self.files.done(|| Step::SyncedFile(self.path.clone()));
        Ok(())
    }
}
