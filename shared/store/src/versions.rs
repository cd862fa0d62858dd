//! What people do to the versions of a file: an old one is made the newest again, old ones are
//! removed. A version's number is never used again: the newest one is never removed but with its
//! file.

use std::collections::{BTreeMap, HashSet};

use domain::file::File;
use domain::receipt::{Reason, Receipt, RemovedVersion};
use domain::{BlobId, Error, FileId, Kind, ReceiptId, Result, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use tracing::warn;

use crate::Store;
use crate::commit::{begin_version, write_version};
use crate::content;
use crate::failure::forget_reading;
use crate::file::{VersionItem, check_file, check_version, readable_version, remove_version};
use crate::idempotency::{self, Repeatable};
use crate::keys::{Key, VERSION_PREFIX, file_partition};
use crate::quota;
use crate::receipt::{Removal, keep_page, keep_receipt};
use crate::reference::{BlobItem, refer, release};
use crate::table::{Query, Rejected, busy};
use crate::upload::read_version;
use crate::work;

/// How often a change is tried again when the file changes meanwhile.
const TRIES: u32 = 8;

/// Versions that are removed in one transaction. Each takes five writes of it at most, and DynamoDB
/// allows a hundred.
const AT_ONCE: usize = 16;

/// Most versions of which can be said that they stay.
pub const MOST_KEPT: u32 = 1000;

/// Which of the old versions of a file are to go: those that all that is given says it of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// So many of the newest stay, the current one among them.
    pub keep: u32,
    /// Those stay that were made less than so long ago.
    pub older_than: Option<SignedDuration>,
}

/// What removing versions came to.
#[derive(Debug)]
pub struct Pruned {
    /// What went; none when nothing had to.
    pub receipt: Option<Receipt>,
    /// Whether more are to go.
    pub more: bool,
}

