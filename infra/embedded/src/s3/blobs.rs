//! The bytes of objects, as files under random ids.
//!
//! A file is written in `incoming/`, synced, moved to `blobs/{first byte of its id}/{id}`, and that folder is
//! synced, as was the one around it when it was made; only then may a row name it. Nothing is ever written to it
//! again. A key never becomes a path.
//!
//! Files that no row names are removed when the store is opened; so `incoming/` needs no sync of its own, and a file
//! whose row is gone may be removed at leisure. A file someone is still reading is removed when they are done.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::files::{Files, NewFile};

/// The name of a file of bytes.
pub(super) type BlobId = Uuid;

/// The name of the whole content of an object, of one blob or many.
pub(super) type ContentId = Uuid;

/// The folder of all bytes.
pub(super) struct Blobs {
    files: Files,
    incoming: PathBuf,
    placed: PathBuf,
    /// The folders in `placed` that are on the disk, by first byte.
    shards: Mutex<HashSet<u8>>,
    uses: Mutex<HashMap<ContentId, Use>>,
}

/// What is going on with a content, while something is.
enum Use {
    Read {
        readers: usize,
        remove_after: Vec<BlobId>,
    },
    Removed,
}

/// Bytes that are arriving. Removed when dropped before they were placed.
pub(super) struct Incoming {
    file: NewFile,
    placed: bool,
}

/// Keeps the blobs of a content from being removed.
pub(super) struct Reading {
    blobs: Arc<Blobs>,
    content: ContentId,
}

impl Blobs {
    /// Makes the folders when missing.
    pub(super) fn open(files: Files, folder: &Path) -> io::Result<Self> {
        let blobs = Self {
            files,
            incoming: folder.join("incoming"),
            placed: folder.join("blobs"),
            shards: Mutex::default(),
            uses: Mutex::default(),
        };
        blobs.files.make_folder(&blobs.incoming)?;
        blobs.files.make_folder(&blobs.placed)?;
        // Folders of an earlier process may not be on the disk yet.
        blobs.files.sync_folder(&blobs.placed)?;
        blobs.files.sync_folder(folder)?;
        Ok(blobs)
    }

    /// Removes what a crash left behind: unfinished files, and blobs not in `known`, which is sorted.
    /// Returns the known blobs that are missing.
    pub(super) fn sweep(&self, known: &[BlobId]) -> io::Result<Vec<BlobId>> {
        for entry in self.incoming.read_dir()? {
            self.files.remove(&entry?.path())?;
        }
        let mut seen = vec![false; known.len()];
        for shard in self.placed.read_dir()? {
            for entry in shard?.path().read_dir()? {
                let entry = entry?;
                let id = entry
                    .file_name()
                    .to_str()
                    .and_then(|name| Uuid::try_parse(name).ok());
                match id.and_then(|id| known.binary_search(&id).ok()) {
                    Some(place) => seen[place] = true,
                    None => self.files.remove(&entry.path())?,
                }
            }
        }
        Ok(known
            .iter()
            .zip(seen)
            .filter(|(_, seen)| !seen)
            .map(|(id, _)| *id)
            .collect())
    }

    /// Begins a file.
    pub(super) fn receive(&self) -> io::Result<Incoming> {
        let file = self
            .files
            .make(self.incoming.join(Uuid::new_v4().to_string()))?;
        Ok(Incoming {
            file,
            placed: false,
        })
    }

    /// Puts a complete file where it stays, synced.
    pub(super) fn place(&self, mut incoming: Incoming) -> io::Result<BlobId> {
        let id = Uuid::new_v4();
        incoming.file.sync()?;
        self.make_shard(id.as_bytes()[0])?;
        self.files.rename(incoming.file.path(), &self.path(id))?;
        incoming.placed = true;
        self.files.sync_folder(&self.shard(id.as_bytes()[0]))?;
        Ok(id)
    }

    /// Gives the bytes of a blob a second name, synced.
    pub(super) fn copy(&self, from: BlobId) -> io::Result<BlobId> {
        let id = Uuid::new_v4();
        self.make_shard(id.as_bytes()[0])?;
        self.files.link(&self.path(from), &self.path(id))?;
        self.files.sync_folder(&self.shard(id.as_bytes()[0]))?;
        Ok(id)
    }

    pub(super) fn open_blob(&self, id: BlobId) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Keeps a content from being removed while it is read; `None` when its removal has begun.
    /// When the first blob can be opened after this, all of them can.
    pub(super) fn hold(self: &Arc<Self>, content: ContentId) -> Option<Reading> {
        let mut uses = self.uses();
        match uses.entry(content).or_insert_with(|| Use::Read {
            readers: 0,
            remove_after: Vec::new(),
        }) {
            Use::Read { readers, .. } => *readers += 1,
            Use::Removed => return None,
        }
        Some(Reading {
            blobs: Arc::clone(self),
            content,
        })
    }

    /// Removes the blobs of a content that no row names any more, now or when nobody reads it.
    pub(super) fn remove(&self, content: ContentId, blobs: Vec<BlobId>) {
        {
            let mut uses = self.uses();
            if let Some(Use::Read { remove_after, .. }) = uses.get_mut(&content) {
                *remove_after = blobs;
                return;
            }
            uses.insert(content, Use::Removed);
        }
        self.remove_unnamed(&blobs);
        self.uses().remove(&content);
    }

    /// Removes blobs that no row ever named or that nothing can be reading.
    pub(super) fn remove_unnamed(&self, blobs: &[BlobId]) {
        for id in blobs {
            if let Err(error) = self.files.remove(&self.path(*id)) {
                tracing::warn!(%error, "an unused blob stays until the next start");
            }
        }
    }

    /// Makes a folder for blobs unless it is there. Others wait, so that none uses it before it is on the disk.
    fn make_shard(&self, first_byte: u8) -> io::Result<()> {
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if !shards.contains(&first_byte) {
            self.files.make_folder(&self.shard(first_byte))?;
            self.files.sync_folder(&self.placed)?;
            shards.insert(first_byte);
        }
        Ok(())
    }

    fn path(&self, id: BlobId) -> PathBuf {
        self.shard(id.as_bytes()[0]).join(id.to_string())
    }

    fn shard(&self, first_byte: u8) -> PathBuf {
        self.placed.join(hex::encode([first_byte]))
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<ContentId, Use>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write(bytes)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is swept at the next start.
            let _ = self.file.remove();
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut uses = self.blobs.uses();
        let Some(Use::Read {
            readers,
            remove_after,
        }) = uses.get_mut(&self.content)
        else {
            return;
        };
        *readers -= 1;
        if *readers > 0 {
            return;
        }
        let unused = std::mem::take(remove_after);
        uses.remove(&self.content);
        drop(uses);
        self.blobs.remove_unnamed(&unused);
    }
}
