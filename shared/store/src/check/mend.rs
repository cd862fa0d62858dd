//! What is wrong of an entry, decided by reading its rows again, and mended by a transaction that holds
//! only while all of them are as they were read. When nothing is to be changed, its conditions alone
//! must hold.

use domain::file::{BlobRef, State, Writer};
use domain::finding::{Finding, Kind, Outcome};
use domain::folder::{FolderState, Tally};
use domain::name::FileName;
use domain::{BlobId, DossierId, Error, FileId, FolderId, Result, Sha256, UploadId};
use jiff::civil::Date;

use super::ledger::{Entry, Owner};
use super::{Amounts, Check};
use crate::blob::ObjectKey;
use crate::content::ContentItem;
use crate::file::{Found, MembershipItem, RowKind, change_file, check_file, unchanged};
use crate::folder::{self, ChildFolder};
use crate::keys::{self, Key};
use crate::membership::{PostedFile, posting_keys};
use crate::name::{NameItem, claim_folder_name, claim_name};
use crate::recount::{Counting, nothing_happened};
use crate::reference::{BlobItem, SharedItem, names, release};
use crate::table::{Expression, Rejected, Row, Write, absent, present, to_row};
use crate::tally::{self, TallyItem};
use crate::trash::TrashedFolder;

/// How often rows are read again that change while they are looked at.
const TRIES: u32 = 4;

/// Most names of a folder that are counted: more would take longer than a step may.
const MOST_NAMES: usize = 20_000;

/// Names that are read at once.
const PAGE_NAMES: i32 = 1_000;

/// What an entry came to.
pub(super) enum Verdict {
    /// All is right: it was only being changed.
    Right,
    /// It is being changed all the time.
    Undecided,
    /// It is wrong.
    Wrong(Finding),
}

