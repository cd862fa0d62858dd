//! Folders and the names in them. A folder's row names its parent; a name's row says who has it.

use std::collections::HashMap;

use domain::folder::Folder;
use domain::name::{FileName, FolderPath};
use domain::{Error, FileId, FolderId, Kind, Result, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, names_partition};
use crate::table::{Expression, Page, Query, Rejected, Row, Write, absent, present, to_row};

/// The last number up to which all are looked at in their order: most names have few forms.
const LAST_IN_ORDER: u32 = 5;

/// How often who has lost a race for a name looks among four times as many, to 1,024 at most.
const MOST_SPREADING: u32 = 5;

/// Who has a name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameItem {
    /// The name itself.
    #[serde(rename = "sk")]
    pub name: FileName,
    /// The file, when it is one.
    #[serde(rename = "file_id")]
    pub file: Option<FileId>,
    /// The folder, when it is one.
    #[serde(rename = "folder_id")]
    pub folder: Option<FolderId>,
    /// From when on the name is free again, in microseconds since 1970.
    pub free_at_us: Option<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FolderItem {
    folder: FolderId,
    parent: FolderId,
    folder_name: FileName,
    created_at: Timestamp,
}

impl From<FolderItem> for Folder {
    fn from(item: FolderItem) -> Self {
        Self {
            id: item.folder,
            parent: item.parent,
            name: item.folder_name,
            created_at: item.created_at,
        }
    }
}

