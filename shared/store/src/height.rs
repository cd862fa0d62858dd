//! How many levels of folders there are below one, looked up anew.
//!
//! Each folder notes it, at least as many as there are: who puts folders deeper notes more, and who
//! takes them away notes nothing. When a move would be refused for what is noted, it is brought down
//! to what is, from the bottom up.

use std::collections::HashMap;

use domain::folder::Folder;
use domain::{FolderId, Result, WorkspaceId};

use crate::Store;
use crate::folder::Found;
use crate::keys::{Key, TALLY_PREFIX, TALLY_SHARDS, folder_partition};
use crate::table::{Expression, Query, Rejected, Write};
use crate::tally;

/// Most folders that are looked at: one with more below it keeps what is noted.
const MOST_FOLDERS: usize = 1_000;

/// Most folders in one folder, each of which is a part of the transaction that brings it down.
const MOST_CHILDREN: usize = 80;

impl Store {
    /// Brings what a folder and those below it note down to what is. Says whether it is worth
    /// looking again: it is less now, or was changed meanwhile.
    pub(crate) async fn lower_below(&self, workspace: &WorkspaceId, top: &Folder) -> Result<bool> {
        let mut levels = vec![vec![top.clone()]];
        let mut seen = 1;
        while let Some(level) = levels.last().filter(|level| !level.is_empty()) {
            let mut below = Vec::new();
            for folder in level {
                below.extend(self.children(workspace, folder.id).await?);
                if seen + below.len() > MOST_FOLDERS {
                    return Ok(false);
                }
            }
            seen += below.len();
            levels.push(below);
        }
        let mut is_lower = false;
        // What those below a folder note, as it is by now.
        let mut noted: HashMap<FolderId, Vec<Folder>> = HashMap::new();
        for folder in levels.into_iter().rev().flatten() {
            let children = noted.remove(&folder.id).unwrap_or_default();
            let Some(lowered) = self.lower(workspace, &folder, &children).await? else {
                return Ok(true);
            };
            is_lower |= folder.id == top.id && lowered.height < folder.height;
            noted.entry(folder.parent).or_default().push(lowered);
        }
        Ok(is_lower)
    }

    async fn children(&self, workspace: &WorkspaceId, parent: FolderId) -> Result<Vec<Folder>> {
        let most = i32::try_from(MOST_FOLDERS).unwrap_or(i32::MAX);
        let listed = self.folders_in(workspace, parent, None, most).await?;
        let ids: Vec<FolderId> = listed.rows.into_iter().map(|row| row.child).collect();
        let found = self.found_folders(workspace, &ids).await?;
        Ok(found
            .into_values()
            .filter_map(|found| match found {
                Found::Folder(folder) => Some(folder),
                Found::Removed { .. } => None,
            })
            .collect())
    }

    /// Brings down what a folder notes, while these are all the folders in it and note what they
    /// do. Returns it as it is then; none when something was changed meanwhile.
    async fn lower(
        &self,
        workspace: &WorkspaceId,
        folder: &Folder,
        children: &[Folder],
    ) -> Result<Option<Folder>> {
        let height = children
            .iter()
            .map(|child| child.height + 1)
            .max()
            .unwrap_or_default();
        if height >= folder.height || children.len() > MOST_CHILDREN {
            return Ok(Some(folder.clone()));
        }
        let partition = folder_partition(workspace, folder.id);
        let shards = self
            .table
            .query_rows(Query::prefix(partition, TALLY_PREFIX))
            .await?;
        let counts = tally::folders_by_shard(shards.rows)?;
        let counted: i64 = counts.iter().map(|(_, count)| count).sum();
        if counts.len() != usize::from(TALLY_SHARDS)
            || usize::try_from(counted).ok() != Some(children.len())
        {
            return Ok(None);
        }
        let mut writes = vec![Write::Update {
            condition: Some(Expression::new("height = :height").number(":height", folder.height)),
            key: Key::folder(workspace, folder.id),
            change: Expression::new("SET height = :lower").number(":lower", height),
        }];
        // Whoever comes in is counted, and who notes more is found out.
        for (key, count) in counts {
            writes.push(Write::Check {
                condition: Expression::new("folder_count = :count").number(":count", count),
                key,
            });
        }
        for child in children {
            writes.push(Write::Check {
                condition: Expression::new("parent = :parent AND height <= :height")
                    .text(":parent", folder.id.to_string())
                    .number(":height", child.height),
                key: Key::folder(workspace, child.id),
            });
        }
        match self.table.transact(writes).await {
            Ok(()) => Ok(Some(Folder {
                height,
                ..folder.clone()
            })),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