/// What is to be written so that an entry is right.
enum Remedy {
    /// Nothing: it is right.
    None,
    /// These, with conditions that hold while it is wrong.
    Writes(Vec<Write>, &'static str),
    /// Nothing can be written: a person must decide.
    Advice(Vec<Write>, &'static str),
}

/// What has a name, or had one.
enum Named {
    File(Box<domain::file::File>),
    Folder(domain::folder::Folder),
    /// Nothing that could have it; a write that holds while that is so.
    Nothing(Write),
}

impl Check<'_> {
    /// Decides on an entry of which one side says something else than the other.
    pub(super) async fn verdict(
        &self,
        entry: &Entry,
        amounts: Amounts,
        is_same: bool,
        counting: &Counting,
    ) -> Result<Verdict> {
        for _ in 0..TRIES {
            let (kind, about, remedy) = match entry {
                Entry::Name(folder, name, owner) => {
                    let about = match owner {
                        Owner::File(id) => format!("name of file {id}"),
                        Owner::Folder(id) => format!("name of folder {id}"),
                    };
                    let remedy = self.name_of(*folder, name, *owner).await?;
                    (Kind::OrphanRow, about, remedy)
                }
                Entry::Child(parent, name, id) => {
                    let remedy = self.child(*parent, name, *id).await?;
                    (Kind::OrphanRow, format!("place of folder {id}"), remedy)
                }
                Entry::Trashed(id) => {
                    let remedy = self.trashed(*id).await?;
                    (Kind::OrphanRow, format!("trash of folder {id}"), remedy)
                }
                Entry::Member(dossier, file, date) => {
                    let remedy = self.member(*dossier, *file, *date).await?;
                    let about = format!("file {file} in dossier {dossier}");
                    (Kind::OrphanRow, about, remedy)
                }
                Entry::Posting(partition, file) => {
                    let remedy = self.posting(partition, *file).await?;
                    let place = Sha256::of(partition.as_bytes()).to_string();
                    let place = place.get(..8).unwrap_or_default();
                    (
                        Kind::OrphanRow,
                        format!("posting {place} of file {file}"),
                        remedy,
                    )
                }
                Entry::Shared(sha256, blob) => {
                    let remedy = self.shared(*sha256, *blob).await?;
                    (Kind::OrphanRow, format!("hash of blob {blob}"), remedy)
                }
                Entry::Blob(id, written_by) => {
                    let about = format!("blob {id}");
                    let blob = BlobRef {
                        id: *id,
                        written_by: read_writer(written_by)?,
                    };
                    match self.blob(blob, amounts, is_same, counting).await? {
                        Some(remedy) => (Kind::WrongReferenceCount, about, remedy),
                        None => return Ok(Verdict::Undecided),
                    }
                }
                Entry::Content(sha256) => {
                    let about = format!("what is known of bytes {sha256}");
                    match self.content(*sha256, amounts, is_same, counting).await? {
                        Some(remedy) => (Kind::WrongReferenceCount, about, remedy),
                        None => return Ok(Verdict::Undecided),
                    }
                }
                Entry::Tally(folder, shard, _) => {
                    let about = format!("counters {shard} of folder {folder}");
                    match self.tally(*folder, *shard).await? {
                        Some(remedy) => (Kind::WrongCounter, about, remedy),
                        None => return Ok(Verdict::Undecided),
                    }
                }
            };
            let (writes, outcome, detail) = match remedy {
                Remedy::None => return Ok(Verdict::Right),
                Remedy::Writes(writes, detail) => (writes, self.mended(), detail),
                Remedy::Advice(writes, detail) => (conditions_of(writes), Outcome::Left, detail),
            };
            if self.holds(writes).await? {
                if let (Entry::Blob(id, _), false) = (entry, self.dry_run) {
                    self.store.try_remove_going(self.workspace, *id).await;
                }
                return Ok(Verdict::Wrong(Finding {
                    kind,
                    about,
                    since: None,
                    outcome,
                    detail: detail.to_owned(),
                }));
            }
        }
        Ok(Verdict::Undecided)
    }

    /// Does the writes, or only looks whether they could be done. False when a condition did not hold.
    async fn holds(&self, writes: Vec<Write>) -> Result<bool> {
        let writes = if self.dry_run {
            conditions_of(writes)
        } else {
            writes
        };
        match self.store.table.transact(writes).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Reads what has a name.
    async fn named(&self, owner: Owner) -> Result<Named> {
        let (store, workspace) = (self.store, self.workspace);
        Ok(match owner {
            Owner::File(id) => match store.found(workspace, id).await? {
                Some(Found::File(file)) => Named::File(file),
                found => Named::Nothing(self.no_file(id, found)?),
            },
            Owner::Folder(id) => match store.found_folder(workspace, id).await? {
                Some(folder::Found::Folder(folder)) => Named::Folder(folder),
                found => Named::Nothing(Write::Check {
                    condition: match found {
                        Some(_) => Expression::new("attribute_exists(removed_at)"),
                        None => absent(),
                    },
                    key: Key::folder(workspace, id),
                }),
            },
        })
    }

    /// Holds while there is no file, as when it was read.
    fn no_file(&self, id: FileId, found: Option<Found>) -> Result<Write> {
        let condition = match found {
            Some(Found::Gone(item)) => is_kind(item.kind)?,
            Some(Found::File(file)) => unchanged(file.revision),
            None => absent(),
        };
        Ok(Write::Check {
            condition,
            key: Key::file(self.workspace, id),
        })
    }

    fn check_folder(&self, folder: &domain::folder::Folder) -> Write {
        Write::Check {
            condition: Expression::new("revision = :revision").number(":revision", folder.revision),
            key: Key::folder(self.workspace, folder.id),
        }
    }

    async fn name_of(&self, folder: FolderId, name: &str, owner: Owner) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let name: FileName = name.parse()?;
        let key = Key::name(workspace, folder, &name);
        let row: Option<NameItem> = store.table.get(key.clone()).await?;
        let says = row.as_ref().is_some_and(|row| match owner {
            Owner::File(id) => row.file == Some(id),
            Owner::Folder(id) => row.folder == Some(id),
        });
        let named = self.named(owner).await?;
        let (has, as_read) = match &named {
            Named::File(file) => (
                file.state == State::Active && file.folder == folder && file.name == name,
                check_file(workspace, file),
            ),
            Named::Folder(found) => (
                found.state == FolderState::Active && found.parent == folder && found.name == name,
                self.check_folder(found),
            ),
            Named::Nothing(nothing) => (false, nothing.clone()),
        };
        let now = store.clock.now();
        Ok(match (says, has, named) {
            (true, true, _) | (false, false, _) | (false, true, Named::Nothing(_)) => Remedy::None,
            (true, false, _) => {
                let (field, id) = match owner {
                    Owner::File(id) => ("file_id", id.to_string()),
                    Owner::Folder(id) => ("folder_id", id.to_string()),
                };
                let free = Write::Delete {
                    condition: Some(
                        Expression::new(format!("{field} = :owner")).text(":owner", id),
                    ),
                    key,
                };
                let detail = "a name was kept for something that does not have it: it is free";
                Remedy::Writes(vec![free, as_read], detail)
            }
            (false, true, Named::File(file)) if file.is_expired(now) => Remedy::None,
            (false, true, Named::File(file)) => {
                if store.name(workspace, folder, &name).await?.is_none() {
                    let claim = claim_name(workspace, &file, now)?;
                    let detail = "a file could not be found by its name: it has it again";
                    Remedy::Writes(vec![claim, as_read], detail)
                } else {
                    let mut file = *file;
                    file.name = store.next_free_name(workspace, folder, &name, 0).await?;
                    let change = change_file(workspace, &mut file, now)?;
                    let claim = claim_name(workspace, &file, now)?;
                    let detail = "the name of a file was another's: it has got the next free one";
                    Remedy::Writes(vec![change, claim], detail)
                }
            }
            (false, true, Named::Folder(found)) => {
                let claim = claim_folder_name(workspace, &found, now)?;
                if store.name(workspace, folder, &name).await?.is_none() {
                    let detail = "a folder could not be found by its name: it has it again";
                    Remedy::Writes(vec![claim, as_read], detail)
                } else {
                    let detail = "the name of a folder is another's: rename the one or the other";
                    Remedy::Advice(vec![as_read], detail)
                }
            }
        })
    }

    async fn child(&self, parent: FolderId, name: &str, id: FolderId) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let name: FileName = name.parse()?;
        let key = Key::child_folder(workspace, parent, &name);
        let row: Option<ChildFolder> = store.table.get(key.clone()).await?;
        let says = row.as_ref().is_some_and(|row| row.child == id);
        let (has, as_read) = match self.named(Owner::Folder(id)).await? {
            Named::Folder(found) => (
                found.state == FolderState::Active && found.parent == parent && found.name == name,
                self.check_folder(&found),
            ),
            Named::Nothing(nothing) => (false, nothing),
            Named::File(file) => (false, check_file(workspace, &file)),
        };
        Ok(match (says, has) {
            (true, true) | (false, false) => Remedy::None,
            (true, false) => {
                let remove = Write::Delete {
                    condition: Some(
                        Expression::new("child = :child").text(":child", id.to_string()),
                    ),
                    key,
                };
                let detail = "a folder was listed where it is not: it is listed there no more";
                Remedy::Writes(vec![remove, as_read], detail)
            }
            (false, true) => {
                let item = ChildFolder {
                    child_name: name,
                    child: id,
                };
                let list = Write::Put {
                    condition: Some(absent()),
                    row: to_row(key, &item)?,
                };
                let detail = "a folder was not listed where it is: it is listed there";
                Remedy::Writes(vec![list, as_read], detail)
            }
        })
    }

