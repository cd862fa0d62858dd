//! The bytes of an archive as one step writes them: into parts, and what is below one kept for the
//! next step.

use archive::Refused;
use archive::manifest::{self, LeftOut};
use archive::unpack::Crc32;
use archive::write::Entry;
use bytes::{Bytes, BytesMut};
use domain::file::Failure;
use domain::hashing::Hashing;
use domain::job::Reason;
use domain::upload::MAX_PARTS;
use domain::{Error, FileId, JobId, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use std::ops::Range;

use super::archive_key;
use super::place::{Place, Rest, Source, Written};
use crate::Store;
use crate::blob::{Blobs, ExportPiece, ObjectKey};
use crate::job::{Next, Step};

/// From how many bytes on they are sent as a part: 10,000 of these are 150 GiB of small files. Bytes
/// that are many are copied by S3 in far larger parts.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// From which number on parts are twice as large as before.
const LARGER_FROM: [u32; 2] = [5_000, 7_500];

/// How many numbers of parts a step may use.
pub(super) const PARTS_OF_STEP: u32 = 32;

/// How much a step reads. It takes a few seconds.
const STEP_BYTES: u64 = 128 * 1024 * 1024;

/// How many files and folders a step looks at, for each of which it makes a few calls.
const STEP_THINGS: u64 = 150;

/// Longest that is told of a path in a reason.
const TOLD_BYTES: usize = 300;

/// One step of an export.
pub(super) struct Writing<'a> {
    pub(super) store: &'a Store,
    pub(super) workspace: &'a WorkspaceId,
    pub(super) job: JobId,
    pub(super) place: Place,
    multipart_id: String,
    /// The first number that this step may not use.
    parts_end: u32,
    /// The bytes behind the last part.
    buffer: BytesMut,
    /// Whether these are others than were kept.
    is_changed: bool,
    manifest: Vec<u8>,
    directory: Vec<u8>,
    read_bytes: u64,
    pub(super) things: u64,
    files: u64,
    failed: Vec<Reason>,
}

impl<'a> Writing<'a> {
    /// Goes on where the last step stopped. The numbers of parts from `first_part` on are this step's.
    pub(super) async fn open(
        store: &'a Store,
        workspace: &'a WorkspaceId,
        job: JobId,
        multipart_id: String,
        mut place: Place,
        first_part: u32,
    ) -> Result<Self> {
        let parts_end = place.next_part;
        place.next_part = first_part;
        for claim in std::mem::take(&mut place.obsolete) {
            let key = ObjectKey::Export(workspace.clone(), job, ExportPiece::Rest(claim));
            store.blobs.delete(&key).await?;
        }
        let mut buffer = BytesMut::new();
        if let Some(rest) = place.rest {
            let key = ObjectKey::Export(workspace.clone(), job, ExportPiece::Rest(rest.claim));
            buffer.extend_from_slice(&store.blobs.read_range(&key, 0..rest.size_bytes).await?);
        }
        Ok(Self {
            store,
            workspace,
            job,
            place,
            multipart_id,
            parts_end,
            buffer,
            is_changed: false,
            manifest: Vec::new(),
            directory: Vec::new(),
            read_bytes: 0,
            things: 0,
            files: 0,
            failed: Vec::new(),
        })
    }

    /// Says whether this step has done enough.
    pub(super) const fn is_full(&self) -> bool {
        self.read_bytes >= STEP_BYTES
            || self.things >= STEP_THINGS
            // A buffer that is nearly a part and the largest of small files are two.
            || self.place.next_part + 4 > self.parts_end
    }

    /// S3's name for the multipart upload of the archive.
    pub(super) fn multipart_id(&self) -> &str {
        &self.multipart_id
    }

    /// Says whether lines or rows of this step are not counted yet.
    pub(super) fn has_pieces(&self) -> bool {
        !self.manifest.is_empty() || !self.directory.is_empty()
    }

