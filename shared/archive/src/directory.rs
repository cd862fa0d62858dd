//! Reading what an archive says of itself: its end, its directory, and the header of an entry.
//!
//! What two readers could understand differently is refused: a second end in the comment, bytes in
//! front of the archive, entries that share bytes.

use crate::bytes::Reader;
use crate::entry_path::MAX_PATH_BYTES;
use crate::{
    CENTRAL, END, END_64, EXTRA_UNICODE_PATH, EXTRA_ZIP64, FAR_16, FAR_32, FLAG_UTF8, LOCAL,
    LOCATOR_64, MADE_BY_MACOS, MADE_BY_UNIX, Refused, code_page,
};

/// How many last bytes of an archive tell where its directory is: the end with the longest comment,
/// and the locator and record of large numbers in front of it.
pub const TAIL_BYTES: u64 = END_BYTES + 0xffff + LOCATOR_BYTES + END_64_BYTES;

/// Most entries of an archive that is read.
pub const MAX_ENTRIES: u64 = 1_000_000;

/// How many bytes of a header tell how long it is.
pub const HEADER_BYTES: u64 = 30;

/// Longest row of the directory that is read whole: its three variable parts have 16 bits each.
pub const MAX_ROW_BYTES: usize = ROW_BYTES + 3 * 0xffff;

const END_BYTES: u64 = 22;
const LOCATOR_BYTES: u64 = 20;
const END_64_BYTES: u64 = 56;
const ROW_BYTES: usize = 46;

/// The flags of entries that are encrypted, in whole or in part.
const FLAGS_ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// The kind of file in the upper attributes, as Unix has it.
const MODE_KIND: u32 = 0o170_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;
/// A folder, as DOS has it.
const DOS_FOLDER: u32 = 0x10;

pub use crate::write::Directory;

/// Reads where the directory is from the last bytes of an archive of so many.
///
/// # Errors
/// When these are not the last bytes of a whole archive on one disk.
pub fn find(tail: &[u8], archive_bytes: u64) -> Result<Directory, Refused> {
    let tail_at = archive_bytes
        .checked_sub(tail.len() as u64)
        .ok_or_else(not_an_archive)?;
    let mut ends = ends_of(tail);
    let position = ends.next().ok_or_else(not_an_archive)?;
    if ends.next().is_some() {
        return Err(Refused::broken(
            "the archive has two ends, one within the comment of the other: zip the files anew",
        ));
    }
    let end = read_end(&tail[position..]).ok_or_else(not_an_archive)?;
    let end_at = tail_at + position as u64;
    let before = &tail[..position];
    let (directory, behind) = match read_locator(before) {
        Some(record_at) => read_far(before, tail_at, record_at, &end)?,
        None if end.is_far => {
            return Err(Refused::broken(
                "the archive says that it is large, and not how large: it is cut off or damaged",
            ));
        }
        None => (end.directory, end_at),
    };
    let directory_end = directory.offset.checked_add(directory.size_bytes);
    if directory_end != Some(behind) {
        return Err(Refused::broken(
            "the directory is not where the archive says: it is cut off, damaged, or has \
             something in front of it, as a program that unpacks itself has",
        ));
    }
    if directory.entries > MAX_ENTRIES {
        return Err(Refused::new(
            "too_many_entries",
            "an archive with more than 1,000,000 entries is not imported: make several of it",
        ));
    }
    // Each has its row.
    if directory.entries.saturating_mul(ROW_BYTES as u64) > directory.size_bytes {
        return Err(Refused::broken(
            "the directory is too short for its entries: the archive is damaged",
        ));
    }
    Ok(directory)
}

/// Where ends begin whose comment goes to the last byte, the last first.
fn ends_of(tail: &[u8]) -> impl Iterator<Item = usize> {
    let last = tail.len().checked_sub(22).map_or(0, |last| last + 1);
    (0..last).rev().filter(|position| {
        let mut reader = Reader(&tail[*position..]);
        reader.long() == Some(END)
            && reader.take(16).is_some()
            && reader
                .short()
                .is_some_and(|comment| usize::from(comment) == reader.0.len())
    })
}

