//! What stands between the bytes of entries, and behind them. Entries are stored as they are, so an
//! archive has its place for every byte before it is written.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::bytes::Writer;
use crate::{
    CENTRAL, END, END_64, EXTRA_TIME, EXTRA_ZIP64, FAR_16, FAR_32, FLAG_UTF8, LOCAL, LOCATOR_64,
    MADE_BY_UNIX, Refused,
};

/// The version of the format that large numbers need.
const VERSION_64: u16 = 45;
/// The version of the format that folders need.
const VERSION: u16 = 20;
/// A plain file that everyone may read, as Unix has it.
const MODE_FILE: u32 = 0o100_644;
/// A folder that everyone may read, as Unix has it.
const MODE_FOLDER: u32 = 0o040_755;
/// A folder, as DOS has it.
const DOS_FOLDER: u32 = 0x10;
/// Longest path of an entry. Source: its length has 16 bits.
const MAX_PATH_BYTES: usize = u16::MAX as usize;

/// An entry: a file, or a folder, whose path ends in `/`.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    path: &'a str,
    size_bytes: u64,
    modified_at: Timestamp,
}

impl<'a> Entry<'a> {
    /// An entry of so many bytes; of a folder there are none.
    ///
    /// # Errors
    /// When its path is too long for the format.
    pub fn new(path: &'a str, size_bytes: u64, modified_at: Timestamp) -> Result<Self, Refused> {
        if path.len() > MAX_PATH_BYTES {
            return Err(Refused::new(
                "path_too_long",
                "the path is longer than the 65,535 bytes that a ZIP archive has room for",
            ));
        }
        Ok(Self {
            path,
            size_bytes,
            modified_at,
        })
    }

    /// How many bytes stand in front of the entry's own.
    pub fn header_bytes(&self) -> u64 {
        self.header(0).len() as u64
    }

    /// What stands in front of the entry's bytes, whose CRC-32 is `crc32`.
    pub fn header(&self, crc32: u32) -> Vec<u8> {
        let mut extra = self.times();
        if self.is_large() {
            extra
                .short(EXTRA_ZIP64)
                .short(16)
                .far(self.size_bytes)
                .far(self.size_bytes);
        }
        let size = near(self.size_bytes);
        let mut header = Writer::default();
        header
            .long(LOCAL)
            .short(self.version())
            .short(FLAG_UTF8)
            .short(0)
            .long(dos_time(self.modified_at))
            .long(crc32)
            .long(size)
            .long(size)
            .short(length(self.path.as_bytes()))
            .short(length(&extra.0))
            .bytes(self.path.as_bytes())
            .bytes(&extra.0);
        header.0
    }

    /// The entry's row of the directory. Its header begins at `offset` of the archive.
    pub fn row(&self, crc32: u32, offset: u64) -> Vec<u8> {
        let mut extra = self.times();
        let mut far = Writer::default();
        if self.is_large() {
            far.far(self.size_bytes).far(self.size_bytes);
        }
        if offset >= u64::from(FAR_32) {
            far.far(offset);
        }
        if !far.0.is_empty() {
            extra.short(EXTRA_ZIP64).short(length(&far.0)).bytes(&far.0);
        }
        let version = if far.0.is_empty() {
            VERSION
        } else {
            VERSION_64
        };
        let attributes = if self.path.ends_with('/') {
            MODE_FOLDER << 16 | DOS_FOLDER
        } else {
            MODE_FILE << 16
        };
        let size = near(self.size_bytes);
        let mut row = Writer::default();
        row.long(CENTRAL)
            .short(u16::from(MADE_BY_UNIX) << 8 | VERSION_64)
            .short(version)
            .short(FLAG_UTF8)
            .short(0)
            .long(dos_time(self.modified_at))
            .long(crc32)
            .long(size)
            .long(size)
            .short(length(self.path.as_bytes()))
            .short(length(&extra.0))
            .short(0)
            .short(0)
            .short(0)
            .long(attributes)
            .long(near(offset))
            .bytes(self.path.as_bytes())
            .bytes(&extra.0);
        row.0
    }

    fn times(&self) -> Writer {
        let mut extra = Writer::default();
        // Seconds have 32 bits there: a time beyond them is left to what DOS has of it.
        if let Ok(seconds) = i32::try_from(self.modified_at.as_second()) {
            extra.short(EXTRA_TIME).short(5).bytes(&[1]);
            extra.bytes(&seconds.to_le_bytes());
        }
        extra
    }

    fn is_large(&self) -> bool {
        self.size_bytes >= u64::from(FAR_32)
    }

    fn version(&self) -> u16 {
        if self.is_large() { VERSION_64 } else { VERSION }
    }
}

/// Where the directory of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub size_bytes: u64,
    /// How many entries it has.
    pub entries: u64,
}

/// What stands behind the directory, at the end of the archive.
pub fn end(directory: Directory) -> Vec<u8> {
    let Directory {
        offset,
        size_bytes,
        entries,
    } = directory;
    let mut end = Writer::default();
    let few = u16::try_from(entries).unwrap_or(FAR_16);
    if few == FAR_16 || offset >= u64::from(FAR_32) || size_bytes >= u64::from(FAR_32) {
        end.long(END_64)
            // How much of the record follows this number.
            .far(44)
            .short(u16::from(MADE_BY_UNIX) << 8 | VERSION_64)
            .short(VERSION_64)
            .long(0)
            .long(0)
            .far(entries)
            .far(entries)
            .far(size_bytes)
            .far(offset)
            .long(LOCATOR_64)
            .long(0)
            .far(offset.saturating_add(size_bytes))
            .long(1);
    }
    end.long(END)
        .short(0)
        .short(0)
        .short(few)
        .short(few)
        .long(near(size_bytes))
        .long(near(offset))
        .short(0);
    end.0
}

fn near(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(FAR_32)
}

/// A length that was checked to have 16 bits.
fn length(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(FAR_16)
}

/// A time in UTC as DOS has it: the date above the time, in steps of two seconds, from 1980 to 2107.
fn dos_time(at: Timestamp) -> u32 {
    let at = at.to_zoned(TimeZone::UTC);
    let whole = |value: i8| u32::from(value.unsigned_abs());
    let Some(year) = u32::try_from(i32::from(at.year()) - 1980)
        .ok()
        .filter(|year| *year < 128)
    else {
        // The first day that DOS knows.
        return (1 << 5 | 1) << 16;
    };
    let date = year << 9 | whole(at.month()) << 5 | whole(at.day());
    let time = whole(at.hour()) << 11 | whole(at.minute()) << 5 | (whole(at.second()) / 2);
    date << 16 | time
}