    /// Writes bytes behind those before.
    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.is_changed = true;
        self.place.offset += bytes.len() as u64;
        if self.buffer.len() as u64 >= part_bytes(self.place.next_part) {
            self.send_rest().await?;
        }
        Ok(())
    }

    /// Sends what is behind the last part as one.
    pub(super) async fn send_rest(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let number = self.take_part()?;
        let bytes = self.buffer.split().freeze();
        self.is_changed = true;
        self.send_part(number, bytes).await?;
        self.place.parts.push(number.into());
        Ok(())
    }

    async fn send_part(&self, number: u32, bytes: Bytes) -> Result<()> {
        let key = archive_key(self.workspace, self.job);
        let blobs = &self.store.blobs;
        blobs
            .put_part(&key, &self.multipart_id, number, bytes)
            .await
    }

    /// Takes the next number for a part.
    ///
    /// # Errors
    /// `TooLarge` when there is none.
    pub(super) fn take_part(&mut self) -> Result<u32> {
        let number = self.place.next_part;
        if number > MAX_PARTS {
            return Err(Error::TooLarge {
                detail: "this is more than one archive can have: export it folder by folder"
                    .to_owned(),
            });
        }
        self.place.next_part += 1;
        Ok(number)
    }

    /// Has S3 copy bytes as a part, and hashes them meanwhile.
    pub(super) async fn copy_part(
        &mut self,
        from: &ObjectKey,
        bytes: Range<u64>,
        hashes: &mut Hashes,
    ) -> Result<()> {
        let number = self.take_part()?;
        let key = archive_key(self.workspace, self.job);
        let blobs = &self.store.blobs;
        let copying = blobs.copy_part(&key, &self.multipart_id, number, from, &bytes);
        let hashing = blobs.hash_range(from, bytes.clone(), hashes);
        let (copied, read) = tokio::join!(copying, hashing);
        read?;
        copied?;
        self.read_bytes += bytes.end - bytes.start;
        self.place.parts.push(number.into());
        Ok(())
    }

    /// Sends the part that was left for last of an entry whose bytes are many: what is in front of the
    /// entry, its header, and its first bytes. `behind` follows the entry's last part.
    pub(super) async fn send_head(
        &mut self,
        number: u32,
        header: &[u8],
        head: &[u8],
        behind: &[u8],
    ) -> Result<()> {
        let mut bytes = self.buffer.split();
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(head);
        self.send_part(number, bytes.freeze()).await?;
        self.place.parts.insert(number.into());
        self.buffer.extend_from_slice(behind);
        self.is_changed = true;
        self.read_bytes += (head.len() + behind.len()) as u64;
        Ok(())
    }

    /// Writes the entry of a folder.
    pub(super) async fn write_folder(&mut self, at: Written, modified_at: Timestamp) -> Result<()> {
        let entry = Entry::new(&at.path, 0, modified_at).map_err(refused)?;
        let offset = self.place.offset;
        self.append(&entry.header(0)).await?;
        self.directory.extend(entry.row(0, offset));
        self.place.entries += 1;
        self.write_line(&manifest::Line::Folder(manifest::Folder {
            path: at.path.clone(),
            names: at.names,
        }))
    }

    /// Writes the entry of bytes that are few.
    pub(super) async fn write_small(&mut self, source: Source, bytes: &[u8]) -> Result<()> {
        let sha256 = Sha256::of(bytes);
        self.read_bytes += bytes.len() as u64;
        if !self.is_as_known(&source, sha256)? {
            return Ok(());
        }
        let mut crc32 = Crc32::resume(0);
        crc32.update(bytes);
        let crc32 = crc32.value();
        let entry = Entry::new(&source.path, source.size_bytes, source.modified_at);
        let entry = entry.map_err(refused)?;
        let offset = self.place.offset;
        self.append(&entry.header(crc32)).await?;
        self.append(bytes).await?;
        self.add_entry(source, crc32, sha256, offset)
    }

    /// Checks bytes against the hash that is known of them, and leaves them out when it is another.
    pub(super) fn is_as_known(&mut self, source: &Source, sha256: Sha256) -> Result<bool> {
        if source.sha256.is_none_or(|known| known == sha256) {
            return Ok(true);
        }
        let (file, version) = source.of();
        let why = (
            "damaged",
            "its bytes in store are not those of its SHA-256: upload the file again",
        );
        self.leave_out(&source.path, Some(file), version, why)?;
        Ok(false)
    }

    /// Lists an entry whose bytes are written.
    pub(super) fn add_entry(
        &mut self,
        source: Source,
        crc32: u32,
        sha256: Sha256,
        offset: u64,
    ) -> Result<()> {
        let entry = Entry::new(&source.path, source.size_bytes, source.modified_at);
        let row = entry.map_err(refused)?.row(crc32, offset);
        self.directory.extend(row);
        self.place.entries += 1;
        // Earlier versions are no files.
        self.files += u64::from(source.of().1.is_none());
        self.write_line(&source.line.hashed(sha256))
    }

    /// Says in the manifest and in the progress that something is left out.
    pub(super) fn leave_out(
        &mut self,
        path: &str,
        file: Option<FileId>,
        version: Option<u32>,
        (code, detail): (&str, &str),
    ) -> Result<()> {
        self.failed.push(Reason {
            file,
            code: code.to_owned(),
            detail: about(path, detail),
        });
        self.write_line(&manifest::Line::LeftOut(LeftOut {
            path: path.to_owned(),
            id: file,
            version,
            code: code.to_owned(),
            detail: detail.to_owned(),
        }))
    }

    /// Leaves out what failed.
    pub(super) fn leave_out_failed(
        &mut self,
        path: &str,
        file: FileId,
        version: Option<u32>,
    ) -> Result<()> {
        let why = (Failure::BYTES_MISSING, "its bytes are no longer in store");
        self.leave_out(path, Some(file), version, why)
    }

    /// Writes a line of the manifest.
    pub(super) fn write_line(&mut self, line: &impl serde::Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.manifest, line)
            .map_err(|error| Error::corrupt(format!("a manifest cannot be written: {error}")))?;
        self.manifest.push(b'\n');
        Ok(())
    }

    /// Ends the step: keeps what is not in a part, and says where the next one goes on.
    pub(super) async fn end(mut self) -> Result<Step> {
        let claim = self.place.claim;
        let piece = |piece| ObjectKey::Export(self.workspace.clone(), self.job, piece);
        let blobs = &self.store.blobs;
        if self.is_changed {
            self.place
                .obsolete
                .extend(self.place.rest.map(|rest| rest.claim));
            self.place.rest = None;
            if !self.buffer.is_empty() {
                self.place.rest = Some(Rest {
                    claim,
                    size_bytes: self.buffer.len() as u64,
                });
                let bytes = self.buffer.split().freeze();
                blobs
                    .put(&piece(ExportPiece::Rest(claim)), bytes, UNKNOWN_TYPE)
                    .await?;
            }
        }
        if self.has_pieces() {
            let mut crc32 = Crc32::resume(self.place.manifest_crc32);
            crc32.update(&self.manifest);
            self.place.manifest_crc32 = crc32.value();
            self.place.manifest_bytes += self.manifest.len() as u64;
            self.place.directory_bytes += self.directory.len() as u64;
            self.place.pieces.push(claim);
            let manifest = std::mem::take(&mut self.manifest).into();
            let directory = std::mem::take(&mut self.directory).into();
            let lines = piece(ExportPiece::Manifest(claim));
            blobs.put(&lines, manifest, UNKNOWN_TYPE).await?;
            let rows = piece(ExportPiece::Directory(claim));
            blobs.put(&rows, directory, UNKNOWN_TYPE).await?;
        }
        Ok(Step {
            done: self.files,
            failed: self.failed,
            next: Next::go(&self.place)?,
        })
    }
}