struct End {
    directory: Directory,
    /// Whether a number did not fit.
    is_far: bool,
}

fn read_end(bytes: &[u8]) -> Option<End> {
    let mut reader = Reader(bytes);
    reader.long()?;
    let (disk, first_disk) = (reader.short()?, reader.short()?);
    let (here, entries) = (reader.short()?, reader.short()?);
    let (size_bytes, offset) = (reader.long()?, reader.long()?);
    let is_far = entries == FAR_16 || size_bytes == FAR_32 || offset == FAR_32;
    let is_one = |disk: u16| disk == 0 || disk == FAR_16;
    (is_one(disk) && is_one(first_disk) && here == entries).then(|| End {
        directory: Directory {
            offset: offset.into(),
            size_bytes: size_bytes.into(),
            entries: entries.into(),
        },
        is_far,
    })
}

/// Reads where the record of large numbers is from what stands in front of the end.
fn read_locator(before: &[u8]) -> Option<u64> {
    let start = before.len().checked_sub(20)?;
    let mut reader = Reader(&before[start..]);
    if reader.long()? != LOCATOR_64 {
        return None;
    }
    reader.long()?;
    reader.far()
}

/// Reads the record of large numbers, and where it begins.
fn read_far(
    before: &[u8],
    tail_at: u64,
    record_at: u64,
    end: &End,
) -> Result<(Directory, u64), Refused> {
    let broken = || {
        Refused::broken(
            "what the archive says of its size does not read back: it is damaged, or of a kind \
             that is not imported",
        )
    };
    let position = record_at
        .checked_sub(tail_at)
        .and_then(|position| usize::try_from(position).ok())
        // Nothing but the locator stands between.
        .filter(|position| *position + 56 + 20 == before.len())
        .ok_or_else(broken)?;
    let record = before.get(position..).ok_or_else(broken)?;
    let read = || {
        let mut reader = Reader(record);
        if reader.long()? != END_64 || reader.far()? != 44 {
            return None;
        }
        reader.long()?;
        let (disk, first_disk) = (reader.long()?, reader.long()?);
        let (here, entries) = (reader.far()?, reader.far()?);
        let (size_bytes, offset) = (reader.far()?, reader.far()?);
        (disk == 0 && first_disk == 0 && here == entries).then_some(Directory {
            offset,
            size_bytes,
            entries,
        })
    };
    let directory = read().ok_or_else(broken)?;
    let near = end.directory;
    let agrees = |near: u64, far: u64, most: u64| near == far || near == most;
    let agree = agrees(near.entries, directory.entries, FAR_16.into())
        && agrees(near.size_bytes, directory.size_bytes, FAR_32.into())
        && agrees(near.offset, directory.offset, FAR_32.into());
    if agree {
        Ok((directory, record_at))
    } else {
        Err(broken())
    }
}

/// How the bytes of an entry are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    Stored,
    /// By deflate.
    Deflated,
    /// In a way that is not read here.
    Other(u16),
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nature {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A link, a device, a pipe.
    Special,
}

/// A row of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its path as it is written, folders with a `/` at the end.
    pub path: String,
    /// The path byte for byte, as it must stand in front of the entry too.
    raw_path: Vec<u8>,
    /// What it is.
    pub nature: Nature,
    /// Whether its bytes are encrypted.
    pub is_encrypted: bool,
    /// How they are packed.
    pub method: Method,
    /// The CRC-32 they have.
    pub crc32: u32,
    /// How many there are, packed.
    pub packed_bytes: u64,
    /// How many there are.
    pub size_bytes: u64,
    /// Where the entry's header begins.
    pub offset: u64,
}

