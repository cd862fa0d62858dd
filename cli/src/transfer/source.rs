//! What is to be stored: a file of this machine, or standard input.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::state;

/// How much is read at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes that can be read again, with the name they are to have.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// Standard input, in a file without a name that goes with this process, however it ends.
    spool: Option<Arc<File>>,
}

impl Source {
    /// Takes a file of this machine, under its own name or another.
    pub(crate) fn file(path: &Path, name: Option<&str>) -> Result<Self> {
        let found = std::fs::metadata(path).map_err(Error::disk("read", path))?;
        if found.is_dir() {
            return Err(Error::failed(
                format!("{} is a folder", path.display()),
                "--recursive stores the files in it.",
            ));
        }
        if !found.is_file() {
            return Err(Error::failed(
                format!("{} is no file", path.display()),
                "What comes from a pipe or a device is stored with `sheaf put - --name NAME`.",
            ));
        }
        let name = match name {
            Some(name) => name.to_owned(),
            None => own_name(path)?,
        };
        Ok(Self {
            path: path.to_owned(),
            name,
            size_bytes: found.len(),
            spool: None,
        })
    }

    /// Takes standard input to its end. It goes to disk first: a part that fails is read again.
    pub(crate) fn stdin(name: &str) -> Result<Self> {
        // Not where other programs' temporary files are: that may be memory.
        let folder = state::folder("spool").unwrap_or_else(|_| std::env::temp_dir());
        let mut spool = tempfile::tempfile_in(&folder).map_err(Error::disk("write", folder))?;
        let size_bytes = std::io::copy(&mut std::io::stdin().lock(), &mut spool)
            .map_err(Error::disk("read", "standard input"))?;
        Ok(Self {
            path: PathBuf::from("-"),
            name: name.to_owned(),
            size_bytes,
            spool: Some(Arc::new(spool)),
        })
    }

    /// Opens it. What is read from then on is one file, also when another takes its path.
    pub(crate) fn open(&self) -> Result<Opened> {
        let file = match &self.spool {
            Some(spool) => Arc::clone(spool),
            None => Arc::new(File::open(&self.path).map_err(Error::disk("read", &self.path))?),
        };
        let stamp = Stamp::of(&file).map_err(Error::disk("read", &self.path))?;
        Ok(Opened {
            path: self.path.clone(),
            file,
            stamp,
        })
    }

    /// Returns what tells this file from others of this machine.
    pub(crate) fn place(&self) -> Result<PathBuf> {
        match self.spool {
            Some(_) => Ok(self.path.clone()),
            None => std::path::absolute(&self.path).map_err(Error::disk("read", &self.path)),
        }
    }
}

/// What changes when a file is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    size_bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> std::io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            size_bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// A source that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    path: PathBuf,
    file: Arc<File>,
    stamp: Stamp,
}

impl Opened {
    pub(crate) const fn size_bytes(&self) -> u64 {
        self.stamp.size_bytes
    }

    /// Reads all of it into memory.
    pub(crate) async fn whole(&self) -> Result<Bytes> {
        let file = Arc::clone(&self.file);
        let size_bytes = self.stamp.size_bytes;
        self.blocking(move || {
            let mut bytes = vec![0; usize::try_from(size_bytes).map_err(std::io::Error::other)?];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(Bytes::from(bytes))
        })
        .await
    }

    /// Hashes all of it.
    pub(crate) async fn sha256(&self) -> Result<String> {
        let file = Arc::clone(&self.file);
        let size_bytes = self.stamp.size_bytes;
        self.blocking(move || hash::<Sha256>(&file, 0, size_bytes))
            .await
    }

    /// Hashes a part as S3 does for its `ETag`.
    pub(crate) async fn md5(&self, offset: u64, length: u64) -> Result<String> {
        let file = Arc::clone(&self.file);
        self.blocking(move || hash::<Md5>(&file, offset, length))
            .await
    }

    /// Reads a part block by block, so that a part of any size takes little memory.
    pub(crate) fn blocks(
        &self,
        offset: u64,
        length: u64,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
        let file = Arc::clone(&self.file);
        futures::stream::try_unfold((offset, length), move |(offset, left)| {
            let file = Arc::clone(&file);
            async move {
                if left == 0 {
                    return Ok(None);
                }
                let reading = tokio::task::spawn_blocking(move || block(&file, offset, left));
                let block = reading.await.map_err(std::io::Error::other)??;
                let read = block.len() as u64;
                Ok(Some((block, (offset + read, left - read))))
            }
        })
    }

