//! Folders: the row of each names its parent, and beside it stand the folders in it and its counters.

use std::collections::{HashMap, HashSet};

use domain::folder::{Folder, FolderState, Place, Tally, deleted};
use domain::name::{FileName, FolderPath};
use domain::{Error, FolderId, JobId, Kind, Result, WorkspaceId};
use futures::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{CHILD_FOLDER_PREFIX, Due, Key, TALLY_PREFIX, folder_partition};
use crate::table::{Expression, Page, Query, Row, Write, from_row, to_row};
use crate::tally;

/// How long is known of a folder that was removed what it was in: for as long, what was put into
/// the trash out of it finds its way to the nearest folder that is there.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Most folders on the way to the root. More than folders are deep: what is in the trash may be
/// below folders that were removed and whose own were moved since.
const MOST_UPWARDS: usize = 16 * FolderPath::MAX_DEPTH;

/// Folders whose counters are read at once.
const COUNTED_AT_ONCE: usize = 25;

/// The row of a folder that is there.
#[derive(Debug, Serialize, Deserialize)]
struct FolderItem {
    folder: FolderId,
    parent: FolderId,
    folder_name: FileName,
    created_at: Timestamp,
    updated_at: Timestamp,
    folder_state: FolderState,
    #[serde(default)]
    purge_at: Option<Timestamp>,
    height: usize,
    revision: u64,
    about: Option<JobId>,
    due_pk: Option<String>,
    due_sk: Option<String>,
}

/// What remains of a folder: what it was in. Without its name, which is gone with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct RemovedItem {
    parent: FolderId,
    removed_at: Timestamp,
    about: Option<JobId>,
    /// When DynamoDB may remove it, in seconds since 1970.
    forget_at: i64,
}

/// What is under a folder's id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder, which may be in the trash.
    Folder(Folder),
    /// One that was removed.
    Removed {
        /// The folder it was in.
        parent: FolderId,
        /// The job that removed it.
        job: Option<JobId>,
    },
}

impl Found {
    /// The folder it is in, or was.
    pub const fn parent(&self) -> FolderId {
        match self {
            Self::Folder(folder) => folder.parent,
            Self::Removed { parent, .. } => *parent,
        }
    }
}

/// A folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildFolder {
    /// Its name.
    pub child_name: FileName,
    /// The folder.
    pub child: FolderId,
}

/// Folders that were read, and those above them.
#[derive(Clone, Debug, Default)]
pub struct Known(HashMap<FolderId, Option<Found>>);

impl Known {
    /// Reads folders and all above them, one level of all of them at a time: the files of a page
    /// may be in as many folders. What was read before is not read again.
    ///
    /// # Errors
    /// Those of reading rows.
    pub async fn read(
        &mut self,
        store: &Store,
        workspace: &WorkspaceId,
        ids: &HashSet<FolderId>,
    ) -> Result<()> {
        for _ in 0..MOST_UPWARDS {
            let unknown: HashSet<FolderId> = ids
                .iter()
                .filter_map(|id| self.first_unknown(*id))
                .collect();
            if unknown.is_empty() {
                break;
            }
            let unknown: Vec<FolderId> = unknown.into_iter().collect();
            let mut found = store.found_folders(workspace, &unknown).await?;
            for id in unknown {
                self.0.insert(id, found.remove(&id));
            }
        }
        Ok(())
    }

    /// Returns a folder that was read, if it is there.
    pub fn folder(&self, id: FolderId) -> Option<&Folder> {
        match self.0.get(&id) {
            Some(Some(Found::Folder(folder))) => Some(folder),
            Some(Some(Found::Removed { .. }) | None) | None => None,
        }
    }

    /// Returns a folder that was read and those above it, the root left out, and those that were
    /// removed or are not known.
    pub fn upwards(&self, id: FolderId) -> impl Iterator<Item = &Folder> {
        self.all_upwards(id).filter_map(|id| self.folder(id))
    }

    /// Where a folder is that was read.
    pub fn place(&self, id: FolderId) -> Place {
        Place::of(self.upwards(id))
    }

    /// The first folder on the way up that was not read yet.
    fn first_unknown(&self, id: FolderId) -> Option<FolderId> {
        self.all_upwards(id).find(|id| !self.0.contains_key(id))
    }

    /// The way up from a folder, as far as it is known, and the first that is not.
    fn all_upwards(&self, id: FolderId) -> impl Iterator<Item = FolderId> {
        let above = |at: &FolderId| self.0.get(at)?.as_ref().map(Found::parent);
        std::iter::successors(Some(id), above)
            .take(MOST_UPWARDS)
            .take_while(|at| *at != FolderId::ROOT)
    }
}

