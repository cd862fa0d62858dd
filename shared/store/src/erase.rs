//! Erasing a file: first nobody can read it, then what there is to remove is written down, then its
//! bytes go, then a receipt says what went.
//!
//! Each step can stop half-way and be taken up again by the sweep: the file's row says that it is
//! being erased and how far that is, and is found due until a tombstone takes its place.

use domain::file::{File, State};
use domain::folder::Tally;
use domain::receipt::{Reason, Receipt, RemovedVersion};
use domain::{Error, FileId, Kind, ReceiptId, Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::blob::ObjectKey;
use crate::content;
use crate::failure::forget_failures;
use crate::file::{Found, GoneItem, RowKind, remove_version, unchanged};
use crate::folder::free_name;
use crate::keys::{Due, Key};
use crate::quota;
use crate::receipt::keep_receipt;
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
                        return self.finish_erasing(workspace, item, pages).await;
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
        let with_name = vec![
            mark.clone(),
            free_name(workspace, file.folder, &file.name, file.id),
            leave.clone(),
        ];
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
            for version in self.planned_page(workspace, item.receipt, page).await? {
                self.remove_version(workspace, item.id, &version).await?;
            }
            if page + 1 < pages {
                self.note_removed(workspace, item.id, page + 1).await?;
            }
        }
        let now = self.clock.now();
        let receipt = Receipt::new(
            item.receipt,
            item.id,
            item.reason,
            item.gone_at,
            now,
            self.planned_versions(workspace, item.receipt).await?,
        );
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
        let item = self.version_item(workspace, file, version.version).await?;
        let counted = item.as_ref().is_some_and(|item| item.counted);
        let sha256 = item.map_or(version.sha256, |item| item.content.sha256);
        let mut writes = vec![
            remove_version(workspace, file, version.version, counted),
            Write::Delete {
                condition: None,
                key: Key::blob(workspace, version.blob.id),
            },
            quota::give_back(workspace, version.size_bytes, 0),
        ];
        writes.extend(forget_failures(workspace, file, version.version));
        // One that was never read is not counted: its hash is that of the upload.
        if counted && let Some(content) = sha256 {
            writes.push(content::release(workspace, content));
        }
        match self.table.transact(writes).await {
            // Removed before: its references were given back with it.
            Ok(()) | Err(Rejected::Conditions(_)) => {}
            Err(Rejected::Error(error)) => return Err(error),
        }
        match sha256 {
            Some(content) => self.forget_content(workspace, content).await,
            None => Ok(()),
        }
    }
}

/// Holds while the file is being erased, and what is added.
fn is_erasing(and: &str) -> Result<Expression> {
    Expression::new(format!("kind = :erasing {and}")).value(":erasing", &RowKind::Erasing)
}
