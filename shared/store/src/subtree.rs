//! The steps of jobs that are about a folder and all below it.
//!
//! A walk goes through the names of a folder in order and into each folder it comes to. Where it
//! stands is written down after each step: the folders it is in, and the last name passed in each.
//! The folders of the subtree cannot be moved while the walk is in them: they are in the trash or
//! being removed, and whoever has read them before that is found out (see
//! `crate::folder::enter_folder`).

use std::time::Duration;

use domain::file::State;
use domain::folder::FolderState;
use domain::job::Reason;
use domain::name::FileName;
use domain::receipt;
use domain::{Error, FileId, FolderId, JobId, Kind, Result, Retry, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::folder::{Found, enter_folder, remove_folder_row};
use crate::job::{JobItem, Next, Step};
use crate::name::NameItem;
use crate::table::{Rejected, busy};
use crate::tally;
use crate::trash::unlink;

/// Names read at once.
const PAGE_NAMES: i32 = 25;

/// Files and folders of one step: a file that is erased takes some twenty calls, so that a step
/// takes seconds.
const STEP_THINGS: u64 = 25;

/// How long a folder waits that has nothing in it by name and yet is not empty: a file whose time is
/// up has lost its name to another, and the sweep removes it.
const WAIT: Duration = Duration::from_mins(1);

/// How often that is waited for. The sweep comes every five minutes, and takes what is due first.
const MOST_WAITS: u32 = 120;

/// How often something is tried again at once that changes meanwhile.
const TRIES: u32 = 4;

/// Where a walk stands.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Walk {
    /// The folders it is in, the innermost last.
    open: Vec<Open>,
    /// How often it has waited.
    waits: u32,
}

/// A folder that a walk is in.
#[derive(Debug, Serialize, Deserialize)]
struct Open {
    folder: FolderId,
    /// The last name passed.
    after: Option<FileName>,
    /// Whether anything was removed of it since it was gone through from the start.
    removed: bool,
}

/// What a walk is for.
#[derive(Clone, Copy, Debug)]
enum Purpose {
    /// Each file is to be in the dossiers that its place calls for.
    Place,
    /// Everything goes, for this job and reason.
    Erase(JobId, receipt::Reason),
}

/// What was done in a step so far.
#[derive(Debug, Default)]
struct Doing {
    things: u64,
    files: u64,
    failed: Vec<Reason>,
    /// What cannot be done at the moment.
    hindered: Option<Error>,
}

impl Walk {
    fn begin(kept: &JobItem, root: FolderId) -> Result<Self> {
        Ok(kept.place()?.unwrap_or_else(|| Self {
            open: vec![Open::new(root)],
            waits: 0,
        }))
    }
}

impl Open {
    const fn new(folder: FolderId) -> Self {
        Self {
            folder,
            after: None,
            removed: false,
        }
    }
}

impl Store {
    /// Makes a step of bringing the files of a folder and all below it into the dossiers that their
    /// place calls for: none, in the trash.
    pub(crate) async fn place_subtree(
        &self,
        workspace: &WorkspaceId,
        root: FolderId,
        kept: &JobItem,
    ) -> Result<Step> {
        self.walk_on(workspace, root, kept, Purpose::Place).await
    }

    /// Makes a step of removing a folder and all it holds, each file with its receipt.
    pub(crate) async fn erase_subtree(
        &self,
        workspace: &WorkspaceId,
        root: FolderId,
        reason: receipt::Reason,
        kept: &JobItem,
    ) -> Result<Step> {
        self.walk_on(workspace, root, kept, Purpose::Erase(kept.id, reason))
            .await
    }

    async fn walk_on(
        &self,
        workspace: &WorkspaceId,
        root: FolderId,
        kept: &JobItem,
        purpose: Purpose,
    ) -> Result<Step> {
        let mut walk = Walk::begin(kept, root)?;
        let mut doing = Doing::default();
        let failed_before = kept.job_progress.failed > 0;
        while doing.things < STEP_THINGS {
            let Some(open) = walk.open.last_mut() else {
                return Ok(doing.step(Next::End));
            };
            let page = self
                .names_in(workspace, open.folder, open.after.as_ref(), PAGE_NAMES)
                .await?;
            let is_last = page.next.is_none();
            let entered = self
                .go_through(workspace, open, page.rows, purpose, &mut doing)
                .await?;
            if let Some(error) = doing.hindered.take() {
                // What was done until then is noted first: it is not found again.
                if doing.files == 0 && doing.failed.is_empty() {
                    return Err(error);
                }
                break;
            }
            if let Some(folder) = entered {
                walk.open.push(Open::new(folder));
                continue;
            }
            if !is_last || doing.things >= STEP_THINGS {
                continue;
            }
            doing.things += 1;
            let folder = open.folder;
            let Purpose::Erase(job, _) = purpose else {
                walk.open.pop();
                continue;
            };
            if self.remove_folder(workspace, folder, job).await? {
                walk.open.pop();
                if let Some(above) = walk.open.last_mut() {
                    above.removed = true;
                }
            } else if failed_before || !doing.failed.is_empty() {
                // What could not be removed stays, with the folders it is in; what is beside it goes.
                walk.open.pop();
            } else if std::mem::take(&mut open.removed) {
                // Something came in behind the walk, before the folder was unreachable to all.
                open.after = None;
            } else if walk.waits == MOST_WAITS {
                doing.failed.push(not_empty());
                walk.open.pop();
            } else {
                open.after = None;
                walk.waits += 1;
                let next = Next::wait(&walk, WAIT)?;
                return Ok(doing.step(next));
            }
        }
        let next = Next::go(&walk)?;
        Ok(doing.step(next))
    }

