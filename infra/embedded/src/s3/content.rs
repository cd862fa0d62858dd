//! The bytes of an object as a stream: a chunk at a time is read, off the async threads.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::JoinHandle;

use super::blobs::{Blobs, Reading};
use super::objects::Piece;

/// Bytes read at once.
const CHUNK: u64 = 256 * 1024;

/// Reads a range of a content, blob after blob. Blocks.
pub(super) struct Reader {
    blobs: Arc<Blobs>,
    _reading: Reading,
    pieces: std::vec::IntoIter<Piece>,
    open: Option<(File, u64)>,
    at: u64,
    end: u64,
}

/// A range of a content as the body of an answer.
pub(super) struct Content {
    remaining: u64,
    state: State,
}

enum State {
    Read(Bytes, Box<Reader>),
    Reading(JoinHandle<io::Result<(Bytes, Box<Reader>)>>),
    Ended,
}

impl Reader {
    /// `pieces` are those that hold bytes of the range, in order.
    pub(super) fn new(
        blobs: &Arc<Blobs>,
        reading: Reading,
        pieces: Vec<Piece>,
        range: &Range<u64>,
    ) -> Self {
        Self {
            blobs: Arc::clone(blobs),
            _reading: reading,
            pieces: pieces.into_iter(),
            open: None,
            at: range.start,
            end: range.end,
        }
    }

    /// The next bytes of the range.
    pub(super) fn next_chunk(&mut self) -> io::Result<Bytes> {
        let left = self.end - self.at;
        if left == 0 {
            return Ok(Bytes::new());
        }
        if self.open.as_ref().is_none_or(|(_, ends)| *ends == self.at) {
            self.open = Some(self.open_next()?);
        }
        let Some((file, ends)) = &mut self.open else {
            return Ok(Bytes::new());
        };
        let length = left.min(*ends - self.at).min(CHUNK);
        let mut chunk = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact(&mut chunk)?;
        self.at += length;
        Ok(chunk.into())
    }

    /// Opens the piece the next byte is in. Returns it with where in the content it ends.
    fn open_next(&mut self) -> io::Result<(File, u64)> {
        let piece = self
            .pieces
            .next()
            .filter(|piece| piece.offset <= self.at && self.at < piece.offset + piece.size)
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "a piece of the content is missing",
                )
            })?;
        let mut file = self.blobs.open_blob(piece.blob)?;
        if self.at > piece.offset {
            file.seek(SeekFrom::Start(self.at - piece.offset))?;
        }
        Ok((file, piece.offset + piece.size))
    }
}

impl Content {
    /// Bytes of which the first have been read.
    pub(super) fn new(first: Bytes, reader: Reader) -> Self {
        Self {
            remaining: first.len() as u64 + (reader.end - reader.at),
            state: State::Read(first, Box::new(reader)),
        }
    }
}

impl Stream for Content {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.remaining == 0 {
            self.state = State::Ended;
            return Poll::Ready(None);
        }
        let (bytes, reader) = match std::mem::replace(&mut self.state, State::Ended) {
            State::Ended => return Poll::Ready(None),
            State::Read(bytes, reader) => (bytes, reader),
            State::Reading(mut task) => match Pin::new(&mut task).poll(context) {
                Poll::Pending => {
                    self.state = State::Reading(task);
                    return Poll::Pending;
                }
                Poll::Ready(read) => match read.map_err(io::Error::other).flatten() {
                    Ok(read) => read,
                    Err(error) => {
                        tracing::error!(%error, "an object could not be read to its end");
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
            },
        };
        self.remaining -= bytes.len() as u64;
        if self.remaining > 0 {
            self.state = State::Reading(read_on(reader));
        }
        Poll::Ready(Some(Ok(bytes)))
    }
}

impl ByteStream for Content {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.remaining).unwrap_or(usize::MAX))
    }
}

fn read_on(mut reader: Box<Reader>) -> JoinHandle<io::Result<(Bytes, Box<Reader>)>> {
    tokio::task::spawn_blocking(move || {
        let bytes = reader.next_chunk()?;
        Ok((bytes, reader))
    })
}
