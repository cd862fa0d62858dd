//! Erasing a file: first nobody can read it, then its bytes go, then a receipt says what went.
//!
//! Each step can stop half-way and be taken up again by the sweep: the file's row says that it is
//! being erased and what there is to remove, and is found due until a tombstone takes its place.

use domain::file::{BlobRef, File};
use domain::receipt::{Reason, Receipt, RemovedVersion};
use domain::{Error, FileId, Kind, ReceiptId, Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::blob::ObjectKey;
use crate::content;
use crate::file::{Found, GoneItem, RowKind, remove_version, unchanged};
use crate::folder::free_name;
use crate::keys::{Due, Key};
use crate::quota;
use crate::receipt::keep_receipt;
use crate::table::{Expression, Rejected, Write, to_row};

/// How long a tombstone answers 410 before the id is as unknown as any other.
const TOMBSTONE_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often marking is tried again when the file changes meanwhile.
const TRIES: u32 = 8;

impl Store {
    /// Erases a file, or goes on erasing it. Returns the receipt.
    ///
    /// `still` is asked of the very file that is marked, so that one that changed since the caller
    /// looked at it is not erased for what it was.
    ///
    /// # Errors
    /// `NotFound` when there is no such file; those of `still`.
    pub async fn erase_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        reason: Reason,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<Receipt> {
        for _ in 0..TRIES {
            let marked = match self.found(workspace, id).await? {
                None => return Err(Error::not_found(Kind::File, id)),
                Some(Found::File(file)) => {
                    still(&file)?;
                    self.mark_erasing(workspace, &file, reason).await?
                }
                Some(Found::Gone(item)) if item.kind == RowKind::Erasing => Some(item),
                Some(Found::Gone(item)) => return self.receipt(workspace, item.receipt).await,
            };
            if let Some(item) = marked {
                return self.finish_erasing(workspace, item).await;
            }
        }
        Err(crate::table::busy("the file is being changed"))
    }

    /// Makes a file unreadable and its name free. None when the file changed since it was read.
    async fn mark_erasing(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        reason: Reason,
    ) -> Result<Option<GoneItem>> {
        let now = self.clock.now();
        let gone_at = match (reason, file.expires_at) {
            (Reason::Expired, Some(at)) => at,
            _ => now,
        };
        let versions = self
            .versions(workspace, file.id)
            .await?
            .into_iter()
            .map(|version| RemovedVersion {
                version: version.number,
                blob: version.content.blob,
                sha256: version.content.sha256,
                size_bytes: version.content.size_bytes,
            })
            .collect();
        let due = Due::Expiry.key(now, file.id.uuid());
        let item = GoneItem {
            kind: RowKind::Erasing,
            id: file.id,
            reason,
            gone_at,
            receipt: ReceiptId::new(self.ids.sortable(now)),
            versions,
            posted: file.posted.clone(),
            due_pk: Some(due.pk),
            due_sk: Some(due.sk),
            forget_at: None,
        };
        let mark = Write::Put {
            condition: Some(unchanged(file.revision)),
            row: to_row(Key::file(workspace, file.id), &item)?,
        };
        let with_name = vec![
            mark.clone(),
            free_name(workspace, file.folder, &file.name, file.id),
        ];
        match self.table.transact(with_name).await {
            Ok(()) => return Ok(Some(item)),
            Err(rejected) if rejected.at(0) => return Ok(None),
            // The name was free already (trash), or someone took it at the instant of expiry.
            Err(Rejected::Conditions(_)) => {}
            Err(Rejected::Error(error)) => return Err(error),
        }
        match self.table.transact(vec![mark]).await {
            Ok(()) => Ok(Some(item)),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes what a marked file leaves, and writes the receipt.
    async fn finish_erasing(&self, workspace: &WorkspaceId, item: GoneItem) -> Result<Receipt> {
        self.remove_postings(workspace, item.id, item.posted.as_ref())
            .await?;
        for membership in self.memberships(workspace, item.id).await? {
            self.leave_dossier(workspace, item.id, membership.dossier, None)
                .await?;
        }
        for version in &item.versions {
            self.remove_version(workspace, item.id, version).await?;
        }
        let now = self.clock.now();
        let receipt = Receipt::new(
            item.receipt,
            item.id,
            item.reason,
            item.gone_at,
            now,
            item.versions.clone(),
        );
        let tombstone = GoneItem {
            kind: RowKind::Tombstone,
            versions: Vec::new(),
            posted: None,
            due_pk: None,
            due_sk: None,
            forget_at: now
                .checked_add(TOMBSTONE_FOR)
                .ok()
                .map(Timestamp::as_second),
            ..item.clone()
        };
        let writes = vec![
            Write::Put {
                condition: Some(
                    Expression::new("kind = :erasing").value(":erasing", &RowKind::Erasing)?,
                ),
                row: to_row(Key::file(workspace, item.id), &tombstone)?,
            },
            keep_receipt(workspace, &receipt)?,
            quota::give_back(workspace, 0, 1),
            Write::Delete {
                condition: None,
                key: Key::counters(workspace, item.id),
            },
        ];
        match self.table.transact(writes).await {
            Ok(()) => Ok(receipt),
            // Someone else finished it first; that receipt stands.
            Err(Rejected::Conditions(_)) => self.receipt(workspace, item.receipt).await,
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes the bytes of a version, then its rows and what refers to them.
    ///
    /// Bytes before rows: the row is what lets the sweep find the bytes again.
    async fn remove_version(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        version: &RemovedVersion,
    ) -> Result<()> {
        self.blobs
            .delete(&ObjectKey::Blob(workspace.clone(), version.blob))
            .await?;
        let counted = self.is_counted(workspace, file, version.version).await?;
        let mut writes = vec![
            remove_version(workspace, file, version.version, counted),
            Write::Delete {
                condition: None,
                key: blob_row(workspace, version.blob),
            },
            quota::give_back(workspace, version.size_bytes, 0),
        ];
        // One that was never read is not counted: its hash is that of the upload.
        if counted && let Some(content) = version.sha256 {
            writes.push(content::release(workspace, content));
        }
        match self.table.transact(writes).await {
            // Removed before: its references were given back with it.
            Ok(()) | Err(Rejected::Conditions(_)) => {}
            Err(Rejected::Error(error)) => return Err(error),
        }
        match version.sha256 {
            Some(content) => self.forget_content(workspace, content).await,
            None => Ok(()),
        }
    }
}

fn blob_row(workspace: &WorkspaceId, blob: BlobRef) -> Key {
    Key::blob(workspace, blob.id)
}