/// Reads the first row of what is there of a directory, and how long it is. None when more bytes are
/// needed.
///
/// # Errors
/// When it is no row, or says what cannot be.
pub fn read_row(bytes: &[u8]) -> Result<Option<(Row, usize)>, Refused> {
    let Some(fixed) = bytes.get(..ROW_BYTES) else {
        return Ok(None);
    };
    let broken = || Refused::broken("a row of the directory does not read back: it is damaged");
    let fixed = read_fixed(fixed).filter(|fixed| fixed.disk == 0);
    let fixed = fixed.ok_or_else(broken)?;
    let mut reader = Reader(&bytes[ROW_BYTES..]);
    let variable = (
        reader.take(fixed.path_bytes),
        reader.take(fixed.extra_bytes),
        reader.take(fixed.comment_bytes),
    );
    let (Some(raw_path), Some(extra), Some(_)) = variable else {
        return Ok(None);
    };
    let length = ROW_BYTES + fixed.path_bytes + fixed.extra_bytes + fixed.comment_bytes;
    let path = read_path(raw_path, fixed.flags, extra);
    let nature = fixed.nature(&path);
    let far = read_far_sizes(extra, &fixed).ok_or_else(broken)?;
    let row = Row {
        nature,
        path,
        raw_path: raw_path.to_owned(),
        is_encrypted: fixed.flags & FLAGS_ENCRYPTED != 0,
        method: match fixed.method {
            0 => Method::Stored,
            8 => Method::Deflated,
            other => Method::Other(other),
        },
        crc32: fixed.crc32,
        packed_bytes: far.packed_bytes,
        size_bytes: far.size_bytes,
        offset: far.offset,
    };
    Ok(Some((row, length)))
}

struct Fixed {
    made_by: u8,
    flags: u16,
    method: u16,
    crc32: u32,
    packed: u32,
    size: u32,
    path_bytes: usize,
    extra_bytes: usize,
    comment_bytes: usize,
    disk: u16,
    attributes: u32,
    offset: u32,
}

impl Fixed {
    fn nature(&self, path: &str) -> Nature {
        let mode = match self.made_by {
            MADE_BY_UNIX | MADE_BY_MACOS => self.attributes >> 16 & MODE_KIND,
            _ => 0,
        };
        match mode {
            MODE_FOLDER => Nature::Folder,
            0 | MODE_FILE => {
                // Some tools say only by the path that it is a folder.
                if path.ends_with('/') || (mode == 0 && self.attributes & DOS_FOLDER != 0) {
                    Nature::Folder
                } else {
                    Nature::File
                }
            }
            _ => Nature::Special,
        }
    }
}

fn read_fixed(bytes: &[u8]) -> Option<Fixed> {
    let mut reader = Reader(bytes);
    if reader.long()? != CENTRAL {
        return None;
    }
    reader.byte()?;
    let made_by = reader.byte()?;
    reader.short()?;
    let (flags, method) = (reader.short()?, reader.short()?);
    reader.long()?;
    Some(Fixed {
        made_by,
        flags,
        method,
        crc32: reader.long()?,
        packed: reader.long()?,
        size: reader.long()?,
        path_bytes: reader.short()?.into(),
        extra_bytes: reader.short()?.into(),
        comment_bytes: reader.short()?.into(),
        disk: reader.short()?,
        attributes: {
            reader.short()?;
            reader.long()?
        },
        offset: reader.long()?,
    })
}

struct Sizes {
    packed_bytes: u64,
    size_bytes: u64,
    offset: u64,
}

/// Reads the numbers that did not fit into a row. None when they are missing.
fn read_far_sizes(extra: &[u8], fixed: &Fixed) -> Option<Sizes> {
    let mut far = extra_field(extra, EXTRA_ZIP64).map(Reader);
    let mut number = |near: u32| {
        if near == FAR_32 {
            far.as_mut()?.far()
        } else {
            Some(near.into())
        }
    };
    let size_bytes = number(fixed.size)?;
    let packed_bytes = number(fixed.packed)?;
    let offset = number(fixed.offset)?;
    Some(Sizes {
        packed_bytes,
        size_bytes,
        offset,
    })
}

