//! The files of an export: each version whole, or why it is left out.

use archive::manifest;
use archive::write::Entry;
use domain::file::{Content, Failure, File, State, Status};
use domain::hashing::Hashing;
use domain::upload::MIN_PART_BYTES;
use domain::{Error, Kind, Result, WorkspaceId};

use super::place::{FileWay, Large, Line, Source, UNKNOWN, Walk, Written};
use super::step::{After, Exporting};
use super::writing::{Hashes, refused};
use crate::Store;
use crate::blob::ObjectKey;
use crate::file::VersionItem;
use crate::keys::{Key, VERSION_PREFIX, file_partition};
use crate::table::Query;

/// Up to how many bytes a file is read whole.
const SMALL_BYTES: u64 = 8 * 1024 * 1024;

/// How many bytes S3 copies as one part; more of a file that would need too many parts.
const COPIED_BYTES: u64 = 128 * 1024 * 1024;

/// Most parts of one file.
const MOST_COPIES: u64 = 4_000;

/// Why a file is left out that was there when the export was asked for.
pub(super) const GONE: (&str, &str) = ("gone", "it was deleted, or its time was up");

/// Why a file is left out that is elsewhere now.
pub(super) const TRASHED: (&str, &str) = ("in_trash", "it is in the trash, or was moved meanwhile");

