//! Folders in the trash, out of it again, and deleted for good.
//!
//! Each is one transaction on the folder itself: what it holds shares its state from that moment,
//! because that is looked up from folder to folder. What follows from it, file by file, is left to a
//! job, which the same transaction asks for.

use std::str::FromStr;

use domain::folder::{Folder, FolderState, Tally, deleted};
use domain::job::{self, Job};
use domain::receipt::Reason;
use domain::{Error, FolderId, Kind, Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::folder::{Found, change_folder_row, list_child, unlist_child};
use crate::job::NewJob;
use crate::keys::{Key, trash_partition};
use crate::name::{claim_folder_name, free_folder_name};
use crate::organize::OnTaken;
use crate::table::{Page, Query, Rejected, Row, Write, busy, to_row};
use crate::tally;
use crate::tree::{CLAIM, is_too_deep, name_taken, room_below};

/// How often a change is tried again when the folders around it change meanwhile.
const TRIES: u32 = 16;

/// How long things stay in the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrashTime {
    /// So many days, at least one.
    Days(u16),
    /// Until someone deletes them.
    Forever,
}

impl TrashTime {
    /// When the trash lets go of what came into it at this time.
    pub(crate) fn end(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => {
                let time = SignedDuration::from_hours(24 * i64::from(days));
                now.checked_add(time).ok()
            }
            Self::Forever => None,
        }
    }
}

impl Default for TrashTime {
    /// A month, as people know it from elsewhere.
    fn default() -> Self {
        Self::Days(30)
    }
}

impl FromStr for TrashTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "forever" {
            return Ok(Self::Forever);
        }
        match text.parse() {
            Ok(days @ 1..) => Ok(Self::Days(days)),
            Ok(0) | Err(_) => Err(format!(
                "things stay in the trash for a number of days from 1 to {}, or forever: {text:?} is neither",
                u16::MAX
            )),
        }
    }
}

/// How long after a deletion has begun it is looked after: far more than a job takes that does not fail.
const LOOKED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// When a deletion that begins now is looked after.
fn looked_after(now: Timestamp) -> Option<Timestamp> {
    now.checked_add(LOOKED_AFTER).ok()
}

/// A folder in the trash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrashedFolder {
    /// The folder.
    pub trashed: FolderId,
}

/// A folder after a change, and the job that follows from it.
#[derive(Debug)]
pub struct Changed {
    /// The folder; none once it is deleted.
    pub folder: Option<Folder>,
    /// The job; none when nothing followed.
    pub job: Option<Job>,
}