/// The content of the first extra field of a kind.
fn extra_field(extra: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut reader = Reader(extra);
    loop {
        let kind = reader.short()?;
        let length = reader.short()?;
        let content = reader.take(length.into())?;
        if kind == wanted {
            return Some(content);
        }
    }
}

/// Reads a path: UTF-8 where it says so or is, as macOS writes it; what Info-ZIP says of it besides;
/// else in the code page of DOS.
fn read_path(raw: &[u8], flags: u16, extra: &[u8]) -> String {
    if let Ok(path) = std::str::from_utf8(raw) {
        return path.to_owned();
    }
    if flags & FLAG_UTF8 != 0 {
        return String::from_utf8_lossy(raw).into_owned();
    }
    let unicode = extra_field(extra, EXTRA_UNICODE_PATH).and_then(|field| {
        let mut reader = Reader(field);
        let is_of_this = reader.byte()? == 1 && reader.long()? == crc32fast::hash(raw);
        let path = std::str::from_utf8(reader.0).ok()?;
        is_of_this.then(|| path.to_owned())
    });
    unicode.unwrap_or_else(|| code_page::decode(raw))
}

impl Row {
    /// How many bytes of the archive it takes at least, from where its header begins.
    pub fn least_bytes(&self) -> u64 {
        (HEADER_BYTES + self.raw_path.len() as u64).saturating_add(self.packed_bytes)
    }

    /// How many bytes to read from where its header begins, to know where its own bytes begin.
    pub fn header_bytes(&self) -> u64 {
        HEADER_BYTES + self.raw_path.len() as u64
    }

    /// Checks what the row says of the entry by itself.
    ///
    /// # Errors
    /// When it is nothing that becomes a file or folder.
    pub fn check(&self) -> Result<(), Refused> {
        if self.nature == Nature::Special {
            return Err(Refused::new(
                "special_entry",
                "it is a link or a device and not a file: only files and folders are imported",
            ));
        }
        if self.raw_path.len() > MAX_PATH_BYTES {
            return Err(Refused::new("bad_path", "its path is too long"));
        }
        if self.is_encrypted {
            return Err(Refused::new(
                "encrypted",
                "it is encrypted: zip the files anew without a password",
            ));
        }
        match self.method {
            Method::Stored if self.packed_bytes != self.size_bytes => Err(Refused::new(
                "damaged",
                "it says that it is stored as it is, and has two sizes: it is damaged",
            )),
            Method::Stored | Method::Deflated => Ok(()),
            Method::Other(method) => Err(Refused::new(
                "method",
                format!(
                    "it is packed by method {method}: only what is stored (0) or deflated (8) is \
                     imported"
                ),
            )),
        }
    }

    /// Reads from its header where its bytes begin.
    ///
    /// # Errors
    /// When the header is not that of this row.
    pub fn bytes_at(&self, header: &[u8]) -> Result<u64, Refused> {
        let differs = || {
            Refused::new(
                "damaged",
                "what stands in front of it in the archive is not what the directory says: it is \
                 damaged",
            )
        };
        let read = || {
            let mut reader = Reader(header);
            if reader.long()? != LOCAL {
                return None;
            }
            reader.short()?;
            let (flags, method) = (reader.short()?, reader.short()?);
            reader.take(16)?;
            let (path_bytes, extra_bytes) = (reader.short()?, reader.short()?);
            let path = reader.take(path_bytes.into())?;
            let same_method = match self.method {
                Method::Stored => method == 0,
                Method::Deflated => method == 8,
                Method::Other(other) => method == other,
            };
            let is_same = path == self.raw_path
                && same_method
                && (flags & FLAGS_ENCRYPTED != 0) == self.is_encrypted;
            is_same.then(|| u64::from(path_bytes) + u64::from(extra_bytes))
        };
        let variable = read().ok_or_else(differs)?;
        self.offset
            .checked_add(HEADER_BYTES + variable)
            .ok_or_else(differs)
    }
}

fn not_an_archive() -> Refused {
    Refused::broken(
        "it is no ZIP archive, or its end is missing: upload it again, whole and as one file",
    )
}
