//! Files made of pieces that were uploaded each by itself. S3 copies what is in its objects; only where
//! a piece is too small for a part, it is read and written.
//!
//! The pieces end in the transaction that makes the file: their reservations become its size, and
//! none can be made a file twice.

use bytes::BytesMut;
use domain::tus::{MAX_PIECES, Part, Segment, assembly};
use domain::upload::{Plan, TusKind, Upload, UploadState};
use domain::{Error, Result, Retry, UploadId, WorkspaceId};
use futures::future::join_all;

use super::{Appended, Appending, TusBegun, TusItem};
use crate::Store;
use crate::blob::{Completed, ObjectKey};
use crate::finish::{Accept, HEAD_BYTES};
use crate::table::Write;
use crate::upload::{Beginning, end};

/// How many parts are copied at once.
const AT_ONCE: usize = 8;

impl Store {
    /// Makes a file of pieces, in their order, of no more than `most_bytes`.
    ///
    /// # Errors
    /// `TooLarge`; `Invalid` when there are none, too many or one twice; `NotFound` and `Gone` where a piece is
    /// not there; `Conflict` when an upload is no piece or has not all its bytes yet; the errors of
    /// [`Store::commit_upload`].
    pub async fn concatenate(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
        metadata: Option<String>,
        pieces: Vec<UploadId>,
        most_bytes: u64,
        accept: Accept,
    ) -> Result<(UploadId, Appended)> {
        check_pieces(&pieces)?;
        let mut size_bytes = 0;
        for piece in &pieces {
            // Those of a request that is made again have ended with it.
            size_bytes += self.tus(workspace, *piece).await?.upload.size_bytes;
        }
        let beginning = Beginning {
            size_bytes,
            plan: Plan::Tus(TusKind::Final),
            ..beginning
        };
        let mut item = TusItem::new(Some(size_bytes), metadata, pieces);
        self.hold(&mut item);
        let appending = match self.insert_tus(workspace, beginning, item).await? {
            TusBegun::New(appending) => *appending,
            TusBegun::Before(tus) => match tus.upload.state {
                UploadState::Committed { file, .. } => {
                    let file = Box::new(self.file(workspace, file).await?);
                    return Ok((tus.upload.id, Appended::Finished(file)));
                }
                UploadState::Open | UploadState::Aborted { .. } => {
                    self.claim_tus(workspace, *tus).await?
                }
            },
        };
        let id = appending.upload.id;
        let mut appending = appending.at_most(most_bytes);
        match appending.assemble(accept).await {
            Ok(finished) => Ok((id, finished)),
            Err(error) if error.retry() == Retry::Never => {
                // It would fail again: what it has reserved is returned now, unless that was done where
                // the bytes were found to be wrong.
                match appending.abort(None).await {
                    Ok(()) | Err(Error::Gone { .. } | Error::RefusedType { .. }) => Err(error),
                    Err(other) => Err(other),
                }
            }
            Err(error) => {
                appending.give_back().await;
                Err(error)
            }
        }
    }

    /// Returns the session of a piece whose bytes have all come.
    async fn piece(&self, workspace: &WorkspaceId, id: UploadId) -> Result<Upload> {
        let tus = self.tus(workspace, id).await?.living(self.clock.now())?;
        let is_piece = tus.kind() == TusKind::Partial && tus.upload.state == UploadState::Open;
        let is_made = tus.item.as_ref().is_some_and(|item| item.is_made);
        match (is_piece, is_made) {
            (true, true) => Ok(tus.upload),
            (true, false) => Err(Error::Conflict {
                code: "unfinished_piece",
                detail: format!("upload {id} has not all its bytes yet"),
            }),
            (false, _) => Err(Error::Conflict {
                code: "not_a_piece",
                detail: format!("upload {id} was not begun with Upload-Concat: partial"),
            }),
        }
    }
}

fn check_pieces(pieces: &[UploadId]) -> Result<()> {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if (1..=MAX_PIECES).contains(&pieces.len()) && sorted.len() == pieces.len() {
        return Ok(());
    }
    Err(Error::invalid(
        "/Upload-Concat",
        format!("a file is made of 1 to {MAX_PIECES} pieces, none of them twice"),
    ))
}

