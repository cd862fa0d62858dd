//! Sending bytes to a tus upload: they are gathered until they are enough for a part, and what is left
//! at the end of a request is staged. While a part is on its way to S3 the next one is gathered.

use bytes::{Bytes, BytesMut};
use domain::file::File;
use domain::hashing::Hashing;
use domain::tus::{MAX_BYTES, MAX_GROWING_BYTES, part_bytes};
use domain::upload::{MAX_OBJECT_BYTES, MAX_PARTS, Plan, TusKind, Upload, UploadState};
use domain::{BlobId, Error, Result, WorkspaceId};
use tokio::task::JoinHandle;
use tracing::warn;

use super::{Staged, TusItem, UNKNOWN_TYPE, is_held};
use crate::Store;
use crate::blob::ObjectKey;
use crate::commit::aborted;
use crate::finish::Accept;
use crate::keys::Key;
use crate::table::{Rejected, Write, to_row};
use crate::upload::grow;

/// From how many staged pieces on they are joined: each is a request to S3 once more.
const MOST_STAGED: usize = 16;

/// What sending bytes came to.
#[derive(Debug)]
pub enum Appended {
    /// So many have come for good, and more are to come, or it is a piece of a file.
    Open {
        /// How many.
        offset_bytes: u64,
    },
    /// These were the last, and they are this file now.
    Finished(Box<File>),
}

/// A tus upload in the hands of the one who sends bytes to it.
#[derive(Debug)]
pub struct Appending {
    pub(super) store: Store,
    pub(super) workspace: WorkspaceId,
    pub(super) upload: Upload,
    /// As it was last written.
    pub(super) item: TusItem,
    /// The hash of all bytes that have come; none when that cannot be gone on with.
    hashing: Option<Hashing>,
    /// Bytes that have come and are nowhere yet.
    pub(super) gathered: BytesMut,
    /// A part on its way.
    sending: Option<Sending>,
    /// Most bytes the upload may have.
    most_bytes: u64,
}

/// A part on its way, and what the row is to say once it is there.
#[derive(Debug)]
struct Sending {
    task: JoinHandle<Result<()>>,
    size_bytes: u64,
    hashing: Option<String>,
}

impl Appending {
    pub(super) fn new(store: Store, workspace: WorkspaceId, upload: Upload, item: TusItem) -> Self {
        let hashing = item.hashing.as_deref().and_then(Hashing::resume);
        Self {
            store,
            workspace,
            upload,
            item,
            hashing,
            gathered: BytesMut::new(),
            sending: None,
            most_bytes: MAX_OBJECT_BYTES,
        }
    }

    /// Takes no more bytes than these altogether.
    #[must_use]
    pub fn at_most(mut self, bytes: u64) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// The session.
    pub const fn upload(&self) -> &Upload {
        &self.upload
    }

    /// How many bytes have come for good.
    pub const fn offset_bytes(&self) -> u64 {
        self.item.offset_bytes
    }

    /// How many bytes there will be; none while nobody knows.
    pub const fn length_bytes(&self) -> Option<u64> {
        self.item.length_bytes
    }