    /// Goes through names in order, up to the first folder that can be entered, which is returned,
    /// or until the step has done enough.
    async fn go_through(
        &self,
        workspace: &WorkspaceId,
        open: &mut Open,
        names: Vec<NameItem>,
        purpose: Purpose,
        doing: &mut Doing,
    ) -> Result<Option<FolderId>> {
        for name in names {
            if doing.things >= STEP_THINGS {
                return Ok(None);
            }
            if let Some(file) = name.file {
                doing.things += 1;
                match self.treat(workspace, open.folder, file, purpose).await {
                    Ok(true) => {
                        doing.files += 1;
                        open.removed = true;
                    }
                    Ok(false) => {}
                    Err(error) if error.retry() == Retry::Never => {
                        doing.failed.push(reason(file, &error));
                    }
                    Err(error) => {
                        doing.hindered = Some(error);
                        return Ok(None);
                    }
                }
            }
            open.after = Some(name.name);
            if let Some(folder) = name.folder
                && self.enter(workspace, folder, open.folder).await?
            {
                doing.things += 1;
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    /// Does with a file what the walk is for. False when it is no longer in the folder.
    async fn treat(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        file: FileId,
        purpose: Purpose,
    ) -> Result<bool> {
        match purpose {
            Purpose::Place => self.place_again(workspace, file).await,
            Purpose::Erase(_, reason) => {
                let still = |file: &domain::file::File| {
                    if file.folder == folder && file.state == State::Active {
                        Ok(())
                    } else {
                        Err(Error::not_found(Kind::File, file.id))
                    }
                };
                match self.erase_file(workspace, file, reason, still).await {
                    Ok(_) => Ok(true),
                    Err(Error::NotFound {
                        kind: Kind::File, ..
                    }) => Ok(false),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Comes into a folder below. False when it is no longer there.
    async fn enter(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        from: FolderId,
    ) -> Result<bool> {
        let write = enter_folder(workspace, folder, from)?;
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes a folder when nothing is in it; nothing can come in meanwhile. False when something
    /// is.
    async fn remove_folder(
        &self,
        workspace: &WorkspaceId,
        id: FolderId,
        job: JobId,
    ) -> Result<bool> {
        for _ in 0..TRIES {
            let Some(Found::Folder(folder)) = self.found_folder(workspace, id).await? else {
                return Ok(true);
            };
            let tally = self.tally(workspace, id).await?;
            if tally.files != 0 || tally.folders != 0 {
                return Ok(false);
            }
            let now = self.clock.now();
            let mut writes = vec![remove_folder_row(workspace, &folder, job, now)?];
            writes.extend(tally::close(workspace, id));
            // The one that was deleted itself has left its parent already.
            if folder.state == FolderState::Active {
                writes.extend(unlink(workspace, &folder));
            }
            match self.table.transact(writes).await {
                Ok(()) => return Ok(true),
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("the folder is being changed"))
    }
}

impl Doing {
    fn step(self, next: Next) -> Step {
        Step {
            done: self.files,
            failed: self.failed,
            next,
        }
    }
}

fn reason(file: FileId, error: &Error) -> Reason {
    Reason {
        file: Some(file),
        code: "refused".to_owned(),
        // What is said to a client of a defect is not what is said to the log.
        detail: match error {
            Error::Corrupt { .. } | Error::Panicked { .. } => {
                "something of ours failed: what is stored of this file does not read back"
                    .to_owned()
            }
            error => error.for_log(),
        },
    }
}

fn not_empty() -> Reason {
    Reason {
        file: None,
        code: "not_empty".to_owned(),
        detail: "a folder stays because something is counted in it that has no name there: \
                 delete it once more"
            .to_owned(),
    }
}