impl From<FolderItem> for Folder {
    fn from(item: FolderItem) -> Self {
        Self {
            id: item.folder,
            parent: item.parent,
            name: item.folder_name,
            created_at: item.created_at,
            updated_at: item.updated_at,
            state: item.folder_state,
            purge_at: item.purge_at,
            height: item.height,
            revision: item.revision,
            job: item.about,
        }
    }
}

/// Reads what is under a folder's id.
pub(crate) fn read(row: Row) -> Result<Found> {
    if row.contains_key("removed_at") {
        let item: RemovedItem = from_row(row)?;
        return Ok(Found::Removed {
            parent: item.parent,
            job: item.about,
        });
    }
    Ok(Found::Folder(from_row::<FolderItem>(row)?.into()))
}

/// The row of a folder.
pub(crate) fn folder_row(workspace: &WorkspaceId, folder: &Folder) -> Result<Row> {
    let due = folder
        .purge_at
        .map(|at| Due::Trash.key(at, folder.id.uuid()));
    let (due_partition, due_position) = due.map(|key| (key.pk, key.sk)).unzip();
    let item = FolderItem {
        folder: folder.id,
        parent: folder.parent,
        folder_name: folder.name.clone(),
        created_at: folder.created_at,
        updated_at: folder.updated_at,
        folder_state: folder.state,
        purge_at: folder.purge_at,
        height: folder.height,
        revision: folder.revision,
        about: folder.job,
        due_pk: due_partition,
        due_sk: due_position,
    };
    to_row(Key::folder(workspace, folder.id), &item)
}

/// Writes a changed folder in the place of the one that was read, if nobody else changed it or made
/// folders deeper below it. The revision grows here and in [`enter_folder`].
pub(crate) fn change_folder_row(
    workspace: &WorkspaceId,
    folder: &mut Folder,
    now: Timestamp,
) -> Result<Write> {
    let condition = Expression::new("revision = :revision AND height = :height")
        .number(":revision", folder.revision)
        .number(":height", folder.height);
    folder.revision += 1;
    folder.updated_at = now;
    Ok(Write::Put {
        condition: Some(condition),
        row: folder_row(workspace, folder)?,
    })
}

/// Comes into a folder on a walk, so that whoever has read it before and is about to move it reads
/// it again. Holds while it is in the folder that the walk comes from, and not in the trash itself.
pub(crate) fn enter_folder(
    workspace: &WorkspaceId,
    folder: FolderId,
    parent: FolderId,
) -> Result<Write> {
    Ok(Write::Update {
        condition: Some(
            Expression::new("parent = :parent AND folder_state = :active")
                .text(":parent", parent.to_string())
                .value(":active", &FolderState::Active)?,
        ),
        key: Key::folder(workspace, folder),
        change: Expression::new("ADD revision :one").number(":one", 1),
    })
}

/// Leaves of a folder only what it was in. Holds while it is at this revision.
pub(crate) fn remove_folder_row(
    workspace: &WorkspaceId,
    folder: &Folder,
    job: JobId,
    now: Timestamp,
) -> Result<Write> {
    let item = RemovedItem {
        parent: folder.parent,
        removed_at: now,
        about: Some(job),
        forget_at: now
            .checked_add(REMEMBERED_FOR)
            .unwrap_or(Timestamp::MAX)
            .as_second(),
    };
    Ok(Write::Put {
        condition: Some(
            Expression::new("revision = :revision").number(":revision", folder.revision),
        ),
        row: to_row(Key::folder(workspace, folder.id), &item)?,
    })
}

/// Lists a folder among those in its parent.
pub(crate) fn list_child(workspace: &WorkspaceId, folder: &Folder) -> Result<Write> {
    let item = ChildFolder {
        child_name: folder.name.clone(),
        child: folder.id,
    };
    let key = Key::child_folder(workspace, folder.parent, &folder.name);
    Ok(Write::Put {
        condition: None,
        row: to_row(key, &item)?,
    })
}

/// Lists a folder no more among those in its parent.
pub(crate) fn unlist_child(workspace: &WorkspaceId, folder: &Folder) -> Write {
    Write::Delete {
        condition: None,
        key: Key::child_folder(workspace, folder.parent, &folder.name),
    }
}