impl Appending {
    /// Makes one object of the pieces, and a file of it.
    async fn assemble(&mut self, accept: Accept) -> Result<Appended> {
        let pieces = self.pieces().await?;
        let sizes: Vec<u64> = pieces.iter().map(|piece| piece.size_bytes).collect();
        let size_bytes = sizes.iter().sum();
        self.check_size(size_bytes)?;
        // A piece may have grown since the length was written down.
        self.item.length_bytes = Some(size_bytes);
        let parts = assembly(&sizes);
        if let [] | [Part::Joined(_)] = parts.as_slice() {
            for part in &parts {
                let bytes = self.read_joined(&pieces, part).await?;
                self.gather(&bytes);
            }
            return self.complete_single(accept, &pieces).await;
        }
        let multipart_id = self.multipart().await?;
        let key = self.key();
        if let Some(stored) = self.store.blobs.parts(&key, &multipart_id).await? {
            let mut missing: Vec<(u32, &Part)> = Vec::new();
            for (number, part) in (1..).zip(&parts) {
                let is_there = stored
                    .iter()
                    .any(|have| have.number == number && have.size_bytes == part.size_bytes());
                if !is_there {
                    missing.push((number, part));
                }
            }
            for some in missing.chunks(AT_ONCE) {
                let making = some
                    .iter()
                    .map(|(number, part)| self.make_part(&pieces, &multipart_id, *number, part));
                for made in join_all(making).await {
                    made?;
                }
                // Copying takes a while: who has not claimed it meanwhile has to wait on.
                self.save(self.item.clone()).await?;
            }
            self.join_all(&multipart_id, &parts).await?;
        }
        let head = self.store.blobs.read_head(&key, HEAD_BYTES).await?;
        // The hash of the whole does not follow from those of its pieces: the pipeline finds it.
        let content_type = self.check(&head, None, accept).await?;
        self.commit(content_type, None, &pieces).await
    }

    /// Returns the sessions of the pieces, in order.
    async fn pieces(&self) -> Result<Vec<Upload>> {
        let mut pieces = Vec::with_capacity(self.item.pieces.len());
        for piece in &self.item.pieces {
            pieces.push(self.store.piece(&self.workspace, *piece).await?);
        }
        Ok(pieces)
    }

    async fn make_part(
        &self,
        pieces: &[Upload],
        multipart_id: &str,
        number: u32,
        part: &Part,
    ) -> Result<()> {
        let (blobs, key) = (&self.store.blobs, self.key());
        match part {
            Part::Copied(segment) => {
                let from = self.object_of(pieces, segment)?;
                blobs
                    .copy_part(&key, multipart_id, number, &from, &segment.bytes)
                    .await
            }
            Part::Joined(_) => {
                let bytes = self.read_joined(pieces, part).await?;
                blobs
                    .put_part(&key, multipart_id, number, bytes.freeze())
                    .await
            }
        }
    }

    /// Reads what is too small to be copied.
    async fn read_joined(&self, pieces: &[Upload], part: &Part) -> Result<BytesMut> {
        let segments = match part {
            Part::Joined(segments) => segments.as_slice(),
            Part::Copied(segment) => std::slice::from_ref(segment),
        };
        let mut joined = BytesMut::new();
        for segment in segments {
            let from = self.object_of(pieces, segment)?;
            let read = self.store.blobs.read_range(&from, segment.bytes.clone());
            joined.extend_from_slice(&read.await?);
        }
        Ok(joined)
    }

    fn object_of(&self, pieces: &[Upload], segment: &Segment) -> Result<ObjectKey> {
        let piece = pieces.get(segment.piece);
        let piece =
            piece.ok_or_else(|| Error::corrupt("a plan names a piece that is not there"))?;
        Ok(ObjectKey::Blob(self.workspace.clone(), piece.blob))
    }

    async fn join_all(&self, multipart_id: &str, parts: &[Part]) -> Result<()> {
        let (blobs, key) = (&self.store.blobs, self.key());
        let Some(stored) = blobs.parts(&key, multipart_id).await? else {
            return Ok(());
        };
        if stored.len() != parts.len() {
            return Err(Error::corrupt("a file is not of as many parts as its plan"));
        }
        let parts: Vec<(u32, String)> = stored
            .into_iter()
            .map(|part| (part.number, part.etag))
            .collect();
        match blobs.complete_multipart(&key, multipart_id, &parts).await? {
            Completed::Done | Completed::Unknown => Ok(()),
        }
    }

    /// Ends the pieces, beside the file that is made of them. What they have reserved is the file's.
    pub(super) fn ends_of(&self, pieces: &[Upload]) -> Result<Vec<Write>> {
        let mut writes = Vec::new();
        let used = UploadState::Aborted { refused: None };
        for piece in pieces {
            let now = self.store.clock.now();
            writes.extend(end(&self.workspace, piece, &used, None, now)?);
        }
        Ok(writes)
    }

    /// Removes the objects of the pieces, which are in the file's now.
    pub(super) async fn remove_pieces(&self, pieces: &[Upload]) {
        for piece in pieces {
            if let Err(error) = self.store.remove_unfinished(&self.workspace, piece).await {
                // The reconciler finds them.
                tracing::warn!(error = error.for_log(), "a piece was not removed");
            }
        }
    }
}