    async fn trashed(&self, id: FolderId) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key::trashed_folder(workspace, id);
        let says = store.table.get_row(key.clone()).await?.is_some();
        let (has, as_read) = match self.named(Owner::Folder(id)).await? {
            Named::Folder(found) => (
                found.state == FolderState::Trashed,
                self.check_folder(&found),
            ),
            Named::Nothing(nothing) => (false, nothing),
            Named::File(file) => (false, check_file(workspace, &file)),
        };
        Ok(match (says, has) {
            (true, true) | (false, false) => Remedy::None,
            (true, false) => {
                let remove = Write::Delete {
                    condition: Some(present()),
                    key,
                };
                let detail = "a folder was listed in the trash that is not there: it is no more";
                Remedy::Writes(vec![remove, as_read], detail)
            }
            (false, true) => {
                let list = Write::Put {
                    condition: Some(absent()),
                    row: to_row(key, &TrashedFolder { trashed: id })?,
                };
                let detail = "a folder in the trash was not listed there: it is";
                Remedy::Writes(vec![list, as_read], detail)
            }
        })
    }

    async fn member(&self, dossier: DossierId, file: FileId, date: Date) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key::member(workspace, dossier, date, file);
        let of_file = Key::membership(workspace, file, dossier);
        let says = store.table.get_row(key.clone()).await?.is_some();
        let membership: Option<MembershipItem> = store.table.get(of_file.clone()).await?;
        let as_read = Write::Check {
            condition: match &membership {
                Some(item) => {
                    Expression::new("counted_as = :member").value(":member", &item.member)?
                }
                None => absent(),
            },
            key: of_file,
        };
        let membership = membership.filter(|item| item.member.document_date == date);
        Ok(match (says, membership) {
            (true, Some(_)) | (false, None) => Remedy::None,
            (true, None) => {
                let remove = Write::Delete {
                    condition: Some(present()),
                    key,
                };
                let detail = "a dossier listed a file that is not in it: it does no more";
                Remedy::Writes(vec![remove, as_read], detail)
            }
            (false, Some(item)) => {
                let list = Write::Put {
                    condition: Some(absent()),
                    row: to_row(key, &item.member)?,
                };
                let detail = "a dossier did not list a file that is in it: it does";
                Remedy::Writes(vec![list, as_read], detail)
            }
        })
    }

    async fn posting(&self, partition: &str, file: FileId) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key {
            pk: partition.to_owned(),
            sk: format!("{}{file}", keys::POSTED_FILE_PREFIX),
        };
        let says = store.table.get_row(key.clone()).await?.is_some();
        let found = store.found(workspace, file).await?;
        let posted = match &found {
            Some(Found::File(found)) => found.posted.clone(),
            // Its postings go one after the other.
            Some(Found::Gone(item)) if item.kind == RowKind::Erasing => return Ok(Remedy::None),
            Some(Found::Gone(_)) | None => None,
        };
        let as_read = self.no_file(file, found)?;
        let has = posting_keys(workspace, file, posted.as_ref())
            .iter()
            .any(|key| key.pk == partition);
        Ok(match (says, has) {
            (true, true) | (false, false) => Remedy::None,
            (true, false) => {
                let remove = Write::Delete {
                    condition: Some(present()),
                    key,
                };
                let detail = "a file was posted where dossiers must not find it: it is no more";
                Remedy::Writes(vec![remove, as_read], detail)
            }
            (false, true) => {
                let post = Write::Put {
                    condition: Some(absent()),
                    row: to_row(key, &PostedFile { file })?,
                };
                let detail = "a file was not posted where dossiers look for it: it is";
                Remedy::Writes(vec![post, as_read], detail)
            }
        })
    }

    async fn shared(&self, sha256: Sha256, blob: BlobId) -> Result<Remedy> {
        let (store, workspace) = (self.store, self.workspace);
        let key = Key::shared_blob(workspace, sha256);
        let row: Option<SharedItem> = store.table.get(key.clone()).await?;
        let says = row.as_ref().is_some_and(|row| row.blob_id == blob);
        let item = store.blob_owner(workspace, blob).await?;
        let has = item
            .as_ref()
            .is_some_and(|item| item.sha256 == Some(sha256) && !item.is_going());
        let blob_key = Key::blob(workspace, blob);
        Ok(match (says, has, item) {
            (true, true, _) | (false, false, _) | (false, true, None) => Remedy::None,
            (true, false, item) => {
                let remove = Write::Delete {
                    condition: Some(names(blob)),
                    key,
                };
                let as_read = Write::Check {
                    condition: item.as_ref().map_or_else(absent, BlobItem::is_as_read),
                    key: blob_key,
                };
                let detail =
                    "a hash led to a blob that is not shared by it: it leads there no more";
                Remedy::Writes(vec![remove, as_read], detail)
            }
            (false, true, Some(item)) => {
                let unshare = Write::Update {
                    condition: Some(item.is_as_read()),
                    key: blob_key,
                    change: Expression::new("REMOVE sha256"),
                };
                let as_read = Write::Check {
                    condition: match &row {
                        Some(row) => names(row.blob_id),
                        None => absent(),
                    },
                    key,
                };
                let detail = "a blob was not found by its hash: what it has is no longer shared";
                Remedy::Writes(vec![unshare, as_read], detail)
            }
        })
    }

    /// What counts the references to a blob. None when two walks did not come to the same, or something
    /// was stored or deleted since.
    async fn blob(
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
    async fn content(
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
    async fn tally(&self, folder: FolderId, shard: u8) -> Result<Option<Remedy>> {
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

fn is_kind(kind: RowKind) -> Result<Expression> {
    Expression::new("kind = :kind").value(":kind", &kind)
}

fn read_writer(text: &str) -> Result<Writer> {
    serde_json::from_str(text)
        .map_err(|error| Error::corrupt(format!("who wrote a blob does not read back: {error}")))
}

/// The conditions of some writes, alone.
fn conditions_of(writes: Vec<Write>) -> Vec<Write> {
    let key_of = |row: &Row| crate::table::from_row::<Key>(row.clone()).ok();
    writes
        .into_iter()
        .filter_map(|write| match write {
            Write::Put {
                condition: Some(condition),
                row,
            } => key_of(&row).map(|key| Write::Check { condition, key }),
            Write::Update {
                condition: Some(condition),
                key,
                ..
            }
            | Write::Delete {
                condition: Some(condition),
                key,
            }
            | Write::Check { condition, key } => Some(Write::Check { condition, key }),
            Write::Put {
                condition: None, ..
            }
            | Write::Update {
                condition: None, ..
            }
            | Write::Delete {
                condition: None, ..
            } => None,
        })
        .collect()
}