impl Store {
    /// Returns what is under the ids of folders; nothing under those that never were or are
    /// forgotten.
    pub async fn found_folders(
        &self,
        workspace: &WorkspaceId,
        ids: &[FolderId],
    ) -> Result<HashMap<FolderId, Found>> {
        #[derive(Deserialize)]
        struct Keyed {
            pk: String,
        }
        let ids_by_key: HashMap<String, FolderId> = ids
            .iter()
            .map(|id| (folder_partition(workspace, *id), *id))
            .collect();
        let keys = ids.iter().map(|id| Key::folder(workspace, *id)).collect();
        let mut found = HashMap::new();
        for row in self.table.get_rows(keys).await? {
            let Keyed { pk } = from_row(row.clone())?;
            if let Some(id) = ids_by_key.get(&pk) {
                found.insert(*id, read(row)?);
            }
        }
        Ok(found)
    }

    /// Returns what is under the id of a folder.
    pub(crate) async fn found_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
    ) -> Result<Option<Found>> {
        let row = self.table.get_row(Key::folder(workspace, id)).await?;
        row.map(read).transpose()
    }

    /// Returns a folder, also one in the trash.
    ///
    /// # Errors
    /// `NotFound`, also for the root, which has no row; `Gone` when it was removed.
    pub async fn folder(&self, workspace: &WorkspaceId, id: FolderId) -> Result<Folder> {
        match self.found_folder(workspace, id).await? {
            Some(Found::Folder(folder)) => Ok(folder),
            Some(Found::Removed { .. }) => Err(deleted(id)),
            None => Err(Error::not_found(Kind::Folder, id)),
        }
    }

    /// Returns what is directly in a folder, counted.
    pub async fn tally(&self, workspace: &WorkspaceId, id: FolderId) -> Result<Tally> {
        let tallies = self.tallies(workspace, &[id]).await?;
        Ok(tallies.into_iter().next().unwrap_or_default())
    }

    /// Returns what is directly in each of some folders, counted, in the order asked for.
    pub async fn tallies(&self, workspace: &WorkspaceId, ids: &[FolderId]) -> Result<Vec<Tally>> {
        let mut tallies = Vec::with_capacity(ids.len());
        for ids in ids.chunks(COUNTED_AT_ONCE) {
            let counted = ids.iter().map(|id| async {
                let partition = folder_partition(workspace, *id);
                let query = Query::prefix(partition, TALLY_PREFIX);
                tally::sum(self.table.query_rows(query).await?.rows)
            });
            tallies.extend(try_join_all(counted).await?);
        }
        Ok(tallies)
    }

    /// Returns a folder and those above it, the nearest first and the root left out. Of those that
    /// were removed only what they were in is known: they are stepped over.
    pub async fn upwards(&self, workspace: &WorkspaceId, id: FolderId) -> Result<Vec<Folder>> {
        let mut folders = Vec::new();
        let mut at = id;
        for _ in 0..MOST_UPWARDS {
            if at == FolderId::ROOT {
                return Ok(folders);
            }
            let Some(found) = self.found_folder(workspace, at).await? else {
                return Ok(folders);
            };
            at = found.parent();
            if let Found::Folder(folder) = found {
                folders.push(folder);
            }
        }
        Err(Error::corrupt("folders are nested too deep"))
    }

    /// Returns where a folder is, and what became of it with regard to those above it.
    pub async fn place_of(&self, workspace: &WorkspaceId, id: FolderId) -> Result<Place> {
        Ok(Place::of(&self.upwards(workspace, id).await?))
    }

    /// Returns where some folders are, reading those above them level by level.
    pub async fn places_of(
        &self,
        workspace: &WorkspaceId,
        ids: impl IntoIterator<Item = FolderId>,
    ) -> Result<HashMap<FolderId, Place>> {
        let ids: HashSet<FolderId> = ids.into_iter().collect();
        let mut known = Known::default();
        known.read(self, workspace, &ids).await?;
        Ok(ids.into_iter().map(|id| (id, known.place(id))).collect())
    }

    /// Returns the path of a folder from the root, for what is in it.
    ///
    /// # Errors
    /// `Gone` when the folder is being removed with all it holds.
    pub async fn path_of(&self, workspace: &WorkspaceId, id: FolderId) -> Result<FolderPath> {
        let place = self.place_of(workspace, id).await?;
        if place.state == FolderState::Erasing {
            return Err(deleted(id));
        }
        Ok(place.path)
    }

    /// Returns the folders in a folder, by name, from after `after`.
    pub async fn folders_in(
        &self,
        workspace: &WorkspaceId,
        parent: FolderId,
        after: Option<&FileName>,
        limit: i32,
    ) -> Result<Page<ChildFolder>> {
        let start: Option<Row> =
            after.map(|name| Key::child_folder(workspace, parent, name).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(folder_partition(workspace, parent), CHILD_FOLDER_PREFIX)
            })
            .await
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
}
