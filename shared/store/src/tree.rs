//! Making folders, and moving them: one transaction, whatever a folder holds.
//!
//! No folder is ever below itself: a move checks in its transaction that each folder above its
//! target is still where it was read, so of two moves that cross each other one is done. No folder
//! is deeper than 32: each row says how many levels there are below it at most, and a folder is
//! only put where those above have that much room, which they note in the same transaction. As soon
//! as a folder above has noted enough, all above that have. What is noted may be more than there is:
//! when a move is refused for it, it is looked up (see `height.rs`).

use domain::folder::{Folder, FolderState, Place, Tally, deleted};
use domain::job;
use domain::name::{FileName, FolderPath};
use domain::{Error, FolderId, Kind, Result, WorkspaceId};
use jiff::Timestamp;

use crate::Store;
use crate::folder::{Found, change_folder_row, folder_row, list_child, unlist_child};
use crate::keys::Key;
use crate::name::{claim_folder_name, free_folder_name};
use crate::table::{Expression, Rejected, Write, busy};
use crate::tally;

/// How often a change is tried again when the folders around it change meanwhile.
const TRIES: u32 = 16;

/// Which write of a new or moved folder claims its name.
pub(crate) const CLAIM: usize = 1;

/// What is to be changed of a folder; what is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderChange {
    /// The name.
    pub name: Option<FileName>,
    /// The folder it is to be in.
    pub parent: Option<FolderId>,
}

