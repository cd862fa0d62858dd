//! The bytes of an entry as they come out, checked against what the archive says of them.

use flate2::{Decompress, FlushDecompress, Status};

use crate::Refused;
use crate::directory::{Method, Row};

/// How many packed bytes are unpacked at once: no more than about a thousand times as many come out,
/// which bounds what is held.
pub const SLICE_BYTES: usize = 4 * 1024;

/// Most bytes that may come of one packed one, in what is larger than a mebibyte. Deflate goes to
/// 1,032, which only a bomb comes near.
const MOST_RATIO: u64 = 1_000;
const SMALL_BYTES: u64 = 1024 * 1024;

/// How much room is made for what comes out at once.
const ROOM_BYTES: usize = 32 * 1024;

/// An entry being unpacked.
#[derive(Debug)]
pub struct Unpacking {
    inflating: Option<Decompress>,
    /// Whether the packed bytes said that they are at their end.
    ended: bool,
    crc32: crc32fast::Hasher,
    unpacked_bytes: u64,
    wanted_crc32: u32,
    wanted_bytes: u64,
}

impl Unpacking {
    /// Begins with an entry.
    ///
    /// # Errors
    /// When it says that far more comes out of it than can be meant.
    pub fn new(row: &Row) -> Result<Self, Refused> {
        let most = row.packed_bytes.saturating_mul(MOST_RATIO);
        if row.size_bytes > SMALL_BYTES.max(most) {
            return Err(Refused::new(
                "bomb",
                "more than a thousand times as many bytes as are packed are to come of it: send \
                 it by itself if it is meant",
            ));
        }
        Ok(Self {
            inflating: (row.method == Method::Deflated).then(|| Decompress::new(false)),
            ended: false,
            crc32: crc32fast::Hasher::new(),
            unpacked_bytes: 0,
            wanted_crc32: row.crc32,
            wanted_bytes: row.size_bytes,
        })
    }

    /// Unpacks bytes, [`SLICE_BYTES`] at most, to the end of `to`.
    ///
    /// # Errors
    /// When they do not unpack, or more come out than the archive says.
    pub fn unpack(&mut self, packed: &[u8], to: &mut Vec<u8>) -> Result<(), Refused> {
        let before = to.len();
        match &mut self.inflating {
            None => to.extend_from_slice(packed),
            Some(inflating) => {
                let mut rest = packed;
                while !rest.is_empty() {
                    if self.ended {
                        return Err(damaged("has bytes behind its end"));
                    }
                    to.reserve(ROOM_BYTES);
                    let taken = inflating.total_in();
                    let length = to.len();
                    let status = inflating
                        .decompress_vec(rest, to, FlushDecompress::None)
                        .map_err(|_| damaged("does not unpack"))?;
                    let taken = usize::try_from(inflating.total_in() - taken).unwrap_or(usize::MAX);
                    rest = rest.get(taken..).unwrap_or_default();
                    self.ended = status == Status::StreamEnd;
                    if taken == 0 && to.len() == length && !self.ended {
                        return Err(damaged("does not unpack"));
                    }
                }
                // What is still held back for lack of room.
                while !self.ended {
                    to.reserve(ROOM_BYTES);
                    let length = to.len();
                    let status = inflating
                        .decompress_vec(&[], to, FlushDecompress::None)
                        .map_err(|_| damaged("does not unpack"))?;
                    self.ended = status == Status::StreamEnd;
                    if to.len() == length {
                        break;
                    }
                }
            }
        }
        let unpacked = to.get(before..).unwrap_or_default();
        self.unpacked_bytes += unpacked.len() as u64;
        if self.unpacked_bytes > self.wanted_bytes {
            return Err(damaged("is longer than the archive says"));
        }
        self.crc32.update(unpacked);
        Ok(())
    }

    /// Checks that all came out, as the archive says.
    ///
    /// # Errors
    /// When it did not.
    pub fn finish(self) -> Result<(), Refused> {
        if self.inflating.is_some() && !self.ended {
            return Err(damaged("is cut off"));
        }
        if self.unpacked_bytes != self.wanted_bytes {
            return Err(damaged("is shorter than the archive says"));
        }
        check_crc32(self.crc32.finalize(), self.wanted_crc32)
    }
}

/// Checks the CRC-32 of an entry's bytes.
///
/// # Errors
/// When it is another than the archive says.
pub fn check_crc32(found: u32, wanted: u32) -> Result<(), Refused> {
    if found == wanted {
        Ok(())
    } else {
        Err(damaged("has other bytes than it was made of"))
    }
}

/// The CRC-32 of bytes that come in several runs.
#[derive(Clone, Debug)]
pub struct Crc32(crc32fast::Hasher);

impl Crc32 {
    /// Goes on from what [`Crc32::value`] was; from 0 with the first byte.
    pub fn resume(value: u32) -> Self {
        Self(crc32fast::Hasher::new_with_initial(value))
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The CRC-32 of all bytes so far.
    pub fn value(&self) -> u32 {
        self.0.clone().finalize()
    }
}

fn damaged(what: &str) -> Refused {
    Refused::new(
        "damaged",
        format!("it is damaged: it {what}. Zip the file anew or send it by itself"),
    )
}
