//! The bytes that a reader reads: an open file, or what was attached to a message.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::child::out_of_memory;
use crate::failure::{Code, Failure};
use crate::limits::Limits;

/// The bytes of one document. The file is opened before the process gives up opening files.
#[derive(Debug)]
pub(crate) enum Source {
    File(File),
    Bytes(Arc<[u8]>),
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        File::open(path)
            .map(Self::File)
            .map_err(|error| unreadable(&error))
    }

    /// The same source, for whoever wants to own one.
    pub(crate) fn again(&self) -> Result<Self, Failure> {
        match self {
            Self::File(file) => file
                .try_clone()
                .map(Self::File)
                .map_err(|error| unreadable(&error)),
            Self::Bytes(bytes) => Ok(Self::Bytes(Arc::clone(bytes))),
        }
    }

    /// A reader of all bytes from the first on. Streams of one file share their place: one at a time.
    pub(crate) fn stream(&self) -> Result<BufReader<Stream>, Failure> {
        let stream = match self {
            Self::File(file) => {
                let mut file = file.try_clone().map_err(|error| unreadable(&error))?;
                file.rewind().map_err(|error| unreadable(&error))?;
                Stream::File(file)
            }
            Self::Bytes(bytes) => Stream::Bytes(Cursor::new(Arc::clone(bytes))),
        };
        Ok(BufReader::new(stream))
    }

    /// All bytes, for the readers that need them at once.
    pub(crate) fn bytes(&self, limits: &Limits) -> Result<Vec<u8>, Failure> {
        let most = limits.file_bytes;
        let mut content = Vec::new();
        let read = self
            .stream()?
            .into_inner()
            .take(most.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| unreadable(&error))?;
        if read as u64 > most {
            let detail =
                format!("The file is larger than the {most} bytes that can be read. Split it.");
            return Err(Failure::new(Code::TooLargeInside, detail));
        }
        Ok(content)
    }

    pub(crate) fn is_empty(&self) -> Result<bool, Failure> {
        match self {
            Self::File(file) => {
                let metadata = file.metadata().map_err(|error| unreadable(&error))?;
                Ok(metadata.len() == 0)
            }
            Self::Bytes(bytes) => Ok(bytes.is_empty()),
        }
    }
}

/// Reads one source.
#[derive(Debug)]
pub(crate) enum Stream {
    File(File),
    Bytes(Cursor<Arc<[u8]>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Bytes(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Bytes(bytes) => bytes.seek(to),
        }
    }
}

/// Memory ran out, or the copy that the reader was given is gone: its own fault, not the file's.
fn unreadable(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return out_of_memory();
    }
    Failure::new(
        Code::Unavailable,
        "The file could not be opened for reading. It will be tried again.",
    )
}
