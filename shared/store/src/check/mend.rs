//! What is wrong of an entry, decided by reading its rows again, and mended by a transaction that holds
//! only while all of them are as they were read. When nothing is to be changed, its conditions alone
//! must hold.

use domain::file::{BlobRef, State, Writer};
use domain::finding::{Finding, Kind, Outcome};
use domain::folder::FolderState;
use domain::name::FileName;
use domain::{BlobId, DossierId, Error, FileId, FolderId, Result, Sha256};
use jiff::civil::Date;

use super::ledger::{Entry, Owner};
use super::{Amounts, Check};
use crate::file::{Found, MembershipItem, RowKind, change_file, check_file, unchanged};
use crate::folder::{self, ChildFolder};
use crate::keys::{self, Key};
use crate::membership::{PostedFile, posting_keys};
use crate::name::{NameItem, claim_folder_name, claim_name};
use crate::recount::Counting;
use crate::reference::{BlobItem, SharedItem, names};
use crate::table::{Expression, Rejected, Row, Write, absent, present, to_row};
use crate::trash::TrashedFolder;

/// How often rows are read again that change while they are looked at.
const TRIES: u32 = 4;

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
pub(super) enum Remedy {
    /// Nothing: it is right.
    None,
    /// These, with conditions that hold while it is wrong.
    Writes(Vec<Write>, &'static str),
    /// Nothing can be written: a person must decide.
    Advice(Vec<Write>, &'static str),
}

/// What has a name, or had one.
pub(super) enum Named {
    File(Box<domain::file::File>),
    Folder(domain::folder::Folder),
    /// Nothing that could have it; a write that holds while that is so.
    Nothing(Write),
}

/// A row that lists something where it is found.
struct Listed {
    /// Whether it is there.
    says: bool,
    /// Holds while it is, of the same thing.
    is_as_read: Expression,
    /// What it must be; none where it must not be there.
    row: Option<Row>,
    key: Key,
}

impl Listed {
    /// Brings it in step with what it lists, which is to stay as it was read.
    fn in_step(self, as_read: Write, removed: &'static str, listed: &'static str) -> Remedy {
        match (self.says, self.row) {
            (true, Some(_)) | (false, None) => Remedy::None,
            (true, None) => {
                let remove = Write::Delete {
                    condition: Some(self.is_as_read),
                    key: self.key,
                };
                Remedy::Writes(vec![remove, as_read], removed)
            }
            (false, Some(row)) => Remedy::Writes(vec![Write::create(row), as_read], listed),
        }
    }
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
    pub(super) async fn named(&self, owner: Owner) -> Result<Named> {
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
        let item = ChildFolder {
            child_name: name,
            child: id,
        };
        let listed = Listed {
            says,
            is_as_read: Expression::new("child = :child").text(":child", id.to_string()),
            row: has.then(|| to_row(key.clone(), &item)).transpose()?,
            key,
        };
        Ok(listed.in_step(
            as_read,
            "a folder was listed where it is not: it is listed there no more",
            "a folder was not listed where it is: it is listed there",
        ))
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
        let row = to_row(key.clone(), &TrashedFolder { trashed: id });
        let listed = Listed {
            says,
            is_as_read: present(),
            row: has.then_some(row).transpose()?,
            key,
        };
        Ok(listed.in_step(
            as_read,
            "a folder was listed in the trash that is not there: it is no more",
            "a folder in the trash was not listed there: it is",
        ))
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
        let member = membership.filter(|item| item.member.document_date == date);
        let row = member.map(|item| to_row(key.clone(), &item.member));
        let listed = Listed {
            says,
            is_as_read: present(),
            row: row.transpose()?,
            key,
        };
        Ok(listed.in_step(
            as_read,
            "a dossier listed a file that is not in it: it does no more",
            "a dossier did not list a file that is in it: it does",
        ))
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
        let row = to_row(key.clone(), &PostedFile { file });
        let listed = Listed {
            says,
            is_as_read: present(),
            row: has.then_some(row).transpose()?,
            key,
        };
        Ok(listed.in_step(
            as_read,
            "a file was posted where dossiers must not find it: it is no more",
            "a file was not posted where dossiers look for it: it is",
        ))
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
