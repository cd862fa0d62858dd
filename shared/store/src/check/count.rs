//! Counts that are wrong: of references to blobs and to what is known of bytes, and of what is in a folder.

use domain::file::{BlobRef, State};
use domain::folder::{FolderState, Tally};
use domain::name::FileName;
use domain::{Error, FileId, FolderId, Result, Sha256, UploadId};

use super::ledger::Owner;
use super::mend::{Named, Remedy};
use super::{Amounts, Check};
use crate::blob::ObjectKey;
use crate::content::ContentItem;
use crate::file::Found;
use crate::keys::{self, Key};
use crate::recount::{Counting, nothing_happened};
use crate::reference::{BlobItem, release};
use crate::table::{Expression, Write, absent, to_row};
use crate::tally::{self, TallyItem};

/// Most names of a folder that are counted: more would take longer than a step may.
const MOST_NAMES: usize = 20_000;

/// Names that are read at once.
const PAGE_NAMES: i32 = 1_000;

impl Check<'_> {
    /// What counts the references to a blob. None when two walks did not come to the same, or something
    /// was stored or deleted since.
    pub(super) async fn blob(
        &self,
        blob: BlobRef,
        amounts: Amounts,
        is_same: bool,
        counting: &Counting,
    ) -> Result<Option<Remedy>> {
        let (store, workspace) = (self.store, self.workspace);
        let item = store.blob_owner(workspace, blob.id).await?;
        let counted = item.as_ref().map_or(0, |item| item.refs);
        if i64::try_from(counted) == Ok(amounts.should) {
            return Ok(Some(Remedy::None));
        }
        if !is_same || i64::try_from(counted) != Ok(amounts.is) {
            return Ok(None);
        }
        let Some(standing) = store.unmoved_since(workspace, counting).await? else {
            return Ok(None);
        };
        let should = u64::try_from(amounts.should)
            .map_err(|_| Error::corrupt("versions count up and never down"))?;
        let key = Key::blob(workspace, blob.id);
        let (write, detail) = match item {
            None => {
                let object = ObjectKey::Blob(workspace.clone(), blob);
                if store.blobs.head(&object).await?.is_none() {
                    // What is missing is its bytes, and told as that.
                    return Ok(Some(Remedy::None));
                }
                // The session that wrote it is forgotten.
                let mut row = BlobItem::of_upload(UploadId::new(uuid::Uuid::nil()), blob);
                row.refs = should;
                let create = Write::create(to_row(key, &row)?);
                let detail = "the row of a blob that versions have was missing: it is there again";
                (vec![create], detail)
            }
            Some(item) if should == 0 => {
                let release = release(workspace, &item, item.refs, store.clock.now());
                let detail = "a blob counted versions and none has it: it is removed";
                (release, detail)
            }
            Some(item) => {
                let mut change = "SET refs = :should".to_owned();
                if item.is_going() {
                    change += " REMOVE due_pk, due_sk";
                }
                let set = Write::Update {
                    condition: Some(item.is_as_read()),
                    key,
                    change: Expression::new(change).number(":should", should),
                };
                let detail = "a blob counted other than the versions that have it: it counts them";
                (vec![set], detail)
            }
        };
        let mut writes = write;
        writes.extend(nothing_happened(workspace, &standing));
        Ok(Some(Remedy::Writes(writes, detail)))
    }

    /// What counts the references to what is known of some bytes; none as for a blob.
    pub(super) async fn content(
        &self,
        sha256: Sha256,
        amounts: Amounts,
        is_same: bool,
        counting: &Counting,
    ) -> Result<Option<Remedy>> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key::content(workspace, sha256);
        let item: Option<ContentItem> = store.table.get(key.clone()).await?;
        let counted = item.as_ref().map_or(0, |item| item.refs);
        if i64::try_from(counted) == Ok(amounts.should) {
            return Ok(Some(Remedy::None));
        }
        if !is_same || i64::try_from(counted) != Ok(amounts.is) {
            return Ok(None);
        }
        let Some(standing) = store.unmoved_since(workspace, counting).await? else {
            return Ok(None);
        };
        let mut writes = nothing_happened(workspace, &standing);
        if item.is_none() {
            writes.push(Write::Check {
                condition: absent(),
                key,
            });
            let detail = "versions were read and what was read is not there: retry their files";
            return Ok(Some(Remedy::Advice(writes, detail)));
        }
        writes.push(Write::Update {
            condition: Some(
                Expression::new(
                    "attribute_exists(pk) AND (attribute_not_exists(refs) OR refs = :is)",
                )
                .number(":is", counted),
            ),
            key,
            change: Expression::new("SET refs = :should").number(":should", amounts.should),
        });
        let detail = "what is known of some bytes counted other than the versions that have them: \
                      it counts them";
        Ok(Some(Remedy::Writes(writes, detail)))
    }

    /// A part of the counters of a folder. None when what is in it changes all the time, or is too much
    /// to be counted in a step.
    ///
    /// Whatever comes or goes changes both sides by the same, so the difference stays whatever
    /// happens. It only must be read right: where the counters and all that is in the folder are the
    /// same before and after, nothing came or went between.
    pub(super) async fn tally(&self, folder: FolderId, shard: u8) -> Result<Option<Remedy>> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key::tally(workspace, folder, shard);
        let found = match folder {
            FolderId::ROOT => None,
            id => Some(self.named(Owner::Folder(id)).await?),
        };
        let before: Option<TallyItem> = store.table.get(key.clone()).await?;
        if let Some(Named::Nothing(nothing)) = found {
            let Some(item) = before else {
                return Ok(Some(Remedy::None));
            };
            let remove = Write::Delete {
                condition: Some(tally::is_as_read(item)),
                key,
            };
            let detail = "counters were left of a folder that is not there: they are removed";
            return Ok(Some(Remedy::Writes(vec![remove, nothing], detail)));
        }
        let Some(first) = self.children(folder, shard).await? else {
            return Ok(None);
        };
        let between: Option<TallyItem> = store.table.get(key.clone()).await?;
        let second = self.children(folder, shard).await?;
        if before != between || second.as_ref() != Some(&first) {
            return Ok(None);
        }
        let sum = first
            .iter()
            .fold(Tally::default(), |sum, child| sum.and(child.counts_for));
        let counted = Tally::from(between.unwrap_or_default());
        if sum == counted {
            return Ok(Some(Remedy::None));
        }
        let write = Write::Update {
            condition: Some(between.map_or_else(absent, tally::is_as_read)),
            key,
            change: Expression::new(
                "ADD file_count :files, folder_count :folders, size_bytes :bytes",
            )
            .number(":files", sum.files - counted.files)
            .number(":folders", sum.folders - counted.folders)
            .number(":bytes", sum.bytes - counted.bytes),
        };
        let detail = "a folder counted other than what is in it: it counts it";
        Ok(Some(Remedy::Writes(vec![write], detail)))
    }

    /// Reads what is directly in a folder and counts in a part of its counters. None where there is too
    /// much in it.
    async fn children(&self, folder: FolderId, shard: u8) -> Result<Option<Vec<Child>>> {
        let (store, workspace) = (self.store, self.workspace);
        let mut children = Vec::new();
        let mut count = 0;
        let mut after: Option<FileName> = None;
        loop {
            let page = store
                .names_in(workspace, folder, after.as_ref(), PAGE_NAMES)
                .await?;
            count += page.rows.len();
            if count > MOST_NAMES {
                return Ok(None);
            }
            after = page.rows.last().map(|name| name.name.clone());
            let is_counted_here = |id: uuid::Uuid| keys::tally_shard(id) == shard;
            let files: Vec<FileId> = page.rows.iter().filter_map(|name| name.file).collect();
            let files: Vec<FileId> = files
                .into_iter()
                .filter(|id| is_counted_here(id.uuid()))
                .collect();
            for id in &files {
                if let Some(Found::File(file)) = store.found(workspace, *id).await?
                    && file.state == State::Active
                    && file.folder == folder
                {
                    children.push(Child {
                        id: id.uuid(),
                        revision: file.revision,
                        counts_for: Tally::file(file.content.size_bytes),
                    });
                }
            }
            for id in page.rows.iter().filter_map(|name| name.folder) {
                if is_counted_here(id.uuid())
                    && let Named::Folder(found) = self.named(Owner::Folder(id)).await?
                    && found.state == FolderState::Active
                    && found.parent == folder
                {
                    children.push(Child {
                        id: id.uuid(),
                        revision: found.revision,
                        counts_for: Tally::folder(),
                    });
                }
            }
            if page.next.is_none() {
                return Ok(Some(children));
            }
        }
    }
}

/// Something that is directly in a folder.
#[derive(Debug, PartialEq, Eq)]
struct Child {
    id: uuid::Uuid,
    revision: u64,
    counts_for: Tally,
}
