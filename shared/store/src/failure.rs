//! Work that was given up: listed, and done again when someone asks.

use domain::file::{Failure, File, Status};
use domain::message::{Task, Work};
use domain::{Error, FileId, JobId, Kind, Result, WorkId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::file::{change_file, fail_version, unfail_version};
use crate::keys::{Key, failures_partition};
use crate::membership::place_work;
use crate::table::{Page, Query, Row, Write, present, to_row};
use crate::work::{self, WorkItem, work_of};

/// A piece of work that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FailureItem {
    /// The work, with its id, which is the failure's id too.
    #[serde(rename = "job")]
    pub work: Work,
    /// Why, and what to do.
    pub failure: Failure,
    /// When.
    pub failed_at: Timestamp,
}

/// The file a task is about, when it is about one.
pub fn file_of(task: &Task) -> Option<FileId> {
    match task {
        Task::ReadVersion { file, .. }
        | Task::SummarizeVersion { file, .. }
        | Task::PlaceFile { file } => Some(*file),
        Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. }
        | Task::RunJob { .. } => None,
    }
}

/// The job a task is about, when it is about one.
const fn job_of(task: &Task) -> Option<JobId> {
    match task {
        Task::RunJob { job } => Some(*job),
        Task::ReadVersion { .. }
        | Task::SummarizeVersion { .. }
        | Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. } => None,
    }
}

/// The version a task is about, when it is about one.
const fn version_of(task: &Task) -> Option<u32> {
    match task {
        Task::ReadVersion { version, .. } | Task::SummarizeVersion { version, .. } => {
            Some(*version)
        }
        Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. }
        | Task::RunJob { .. } => None,
    }
}

/// Says whether a task is about the file as it is: not about a version that another has taken the
/// place of since.
fn is_of_current(task: &Task, file: &File) -> bool {
    version_of(task).is_none_or(|version| version == file.version)
}

/// The version that a task is to read, when it reads one.
const fn version_read_by(task: &Task) -> Option<u32> {
    match task {
        Task::ReadVersion { version, .. } => Some(*version),
        Task::SummarizeVersion { .. }
        | Task::PlaceFile { .. }
        | Task::FillDossier { .. }
        | Task::SummarizeDossier { .. }
        | Task::TakeIn { .. }
        | Task::RunJob { .. } => None,
    }
}

/// Takes off the list what was given up of a file and one of its versions.
pub(crate) fn forget_failures(workspace: &WorkspaceId, file: FileId, version: u32) -> [Write; 3] {
    [
        Task::ReadVersion { file, version },
        Task::PlaceFile { file },
        Task::SummarizeVersion { file, version },
    ]
    .map(|task| Write::Delete {
        condition: None,
        key: Key::failure(workspace, work_of(workspace, task).id),
    })
}

/// Takes off the list that reading a version was given up, of which nothing else can be while another
/// has taken its place.
pub(crate) fn forget_reading(workspace: &WorkspaceId, file: FileId, version: u32) -> Write {
    let task = Task::ReadVersion { file, version };
    Write::Delete {
        condition: None,
        key: Key::failure(workspace, work_of(workspace, task).id),
    }
}

/// Writes the row of a piece of work that was given up.
pub(crate) fn record(work: &Work, failure: &Failure, now: Timestamp) -> Result<Write> {
    let item = FailureItem {
        work: work.clone(),
        failure: failure.clone(),
        failed_at: now,
    };
    Ok(Write::Put {
        condition: None,
        row: to_row(Key::failure(&work.workspace, work.id), &item)?,
    })
}

impl Store {
    /// Gives work up: lists it, marks the file it is about as failed, and removes the work. What is
    /// about a file that is gone is only removed.
    pub async fn give_up(&self, item: &WorkItem, failure: Failure) -> Result<()> {
        let work = &item.work;
        let workspace = &work.workspace;
        let now = self.clock.now();
        let mut writes = vec![work::done(item)];
        let mut place = None;
        if let Some(id) = file_of(&work.task) {
            if let Some(mut file) = self.file_if_living(workspace, id).await? {
                writes.push(record(work, &failure, now)?);
                let read = version_read_by(&work.task);
                if let Some(version) = read {
                    writes.push(fail_version(workspace, id, version, &failure)?);
                }
                if is_of_current(&work.task, &file) {
                    file.status = Status::Failed;
                    file.failure = Some(failure.after(file.failure.take()));
                    writes.push(change_file(workspace, &mut file, now)?);
                    let is_sorted = file.posted.is_some() || file.posting().is_some();
                    place = (is_sorted && read.is_some()).then(|| place_work(workspace, id));
                }
            }
        } else {
            writes.push(record(work, &failure, now)?);
            if let Some(job) = job_of(&work.task) {
                writes.extend(self.fail_job(workspace, job, &failure, now).await?);
            }
        }
        // A file that cannot be read is in the dossiers of its type and tags all the same, and no
        // longer in those of the version before.
        if let Some(place) = &place {
            writes.push(work::ask(place, now)?);
        }
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the work is being done by someone else"))?;
        if let Some(place) = &place {
            self.send(place).await;
        }
        Ok(())
    }

    /// Lists a page of a workspace's failures.
    pub async fn failures(
        &self,
        workspace: &WorkspaceId,
        after: Option<WorkId>,
        limit: i32,
    ) -> Result<Page<FailureItem>> {
        let start: Option<Row> = after.map(|id| Key::failure(workspace, id).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(failures_partition(workspace), "")
            })
            .await
    }

    /// Asks for given-up work to be done again.
    ///
    /// # Errors
    /// `NotFound` when there is no such failure.
    pub async fn redrive(&self, workspace: &WorkspaceId, id: WorkId) -> Result<Work> {
        let item: Option<FailureItem> = self.table.get(Key::failure(workspace, id)).await?;
        let item = item.ok_or_else(|| Error::not_found(Kind::Failure, id))?;
        let now = self.clock.now();
        let mut work = work::anew(&item.work);
        let mut writes = vec![Write::Delete {
            condition: Some(present()),
            key: Key::failure(workspace, id),
        }];
        if let Some(file) = file_of(&work.task)
            && let Some(mut file) = self.file_if_living(workspace, file).await?
        {
            if is_of_current(&work.task, &file) {
                // From the start: what failed may have been an earlier step than the one that said
                // so.
                file.status = Status::Pending;
                file.failure = None;
                work = crate::upload::read_version(workspace, file.id, file.version);
                writes.push(change_file(workspace, &mut file, now)?);
            }
            if let Some(version) = version_read_by(&work.task) {
                writes.push(unfail_version(workspace, file.id, version));
            }
        }
        if let Some(job) = job_of(&work.task) {
            writes.extend(self.resume_job(workspace, job, now).await?);
        }
        writes.push(work::ask(&work, now)?);
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the failure is being changed"))?;
        self.send(&work).await;
        Ok(work)
    }
}
