//! The end of a tus upload: its bytes become an object, and the object a version of a file.
//!
//! Few bytes are written as one object, and the transaction that makes it a file says that the last
//! of them have come. Of many the last part is written down first: so who claims the upload next, or
//! the client that asks how far it is, can end what was broken off.

use bytes::Bytes;
use domain::file::{BlobRef, Content, Origin};
use domain::upload::{Plan, TusKind, Upload};
use domain::{BlobId, Error, Result, Sha256};

use super::{Appended, Appending, TusItem, UNKNOWN_TYPE, is_held};
use crate::blob::Completed;
use crate::commit::Committing;
use crate::finish::{Accept, HEAD_BYTES};
use crate::keys::Key;
use crate::table::{Rejected, Write, to_row};
use crate::upload::{forgotten_at, move_blob};

/// How often bytes are written to another place where those of someone else are in theirs.
const TRIES: u32 = 4;

impl Appending {
    /// Makes the bytes an object, and where the upload is a file, that file.
    pub(super) async fn complete(&mut self, accept: Accept) -> Result<Appended> {
        let is_piece = self.plan() == Plan::Tus(TusKind::Partial);
        if self.is_single() {
            if is_piece {
                return self.make_piece().await;
            }
            return self.complete_single(accept, &[]).await;
        }
        if !self.gathered.is_empty() || !self.item.staged.is_empty() {
            self.send_part().await?;
        }
        self.settle().await?;
        self.join_parts().await?;
        if is_piece {
            return self.keep_piece(self.item.clone()).await;
        }
        let sha256 = self.take_hash();
        let head = self.store.blobs.read_head(&self.key(), HEAD_BYTES).await?;
        let content_type = self.check(&head, sha256, accept).await?;
        self.commit(content_type, sha256, &[]).await
    }

    /// Makes a file of few bytes, which may be those of pieces.
    pub(super) async fn complete_single(
        &mut self,
        accept: Accept,
        pieces: &[Upload],
    ) -> Result<Appended> {
        let bytes = self.staged_and_gathered().await?;
        let sha256 = self.take_hash().unwrap_or_else(|| Sha256::of(&bytes));
        let head_bytes = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
        let head = bytes.slice(..bytes.len().min(head_bytes));
        let content_type = self.check(&head, Some(sha256), accept).await?;
        self.write_object(bytes, &content_type, sha256).await?;
        self.commit(content_type, Some(sha256), pieces).await
    }

    /// Makes a piece of few bytes.
    async fn make_piece(&mut self) -> Result<Appended> {
        if self.item.is_made {
            return self.keep_piece(self.item.clone()).await;
        }
        let bytes = self.staged_and_gathered().await?;
        let sha256 = self.take_hash().unwrap_or_else(|| Sha256::of(&bytes));
        let item = TusItem {
            offset_bytes: bytes.len() as u64,
            staged: Vec::new(),
            ..self.item.clone()
        };
        self.write_object(bytes, UNKNOWN_TYPE, sha256).await?;
        let obsolete = self.item.staged.clone();
        // Writing the object to another place has written the row.
        let item = TusItem {
            fence: self.item.fence,
            ..item
        };
        let kept = self.keep_piece(item).await?;
        self.remove_staged(obsolete).await;
        Ok(kept)
    }

    /// Notes that the object of a piece is there, and gives the row back.
    async fn keep_piece(&mut self, item: TusItem) -> Result<Appended> {
        let item = TusItem {
            is_made: true,
            lease_until_us: 0,
            ..item
        };
        self.save(item).await?;
        Ok(Appended::Open {
            offset_bytes: self.item.offset_bytes,
        })
    }