    /// Says how many bytes there will be, and reserves the quota for them.
    ///
    /// # Errors
    /// `Invalid` when fewer than have come, or another number than was said; `QuotaExceeded`.
    pub async fn set_length(&mut self, length_bytes: u64) -> Result<()> {
        match self.item.length_bytes {
            Some(said) if said == length_bytes => return Ok(()),
            Some(said) => {
                return Err(Error::invalid(
                    "/Upload-Length",
                    format!("this upload was said to have {said} bytes"),
                ));
            }
            None => {}
        }
        if length_bytes < self.item.offset_bytes {
            return Err(Error::invalid(
                "/Upload-Length",
                format!("{} bytes have come already", self.item.offset_bytes),
            ));
        }
        let item = TusItem {
            length_bytes: Some(length_bytes),
            ..self.item.clone()
        };
        self.save(item).await
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Invalid` when they are more than was said; `TooLarge`; `Busy` when someone else has claimed
    /// the upload; `QuotaExceeded` where the length is not known.
    pub async fn push(&mut self, mut bytes: Bytes) -> Result<()> {
        let come = self.come_bytes() + bytes.len() as u64;
        if self.item.length_bytes.is_some_and(|length| come > length) {
            return Err(Error::invalid(
                "/body",
                "these are more bytes than Upload-Length says",
            ));
        }
        self.check_size(come)?;
        while !bytes.is_empty() {
            let room = usize::try_from(self.room()).unwrap_or(usize::MAX);
            let now = bytes.split_to(room.min(bytes.len()));
            self.gather(&now);
            if self.room() == 0
                && self.item.length_bytes != Some(self.come_bytes())
                && let Err(error) = self.send_part().await
            {
                return Err(self.ended_or(error).await);
            }
        }
        Ok(())
    }

    /// Checks that the upload may have so many bytes.
    pub(super) fn check_size(&self, size_bytes: u64) -> Result<()> {
        let most = match (self.upload.plan, self.item.length_bytes) {
            // S3 copies what it is made of, in parts of any size.
            (Plan::Tus(TusKind::Final), _) => self.most_bytes,
            (_, Some(_)) => self.most_bytes.min(MAX_BYTES),
            (_, None) => self.most_bytes.min(MAX_GROWING_BYTES),
        };
        if size_bytes <= most {
            return Ok(());
        }
        Err(Error::TooLarge {
            detail: format!(
                "an upload like this has at most {most} bytes here: POST /v1/uploads may take more"
            ),
        })
    }

    pub(super) fn gather(&mut self, bytes: &[u8]) {
        if let Some(hashing) = &mut self.hashing {
            hashing.update(bytes);
        }
        if self.gathered.is_empty() {
            // All there can be of this part at once: growing to it would take twice as much, and copy it
            // again and again.
            let length = self.item.length_bytes.unwrap_or(u64::MAX);
            let most = self.room().min(length.saturating_sub(self.come_bytes()));
            self.gathered
                .reserve(usize::try_from(most).unwrap_or(bytes.len()));
        }
        self.gathered.extend_from_slice(bytes);
    }

    /// How many bytes have come, for good or not.
    fn come_bytes(&self) -> u64 {
        let sending = self.sending.as_ref().map_or(0, |part| part.size_bytes);
        self.item.offset_bytes + sending + self.gathered.len() as u64
    }

    /// How many more make a part.
    fn room(&self) -> u64 {
        // What is staged goes with the part that is on its way.
        let (number, staged) = match self.sending {
            Some(_) => (self.item.next_part + 1, 0),
            None => (self.item.next_part, self.item.staged_bytes()),
        };
        let part = part_bytes(self.item.length_bytes, number);
        part.saturating_sub(staged + self.gathered.len() as u64)
    }

    /// Ends the request: what has come is kept, and where it is all, it becomes a file, or the piece
    /// of one.
    ///
    /// # Errors
    /// `Invalid` when the bytes do not have the hash that was promised and `RefusedType`, both of
    /// which end the upload; those of [`Store::commit_upload`]; `Busy` when someone else has claimed
    /// the upload.
    pub async fn finish(mut self, accept: Accept) -> Result<Appended> {
        let is_all = self.item.length_bytes == Some(self.come_bytes());
        let ended = if is_all {
            self.complete(accept).await
        } else {
            self.keep_rest().await
        };
        match ended {
            Ok(appended) => Ok(appended),
            Err(error) => {
                let error = self.ended_or(error).await;
                self.give_back().await;
                Err(error)
            }
        }
    }

    /// Says why bytes could not be sent: what was staged of an upload, and the parts there are, go when
    /// it is terminated or runs out meanwhile.
    async fn ended_or(&self, error: Error) -> Error {
        if !matches!(error, Error::NotFound { .. } | Error::Dependency { .. }) {
            return error;
        }
        match self.store.upload(&self.workspace, self.upload.id).await {
            Ok(Upload {
                state: UploadState::Aborted { refused },
                ..
            }) => aborted(refused),
            Ok(_) | Err(_) => error,
        }
    }

    /// Keeps what is too little for a part, and gives the row back.
    async fn keep_rest(&mut self) -> Result<Appended> {
        self.settle().await?;
        if self.gathered.is_empty() {
            self.release().await?;
        } else {
            let item = self.stage().await?;
            let (obsolete, new) = (item.obsolete(&self.item), self.item.obsolete(&item));
            match self.save(item).await {
                Ok(()) => self.remove_staged(obsolete).await,
                Err(error) => {
                    // Where it is not known whether the row names them now, the reconciler finds out.
                    if !is_unknown(&error) {
                        self.remove_staged(new).await;
                    }
                    return Err(error);
                }
            }
        }
        Ok(Appended::Open {
            offset_bytes: self.item.offset_bytes,
        })
    }

    /// Ends the request without what has come since a part was last sent.
    pub async fn give_back(mut self) {
        let kept = self.settle().await;
        self.gathered.clear();
        let released = match kept {
            Ok(()) => self.release().await,
            Err(error) => Err(error),
        };
        if let Err(error) = released
            && !matches!(error, Error::Gone { .. } | Error::RefusedType { .. })
        {
            // The lease ends by itself.
            warn!(upload.id = %self.upload.id, error = error.for_log(), "an upload was not given back");
        }
    }

    /// Sends what has been gathered as a part, after what is staged.
    pub(super) async fn send_part(&mut self) -> Result<()> {
        self.settle().await?;
        let multipart_id = self.multipart().await?;
        let bytes = self.staged_and_gathered().await?;
        let (blobs, key, number) = (self.store.blobs.clone(), self.key(), self.item.next_part);
        if number > MAX_PARTS {
            return Err(Error::TooLarge {
                detail:
                    "too many requests of this upload broke off: terminate it and begin a new one"
                        .to_owned(),
            });
        }
        let size_bytes = bytes.len() as u64 - self.item.staged_bytes();
        self.sending = Some(Sending {
            task: tokio::spawn(
                async move { blobs.put_part(&key, &multipart_id, number, bytes).await },
            ),
            size_bytes,
            hashing: self.hashing.as_ref().map(Hashing::keep),
        });
        Ok(())
    }

    /// Waits for the part that is on its way, and writes that it is there.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let Some(sending) = &mut self.sending else {
            return Ok(());
        };
        let sent = (&mut sending.task).await;
        let sent = sent.map_err(|error| Error::dependency("sending a part", error));
        let Some(sending) = self.sending.take() else {
            return Ok(());
        };
        if let Err(error) = sent.and_then(|sent| sent) {
            // It may arrive yet.
            self.item.lose_part();
            return Err(error);
        }
        let item = TusItem {
            offset_bytes: self.item.offset_bytes + sending.size_bytes,
            staged: Vec::new(),
            next_part: self.item.next_part + 1,
            hashing: sending.hashing,
            ..self.item.clone()
        };
        let obsolete = item.obsolete(&self.item);
        self.save(item).await?;
        self.remove_staged(obsolete).await;
        Ok(())
    }

    /// Writes what has been gathered where it waits for more. With many pieces that wait it makes one
    /// of them all.
    async fn stage(&mut self) -> Result<TusItem> {
        let come = self.item.offset_bytes + self.gathered.len() as u64;
        let (mut staged, bytes) = if self.item.staged.len() < MOST_STAGED {
            (self.item.staged.clone(), self.gathered.split().freeze())
        } else {
            (Vec::new(), self.staged_and_gathered().await?)
        };
        let id = BlobId::new(self.store.ids.random());
        staged.push(Staged {
            id,
            size_bytes: bytes.len() as u64,
        });
        let key = ObjectKey::Staged(self.workspace.clone(), self.upload.id, id);
        self.store.blobs.put(&key, bytes, UNKNOWN_TYPE).await?;
        Ok(TusItem {
            offset_bytes: come,
            staged,
            hashing: self.hashing.as_ref().map(Hashing::keep),
            lease_until_us: 0,
            ..self.item.clone()
        })
    }

    /// Returns what is staged and what has been gathered, and empties the latter.
    pub(super) async fn staged_and_gathered(&mut self) -> Result<Bytes> {
        let gathered = self.gathered.split();
        if self.item.staged.is_empty() {
            return Ok(gathered.freeze());
        }
        let staged = usize::try_from(self.item.staged_bytes()).unwrap_or_default();
        let mut joined = BytesMut::with_capacity(staged + gathered.len());
        for staged in &self.item.staged {
            let key = ObjectKey::Staged(self.workspace.clone(), self.upload.id, staged.id);
            let bytes = self.store.blobs.read_range(&key, 0..staged.size_bytes);
            joined.extend_from_slice(&bytes.await?);
        }
        joined.extend_from_slice(&gathered);
        Ok(joined.freeze())
    }

    /// Returns S3's name for the multipart upload, and begins it where there is none.
    pub(super) async fn multipart(&mut self) -> Result<String> {
        if let Some(multipart_id) = &self.upload.multipart_id {
            return Ok(multipart_id.clone());
        }
        let key = self.key();
        let blobs = &self.store.blobs;
        let multipart_id = blobs.begin_multipart(&key, UNKNOWN_TYPE).await?;
        let named = self
            .store
            .name_multipart(&self.workspace, &mut self.upload, multipart_id.clone())
            .await;
        if named.as_ref().is_err_and(|error| !is_unknown(error)) {
            blobs.abort_multipart(&key, &multipart_id).await?;
        }
        named.map(|()| multipart_id)
    }

    /// Writes the row, and reserves more where the session has too little: all bytes there will be,
    /// and while nobody knows how many, those that have come for good.
    pub(super) async fn save(&mut self, mut item: TusItem) -> Result<()> {
        if item.lease_until_us != 0 {
            item.lease_until_us = self.store.lease_end();
        }
        let fence = self.item.fence;
        item.fence = fence + 1;
        let reserved_bytes = item.length_bytes.unwrap_or(item.offset_bytes);
        let more = reserved_bytes.saturating_sub(self.upload.size_bytes);
        if more == 0 {
            let saved =
                self.store
                    .write_tus(&self.workspace, self.upload.id, &item, fence, Vec::new());
            saved.await?;
        } else {
            self.save_and_reserve(&item, more).await?;
            self.upload.size_bytes = reserved_bytes;
        }
        self.item = item;
        Ok(())
    }

    async fn save_and_reserve(&self, item: &TusItem, more: u64) -> Result<()> {
        let workspace = &self.workspace;
        let writes = [
            Write::Put {
                condition: Some(is_held(self.item.fence)),
                row: to_row(Key::tus(workspace, self.upload.id), item)?,
            },
            grow(workspace, &self.upload, self.upload.size_bytes + more),
        ];
        let saved = self.store.transact_reserving(workspace, more, 0, &writes);
        match saved.await {
            Ok(()) => Ok(()),
            Err(Rejected::Conditions(_)) => {
                let claimed = self.store.claimed_by_another(workspace, self.upload.id);
                Err(claimed.await)
            }
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Gives the row back, so that whoever comes next need not wait.
    pub(super) async fn release(&mut self) -> Result<()> {
        let item = TusItem {
            lease_until_us: 0,
            ..self.item.clone()
        };
        self.save(item).await
    }

    /// Removes staged bytes that the row names no more.
    pub(super) async fn remove_staged(&self, staged: Vec<Staged>) {
        for staged in staged {
            let key = ObjectKey::Staged(self.workspace.clone(), self.upload.id, staged.id);
            if let Err(error) = self.store.blobs.delete(&key).await {
                // The reconciler finds them.
                warn!(error = error.for_log(), "staged bytes were not removed");
            }
        }
    }

    pub(super) fn key(&self) -> ObjectKey {
        ObjectKey::Blob(self.workspace.clone(), self.upload.blob)
    }

    /// The hash of all bytes that have come.
    pub(super) fn take_hash(&mut self) -> Option<domain::Sha256> {
        self.hashing.take().map(Hashing::finish)
    }

    /// Says whether all bytes are in one piece yet: nothing was sent as a part.
    pub(super) const fn is_single(&self) -> bool {
        self.upload.multipart_id.is_none() && self.sending.is_none()
    }

    /// What the session is for.
    pub(super) const fn plan(&self) -> Plan {
        self.upload.plan
    }
}

/// Says whether a write that failed like this may have taken place.
const fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Dependency { .. })
}

impl TusItem {
    /// Those bytes that `before` had staged and this has not.
    fn obsolete(&self, before: &Self) -> Vec<Staged> {
        let before = before.staged.iter().copied();
        before
            .filter(|staged| !self.staged.contains(staged))
            .collect()
    }
}