/// Gives a name to a file, where nothing has it or what had it has expired.
pub(crate) fn claim_name(
    workspace: &WorkspaceId,
    folder: FolderId,
    name: &FileName,
    file: FileId,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Write> {
    let item = NameItem {
        name: name.clone(),
        file: Some(file),
        folder: None,
        free_at_us: expires_at.map(Timestamp::as_microsecond),
    };
    Ok(Write::Put {
        condition: Some(
            Expression::new("attribute_not_exists(pk) OR free_at_us <= :now")
                .number(":now", now.as_microsecond()),
        ),
        row: to_row(Key::name(workspace, folder, name), &item)?,
    })
}

/// Frees the name of a file. The condition fails when another file has taken it since.
pub(crate) fn free_name(
    workspace: &WorkspaceId,
    folder: FolderId,
    name: &FileName,
    file: FileId,
) -> Write {
    Write::Delete {
        condition: Some(is_of(file)),
        key: Key::name(workspace, folder, name),
    }
}

/// Changes from when on the name of a file is free. Holds while the name is the file's.
pub(crate) fn renew_name(
    workspace: &WorkspaceId,
    folder: FolderId,
    name: &FileName,
    file: FileId,
    expires_at: Option<Timestamp>,
) -> Result<Write> {
    let item = NameItem {
        name: name.clone(),
        file: Some(file),
        folder: None,
        free_at_us: expires_at.map(Timestamp::as_microsecond),
    };
    Ok(Write::Put {
        condition: Some(is_of(file)),
        row: to_row(Key::name(workspace, folder, name), &item)?,
    })
}

/// Holds while the name is the file's.
fn is_of(file: FileId) -> Expression {
    Expression::new("file_id = :file").text(":file", file.to_string())
}

/// Holds while the folder is there; the root always is.
pub(crate) fn folder_present(workspace: &WorkspaceId, folder: FolderId) -> Option<Write> {
    (folder != FolderId::ROOT).then(|| Write::Check {
        condition: present(),
        key: Key::folder(workspace, folder),
    })
}

impl Store {
    /// Returns who has a name in a folder; nobody once it is free.
    pub async fn name(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        name: &FileName,
    ) -> Result<Option<NameItem>> {
        let item: Option<NameItem> = self.table.get(Key::name(workspace, folder, name)).await?;
        let now = self.clock.now().as_microsecond();
        Ok(item.filter(|item| item.free_at_us.is_none_or(|at| at > now)))
    }

    /// Returns those of the folders that are there, in the order asked for.
    pub async fn folders(&self, workspace: &WorkspaceId, ids: &[FolderId]) -> Result<Vec<Folder>> {
        let keys = ids.iter().map(|id| Key::folder(workspace, *id)).collect();
        let items: Vec<FolderItem> = self.table.get_many(keys).await?;
        let mut found: HashMap<FolderId, Folder> = items
            .into_iter()
            .map(|item| (item.folder, Folder::from(item)))
            .collect();
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Returns a folder.
    ///
    /// # Errors
    /// `NotFound`, also for the root, which has no row.
    pub async fn folder(&self, workspace: &WorkspaceId, id: FolderId) -> Result<Folder> {
        let item: Option<FolderItem> = self.table.get(Key::folder(workspace, id)).await?;
        item.map(Folder::from)
            .ok_or_else(|| Error::not_found(Kind::Folder, id))
    }

    /// Returns the path of a folder from the root.
    ///
    /// # Errors
    /// `NotFound` when the folder or one above it is not there.
    pub async fn path_of(&self, workspace: &WorkspaceId, id: FolderId) -> Result<FolderPath> {
        let mut names = Vec::new();
        let mut at = id;
        while at != FolderId::ROOT {
            if names.len() == FolderPath::MAX_DEPTH {
                return Err(Error::corrupt("folders are nested too deep"));
            }
            let folder = self.folder(workspace, at).await?;
            names.push(folder.name);
            at = folder.parent;
        }
        names.reverse();
        Ok(FolderPath::of(names))
    }

    /// Returns the folder at a path.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn folder_at(&self, workspace: &WorkspaceId, path: &FolderPath) -> Result<FolderId> {
        let mut at = FolderId::ROOT;
        for name in path.segments() {
            let item = self.name(workspace, at, name).await?;
            at = item
                .and_then(|item| item.folder)
                .ok_or_else(|| Error::not_found(Kind::Folder, path))?;
        }
        Ok(at)
    }

    /// Returns the folder at a path, and makes what is missing of it.
    ///
    /// # Errors
    /// `Conflict` when a file has the name of a folder of the path.
    pub async fn make_folders(
        &self,
        workspace: &WorkspaceId,
        path: &FolderPath,
    ) -> Result<FolderId> {
        let mut at = FolderId::ROOT;
        for name in path.segments() {
            at = self.make_folder(workspace, at, name).await?;
        }
        Ok(at)
    }

    /// Returns the folder of a name in another folder, and makes it when it is missing.
    ///
    /// # Errors
    /// `Conflict` when a file has the name.
    pub async fn make_folder(
        &self,
        workspace: &WorkspaceId,
        parent: FolderId,
        name: &FileName,
    ) -> Result<FolderId> {
        // Twice, because someone else may make it between the look and the write.
        for _ in 0..2 {
            if let Some(item) = self.name(workspace, parent, name).await? {
                return item.folder.ok_or_else(|| Error::Conflict {
                    code: "not_a_folder",
                    detail: format!("{name} is a file, not a folder"),
                });
            }
            let now = self.clock.now();
            let id = FolderId::new(self.ids.sortable(now));
            match self
                .table
                .transact(new_folder(workspace, id, parent, name, now)?)
                .await
            {
                Ok(()) => return Ok(id),
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(crate::table::busy(
            "the folder is being changed by someone else",
        ))
    }

    /// Returns a name, or one of its numbered forms, that nothing has: the next number as a rule.
    ///
    /// `lost` says how many names the caller has found and lost to others. The more, the further
    /// the numbers are spread, so that many who ask at once do not all want the same.
    ///
    /// # Errors
    /// `Conflict` when the numbers are used up.
    pub(crate) async fn next_free_name(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        name: &FileName,
        lost: u32,
    ) -> Result<FileName> {
        if self.name(workspace, folder, name).await?.is_none() {
            return Ok(name.clone());
        }
        let next = self.next_free_number(workspace, folder, name).await?;
        let spread = 4_u32.pow(lost.min(MOST_SPREADING));
        let further = next.saturating_add(self.random_below(spread));
        let is_free = further == next
            || !self
                .is_number_taken(workspace, folder, name, further)
                .await?;
        Ok(name.numbered(if is_free { further } else { next }))
    }

    /// Returns a number that is free and whose predecessor is taken, in about two reads for each
    /// doubling of how many are.
    async fn next_free_number(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        name: &FileName,
    ) -> Result<u32> {
        let mut taken = 1;
        let mut free = loop {
            // In random steps, so that nobody can have taken just the numbers that are looked at.
            let step = if taken < LAST_IN_ORDER {
                1
            } else {
                taken - self.random_below(taken / 2)
            };
            let number = taken.checked_add(step).ok_or_else(|| used_up(name))?;
            if !self
                .is_number_taken(workspace, folder, name, number)
                .await?
            {
                break number;
            }
            taken = number;
        };
        while free - taken > 1 {
            let middle = taken + (free - taken) / 2;
            if self
                .is_number_taken(workspace, folder, name, middle)
                .await?
            {
                taken = middle;
            } else {
                free = middle;
            }
        }
        Ok(free)
    }

    async fn is_number_taken(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        name: &FileName,
        number: u32,
    ) -> Result<bool> {
        let numbered = name.numbered(number);
        let item = self.name(workspace, folder, &numbered).await?;
        Ok(item.is_some())
    }

    /// A random number from 0 to below `limit`; 0 when that is 0.
    fn random_below(&self, limit: u32) -> u32 {
        let random = self.ids.random().as_u128();
        let below = random.checked_rem(u128::from(limit)).unwrap_or_default();
        u32::try_from(below).unwrap_or_default()
    }

    /// Returns the names in a folder, in order, a page at a time, from after `after`.
    pub async fn names_in(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        after: Option<&FileName>,
        limit: i32,
    ) -> Result<Page<NameItem>> {
        let start: Option<Row> = after.map(|name| Key::name(workspace, folder, name).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(names_partition(workspace, folder), "")
            })
            .await
    }
}

/// The writes that make a folder: its name, itself, and the check that its parent is there.
fn new_folder(
    workspace: &WorkspaceId,
    id: FolderId,
    parent: FolderId,
    name: &FileName,
    now: Timestamp,
) -> Result<Vec<Write>> {
    let claim = NameItem {
        name: name.clone(),
        file: None,
        folder: Some(id),
        free_at_us: None,
    };
    let item = FolderItem {
        folder: id,
        parent,
        folder_name: name.clone(),
        created_at: now,
    };
    let mut writes = vec![
        Write::Put {
            condition: Some(
                Expression::new("attribute_not_exists(pk) OR free_at_us <= :now")
                    .number(":now", now.as_microsecond()),
            ),
            row: to_row(Key::name(workspace, parent, name), &claim)?,
        },
        Write::Put {
            condition: Some(absent()),
            row: to_row(Key::folder(workspace, id), &item)?,
        },
    ];
    writes.extend(folder_present(workspace, parent));
    Ok(writes)
}

fn used_up(name: &FileName) -> Error {
    Error::Conflict {
        code: "name_taken",
        detail: format!("{name} is taken and so are its numbered forms: choose another name"),
    }
}
