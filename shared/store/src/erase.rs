//! Erasing a file: first nobody can read it, then what there is to remove is written down, then its
//! bytes go, then a receipt says what went.
//!
//! Each step can stop half-way and be taken up again by the sweep: the file's row says that it is
//! being erased and how far that is, and is found due until a tombstone takes its place.

use std::collections::HashSet;

use domain::file::{File, State};
use domain::folder::Tally;
use domain::receipt::{Reason, Receipt, RemovedVersion};
use domain::{BlobId, Error, FileId, Kind, ReceiptId, Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::content;
use crate::failure::forget_failures;
use crate::file::{Found, GoneItem, RowKind, VersionItem, remove_version, unchanged};
use crate::keys::{self, Due, Key};
use crate::name::free_name;
use crate::quota;
use crate::receipt::{Removal, keep_receipt};
use crate::reference::{BlobItem, release};
use crate::table::{Expression, Rejected, Write, to_row};
use crate::tally;

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
            // Each step is written to the row, and what is next is read from it: so it goes on
            // wherever this or another process has left it.
            match self.found(workspace, id).await? {
                None => return Err(Error::not_found(Kind::File, id)),
                Some(Found::File(file)) => {
                    still(&file)?;
                    self.mark_erasing(workspace, &file, reason).await?;
                }
                Some(Found::Gone(item)) => match (item.kind, item.planned_pages) {
                    (RowKind::Erasing, None) => self.plan_erasing(workspace, &item).await?,
                    (RowKind::Erasing, Some(pages)) => {
                        return self.finish_erasing(workspace, *item, pages).await;
                    }
                    (RowKind::Tombstone | RowKind::File, _) => {
                        return self.receipt(workspace, item.receipt).await;
                    }
                },
            }
        }
        Err(crate::table::busy("the file is being changed"))
    }

    /// Makes a file unreadable and its name free, unless it changed since it was read.
    async fn mark_erasing(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        reason: Reason,
    ) -> Result<()> {
        let now = self.clock.now();
        let gone_at = match (reason, file.expires_at) {
            (Reason::Expired, Some(at)) => at,
            _ => now,
        };
        let due = Due::Expiry.key(now, file.id.uuid());
        // At this moment, and not when its time was up: whoever follows changes has passed that.
        let listed = keys::listed_file(workspace, now, file.id);
        let item = GoneItem {
            kind: RowKind::Erasing,
            id: file.id,
            reason,
            gone_at,
            receipt: ReceiptId::new(self.ids.sortable(now)),
            planned_pages: None,
            removed_pages: 0,
            posted: file.posted.clone(),
            due_pk: Some(due.pk),
            due_sk: Some(due.sk),
            list_pk: Some(listed.pk),
            list_sk: Some(listed.sk),
            forget_at: None,
        };
        let mark = Write::Put {
            condition: Some(unchanged(file.revision)),
            row: to_row(Key::file(workspace, file.id), &item)?,
        };
        if file.state == State::Trashed {
            // Its name is free already, and it counts nowhere.
            return self.transact_once(mark).await;
        }
        let less = Tally::file(file.content.size_bytes).negated();
        let leave = tally::count(workspace, file.folder, file.id.uuid(), less);
        let with_name = vec![mark.clone(), free_name(workspace, file), leave.clone()];
        match self.table.transact(with_name).await {
            Ok(()) => return Ok(()),
            Err(rejected) if rejected.at(0) => return Ok(()),
            // Someone took the name at the instant of expiry.
            Err(Rejected::Conditions(_)) => {}
            Err(Rejected::Error(error)) => return Err(error),
        }
        match self.table.transact(vec![mark, leave]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Writes down what there is to remove. A marked file gets no more versions, so it is the same
    /// whoever does it; who finds less, because some is removed already, comes too late to say so.
    async fn plan_erasing(&self, workspace: &WorkspaceId, item: &GoneItem) -> Result<()> {
        let versions: Vec<_> = self
            .versions(workspace, item.id)
            .await?
            .into_iter()
            .map(|version| RemovedVersion {
                version: version.number,
                blob: version.content.blob,
                sha256: version.content.sha256,
                size_bytes: version.content.size_bytes,
                // Known once all are gone; those whose blob stays are noted with the receipt.
                blob_removed: true,
            })
            .collect();
        let pages = self
            .plan_receipt(workspace, item.receipt, &versions)
            .await?;
        self.transact_once(Write::Update {
            condition: Some(is_erasing("AND attribute_not_exists(planned_pages)")?),
            key: Key::file(workspace, item.id),
            change: Expression::new("SET planned_pages = :pages").number(":pages", pages),
        })
        .await
    }

    /// Removes what a marked file leaves, and writes the receipt.
    async fn finish_erasing(
        &self,
        workspace: &WorkspaceId,
        item: GoneItem,
        pages: u32,
    ) -> Result<Receipt> {
        self.remove_postings(workspace, item.id, item.posted.as_ref())
            .await?;
        for membership in self.memberships(workspace, item.id).await? {
            self.leave_dossier(workspace, item.id, membership.dossier, None)
                .await?;
        }
        for page in item.removed_pages..pages {
            let versions = self.planned_page(workspace, item.receipt, page).await?;
            let numbers: Vec<u32> = versions.iter().map(|version| version.version).collect();
            self.forget_corrections(workspace, item.id, &numbers)
                .await?;
            for version in versions {
                self.remove_version(workspace, item.id, &version).await?;
            }
            if page + 1 < pages {
                self.note_removed(workspace, item.id, page + 1).await?;
            }
        }
        let now = self.clock.now();
        let removal = Removal {
            receipt: item.receipt,
            file: item.id,
            reason: item.reason,
            gone_at: item.gone_at,
            removed_at: now,
        };
        let removed = self.removed_versions(workspace, item.receipt).await?;
        let receipt = self.sign_receipt(workspace, removal, removed).await?;
        let tombstone = GoneItem {
            kind: RowKind::Tombstone,
            planned_pages: None,
            removed_pages: 0,
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
                condition: Some(is_erasing("")?),
                row: to_row(Key::file(workspace, item.id), &tombstone)?,
            },
            keep_receipt(&receipt)?,
            quota::give_back(workspace, &self.shard, 0, 1),
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

    /// Notes that the first pages are removed, so that whoever takes the erasure up begins behind
    /// them.
    async fn note_removed(&self, workspace: &WorkspaceId, file: FileId, pages: u32) -> Result<()> {
        self.transact_once(Write::Update {
            condition: Some(is_erasing("AND removed_pages < :pages")?),
            key: Key::file(workspace, file),
            change: Expression::new("SET removed_pages = :pages").number(":pages", pages),
        })
        .await
    }

    /// Makes a step whose condition does not hold any more when someone else has made it.
    async fn transact_once(&self, step: Write) -> Result<()> {
        match self.table.transact(vec![step]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Returns all that a deletion has removed, and whether the bytes of each went with it.
    async fn removed_versions(
        &self,
        workspace: &WorkspaceId,
        receipt: ReceiptId,
    ) -> Result<Vec<RemovedVersion>> {
        let mut versions = self.planned_versions(workspace, receipt).await?;
        let blobs: HashSet<BlobId> = versions.iter().map(|version| version.blob.id).collect();
        let keys = blobs.into_iter().map(|blob| Key::blob(workspace, blob));
        let rows: Vec<BlobItem> = self.table.get_many(keys.collect()).await?;
        let mut stay = HashSet::new();
        for row in rows {
            // One that is going is what a run that stopped half-way has left.
            if !row.is_going() || !self.remove_going(workspace, row.blob.id).await? {
                stay.insert(row.blob.id);
            }
        }
        for version in &mut versions {
            version.blob_removed = !stay.contains(&version.blob.id);
        }
        Ok(versions)
    }

    /// Removes a version with what refers to it, then its bytes, unless other versions have them.
    pub(crate) async fn remove_version(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        version: &RemovedVersion,
    ) -> Result<()> {
        self.remove_references(workspace, file, version).await?;
        self.remove_going(workspace, version.blob.id).await?;
        match version.sha256 {
            Some(content) => self.forget_content(workspace, content).await,
            None => Ok(()),
        }
    }

    /// Removes the row of a version, and gives back what it held: in one transaction, so once.
    async fn remove_references(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        version: &RemovedVersion,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let number = version.version;
            let Some(item) = self.version_item(workspace, file, number).await? else {
                // Removed before.
                return Ok(());
            };
            self.remove_left(workspace, &item).await?;
            let blob = item.content.blob.id;
            let mut writes = vec![
                remove_version(workspace, file, &item),
                quota::give_back(workspace, &self.shard, version.size_bytes, 0),
            ];
            writes.extend(forget_failures(workspace, file, number));
            if let Some(blob) = self.blob_owner(workspace, blob).await? {
                writes.extend(release(workspace, &blob, 1, self.clock.now()));
            }
            // One that was never read is not counted: its hash is that of the upload.
            let known = item.content.sha256.filter(|_| item.counted);
            writes.extend(known.map(|content| content::release(workspace, content, 1)));
            match self.table.transact(writes).await {
                Ok(()) => return Ok(()),
                // Its blob came to be shared, or less shared, meanwhile: look again.
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(crate::table::busy("the same bytes are coming and going"))
    }

    /// Removes the blob that a version had before it came to share another: whoever fetches it still
    /// has asked for what is being deleted.
    pub(crate) async fn remove_left(
        &self,
        workspace: &WorkspaceId,
        item: &VersionItem,
    ) -> Result<()> {
        match item.left {
            Some(left) => self.remove_going(workspace, left).await.map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Holds while the file is being erased, and what is added.
fn is_erasing(and: &str) -> Result<Expression> {
    Expression::new(format!("kind = :erasing {and}")).value(":erasing", &RowKind::Erasing)
}
