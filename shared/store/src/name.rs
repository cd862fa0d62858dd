//! Names in folders: the row of each says who has it, a file or a folder, and so that nobody else does.

use domain::file::File;
use domain::folder::Folder;
use domain::name::FileName;
use domain::{Error, FileId, FolderId, Result, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, names_partition};
use crate::table::{Expression, Page, Query, Row, Write, to_row};

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

impl NameItem {
    /// What a file's name says, while the file has it.
    fn of_file(file: &File) -> Self {
        Self {
            name: file.name.clone(),
            file: Some(file.id),
            folder: None,
            free_at_us: file.expires_at.map(Timestamp::as_microsecond),
        }
    }
}

/// Gives a file its name, where nothing has it or what had it has expired.
pub(crate) fn claim_name(workspace: &WorkspaceId, file: &File, now: Timestamp) -> Result<Write> {
    Ok(Write::Put {
        condition: Some(is_free(now)),
        row: to_row(name_key(workspace, file), &NameItem::of_file(file))?,
    })
}

/// Frees the name of a file. The condition fails when another file has taken it since.
pub(crate) fn free_name(workspace: &WorkspaceId, file: &File) -> Write {
    Write::Delete {
        condition: Some(is_of(file)),
        key: name_key(workspace, file),
    }
}

/// Changes from when on the name of a file is free. Holds while the name is the file's.
pub(crate) fn renew_name(workspace: &WorkspaceId, file: &File) -> Result<Write> {
    Ok(Write::Put {
        condition: Some(is_of(file)),
        row: to_row(name_key(workspace, file), &NameItem::of_file(file))?,
    })
}

fn name_key(workspace: &WorkspaceId, file: &File) -> Key {
    Key::name(workspace, file.folder, &file.name)
}

/// Holds while the name is the file's.
fn is_of(file: &File) -> Expression {
    Expression::new("file_id = :file").text(":file", file.id.to_string())
}

/// Gives a name to a folder, where nothing has it or what had it has expired.
pub(crate) fn claim_folder_name(
    workspace: &WorkspaceId,
    folder: &Folder,
    now: Timestamp,
) -> Result<Write> {
    let item = NameItem {
        name: folder.name.clone(),
        file: None,
        folder: Some(folder.id),
        free_at_us: None,
    };
    Ok(Write::Put {
        condition: Some(is_free(now)),
        row: to_row(Key::name(workspace, folder.parent, &folder.name), &item)?,
    })
}

/// Frees the name of a folder. Holds while it is the folder's.
pub(crate) fn free_folder_name(workspace: &WorkspaceId, folder: &Folder) -> Write {
    Write::Delete {
        condition: Some(
            Expression::new("folder_id = :folder").text(":folder", folder.id.to_string()),
        ),
        key: Key::name(workspace, folder.parent, &folder.name),
    }
}

/// Holds where a name has nobody, or one whose time is up.
fn is_free(now: Timestamp) -> Expression {
    Expression::new("attribute_not_exists(pk) OR free_at_us <= :now")
        .number(":now", now.as_microsecond())
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

fn used_up(name: &FileName) -> Error {
    Error::Conflict {
        code: "name_taken",
        detail: format!("{name} is taken and so are its numbered forms: choose another name"),
    }
}