impl Store {
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
        // The folders above the one to be made, once there is one to be made.
        let mut above: Option<Vec<Folder>> = None;
        for name in path.segments() {
            if above.is_none() {
                if let Some(folder) = self.folder_of_name(workspace, at, name).await? {
                    at = folder;
                    continue;
                }
                above = Some(self.active_upwards(workspace, at).await?);
            }
            let upwards = above.take().unwrap_or_default();
            let upwards = self.make_below(workspace, at, upwards, name).await?;
            at = upwards.first().map_or(FolderId::ROOT, |folder| folder.id);
            above = Some(upwards);
        }
        Ok(at)
    }

    /// Returns the folder of a name in another folder, and makes it when it is missing.
    ///
    /// # Errors
    /// `Conflict` when a file has the name, or when the other folder is in the trash; `NotFound`
    /// when that is not there; `Invalid` when it is too deep.
    pub async fn make_folder(
        &self,
        workspace: &WorkspaceId,
        parent: FolderId,
        name: &FileName,
    ) -> Result<FolderId> {
        let upwards = self.active_upwards(workspace, parent).await?;
        if let Some(folder) = self.folder_of_name(workspace, parent, name).await? {
            return Ok(folder);
        }
        let made = self.make_below(workspace, parent, upwards, name).await?;
        made.first()
            .map(|folder| folder.id)
            .ok_or_else(|| Error::not_found(Kind::Folder, parent))
    }

    /// Returns the folder that has a name in another one.
    async fn folder_of_name(
        &self,
        workspace: &WorkspaceId,
        parent: FolderId,
        name: &FileName,
    ) -> Result<Option<FolderId>> {
        let Some(item) = self.name(workspace, parent, name).await? else {
            return Ok(None);
        };
        match item.folder {
            Some(folder) => Ok(Some(folder)),
            None => Err(Error::Conflict {
                code: "not_a_folder",
                detail: format!("{name} is a file, not a folder"),
            }),
        }
    }

    /// Makes a folder in `parent`, unless it is there, and returns it with those above it. `upwards`
    /// are `parent` and those above, as they were read last.
    async fn make_below(
        &self,
        workspace: &WorkspaceId,
        parent: FolderId,
        mut upwards: Vec<Folder>,
        name: &FileName,
    ) -> Result<Vec<Folder>> {
        for _ in 0..TRIES {
            let now = self.clock.now();
            let folder = Folder {
                id: FolderId::new(self.ids.sortable(now)),
                parent,
                name: name.clone(),
                created_at: now,
                updated_at: now,
                state: FolderState::Active,
                purge_at: None,
                height: 0,
                revision: 1,
                job: None,
            };
            let raised = raise(&mut upwards, 1).ok_or_else(too_deep_to_make)?;
            let mut writes = new_folder(workspace, &folder, now)?;
            let count = raised.len();
            writes.extend(raised.into_iter().map(|raised| raised.update(workspace)));
            // Those further up have room for this one with all it has noted.
            if let Some(above) = upwards.get(count) {
                writes.push(Write::Check {
                    condition: Expression::new("height >= :needed").number(":needed", count + 1),
                    key: Key::folder(workspace, above.id),
                });
            }
            match self.table.transact(writes).await {
                Ok(()) => {
                    upwards.insert(0, folder);
                    return Ok(upwards);
                }
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
            upwards = self.active_upwards(workspace, parent).await?;
            if let Some(folder) = self.folder_of_name(workspace, parent, name).await?
                && let Some(Found::Folder(folder)) = self.found_folder(workspace, folder).await?
            {
                upwards.insert(0, folder);
                return Ok(upwards);
            }
        }
        Err(busy("the folder is being changed by someone else"))
    }

    /// Returns a folder and those above it, when something may be put into it.
    ///
    /// # Errors
    /// `NotFound` when it is not there or is being removed; `Conflict` when it is in the trash.
    pub(crate) async fn active_upwards(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
    ) -> Result<Vec<Folder>> {
        let upwards = self.upwards(workspace, id).await?;
        if id != FolderId::ROOT && upwards.first().is_none_or(|folder| folder.id != id) {
            return Err(Error::not_found(Kind::Folder, id));
        }
        match upwards.iter().map(|folder| folder.state).max() {
            None | Some(FolderState::Active) => Ok(upwards),
            Some(FolderState::Trashed) => Err(in_trash()),
            Some(FolderState::Erasing) => Err(Error::not_found(Kind::Folder, id)),
        }
    }

    /// Checks that something may be put into a folder.
    ///
    /// # Errors
    /// `NotFound` when it is not there or is being removed; `Conflict` when it is in the trash.
    pub async fn check_takes(&self, workspace: &WorkspaceId, id: FolderId) -> Result<()> {
        self.active_upwards(workspace, id).await.map(|_| ())
    }

    /// Gives a folder another name, puts it into another folder, or both, with all it holds.
    /// `still` is asked of the folder and those above it as they were read.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when the new name is taken, when it would be below itself or too
    /// deep, when it or its target is in the trash, or when it is the root; `NotFound` and `Gone` as
    /// for [`Store::folder`].
    pub async fn change_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        change: &FolderChange,
        still: impl Fn(&[Folder]) -> Result<()>,
    ) -> Result<Folder> {
        for _ in 0..TRIES {
            let upwards = self.folder_upwards(workspace, id).await?;
            still(&upwards)?;
            let [before, ..] = upwards.as_slice() else {
                return Err(Error::not_found(Kind::Folder, id));
            };
            if upwards
                .iter()
                .any(|folder| folder.state != FolderState::Active)
            {
                return Err(in_trash());
            }
            let mut folder = before.clone();
            if let Some(name) = &change.name {
                folder.name.clone_from(name);
            }
            if let Some(parent) = change.parent {
                folder.parent = parent;
            }
            if folder == *before {
                return Ok(folder);
            }
            // A job that goes through names does not meet one that is behind it now.
            let placing = if self.is_being_placed(workspace, &upwards).await? {
                let task = job::Task::RestoreFolder { folder: id };
                Some(self.new_job(workspace, task)?)
            } else {
                None
            };
            if let Some(placing) = &placing {
                folder.job = Some(placing.job.id);
            }
            let planned = self.plan_move(workspace, before, &mut folder).await;
            let mut writes = match planned {
                Err(error)
                    if is_too_deep(&error) && self.lower_below(workspace, before).await? =>
                {
                    continue;
                }
                planned => planned?,
            };
            let work = placing.map(|placing| {
                writes.extend(placing.writes);
                placing.work
            });
            match self.table.transact(writes).await {
                Ok(()) => {
                    if let Some(work) = work {
                        self.send(&work).await;
                    }
                    return Ok(folder);
                }
                Err(rejected) if !rejected.at(0) && rejected.at(CLAIM) => {
                    return Err(name_taken(&folder.name));
                }
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("folders around this one are being moved"))
    }

    /// Says whether a job is still to come to a folder, whose way leads through these: it would not
    /// find it any more where it is moved to.
    async fn is_being_placed(&self, workspace: &WorkspaceId, upwards: &[Folder]) -> Result<bool> {
        for folder in upwards {
            let job = self.job_if_kept(workspace, folder.job).await?;
            if job.is_some_and(|job| job.state == job::State::Running) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Plans the writes that put a folder elsewhere.
    async fn plan_move(
        &self,
        workspace: &WorkspaceId,
        before: &Folder,
        folder: &mut Folder,
    ) -> Result<Vec<Write>> {
        let now = self.clock.now();
        let row = change_folder_row(workspace, folder, now)?;
        let mut writes = vec![
            row,
            claim_folder_name(workspace, folder, now)?,
            free_folder_name(workspace, before),
            unlist_child(workspace, before),
            list_child(workspace, folder)?,
        ];
        if folder.parent != before.parent {
            let target = self.active_upwards(workspace, folder.parent).await?;
            writes.extend(room_below(workspace, folder, target)?);
            writes.extend(count_move(workspace, before, folder));
        }
        Ok(writes)
    }

    /// Returns a folder other than the root and those above it.
    ///
    /// # Errors
    /// `NotFound`; `Gone` when it was removed or is being removed; `Conflict` for the root.
    pub async fn folder_upwards(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
    ) -> Result<Vec<Folder>> {
        if id == FolderId::ROOT {
            return Err(Error::Conflict {
                code: "root_folder",
                detail: "the root is always there and always the same".to_owned(),
            });
        }
        let upwards = self.upwards(workspace, id).await?;
        if upwards.first().is_none_or(|folder| folder.id != id) {
            // To say whether it was there once.
            self.folder(workspace, id).await?;
            return Err(busy("the folder is being changed"));
        }
        if Place::of(&upwards).state == FolderState::Erasing {
            return Err(deleted(id));
        }
        Ok(upwards)
    }
}

/// The writes that make a folder: its name, itself with its counters, and its place in its parent,
/// which they hold on to.
fn new_folder(workspace: &WorkspaceId, folder: &Folder, now: Timestamp) -> Result<Vec<Write>> {
    let mut writes = vec![
        Write::create(folder_row(workspace, folder)?),
        claim_folder_name(workspace, folder, now)?,
        list_child(workspace, folder)?,
        tally::count(workspace, folder.parent, folder.id.uuid(), Tally::folder()),
    ];
    writes.extend(tally::open(workspace, folder.id)?);
    Ok(writes)
}

/// Counts a folder in another parent.
fn count_move(workspace: &WorkspaceId, before: &Folder, after: &Folder) -> [Write; 2] {
    let child = after.id.uuid();
    [
        tally::count(workspace, before.parent, child, Tally::folder().negated()),
        tally::count(workspace, after.parent, child, Tally::folder()),
    ]
}

/// The writes by which a folder and all below it find room below `target` and those above that, and
/// which hold only while all of these are where they were read, and none is in the trash.
///
/// # Errors
/// `Conflict` when the folder is among them, or too high for them.
pub(crate) fn room_below(
    workspace: &WorkspaceId,
    folder: &Folder,
    mut target: Vec<Folder>,
) -> Result<Vec<Write>> {
    if target.iter().any(|above| above.id == folder.id) {
        return Err(below_itself());
    }
    let levels = folder.height + 1;
    let raised = raise(&mut target, levels).ok_or_else(too_deep_to_move)?;
    let count = raised.len();
    let mut writes = Vec::with_capacity(target.len());
    for raised in raised {
        writes.push(raised.update_active(workspace)?);
    }
    for (position, above) in target.iter().enumerate().skip(count) {
        let condition = stays_active(above)?
            .and("height >= :needed")
            .number(":needed", levels + position);
        writes.push(Write::Check {
            condition,
            key: Key::folder(workspace, above.id),
        });
    }
    Ok(writes)
}

/// Holds while these folders are where they were read, and none of them in the trash or being removed.
pub(crate) fn stay_active(workspace: &WorkspaceId, folders: &[Folder]) -> Result<Vec<Write>> {
    let check = |folder: &Folder| {
        Ok(Write::Check {
            condition: stays_active(folder)?,
            key: Key::folder(workspace, folder.id),
        })
    };
    folders.iter().map(check).collect()
}

/// Says whether a move is refused because there is too much below the folder, by what it notes.
pub(crate) fn is_too_deep(error: &Error) -> bool {
    matches!(error, Error::Conflict { code, .. } if *code == TOO_DEEP)
}

const TOO_DEEP: &str = "too_deep";

/// A folder that is to have room for more levels below it than it has noted.
struct Raised {
    folder: FolderId,
    parent: FolderId,
    from: usize,
    to: usize,
}

/// Finds the folders that have to note that there are more levels below them, and notes it in those
/// that were read: the nearest is to have `levels`, and each above it one more. None when there is
/// no room.
fn raise(upwards: &mut [Folder], levels: usize) -> Option<Vec<Raised>> {
    let mut raised = Vec::new();
    for (above, folder) in upwards.iter_mut().enumerate() {
        let needed = levels + above;
        // Those further up have room for this one with all it has noted.
        if folder.height >= needed {
            return Some(raised);
        }
        raised.push(Raised {
            folder: folder.id,
            parent: folder.parent,
            from: folder.height,
            to: needed,
        });
        folder.height = needed;
    }
    // The last one is in the root, so that many levels there are from it down, itself among them.
    let deepest = levels + upwards.len();
    (deepest <= FolderPath::MAX_DEPTH).then_some(raised)
}

impl Raised {
    /// Holds while the folder is where it was read and has noted what it had.
    fn condition(&self) -> Expression {
        Expression::new("parent = :parent AND height = :height")
            .text(":parent", self.parent.to_string())
            .number(":height", self.from)
    }

    fn update(&self, workspace: &WorkspaceId) -> Write {
        self.update_if(workspace, self.condition())
    }

    fn update_active(&self, workspace: &WorkspaceId) -> Result<Write> {
        let condition = self
            .condition()
            .and("folder_state = :active")
            .value(":active", &FolderState::Active)?;
        Ok(self.update_if(workspace, condition))
    }

    fn update_if(&self, workspace: &WorkspaceId, condition: Expression) -> Write {
        Write::Update {
            condition: Some(condition),
            key: Key::folder(workspace, self.folder),
            change: Expression::new("SET height = :raised").number(":raised", self.to),
        }
    }
}

/// Holds while a folder is where it was read, and not in the trash.
fn stays_active(folder: &Folder) -> Result<Expression> {
    Expression::new("parent = :parent AND folder_state = :active")
        .text(":parent", folder.parent.to_string())
        .value(":active", &FolderState::Active)
}

pub(crate) fn name_taken(name: &FileName) -> Error {
    Error::Conflict {
        code: "name_taken",
        detail: format!("{name} is taken in that folder"),
    }
}

/// The answer when a folder is to be put into itself or below itself.
pub fn below_itself() -> Error {
    Error::Conflict {
        code: "below_itself",
        detail: "a folder cannot be put into itself or into a folder below it".to_owned(),
    }
}

fn in_trash() -> Error {
    Error::Conflict {
        code: "in_trash",
        detail: "the folder is in the trash: restore it first".to_owned(),
    }
}

fn too_deep_to_make() -> Error {
    Error::invalid("/parent_id", "folders are at most 32 deep")
}

fn too_deep_to_move() -> Error {
    Error::Conflict {
        code: TOO_DEEP,
        detail: "folders are at most 32 deep, and below this one there are too many".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(height: usize) -> Folder {
        Folder {
            id: FolderId::ROOT,
            parent: FolderId::ROOT,
            name: "a".parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            state: FolderState::Active,
            purge_at: None,
            height,
            revision: 1,
            job: None,
        }
    }

    fn heights(upwards: &[Folder]) -> Vec<usize> {
        upwards.iter().map(|folder| folder.height).collect()
    }

    #[test]
    fn room_is_noted_up_to_the_first_that_has_enough() {
        let mut upwards = [folder(0), folder(1), folder(5), folder(6)];
        let raised = raise(&mut upwards, 2).unwrap();
        assert_eq!(raised.len(), 2);
        assert_eq!(heights(&upwards), [2, 3, 5, 6]);
    }

    #[test]
    fn there_is_room_for_32_and_no_more() {
        assert!(raise(&mut [], 32).is_some());
        assert!(raise(&mut [], 33).is_none());
        let mut upwards: Vec<Folder> = (0..31).map(folder).collect();
        assert!(raise(&mut upwards, 1).is_some());
        let mut upwards: Vec<Folder> = (0..32).map(folder).collect();
        assert!(raise(&mut upwards, 1).is_none());
    }
}
