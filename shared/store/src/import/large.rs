//! Entries whose bytes are not held in memory: stored as they are, S3 copies them part by part, over
//! several steps; deflated, they are unpacked in one run.

use archive::Refused;
use archive::directory::Row;
use archive::unpack::{SLICE_BYTES, Unpacking, check_crc32};
use bytes::BytesMut;
use domain::file::{Content, Origin};
use domain::hashing::Hashing;
use domain::upload::{MAX_PARTS, Plan, Upload, UploadState};
use domain::{Error, FileId, Result, Sha256, UploadId};

use super::entry::{Importing, Wanted, check_sha256, damaged};
use super::{Failed, Large, STEP_BYTES};
use crate::blob::{Completed, ObjectKey};
use crate::commit::Committing;
use crate::export::Hashes;
use crate::finish::HEAD_BYTES;
use crate::table::busy;
use crate::upload::Begun;

/// How many bytes S3 copies as one part.
const COPIED_BYTES: u64 = 64 * 1024 * 1024;

/// How many bytes that are unpacked are sent as one part.
const PART_BYTES: u64 = 8 * 1024 * 1024;

/// Most bytes that are unpacked in one run. A run has two minutes, and half a processor unpacks, hashes
/// and sends some forty mebibytes a second.
const MOST_DEFLATED_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// An entry that is open to be written, or the file it has become.
enum Session {
    Open(Box<Upload>, String),
    Made(FileId),
}