impl Store {
    /// Makes a new version of a file with the bytes of an older one. A file that has these bytes
    /// already stays as it is. `still` is asked of the file as it was read.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when the bytes cannot be fetched; `QuotaExceeded`; `NotFound`
    /// and `Gone` as for [`Store::file`].
    pub async fn restore_version(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        number: u32,
        owner: &str,
        repeatable: Option<&Repeatable>,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        for _ in 0..TRIES {
            if let Some(repeatable) = repeatable
                && let Some(made) = self.made_already(workspace, repeatable).await?
            {
                return self.file(workspace, made).await;
            }
            let (mut file, _) = self.reachable_file(workspace, id).await?;
            still(&file)?;
            let item = self.version_item(workspace, id, number).await?;
            let item = readable_version(&file, item, number)?;
            if item.content.blob == file.content.blob {
                return Ok(file);
            }
            let now = self.clock.now();
            let replaced = begin_version(&mut file, &item.content);
            let work = read_version(workspace, id, file.version);
            let mut writes = write_version(workspace, &mut file, replaced, owner, now)?;
            writes.extend([
                check_version(workspace, id, &item),
                refer(workspace, item.content.blob),
                work::ask(&work, now)?,
            ]);
            if let Some(repeatable) = repeatable {
                writes.push(idempotency::remember(workspace, repeatable, id, now)?);
            }
            let size_bytes = item.content.size_bytes;
            let restored = self.transact_reserving(workspace, size_bytes, 0, &writes);
            match restored.await {
                Ok(()) => {
                    self.send(&work).await;
                    return Ok(file);
                }
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Removes one version that is not the current one.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when it is the current one; `NotFound` and `Gone`.
    pub async fn delete_version(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        number: u32,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<Receipt> {
        for _ in 0..TRIES {
            let (file, _) = self.reachable_file(workspace, id).await?;
            still(&file)?;
            if file.version == number {
                return Err(Error::Conflict {
                    code: "current_version",
                    detail:
                        "this is the current version: restore another first, or delete the file"
                            .to_owned(),
                });
            }
            let item = self.version_item(workspace, id, number).await?;
            let item = item.ok_or_else(|| Error::not_found(Kind::Version, number))?;
            if let Some(receipt) = self.remove_versions(workspace, &file, vec![item]).await? {
                return Ok(receipt);
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Removes old versions of a file, the oldest first: some of them, and says whether there are
    /// more. What it has removed has a receipt in the same transaction.
    ///
    /// # Errors
    /// Those of `still`; `NotFound` and `Gone` as for [`Store::file`].
    pub async fn prune_versions(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        pruning: Pruning,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<Pruned> {
        for _ in 0..TRIES {
            let (file, _) = self.reachable_file(workspace, id).await?;
            still(&file)?;
            let (items, more) = self.versions_to_prune(workspace, &file, pruning).await?;
            if items.is_empty() {
                return Ok(Pruned {
                    receipt: None,
                    more: false,
                });
            }
            let receipt = self.remove_versions(workspace, &file, items).await?;
            if receipt.is_some() {
                return Ok(Pruned { receipt, more });
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Returns the oldest versions that are to go, and whether there are more.
    async fn versions_to_prune(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        pruning: Pruning,
    ) -> Result<(Vec<VersionItem>, bool)> {
        let Some(first_kept) = self.first_kept(workspace, file, pruning.keep).await? else {
            return Ok((Vec::new(), false));
        };
        let now = self.clock.now();
        let before = pruning
            .older_than
            .map(|age| now.checked_sub(age).unwrap_or(Timestamp::MIN));
        let is_to_go = |item: &VersionItem| {
            item.number < first_kept && before.is_none_or(|before| item.created_at <= before)
        };
        let page: crate::table::Page<VersionItem> = self
            .table
            .query(Query {
                // One more, to know whether there is one more.
                limit: i32::try_from(AT_ONCE + 1).unwrap_or(i32::MAX),
                ..Query::prefix(file_partition(workspace, file.id), VERSION_PREFIX)
            })
            .await?;
        let mut items: Vec<VersionItem> = page.rows.into_iter().take_while(is_to_go).collect();
        let more = items.len() > AT_ONCE;
        items.truncate(AT_ONCE);
        Ok((items, more))
    }

    /// Returns the number of the oldest of the newest versions of which `keep` stay; none when there
    /// are not as many.
    async fn first_kept(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        keep: u32,
    ) -> Result<Option<u32>> {
        let mut left = keep.clamp(1, MOST_KEPT);
        let mut before = None;
        loop {
            let limit = i32::try_from(left).unwrap_or(i32::MAX);
            let (kept, more) = self
                .versions_page(workspace, file.id, before, limit)
                .await?;
            let Some(last) = kept.last() else {
                return Ok(None);
            };
            // A page of DynamoDB may end before it is full.
            left = left.saturating_sub(u32::try_from(kept.len()).unwrap_or(u32::MAX));
            match (left, more) {
                (_, false) => return Ok(None),
                (0, true) => return Ok(Some(last.number)),
                (_, true) => before = Some(last.number),
            }
        }
    }

    /// Removes versions of a file with what refers to them, and writes the receipt, in one
    /// transaction; then their bytes, unless other versions have them. None when something changed
    /// since they were read.
    ///
    /// Where that stops half-way, the sweep removes the bytes.
    async fn remove_versions(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        items: Vec<VersionItem>,
    ) -> Result<Option<Receipt>> {
        for item in &items {
            self.remove_left(workspace, item).await?;
        }
        let numbers: Vec<u32> = items.iter().map(|item| item.number).collect();
        // Before the versions: what is left of one that is gone would be looked for by nobody.
        self.forget_corrections(workspace, file.id, &numbers)
            .await?;
        let now = self.clock.now();
        let blobs = self.blobs_of(workspace, &items).await?;
        let mut writes = vec![check_file(workspace, file)];
        let mut released: BTreeMap<Sha256, u64> = BTreeMap::new();
        let mut size_bytes = 0;
        for item in &items {
            writes.push(remove_version(workspace, file.id, item));
            writes.push(forget_reading(workspace, file.id, item.number));
            if let Some(content) = item.content.sha256.filter(|_| item.counted) {
                *released.entry(content).or_default() += 1;
            }
            size_bytes += item.content.size_bytes;
        }
        for (content, versions) in &released {
            writes.push(content::release(workspace, *content, *versions));
        }
        let mut staying = HashSet::new();
        for (blob, versions) in &blobs {
            writes.extend(release(workspace, blob, *versions, now));
            if blob.refs > *versions {
                staying.insert(blob.blob.id);
            }
        }
        writes.push(quota::give_back(workspace, &self.shard, size_bytes, 0));
        let removal = Removal {
            receipt: ReceiptId::new(self.ids.sortable(now)),
            file: file.id,
            reason: Reason::Pruned,
            gone_at: now,
            removed_at: now,
        };
        let removed = removed(&items, &staying);
        let receipt = self.sign_receipt(workspace, removal, removed).await?;
        writes.push(keep_page(workspace, receipt.id, &receipt.versions)?);
        writes.push(keep_receipt(&receipt)?);
        match self.table.transact(writes).await {
            Ok(()) => {}
            Err(Rejected::Conditions(_)) => {
                self.drop_manifest(&receipt).await;
                return Ok(None);
            }
            // Whether it took place is not known, so the manifest stays.
            Err(Rejected::Error(error)) => return Err(error),
        }
        for (blob, _) in blobs {
            self.try_remove_going(workspace, blob.blob.id).await;
        }
        for content in released.into_keys() {
            if let Err(error) = self.forget_content(workspace, content).await {
                // The versions are gone: the reconciler forgets what was known of them.
                warn!(
                    error = error.for_log(),
                    "what was read of a version was not forgotten"
                );
            }
        }
        Ok(Some(receipt))
    }

    /// Returns the blobs of versions, and how many of these refer to each.
    async fn blobs_of(
        &self,
        workspace: &WorkspaceId,
        items: &[VersionItem],
    ) -> Result<Vec<(BlobItem, u64)>> {
        let mut counts: BTreeMap<BlobId, u64> = BTreeMap::new();
        for item in items {
            *counts.entry(item.content.blob.id).or_default() += 1;
        }
        let keys = counts.keys().map(|blob| Key::blob(workspace, *blob));
        let rows: Vec<BlobItem> = self.table.get_many(keys.collect()).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let versions = counts.get(&row.blob.id).copied().unwrap_or_default();
                (row, versions)
            })
            .collect())
    }
}

fn removed(items: &[VersionItem], staying: &HashSet<BlobId>) -> Vec<RemovedVersion> {
    let removed = items.iter().map(|item| RemovedVersion {
        version: item.number,
        blob: item.content.blob,
        sha256: item.content.sha256,
        size_bytes: item.content.size_bytes,
        blob_removed: !staying.contains(&item.content.blob.id),
    });
    removed.collect()
}