impl Exporting<'_> {
    /// Writes the next version of a file; at last the current one.
    pub(super) async fn write_file(&mut self, mut way: FileWay) -> Result<After> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        let Some(file) = store.file_if_living(workspace, way.id).await? else {
            // One whose time is up has its name until the sweep comes: it is not in the folder.
            let is_named = matches!(self.writing.place.walk, Walk::Files { .. });
            if is_named || way.after > 0 {
                let path = &way.path.path;
                self.writing.leave_out(path, Some(way.id), None, GONE)?;
            }
            return Ok(After::More);
        };
        if file.state != State::Active || file.folder != way.folder {
            let path = &way.path.path;
            self.writing.leave_out(path, Some(way.id), None, TRASHED)?;
            return Ok(After::More);
        }
        if self.versions
            && let Some(version) = store.version_after(workspace, &file, way.after).await?
        {
            way.after = version.number;
            let source = self.earlier(&file, &version, &way.path);
            let failure = version.failure.as_ref();
            self.writing.place.file = Some(way);
            return self.write(source, &version.content, failure).await;
        }
        let failure = file.failure.clone();
        if file.status == Status::Quarantined {
            let why = ("quarantined", "the file is held back");
            let path = &way.path.path;
            self.writing.leave_out(path, Some(file.id), None, why)?;
            return Ok(After::More);
        }
        let content = file.content.clone();
        let source = Source::of_file(&file, way.path);
        self.write(source, &content, failure.as_ref()).await
    }

    fn earlier(&self, file: &File, version: &VersionItem, at: &Written) -> Source {
        let content = &version.content;
        let path = format!(
            "{}/versions/{}/{}",
            self.writing.place.own_folder, file.id, version.number
        );
        Source {
            blob: content.blob,
            size_bytes: content.size_bytes,
            sha256: content.sha256,
            modified_at: version.created_at,
            line: Line::Version(Box::new(manifest::Version {
                path: path.clone(),
                id: file.id,
                number: version.number,
                of: at.path.clone(),
                names: at.names.clone(),
                size_bytes: content.size_bytes,
                sha256: UNKNOWN,
                content_type: content.content_type.clone(),
                created_at: version.created_at,
                expires_at: file.expires_at,
            })),
            path,
        }
    }

    /// Writes bytes where they may be read, or begins with them where they are many.
    async fn write(
        &mut self,
        source: Source,
        content: &Content,
        failure: Option<&Failure>,
    ) -> Result<After> {
        let (file, version) = source.of();
        if failure.is_some_and(Failure::is_of_missing_bytes) {
            self.writing.leave_out_failed(&source.path, file, version)?;
            return Ok(After::More);
        }
        if !content.is_readable() {
            let why = match failure {
                Some(failure) => ("not_verified", failure.detail.as_str()),
                None => (
                    "not_verified",
                    "its bytes are not checked against their SHA-256 yet: export it again soon",
                ),
            };
            self.writing
                .leave_out(&source.path, Some(file), version, why)?;
            return Ok(After::More);
        }
        if source.size_bytes > SMALL_BYTES {
            let head_part = self.writing.take_part()?;
            self.writing.place.large = Some(Box::new(Large {
                head_bytes: SMALL_BYTES,
                source,
                head_part,
                done_bytes: 0,
                crc32: 0,
                hashing: None,
            }));
            // What is in front of it is kept until its header is written.
            return Ok(After::Note);
        }
        let key = ObjectKey::Blob(self.writing.workspace.clone(), source.blob);
        let size_bytes = source.size_bytes;
        let read = self.writing.store.blobs.read_range(&key, 0..size_bytes);
        match unless_missing(read.await)? {
            Some(bytes) => self.writing.write_small(source, &bytes).await?,
            None => self.writing.leave_out_failed(&source.path, file, version)?,
        }
        Ok(After::More)
    }

    /// Writes some of the bytes of a file that has many, and at last its header.
    pub(super) async fn write_large(&mut self, mut large: Large) -> Result<After> {
        let store = self.writing.store;
        let blobs = &store.blobs;
        let key = ObjectKey::Blob(self.writing.workspace.clone(), large.source.blob);
        let Some(mut hashes) = Hashes::resume(large.crc32, large.hashing.as_deref()) else {
            // Another build of ours kept it in another form: from the start.
            self.writing.place.parts.cut(large.head_part.into());
            large.head_part = self.writing.take_part()?;
            (large.done_bytes, large.crc32, large.hashing) = (0, 0, None);
            self.writing.place.large = Some(Box::new(large));
            return Ok(After::Note);
        };
        if large.done_bytes == 0 {
            let head = blobs.hash_range(&key, 0..large.head_bytes, &mut hashes);
            if unless_missing(head.await)?.is_none() {
                return self.give_up_large(&large);
            }
            large.done_bytes = large.head_bytes;
        }
        let size_bytes = large.source.size_bytes;
        let left = size_bytes - large.done_bytes;
        if left >= MIN_PART_BYTES {
            let most = COPIED_BYTES.max(size_bytes.div_ceil(MOST_COPIES));
            let until = large.done_bytes + left.min(most);
            let copied = self
                .writing
                .copy_part(&key, large.done_bytes..until, &mut hashes);
            if unless_missing(copied.await)?.is_none() {
                return self.give_up_large(&large);
            }
            large.done_bytes = until;
            large.crc32 = hashes.crc32.value();
            large.hashing = Some(hashes.sha256.keep());
            self.writing.place.large = Some(Box::new(large));
            return Ok(After::More);
        }
        let last = blobs.read_range(&key, large.done_bytes..size_bytes);
        let head = blobs.read_range(&key, 0..large.head_bytes);
        let last = if left == 0 {
            Some(bytes::Bytes::new())
        } else {
            unless_missing(last.await)?
        };
        let (Some(last), Some(head)) = (last, unless_missing(head.await)?) else {
            return self.give_up_large(&large);
        };
        hashes.update(&last);
        let (crc32, sha256) = (hashes.crc32.value(), Hashing::finish(hashes.sha256));
        if !self.writing.is_as_known(&large.source, sha256)? {
            self.writing.place.parts.cut(large.head_part.into());
            return Ok(After::Note);
        }
        let source = large.source;
        let entry = Entry::new(&source.path, source.size_bytes, source.modified_at);
        let header = entry.map_err(refused)?.header(crc32);
        self.writing
            .send_head(large.head_part, &header, &head, &last)
            .await?;
        let offset = self.writing.place.offset;
        self.writing.place.offset += header.len() as u64 + size_bytes;
        self.writing.add_entry(source, crc32, sha256, offset)?;
        Ok(After::More)
    }

    /// Leaves out a file whose bytes went while they were written. What is in front of it is kept
    /// still, so it was never there.
    fn give_up_large(&mut self, large: &Large) -> Result<After> {
        self.writing.place.parts.cut(large.head_part.into());
        let (file, version) = large.source.of();
        self.writing
            .leave_out_failed(&large.source.path, file, version)?;
        Ok(After::Note)
    }
}

impl Store {
    /// Returns the next version of a file behind `after`.
    async fn version_after(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        after: u32,
    ) -> Result<Option<VersionItem>> {
        let start = (after > 0).then(|| Key::version(workspace, file.id, after).attributes());
        let page = self
            .table
            .query::<VersionItem>(Query {
                limit: 1,
                start,
                ..Query::prefix(file_partition(workspace, file.id), VERSION_PREFIX)
            })
            .await?;
        let earlier = |version: &VersionItem| version.number < file.version;
        Ok(page.rows.into_iter().next().filter(earlier))
    }
}

/// What was read of a blob; none when it is not there, or not all of it.
fn unless_missing<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(
            Error::NotFound {
                kind: Kind::Blob, ..
            }
            | Error::Corrupt { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}