impl Importing<'_> {
    /// Writes some of the bytes of an entry that is stored as it is. None while there are more.
    pub(super) async fn import_stored(
        &mut self,
        row: &Row,
        wanted: &Wanted,
        bytes_at: u64,
    ) -> Result<Option<FileId>, Failed> {
        let head = self.head_of(bytes_at).await?;
        let content_type = self.accept(&head, wanted)?;
        let plan = plan(row.size_bytes, COPIED_BYTES)?;
        let large = self.place.large.take();
        let (upload, multipart_id) = match self.open(row, wanted, content_type, plan).await? {
            Session::Open(upload, multipart_id) => (upload, multipart_id),
            Session::Made(file) => return Ok(Some(file)),
        };
        // A session that was begun anew since has no parts.
        let large = large.filter(|large| large.upload == upload.id);
        let mut large = large.unwrap_or_else(|| begin(upload.id));
        let hashes = Hashes::resume(large.crc32, large.hashing.as_deref());
        let mut hashes = hashes.unwrap_or_else(|| {
            // Another build of ours kept it in another form: from the start.
            large = begin(upload.id);
            Hashes::default()
        });
        let key = ObjectKey::Blob(self.workspace.clone(), upload.blob);
        let blobs = &self.store.blobs;
        while large.done_parts < plan.part_count() {
            if self.unpacked_bytes >= STEP_BYTES {
                large.crc32 = hashes.crc32.value();
                large.hashing = Some(hashes.sha256.keep());
                self.place.large = Some(large);
                return Ok(None);
            }
            let number = large.done_parts + 1;
            let size_bytes = plan.size_of_part(number, row.size_bytes)?;
            let from = bytes_at + plan.part_bytes(row.size_bytes) * u64::from(large.done_parts);
            let bytes = from..from + size_bytes;
            let source = &self.source.key;
            let copying = blobs.copy_part(&key, &multipart_id, number, source, &bytes);
            let hashing = blobs.hash_range(source, bytes.clone(), &mut hashes);
            let (copied, read) = tokio::join!(copying, hashing);
            read?;
            unless_another(copied)?;
            large.done_parts = number;
            self.unpacked_bytes += size_bytes;
        }
        let checked = check_crc32(hashes.crc32.value(), row.crc32);
        let sha256 = Hashing::finish(hashes.sha256);
        let checked = checked.and_then(|()| check_sha256(wanted, sha256));
        self.settle(&upload, &multipart_id, wanted, sha256, checked)
            .await
            .map(Some)
    }

    /// Unpacks an entry into an object.
    pub(super) async fn import_deflated(
        &mut self,
        row: &Row,
        wanted: &Wanted,
        bytes_at: u64,
    ) -> Result<FileId, Failed> {
        if row.size_bytes > MOST_DEFLATED_BYTES {
            return Err(Failed::Refused(Refused {
                code: "too_large_to_unpack",
                detail: "more than 2 GiB come of it, which is unpacked in one go: zip it without \
                         compression (zip -0), or upload it by itself"
                    .to_owned(),
            }));
        }
        let mut unpacking = Unpacking::new(row)?;
        let plan = plan(row.size_bytes, PART_BYTES)?;
        let blobs = &self.store.blobs;
        let until = bytes_at + row.packed_bytes;
        let body = blobs.open(&self.source.key, Some(bytes_at..until)).await?;
        let mut body = body.ok_or_else(damaged)?;
        let part_bytes = usize::try_from(PART_BYTES).unwrap_or(usize::MAX);
        let head_bytes = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
        let mut session: Option<(Box<Upload>, String)> = None;
        let mut number = 0;
        let mut hashing = Hashing::default();
        let mut unpacked = Vec::new();
        let mut unsent = BytesMut::new();
        let mut result = Ok(());
        'reading: while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Error::dependency("reading a blob", error))?;
            for slice in chunk.chunks(SLICE_BYTES) {
                unpacked.clear();
                result = unpacking.unpack(slice, &mut unpacked);
                if result.is_err() {
                    break 'reading;
                }
                hashing.update(&unpacked);
                unsent.extend_from_slice(&unpacked);
                if session.is_none() && unsent.len() >= head_bytes {
                    let content_type = self.accept(&unsent, wanted)?;
                    session = match self.open(row, wanted, content_type, plan).await? {
                        Session::Open(upload, multipart_id) => Some((upload, multipart_id)),
                        Session::Made(file) => return Ok(file),
                    };
                }
                while let Some((upload, multipart_id)) = &session
                    && unsent.len() >= part_bytes
                {
                    number += 1;
                    let part = unsent.split_to(part_bytes).freeze();
                    let key = ObjectKey::Blob(self.workspace.clone(), upload.blob);
                    let sent = blobs.put_part(&key, multipart_id, number, part);
                    unless_another(sent.await)?;
                }
            }
        }
        self.unpacked_bytes += row.size_bytes;
        let Some((upload, multipart_id)) = session else {
            // Less has come out than says what it is.
            return Err(result.err().unwrap_or_else(damaged).into());
        };
        let mut checked = result.and_then(|()| unpacking.finish());
        let sha256 = Hashing::finish(hashing);
        checked = checked.and_then(|()| check_sha256(wanted, sha256));
        if checked.is_ok() && !unsent.is_empty() {
            let key = ObjectKey::Blob(self.workspace.clone(), upload.blob);
            let sent = blobs.put_part(&key, &multipart_id, number + 1, unsent.freeze());
            unless_another(sent.await)?;
        }
        self.settle(&upload, &multipart_id, wanted, sha256, checked)
            .await
    }

    async fn head_of(&self, bytes_at: u64) -> Result<bytes::Bytes> {
        let head = bytes_at..bytes_at + HEAD_BYTES;
        self.store.blobs.read_range(&self.source.key, head).await
    }

    /// Begins the session of an entry, or goes on with it.
    async fn open(
        &self,
        row: &Row,
        wanted: &Wanted,
        content_type: String,
        plan: Plan,
    ) -> Result<Session> {
        let (store, workspace) = (self.store, self.workspace);
        let beginning = self.beginning(row, wanted, content_type.clone(), plan);
        let mut upload = match store.begin_upload(workspace, beginning).await? {
            Begun::New(upload) => upload,
            Begun::Before(upload) => match upload.state {
                UploadState::Committed { file, .. } => return Ok(Session::Made(file)),
                UploadState::Open => upload,
                UploadState::Aborted { .. } => return Err(another()),
            },
        };
        if let Some(multipart_id) = upload.multipart_id.clone() {
            return Ok(Session::Open(Box::new(upload), multipart_id));
        }
        let key = ObjectKey::Blob(workspace.clone(), upload.blob);
        let multipart_id = store.blobs.begin_multipart(&key, &content_type).await?;
        let named = store.name_multipart(workspace, &mut upload, multipart_id.clone());
        if let Err(error) = named.await {
            // Another worker has named one first, and holds the parts.
            store.blobs.abort_multipart(&key, &multipart_id).await?;
            return Err(error);
        }
        Ok(Session::Open(Box::new(upload), multipart_id))
    }

    /// Makes a file of an entry whose bytes are all there and were checked; of one that is not as the
    /// archive says, nothing, and gives back what it had reserved.
    async fn settle(
        &self,
        upload: &Upload,
        multipart_id: &str,
        wanted: &Wanted,
        sha256: Sha256,
        checked: Result<(), Refused>,
    ) -> Result<FileId, Failed> {
        let (store, workspace) = (self.store, self.workspace);
        if let Err(refused) = checked {
            store.abort_upload(workspace, upload).await?;
            return Err(refused.into());
        }
        let key = ObjectKey::Blob(workspace.clone(), upload.blob);
        if let Some(stored) = store.blobs.parts(&key, multipart_id).await? {
            let parts: Vec<_> = stored
                .into_iter()
                .map(|part| (part.number, part.etag))
                .collect();
            let completed = store.blobs.complete_multipart(&key, multipart_id, &parts);
            match completed.await? {
                Completed::Done | Completed::Unknown => {}
            }
        }
        let head = store.blobs.head(&key).await?;
        if head.is_none_or(|head| head.size_bytes != upload.size_bytes) {
            return Err(another().into());
        }
        let content = Content {
            blob: upload.blob,
            size_bytes: upload.size_bytes,
            content_type: upload.content_type.clone().unwrap_or_default(),
            sha256: Some(sha256),
            promised_sha256: None,
        };
        let committing = Committing::new(upload, &content, Origin::Imported);
        let committing = committing.restoring(Some(&wanted.restored));
        match store.commit_written(workspace, committing).await {
            Ok(file) => Ok(file.id),
            Err(error) => {
                if error.retry() == domain::Retry::Never {
                    store.abort_upload(workspace, upload).await?;
                }
                Err(error.into())
            }
        }
    }
}

fn begin(upload: UploadId) -> Large {
    Large {
        upload,
        done_parts: 0,
        crc32: 0,
        hashing: None,
    }
}

/// Parts of so many bytes, or of more where these would be too many.
fn plan(size_bytes: u64, usual_bytes: u64) -> Result<Plan> {
    let part_bytes = usual_bytes.max(size_bytes.div_ceil(MAX_PARTS.into()));
    let part_count = u32::try_from(size_bytes.div_ceil(part_bytes))
        .map_err(|_| Error::corrupt("more parts than fit a number"))?;
    Ok(Plan::Multipart {
        part_bytes,
        part_count,
    })
}

/// A part that S3 does not take any more is of an entry that another worker has brought to its end.
fn unless_another(sent: Result<()>) -> Result<()> {
    match sent {
        Err(Error::Gone { .. }) => Err(another()),
        sent => sent,
    }
}

fn another() -> Error {
    busy("another worker is at the same entry")
}