const UNKNOWN_TYPE: &str = "application/octet-stream";

/// From how many bytes on they are sent as the part of this number.
fn part_bytes(number: u32) -> u64 {
    let doublings = LARGER_FROM.iter().filter(|from| number >= **from).count();
    PART_BYTES << doublings
}

/// What is told of something by its path.
pub(crate) fn about(path: &str, detail: &str) -> String {
    let mut end = path.len().min(TOLD_BYTES);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    let (told, cut) = path.split_at(end);
    let dots = if cut.is_empty() { "" } else { "…" };
    format!("{told}{dots}: {detail}")
}

/// What cannot be where paths are made of names.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
pub(super) fn refused(refused: Refused) -> Error {
    Error::corrupt(format!("an entry cannot be written: {refused}"))
}

/// The hashes of bytes that are read bit by bit.
pub(crate) struct Hashes {
    pub(crate) crc32: Crc32,
    pub(crate) sha256: Hashing,
}

impl Default for Hashes {
    fn default() -> Self {
        Self {
            crc32: Crc32::resume(0),
            sha256: Hashing::default(),
        }
    }
}

impl Hashes {
    /// Goes on from what was kept; none when that does not read back.
    pub(crate) fn resume(crc32: u32, kept: Option<&str>) -> Option<Self> {
        Some(Self {
            crc32: Crc32::resume(crc32),
            sha256: match kept {
                Some(kept) => Hashing::resume(kept)?,
                None => Hashing::default(),
            },
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.crc32.update(bytes);
        self.sha256.update(bytes);
    }
}

impl Blobs {
    /// Hashes a range of an object, as it comes.
    ///
    /// # Errors
    /// `NotFound` when the object is not there; `Corrupt` when it is shorter.
    pub(crate) async fn hash_range(
        &self,
        key: &ObjectKey,
        bytes: Range<u64>,
        hashes: &mut Hashes,
    ) -> Result<()> {
        let mut left = bytes.end - bytes.start;
        if left == 0 {
            return Ok(());
        }
        let shorter = || Error::corrupt("an object is shorter than it should be");
        let mut body = self.open(key, Some(bytes)).await?.ok_or_else(shorter)?;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Error::dependency("reading a blob", error))?;
            hashes.update(&chunk);
            left = left.saturating_sub(chunk.len() as u64);
        }
        if left == 0 { Ok(()) } else { Err(shorter()) }
    }
}
