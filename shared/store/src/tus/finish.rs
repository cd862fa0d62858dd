//! The end of a tus upload: its bytes become an object, and the object a version of a file.
//!
//! Few bytes are written as one object, and the transaction that makes it a file says that the last
//! of them have come. Of many the last part is written down first: so who claims the upload next, or
//! the client that asks how far it is, can end what was broken off.

use bytes::Bytes;
use domain::file::{Content, Origin};
use domain::upload::{Plan, TusKind};
use domain::{Error, Result, Sha256};

use super::{Appended, Appending, TusItem, is_held};
use crate::blob::Completed;
use crate::finish::{Accept, HEAD_BYTES};
use crate::keys::Key;
use crate::table::{Write, to_row};
use crate::upload::forgotten_at;

/// The media type that S3 keeps for the object of a piece.
const UNKNOWN_TYPE: &str = "application/octet-stream";

impl Appending {
    /// Makes the bytes an object, and where the upload is a file, that file.
    pub(super) async fn complete(mut self, accept: Accept) -> Result<Appended> {
        let is_piece = self.plan() == Plan::Tus(TusKind::Partial);
        if self.is_single() && !(is_piece && self.item.is_whole()) {
            return self.complete_single(accept).await;
        }
        if !self.gathered.is_empty() || !self.item.staged.is_empty() {
            self.send_part().await?;
        }
        self.settle().await?;
        if !self.is_single() {
            self.join_parts().await?;
        }
        if is_piece {
            return self.keep_piece().await;
        }
        let sha256 = self.take_hash();
        let head = self.store.blobs.read_head(&self.key(), HEAD_BYTES).await?;
        self.commit(&head, sha256, accept).await
    }

    /// Writes few bytes as one object.
    pub(super) async fn complete_single(mut self, accept: Accept) -> Result<Appended> {
        let bytes = self.staged_and_gathered().await?;
        // Staged bytes that were hashed by another version of this program are hashed again.
        let sha256 = self.take_hash().unwrap_or_else(|| Sha256::of(&bytes));
        let head_bytes = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
        let head = bytes.slice(..bytes.len().min(head_bytes));
        let is_piece = self.plan() == Plan::Tus(TusKind::Partial);
        let content_type = if is_piece {
            UNKNOWN_TYPE.to_owned()
        } else {
            self.check(&head, Some(sha256), accept).await?
        };
        let size_bytes = bytes.len() as u64;
        self.store
            .blobs
            .create_or_replace(&self.key(), bytes, &content_type, sha256)
            .await?;
        if is_piece {
            let obsolete = std::mem::take(&mut self.item.staged);
            let item = TusItem {
                offset_bytes: size_bytes,
                ..self.item.clone()
            };
            self.save(item).await?;
            self.remove_staged(obsolete).await;
            return self.keep_piece().await;
        }
        self.commit(&head, Some(sha256), accept).await
    }

    async fn keep_piece(mut self) -> Result<Appended> {
        self.release().await?;
        Ok(Appended::Open {
            offset_bytes: self.item.offset_bytes,
        })
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

    /// Makes the object a version of a file. Holds while nobody else has claimed the upload.
    pub(super) async fn commit(
        self,
        head: &Bytes,
        sha256: Option<Sha256>,
        accept: Accept,
    ) -> Result<Appended> {
        let content_type = self.check(head, sha256, accept).await?;
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
            lease_until_us: 0,
            forget_at: Some(forgotten_at(self.store.clock.now())),
            ..self.item.clone()
        };
        let mut beside = vec![Write::Put {
            condition: Some(is_held(self.item.fence)),
            row: to_row(Key::tus(&self.workspace, self.upload.id), &finished)?,
        }];
        let pieces = self.pieces().await?;
        beside.extend(self.ends_of(&pieces)?);
        let committed = self
            .store
            .commit_with(
                &self.workspace,
                &self.upload,
                &content,
                Origin::Uploaded,
                &beside,
            )
            .await;
        match committed {
            Ok(file) => {
                let staged = self.item.staged.clone();
                self.remove_staged(staged).await;
                self.remove_pieces(&pieces).await;
                Ok(Appended::Finished(Box::new(file)))
            }
            Err(error) => {
                self.give_back().await;
                Err(error)
            }
        }
    }

    /// Tells the media type of the bytes. An upload of what is refused, or of other bytes than were
    /// promised, ends here.
    async fn check(&self, head: &Bytes, sha256: Option<Sha256>, accept: Accept) -> Result<String> {
        let (store, workspace, upload) = (&self.store, &self.workspace, &self.upload);
        if let (Some(promised), Some(sha256)) = (upload.sha256, sha256)
            && promised != sha256
        {
            store.abort_upload(workspace, upload).await?;
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
                store.refuse_upload(workspace, upload, &media_type).await?;
                Err(Error::RefusedType { media_type })
            }
            accepted => accepted,
        }
    }
}