    /// Checks that nobody wrote to it since it was opened.
    ///
    /// # Errors
    /// When somebody did: then what was sent is neither what it was nor what it is.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let now = Stamp::of(&self.file).map_err(Error::disk("read", &self.path))?;
        if now == self.stamp {
            return Ok(());
        }
        Err(Error::failed(
            format!("{} changed while it was sent", self.path.display()),
            "It was not stored. Put it again once it is at rest.",
        ))
    }

    /// Works off the threads that wait for the network.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> Result<T> {
        tokio::task::spawn_blocking(work)
            .await
            .map_err(std::io::Error::other)
            .and_then(|done| done)
            .map_err(Error::disk("read", &self.path))
    }
}

fn own_name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| {
        Error::failed(
            format!("{} has no name in UTF-8", path.display()),
            "Put it alone and give it one with --name.",
        )
    })
}

fn block(file: &File, offset: u64, most: u64) -> std::io::Result<Bytes> {
    let length = usize::try_from(most).map_or(BLOCK_BYTES, |most| most.min(BLOCK_BYTES));
    let mut block = vec![0; length];
    let read = file.read_at(&mut block, offset)?;
    if read == 0 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "the file has become shorter",
        ));
    }
    block.truncate(read);
    Ok(Bytes::from(block))
}

pub(super) fn hash<D: Digest>(
    file: &File,
    mut offset: u64,
    length: u64,
) -> std::io::Result<String> {
    let mut hasher = D::new();
    let mut block = vec![0; BLOCK_BYTES];
    let end = offset.saturating_add(length);
    while offset < end {
        let left = end - offset;
        let most = usize::try_from(left).map_or(BLOCK_BYTES, |left| left.min(BLOCK_BYTES));
        let read = file.read_at(&mut block[..most], offset)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&block[..read]);
        offset += read as u64;
    }
    Ok(hex::encode(hasher.finalize()))
}

/// Hashes a whole file of this machine.
pub(crate) fn sha256_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&block[..read]);
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;

    use super::*;

    #[tokio::test]
    async fn file_has_its_name_size_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("é.txt");
        std::fs::write(&path, "test").unwrap();

        let source = Source::file(&path, None).unwrap();
        let opened = source.open().unwrap();

        assert_eq!((source.name.as_str(), source.size_bytes), ("é.txt", 4));
        assert_eq!(
            opened.sha256().await.unwrap(),
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        );
        assert_eq!(
            opened.md5(0, 4).await.unwrap(),
            "098f6bcd4621d373cade4e832627b4f6"
        );
    }

    #[tokio::test]
    async fn part_is_read_from_where_it_begins_to_where_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let bytes: Vec<u8> = (0_u8..=250).cycle().take(3 * BLOCK_BYTES).collect();
        std::fs::write(&path, &bytes).unwrap();
        let opened = Source::file(&path, None).unwrap().open().unwrap();

        let blocks: Vec<Bytes> = opened
            .blocks(7, 2 * BLOCK_BYTES as u64)
            .try_collect()
            .await
            .unwrap();

        assert!(blocks.iter().all(|block| block.len() <= BLOCK_BYTES));
        assert!(blocks.concat() == bytes[7..7 + 2 * BLOCK_BYTES]);
    }

    #[test]
    fn file_that_is_written_to_is_noticed_and_one_that_is_replaced_is_not_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "test").unwrap();
        let source = Source::file(&path, None).unwrap();
        let opened = source.open().unwrap();

        std::fs::write(folder.path().join("b"), "other").unwrap();
        std::fs::rename(folder.path().join("b"), &path).unwrap();
        assert!(opened.check_unchanged().is_ok());

        let opened = source.open().unwrap();
        std::fs::write(&path, "longer").unwrap();
        assert!(opened.check_unchanged().is_err());
    }

    #[test]
    fn folder_and_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();

        assert!(Source::file(folder.path(), None).is_err());
        assert!(Source::file(&folder.path().join("none"), None).is_err());
    }
}
