//! Checking an archive that was fetched against its manifest.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use ::archive::Refused;
use ::archive::directory::{Row, TAIL_BYTES, find, read_row};
use ::archive::manifest::{Heading, Line, MAX_LINE_BYTES};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// How much is read at a time.
const BLOCK_BYTES: usize = 256 * 1024;

/// Checks that every entry of an archive is there with the hash that its manifest says, and returns how
/// many there are that have bytes.
pub(crate) async fn check(path: &Path) -> Result<u64> {
    let own = path.to_owned();
    let checked = tokio::task::spawn_blocking(move || check_at(&own)).await;
    checked
        .map_err(std::io::Error::other)
        .map_err(Error::disk("read", path))?
}

fn check_at(path: &PathBuf) -> Result<u64> {
    let file = File::open(path).map_err(Error::disk("read", path))?;
    let archive = Archive { file, path };
    let rows = archive.rows()?;
    let (last, entries) = rows.split_last().ok_or_else(|| wrong("it is empty"))?;
    let mut manifest = BufReader::new(Stretch {
        archive: &archive,
        at: archive.bytes_at(last)?,
        left: last.size_bytes,
    });
    let heading = next_line(&mut manifest)?.ok_or_else(|| wrong("its manifest is empty"))?;
    serde_json::from_str::<Heading>(&heading).map_err(|_| wrong("its manifest is none"))?;
    let mut entries = entries.iter();
    let mut checked = 0;
    while let Some(line) = next_line(&mut manifest)? {
        let line: Line =
            serde_json::from_str(&line).map_err(|_| wrong("its manifest does not read"))?;
        let Some(path) = line.path() else { continue };
        let row = entries.next().filter(|row| row.path == path);
        let row = row.ok_or_else(|| wrong("its entries are not those of its manifest"))?;
        let (size_bytes, sha256) = match &line {
            Line::File(file) => (file.size_bytes, file.sha256),
            Line::Version(version) => (version.size_bytes, version.sha256),
            Line::Folder(_) | Line::LeftOut(_) => continue,
        };
        let found = archive.sha256(row)?;
        if row.size_bytes != size_bytes || found != sha256.to_string() {
            return Err(wrong(&format!(
                "the bytes of {path} are not those of its SHA-256"
            )));
        }
        checked += 1;
    }
    if entries.next().is_some() {
        return Err(wrong("it has more entries than its manifest"));
    }
    Ok(checked)
}

struct Archive<'a> {
    file: File,
    path: &'a Path,
}

impl Archive<'_> {
    fn read(&self, at: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file
            .read_exact_at(&mut bytes, at)
            .map_err(Error::disk("read", self.path))?;
        Ok(bytes)
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let found = self
            .file
            .metadata()
            .map_err(Error::disk("read", self.path))?;
        let size_bytes = found.len();
        let tail_at = size_bytes.saturating_sub(TAIL_BYTES);
        let tail = self.read(tail_at, to_length(size_bytes - tail_at))?;
        let directory = find(&tail, size_bytes).map_err(refused)?;
        let bytes = self.read(directory.offset, to_length(directory.size_bytes))?;
        let mut rest = bytes.as_slice();
        let mut rows = Vec::new();
        while let Some((row, length)) = read_row(rest).map_err(refused)? {
            rows.push(row);
            rest = rest.get(length..).unwrap_or_default();
        }
        if rest.is_empty() && rows.len() as u64 == directory.entries {
            Ok(rows)
        } else {
            Err(wrong("its directory is cut off"))
        }
    }

    /// Where the bytes of an entry begin.
    fn bytes_at(&self, row: &Row) -> Result<u64> {
        let header = self.read(row.offset, to_length(row.header_bytes()))?;
        row.bytes_at(&header).map_err(refused)
    }

    fn sha256(&self, row: &Row) -> Result<String> {
        let mut at = self.bytes_at(row)?;
        let end = at + row.size_bytes;
        let mut hash = Sha256::new();
        while at < end {
            let bytes = self.read(at, to_length(end - at).min(BLOCK_BYTES))?;
            hash.update(&bytes);
            at += bytes.len() as u64;
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// Bytes of an archive in their order.
struct Stretch<'a> {
    archive: &'a Archive<'a>,
    at: u64,
    left: u64,
}

impl std::io::Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(to_length(self.left));
        let Some(buffer) = buffer.get_mut(..most) else {
            return Ok(0);
        };
        let read = self.archive.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

fn next_line(manifest: &mut BufReader<Stretch<'_>>) -> Result<Option<String>> {
    let mut line = String::new();
    let read = manifest.read_line(&mut line);
    match read {
        Ok(0) => Ok(None),
        Ok(length) if length <= MAX_LINE_BYTES => Ok(Some(line)),
        Ok(_) | Err(_) => Err(wrong("its manifest does not read")),
    }
}

fn to_length(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn refused(refused: Refused) -> Error {
    wrong(&refused.detail)
}

fn wrong(detail: &str) -> Error {
    Error::failed(
        "the archive that arrived is not whole",
        format!("{detail}. Export it again."),
    )
}
