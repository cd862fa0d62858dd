//! What is to be stored: a file of this machine, or standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use crate::error::{Error, Result};

/// How much is hashed at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes that can be read again, with the name they are to have.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) size_bytes: u64,
    /// Standard input in a file of our own, which goes when this does.
    _spool: Option<TempPath>,
}

impl Source {
    /// Takes a file of this machine, under its own name or another.
    pub(crate) fn file(path: &Path, name: Option<&str>) -> Result<Self> {
        let found = std::fs::metadata(path).map_err(Error::disk("read", path))?;
        if found.is_dir() {
            return Err(Error::failed(
                format!("{} is a folder", path.display()),
                "Give the files in it.",
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
            _spool: None,
        })
    }

    /// Takes standard input to its end. It goes to disk first: a part that fails is read again.
    pub(crate) fn stdin(name: &str) -> Result<Self> {
        let mut spool =
            tempfile::NamedTempFile::new().map_err(Error::disk("write", std::env::temp_dir()))?;
        let size_bytes = std::io::copy(&mut std::io::stdin().lock(), &mut spool)
            .map_err(Error::disk("read", "standard input"))?;
        let spool = spool.into_temp_path();
        Ok(Self {
            path: spool.to_path_buf(),
            name: name.to_owned(),
            size_bytes,
            _spool: Some(spool),
        })
    }

    /// Hashes all of it, off the threads that wait for the network.
    pub(crate) async fn sha256(&self) -> Result<String> {
        let path = self.path.clone();
        let hashed =
            tokio::task::spawn_blocking(move || hash(&path).map_err(Error::disk("read", &path)));
        hashed
            .await
            .map_err(|error| Error::failed("hashing stopped", error.to_string()))?
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

fn hash(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
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
    use super::*;

    #[tokio::test]
    async fn file_has_its_name_size_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("é.txt");
        std::fs::write(&path, "test").unwrap();

        let source = Source::file(&path, None).unwrap();

        assert_eq!((source.name.as_str(), source.size_bytes), ("é.txt", 4));
        assert_eq!(
            source.sha256().await.unwrap(),
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
        );
    }

    #[test]
    fn folder_and_missing_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();

        assert!(Source::file(folder.path(), None).is_err());
        assert!(Source::file(&folder.path().join("none"), None).is_err());
    }
}
