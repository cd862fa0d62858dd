//! ZIP archives as Sheaf writes and reads them, and the manifest that goes with its own.
//!
//! Pure: bytes in, bytes out. Who writes an archive keeps nothing but numbers between two entries, so
//! writing can stop and go on anywhere; who reads one asks for the bytes it wants, so they can come
//! from ranges of an object. Both keep to the format's description (APPNOTE 6.3.10) and to what the
//! common tools write: ZIP64 where numbers are large, names in UTF-8, no encryption, one disk.

#![warn(missing_docs)]

pub mod directory;
pub mod entry_path;
pub mod manifest;
pub mod unpack;
pub mod write;

mod bytes;
mod code_page;

use thiserror::Error;

/// Why an archive, or an entry of one, is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{detail}")]
pub struct Refused {
    /// A word clients can switch on.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
}

impl Refused {
    pub(crate) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// The archive is not whole, or none.
    pub(crate) fn broken(detail: impl Into<String>) -> Self {
        Self::new("broken_archive", detail)
    }
}

/// A value of 16 bits that stands for one that did not fit.
const FAR_16: u16 = u16::MAX;
/// A value of 32 bits that stands for one that did not fit.
const FAR_32: u32 = u32::MAX;

/// Begins the header in front of an entry's bytes.
const LOCAL: u32 = 0x0403_4b50;
/// Begins an entry of the directory.
const CENTRAL: u32 = 0x0201_4b50;
/// Begins the end of an archive.
const END: u32 = 0x0605_4b50;
/// Begins the end of an archive with large numbers.
const END_64: u32 = 0x0606_4b50;
/// Begins what says where that is.
const LOCATOR_64: u32 = 0x0706_4b50;

/// The extra field with large numbers.
const EXTRA_ZIP64: u16 = 0x0001;
/// The extra field with times in seconds.
const EXTRA_TIME: u16 = 0x5455;
/// The extra field of Info-ZIP with the name in UTF-8.
const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// The flag that says that a name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Unix, as the system that an entry's attributes are of.
const MADE_BY_UNIX: u8 = 3;
/// macOS, whose attributes are those of Unix.
const MADE_BY_MACOS: u8 = 19;
