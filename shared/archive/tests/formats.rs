//! What is written here is read by others, and what they write is read here.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, and says where"
)]

use std::io::{Cursor, Read as _, Write as _};

use archive::directory::{Directory, Method, Nature, Row, find, read_row};
use archive::unpack::{Crc32, SLICE_BYTES, Unpacking};
use archive::write::{Entry, end};
use jiff::Timestamp;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc32 = Crc32::resume(0);
    crc32.update(bytes);
    crc32.value()
}

fn at() -> Timestamp {
    "2026-01-02T03:04:06Z".parse().unwrap()
}

/// Writes a whole archive.
fn written(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut rows = Vec::new();
    for (path, bytes) in entries {
        let entry = Entry::new(path, bytes.len() as u64, at()).unwrap();
        rows.extend(entry.row(crc32(bytes), archive.len() as u64));
        let header = entry.header(crc32(bytes));
        assert_eq!(header.len() as u64, entry.header_bytes());
        archive.extend(header);
        archive.extend(bytes);
    }
    let directory = Directory {
        offset: archive.len() as u64,
        size_bytes: rows.len() as u64,
        entries: entries.len() as u64,
    };
    archive.extend(rows);
    archive.extend(end(directory));
    archive
}

/// Reads the rows of an archive.
fn rows(archive: &[u8]) -> Vec<Row> {
    let directory = find(archive, archive.len() as u64).unwrap();
    let begin = usize::try_from(directory.offset).unwrap();
    let length = usize::try_from(directory.size_bytes).unwrap();
    let mut rest = &archive[begin..begin + length];
    let mut rows = Vec::new();
    while !rest.is_empty() {
        let (row, length) = read_row(rest).unwrap().unwrap();
        // What is there of a row is not taken for one.
        assert_eq!(read_row(&rest[..length - 1]).unwrap(), None);
        rest = &rest[length..];
        rows.push(row);
    }
    assert_eq!(rows.len() as u64, directory.entries);
    rows
}

/// Unpacks an entry.
fn unpacked(archive: &[u8], row: &Row) -> Vec<u8> {
    row.check().unwrap();
    let offset = usize::try_from(row.offset).unwrap();
    let begin = usize::try_from(row.bytes_at(&archive[offset..]).unwrap()).unwrap();
    let length = usize::try_from(row.packed_bytes).unwrap();
    let mut unpacking = Unpacking::new(row).unwrap();
    let mut bytes = Vec::new();
    for slice in archive[begin..begin + length].chunks(SLICE_BYTES) {
        unpacking.unpack(slice, &mut bytes).unwrap();
    }
    unpacking.finish().unwrap();
    bytes
}

fn entries() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let path = "[a-zżółć请/ ]{1,40}";
    let bytes = prop::collection::vec(any::<u8>(), 0..600);
    prop::collection::btree_map(path, bytes, 0..12).prop_map(|entries| {
        let keep = |(path, bytes): (String, Vec<u8>)| {
            let is_folder = path.ends_with('/');
            (path, if is_folder { Vec::new() } else { bytes })
        };
        entries.into_iter().map(keep).collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_here_and_by_others(entries in entries()) {
        let archive = written(&entries);
        let mut other = ZipArchive::new(Cursor::new(&archive)).unwrap();
        let rows = rows(&archive);
        prop_assert_eq!(other.len(), entries.len());
        prop_assert_eq!(rows.len(), entries.len());
        for (position, (path, bytes)) in entries.iter().enumerate() {
            let mut entry = other.by_index(position).unwrap();
            prop_assert_eq!(entry.name().unwrap(), path.as_str());
            let mut read = Vec::new();
            entry.read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read, bytes);
            let row = &rows[position];
            prop_assert_eq!(&row.path, path);
            prop_assert_eq!(row.nature == Nature::Folder, path.ends_with('/'));
            prop_assert_eq!(&unpacked(&archive, row), bytes);
        }
    }

    #[test]
    fn what_others_write_is_read_here(entries in entries(), deflated in any::<bool>()) {
        let method = if deflated { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method);
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let entries: Vec<_> = entries.into_iter().filter(|(path, _)| !path.ends_with('/')).collect();
        for (path, bytes) in &entries {
            writer.start_file(path.as_str(), options).unwrap();
            writer.write_all(bytes).unwrap();
        }
        let archive = writer.finish().unwrap().into_inner();
        let rows = rows(&archive);
        prop_assert_eq!(rows.len(), entries.len());
        for (row, (path, bytes)) in rows.iter().zip(&entries) {
            prop_assert_eq!(&row.path, path);
            prop_assert_eq!(&unpacked(&archive, row), bytes);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
        let mut archive = written(&[("a.txt".to_owned(), b"hello".to_vec())]);
        let at = at.min(archive.len());
        archive.splice(at..at, bytes.iter().copied());
        let _ = find(&archive, archive.len() as u64);
        let _ = read_row(&bytes);
        let mut row = b"PK\x01\x02".to_vec();
        row.extend(&bytes);
        if let Ok(Some((row, _))) = read_row(&row) {
            let _ = row.check();
            let _ = row.bytes_at(&bytes);
            if let Ok(mut unpacking) = Unpacking::new(&row) {
                let mut to = Vec::new();
                let _ = unpacking.unpack(&bytes, &mut to);
                let _ = unpacking.finish();
            }
        }
    }
}

#[test]
fn large_numbers_are_written_and_read() {
    let large = 5 * 1024 * 1024 * 1024_u64;
    let entry = Entry::new("large.bin", large, at()).unwrap();
    let row = entry.row(7, large * 2);
    let (read, length) = read_row(&row).unwrap().unwrap();
    assert_eq!(length, row.len());
    assert_eq!(
        (read.size_bytes, read.packed_bytes, read.offset),
        (large, large, large * 2)
    );
    assert_eq!(read.method, Method::Stored);
    read.check().unwrap();
    let header = entry.header(7);
    assert_eq!(
        read.bytes_at(&header).unwrap(),
        large * 2 + header.len() as u64
    );

    for directory in [
        Directory {
            offset: large,
            size_bytes: 5_000_000,
            entries: 70_000,
        },
        Directory {
            offset: 7_000_000,
            size_bytes: 5_000_000,
            entries: 65_535,
        },
        Directory {
            offset: 7_000_000,
            size_bytes: 5_000_000,
            entries: 65_534,
        },
        Directory {
            offset: u64::from(u32::MAX),
            size_bytes: 46,
            entries: 1,
        },
    ] {
        let tail = end(directory);
        let whole = directory.offset + directory.size_bytes + tail.len() as u64;
        assert_eq!(find(&tail, whole).unwrap(), directory);
    }
}

#[test]
fn crc32_goes_on_where_it_was() {
    let bytes = b"some bytes that come in two runs";
    for cut in 0..bytes.len() {
        let mut crc32 = Crc32::resume(self::crc32(&bytes[..cut]));
        crc32.update(&bytes[cut..]);
        assert_eq!(crc32.value(), self::crc32(bytes));
    }
}

#[test]
fn names_in_other_encodings_are_read() {
    let mut archive = written(&[("aa.txt".to_owned(), Vec::new())]);
    // Not said to be UTF-8, and none.
    for position in 0..archive.len() - 6 {
        if archive[position..].starts_with(b"aa.txt") {
            archive[position] = 0x82;
        }
    }
    let begin = archive
        .windows(4)
        .position(|bytes| bytes == b"PK\x01\x02")
        .unwrap();
    archive[begin + 9] &= !8;
    assert_eq!(rows(&archive)[0].path, "éa.txt");
}