impl Store {
    /// Puts a folder into the trash with all it holds: its name is free, and dossiers drop its files
    /// soon after. One that is there stays, also where it is with a folder above it.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` for the root; `NotFound` and `Gone` as for [`Store::folder`].
    pub async fn trash_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        still: impl Fn(&[Folder]) -> Result<()>,
    ) -> Result<Changed> {
        for _ in 0..TRIES {
            let upwards = self.folder_upwards(workspace, id).await?;
            still(&upwards)?;
            let folder = nearest(&upwards, id)?;
            if upwards
                .iter()
                .any(|folder| folder.state != FolderState::Active)
            {
                return self.as_it_is(workspace, folder).await;
            }
            let entry = TrashedFolder { trashed: id };
            let row = Write::Put {
                condition: None,
                row: to_row(Key::trashed_folder(workspace, id), &entry)?,
            };
            let mut writes = unlink(workspace, &folder);
            writes.push(row);
            let after = Folder {
                state: FolderState::Trashed,
                purge_at: self.trash_time.end(self.clock.now()),
                ..folder
            };
            let task = job::Task::TrashFolder { folder: id };
            if let Some(changed) = self.change_with_job(workspace, after, task, writes).await? {
                return Ok(changed);
            }
        }
        Err(busy("the folder is being changed"))
    }

    /// Deletes a folder for good with all it holds, in the trash or not: it is unreachable at once,
    /// and a job removes it. One that is being deleted goes on, and one that was deleted stays so. Where the
    /// job fails, the sweep begins another one, each day.
    ///
    /// What was put into the trash by itself, before, is no longer in the folder and stays there.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` for the root; `NotFound`; `Gone` when a folder above it is being
    /// deleted.
    pub async fn delete_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        still: impl Fn(&[Folder]) -> Result<()>,
    ) -> Result<Changed> {
        self.delete_folder_for(workspace, id, Reason::Deleted, still)
            .await
    }

    /// Deletes a folder as [`Store::delete_folder`] does, for this reason.
    pub(crate) async fn delete_folder_for(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        reason: Reason,
        still: impl Fn(&[Folder]) -> Result<()>,
    ) -> Result<Changed> {
        for _ in 0..TRIES {
            match self.found_folder(workspace, id).await? {
                Some(Found::Removed { job, .. }) => {
                    let job = self.job_if_kept(workspace, job).await?;
                    return Ok(Changed { folder: None, job });
                }
                Some(Found::Folder(folder)) if folder.state == FolderState::Erasing => {
                    let job = self.job_if_kept(workspace, folder.job).await?;
                    if job
                        .as_ref()
                        .is_some_and(|job| job.state == job::State::Running)
                    {
                        return Ok(Changed { folder: None, job });
                    }
                    // The last job came to its end without: another one goes on, for its reason.
                    let task = match job {
                        Some(Job {
                            task: task @ job::Task::DeleteFolder { .. },
                            ..
                        }) => task,
                        Some(_) | None => job::Task::DeleteFolder { folder: id, reason },
                    };
                    let again = Folder {
                        purge_at: looked_after(self.clock.now()),
                        ..folder
                    };
                    let changed = self.change_with_job(workspace, again, task, Vec::new());
                    if let Some(changed) = changed.await? {
                        return Ok(changed);
                    }
                    continue;
                }
                Some(Found::Folder(_)) | None => {}
            }
            let upwards = self.folder_upwards(workspace, id).await?;
            still(&upwards)?;
            let folder = nearest(&upwards, id)?;
            let writes = match folder.state {
                FolderState::Active => unlink(workspace, &folder),
                FolderState::Trashed => vec![leave_trash(workspace, id)],
                FolderState::Erasing => return Err(deleted(id)),
            };
            let after = Folder {
                state: FolderState::Erasing,
                purge_at: looked_after(self.clock.now()),
                ..folder
            };
            let task = job::Task::DeleteFolder { folder: id, reason };
            if let Some(changed) = self.change_with_job(workspace, after, task, writes).await? {
                return Ok(changed);
            }
        }
        Err(busy("the folder is being changed"))
    }

    /// Takes a folder out of the trash with all it holds: into the folder it was in, or where that
    /// is gone or in the trash, into the nearest one above it that is not; into the root at last.
    /// One that is in the trash because of a folder above it leaves that folder. One that is not in
    /// the trash stays as it is.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when its name is taken there, when it is too deep there, or for
    /// the root; `NotFound` and `Gone` as for [`Store::folder`].
    pub async fn restore_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        on_taken: OnTaken,
        still: impl Fn(&[Folder]) -> Result<()>,
    ) -> Result<Changed> {
        let mut lost = 0;
        for _ in 0..TRIES {
            let upwards = self.folder_upwards(workspace, id).await?;
            still(&upwards)?;
            let folder = nearest(&upwards, id)?;
            if upwards
                .iter()
                .all(|folder| folder.state == FolderState::Active)
            {
                return self.as_it_is(workspace, folder).await;
            }
            let above = upwards.get(1..).unwrap_or_default();
            let target = nearest_active(above).to_vec();
            let parent = target.first().map_or(FolderId::ROOT, |folder| folder.id);
            let mut after = Folder {
                state: FolderState::Active,
                purge_at: None,
                parent,
                ..folder.clone()
            };
            if on_taken == OnTaken::Rename {
                after.name = self
                    .next_free_name(workspace, parent, &folder.name, lost)
                    .await?;
            }
            let now = self.clock.now();
            let claim = claim_folder_name(workspace, &after, now)?;
            let mut writes = vec![
                claim,
                list_child(workspace, &after)?,
                tally::count(workspace, parent, id.uuid(), Tally::folder()),
            ];
            match folder.state {
                FolderState::Trashed => writes.push(leave_trash(workspace, id)),
                FolderState::Active => writes.extend(unlink(workspace, &folder)),
                FolderState::Erasing => return Err(deleted(id)),
            }
            match room_below(workspace, &after, target) {
                Err(error)
                    if is_too_deep(&error) && self.lower_below(workspace, &folder).await? =>
                {
                    continue;
                }
                room => writes.extend(room?),
            }
            let task = job::Task::RestoreFolder { folder: id };
            let name = after.name.clone();
            let changed = self.try_change_with_job(workspace, after, task, writes);
            match changed.await {
                Ok(changed) => return Ok(changed),
                Err(rejected) if !rejected.at(0) && rejected.at(CLAIM) => {
                    if on_taken == OnTaken::Fail {
                        return Err(name_taken(&name));
                    }
                    lost += 1;
                }
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("folders around this one are being changed"))
    }

    /// Lists the folders in the trash, from after `after`, in the order they were made.
    pub async fn trashed_folders(
        &self,
        workspace: &WorkspaceId,
        after: Option<FolderId>,
        limit: i32,
    ) -> Result<Page<TrashedFolder>> {
        let start: Option<Row> = after.map(|id| Key::trashed_folder(workspace, id).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(trash_partition(workspace), "")
            })
            .await
    }

    /// A folder that need not be changed, with the last job there was about it.
    async fn as_it_is(&self, workspace: &WorkspaceId, folder: Folder) -> Result<Changed> {
        let job = self.job_if_kept(workspace, folder.job).await?;
        Ok(Changed {
            folder: Some(folder),
            job,
        })
    }

    /// Writes a changed folder, what goes with it, and the job that follows. None when something
    /// was changed meanwhile.
    async fn change_with_job(
        &self,
        workspace: &WorkspaceId,
        folder: Folder,
        task: job::Task,
        writes: Vec<Write>,
    ) -> Result<Option<Changed>> {
        match self
            .try_change_with_job(workspace, folder, task, writes)
            .await
        {
            Ok(changed) => Ok(Some(changed)),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    async fn try_change_with_job(
        &self,
        workspace: &WorkspaceId,
        mut folder: Folder,
        task: job::Task,
        with: Vec<Write>,
    ) -> Result<Changed, Rejected> {
        let now = self.clock.now();
        let NewJob { job, work, writes } =
            self.new_job(workspace, task).map_err(Rejected::Error)?;
        folder.job = Some(job.id);
        let row = change_folder_row(workspace, &mut folder, now).map_err(Rejected::Error)?;
        let writes = [row].into_iter().chain(with).chain(writes).collect();
        self.table.transact(writes).await?;
        self.send(&work).await;
        let is_there = folder.state != FolderState::Erasing;
        Ok(Changed {
            folder: is_there.then_some(folder),
            job: Some(job),
        })
    }
}

/// The folder itself, the first of those from it upwards.
fn nearest(upwards: &[Folder], id: FolderId) -> Result<Folder> {
    upwards
        .first()
        .cloned()
        .ok_or_else(|| Error::not_found(Kind::Folder, id))
}

/// Of folders upwards, the nearest that is not in the trash and below none that is, and those above
/// it; none for the root.
pub(crate) fn nearest_active(upwards: &[Folder]) -> &[Folder] {
    let last = upwards
        .iter()
        .rposition(|folder| folder.state != FolderState::Active);
    upwards
        .get(last.map_or(0, |last| last + 1)..)
        .unwrap_or_default()
}

/// Takes a folder out of its parent: its name is free.
pub(crate) fn unlink(workspace: &WorkspaceId, folder: &Folder) -> Vec<Write> {
    let less = Tally::folder().negated();
    vec![
        free_folder_name(workspace, folder),
        unlist_child(workspace, folder),
        tally::count(workspace, folder.parent, folder.id.uuid(), less),
    ]
}

fn leave_trash(workspace: &WorkspaceId, folder: FolderId) -> Write {
    Write::Delete {
        condition: None,
        key: Key::trashed_folder(workspace, folder),
    }
}