    /// Writes all bytes as the upload's object. Where there is one of other bytes, someone else has
    /// written it who had the upload before: it stays, since only a claim says whether it is a file
    /// by now, and the bytes are written to another place.
    async fn write_object(
        &mut self,
        bytes: Bytes,
        content_type: &str,
        sha256: Sha256,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let (blobs, key) = (&self.store.blobs, self.key());
            let created = blobs.create_unless_other(&key, bytes.clone(), content_type, sha256);
            if created.await? {
                return Ok(());
            }
            self.move_object().await?;
        }
        Err(crate::table::busy(
            "the bytes are being sent by another request",
        ))
    }

    /// Gives the upload another place for its object, while nobody else has claimed it.
    async fn move_object(&mut self) -> Result<()> {
        let store = &self.store;
        let blob = BlobRef {
            id: BlobId::new(store.ids.random()),
            written_by: self.upload.blob.written_by,
        };
        let item = TusItem {
            fence: self.item.fence + 1,
            ..self.item.clone()
        };
        let moved = move_blob(&self.workspace, &self.upload, blob)?;
        store
            .write_tus(
                &self.workspace,
                self.upload.id,
                &item,
                self.item.fence,
                moved,
            )
            .await?;
        // Nobody can make it a file any more: that would have taken the row as it was.
        store.blobs.delete(&self.key()).await?;
        self.item = item;
        self.upload.blob = blob;
        Ok(())
    }

    /// Makes an object of the parts, unless that was done before. Which parts these are, the row
    /// says: whoever does it makes the same object.
    async fn join_parts(&self) -> Result<()> {
        let Some(multipart_id) = &self.upload.multipart_id else {
            return Ok(());
        };
        let (blobs, key) = (&self.store.blobs, self.key());
        let Some(stored) = blobs.parts(&key, multipart_id).await? else {
            return Ok(());
        };
        let stored = stored.into_iter();
        let parts: Vec<_> = stored
            .filter(|part| self.item.has_part(part.number))
            .collect();
        let stored_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
        if stored_bytes != self.item.offset_bytes {
            return Err(Error::corrupt(
                "the parts of an upload are not as many bytes as have come",
            ));
        }
        let parts: Vec<(u32, String)> = parts
            .into_iter()
            .map(|part| (part.number, part.etag))
            .collect();
        match blobs.complete_multipart(&key, multipart_id, &parts).await? {
            Completed::Done | Completed::Unknown => Ok(()),
        }
    }

    /// Makes the object a version of a file, and ends the pieces it is made of. Holds while nobody else
    /// has claimed the upload, and the pieces are as they were read.
    pub(super) async fn commit(
        &mut self,
        content_type: String,
        sha256: Option<Sha256>,
        pieces: &[Upload],
    ) -> Result<Appended> {
        let size_bytes = self.item.length_bytes.unwrap_or(self.item.offset_bytes);
        let content = Content {
            blob: self.upload.blob,
            size_bytes,
            content_type,
            sha256,
            promised_sha256: self
                .upload
                .sha256
                .filter(|promised| sha256 != Some(*promised)),
        };
        let finished = TusItem {
            offset_bytes: size_bytes,
            staged: Vec::new(),
            fence: self.item.fence + 1,
            lease_until_us: 0,
            forget_at: Some(forgotten_at(self.store.clock.now())),
            ..self.item.clone()
        };
        let mut beside = vec![Write::Put {
            condition: Some(is_held(self.item.fence)),
            row: to_row(Key::tus(&self.workspace, self.upload.id), &finished)?,
        }];
        beside.extend(self.ends_of(pieces)?);
        let committing = Committing::new(&self.upload, &content, Origin::Uploaded).beside(&beside);
        let file = self
            .store
            .commit_written(&self.workspace, committing)
            .await?;
        self.remove_staged(self.item.staged.clone()).await;
        self.remove_pieces(pieces).await;
        Ok(Appended::Finished(Box::new(file)))
    }

    /// Tells the media type of the bytes. An upload of what is refused, or of other bytes than were
    /// promised, ends here.
    pub(super) async fn check(
        &self,
        head: &Bytes,
        sha256: Option<Sha256>,
        accept: Accept,
    ) -> Result<String> {
        let upload = &self.upload;
        if let (Some(promised), Some(sha256)) = (upload.sha256, sha256)
            && promised != sha256
        {
            self.abort(None).await?;
            return Err(Error::invalid(
                "/Upload-Metadata",
                format!(
                    "the bytes that arrived have SHA-256 {sha256}, not the one given: send them again as a new upload"
                ),
            ));
        }
        let name = upload.intent.name.as_str();
        match accept(head, name, upload.content_type.as_deref()) {
            Err(Error::RefusedType { media_type }) => {
                self.abort(Some(media_type.clone())).await?;
                Err(Error::RefusedType { media_type })
            }
            accepted => accepted,
        }
    }

    /// Ends the upload without a file, while nobody else has claimed it.
    ///
    /// # Errors
    /// `Busy` when someone has.
    pub(super) async fn abort(&self, refused: Option<String>) -> Result<()> {
        let (store, workspace, upload) = (&self.store, &self.workspace, &self.upload);
        let held = Some(is_held(self.item.fence));
        let writes = store.giving_up(workspace, upload, refused, held)?;
        match store.table.transact(writes).await {
            Ok(()) => store.remove_unfinished(workspace, upload).await,
            Err(Rejected::Conditions(_)) => {
                Err(store.claimed_by_another(workspace, upload.id).await)
            }
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
