//! The end of an archive: the manifest, the directory, and what makes it one object.

use archive::manifest;
use archive::write::{Directory, Entry, end};
use domain::{Error, JobId, Result, WorkspaceId};

use super::archive_key;
use super::place::{Closing, ClosingPart, Place};
use super::step::{After, Exporting};
use super::writing::refused;
use crate::Store;
use crate::blob::{Completed, ExportPiece, ObjectKey};

impl Exporting<'_> {
    /// Begins with what stands behind the files, once all lines of the manifest are counted.
    pub(super) fn begin_closing(&mut self) -> After {
        self.writing.place.closing = Some(Closing {
            part: ClosingPart::Begin,
            next: 0,
            manifest_at: 0,
            directory_at: 0,
        });
        if self.writing.has_pieces() {
            After::Note
        } else {
            After::More
        }
    }

    /// Writes the manifest, the directory and the end.
    pub(super) async fn close(&mut self, mut closing: Closing) -> Result<After> {
        let path = format!("{}/{}", self.writing.place.own_folder, manifest::NAME);
        let size_bytes = self.writing.place.manifest_bytes;
        let crc32 = self.writing.place.manifest_crc32;
        let entry = Entry::new(&path, size_bytes, self.kept.created_at).map_err(refused)?;
        match closing.part {
            ClosingPart::Begin => {
                closing.manifest_at = self.writing.place.offset;
                self.writing.append(&entry.header(crc32)).await?;
                closing.part = ClosingPart::Manifest;
            }
            ClosingPart::Manifest => {
                if !self
                    .append_piece(&mut closing, ExportPiece::Manifest)
                    .await?
                {
                    closing.directory_at = self.writing.place.offset;
                    closing.next = 0;
                    closing.part = ClosingPart::Directory;
                }
            }
            ClosingPart::Directory => {
                if !self
                    .append_piece(&mut closing, ExportPiece::Directory)
                    .await?
                {
                    let row = entry.row(crc32, closing.manifest_at);
                    self.writing.append(&row).await?;
                    let directory = Directory {
                        offset: closing.directory_at,
                        size_bytes: self.writing.place.offset - closing.directory_at,
                        entries: self.writing.place.entries + 1,
                    };
                    self.writing.append(&end(directory)).await?;
                    self.writing.send_rest().await?;
                    closing.part = ClosingPart::Complete;
                    self.writing.place.closing = Some(closing);
                    // Who completes it must find all parts noted.
                    return Ok(After::Note);
                }
            }
            ClosingPart::Complete => {
                let writing = &self.writing;
                writing
                    .store
                    .complete_archive(
                        writing.workspace,
                        writing.job,
                        &writing.place,
                        writing.multipart_id(),
                    )
                    .await?;
                return Ok(After::Done);
            }
        }
        self.writing.place.closing = Some(closing);
        Ok(After::More)
    }

    /// Writes the next piece of the manifest or the directory. False when there is none.
    async fn append_piece(
        &mut self,
        closing: &mut Closing,
        piece: fn(u64) -> ExportPiece,
    ) -> Result<bool> {
        let Some(claim) = self.writing.place.pieces.next(closing.next) else {
            return Ok(false);
        };
        let writing = &mut self.writing;
        let key = ObjectKey::Export(writing.workspace.clone(), writing.job, piece(claim));
        let bytes = writing.store.blobs.read(&key).await?;
        writing.things += 1;
        writing.append(&bytes).await?;
        closing.next = claim + 1;
        Ok(true)
    }
}

impl Store {
    /// Makes the archive of its parts, once all are noted.
    async fn complete_archive(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        place: &Place,
        multipart_id: &str,
    ) -> Result<()> {
        let key = archive_key(workspace, id);
        if let Some(stored) = self.blobs.parts(&key, multipart_id).await? {
            let is_in = |number: u32| place.parts.contains(number.into());
            let parts: Vec<_> = stored
                .into_iter()
                .filter(|part| is_in(part.number))
                .collect();
            let stored_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
            if stored_bytes != place.offset {
                return Err(Error::corrupt("the parts of an archive are not all of it"));
            }
            let parts: Vec<_> = parts
                .into_iter()
                .map(|part| (part.number, part.etag))
                .collect();
            match self
                .blobs
                .complete_multipart(&key, multipart_id, &parts)
                .await?
            {
                Completed::Done | Completed::Unknown => {}
            }
        }
        let head = self.blobs.head(&key).await?;
        if head.is_none_or(|head| head.size_bytes != place.offset) {
            return Err(Error::corrupt("an archive is not as it was written"));
        }
        self.export_is_ready(workspace, id, place.offset).await?;
        self.remove_pieces(workspace, id).await
    }

    /// Removes what an archive was made of.
    pub(super) async fn remove_pieces(&self, workspace: &WorkspaceId, id: JobId) -> Result<()> {
        let archive = archive_key(workspace, id).path();
        let prefix = crate::blob::export_prefix(workspace, id);
        let mut after = None;
        loop {
            let page = self.blobs.list(&prefix, after.as_deref()).await?;
            for object in page.objects.iter().filter(|object| object.path != archive) {
                self.blobs.delete_at(&object.path).await?;
            }
            after = page.objects.last().map(|last| last.path.clone());
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
    }
}
