//! Work that was given up: listed, and done again when someone asks.

use domain::file::{Failure, Status};
use domain::message::{Task, Work};
use domain::{Error, FileId, Kind, Result, WorkId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::file::change_file;
use crate::keys::{Key, failures_partition};
use crate::table::{Page, Query, Row, Write, present, to_row};
use crate::work::{self, WorkItem};

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
        Task::FillDossier { .. } | Task::SummarizeDossier { .. } => None,
    }
}

/// The version a task is about, when it is about one.
const fn version_of(task: &Task) -> Option<u32> {
    match task {
        Task::ReadVersion { version, .. } | Task::SummarizeVersion { version, .. } => {
            Some(*version)
        }
        Task::PlaceFile { .. } | Task::FillDossier { .. } | Task::SummarizeDossier { .. } => None,
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
    /// Gives work up: lists it, marks the file it is about as failed, and removes the work.
    pub async fn give_up(&self, item: &WorkItem, failure: Failure) -> Result<()> {
        let work = &item.work;
        let now = self.clock.now();
        let mut writes = vec![record(work, &failure, now)?, work::done(item)];
        if let Some(id) = file_of(&work.task)
            && let Some(mut file) = self.file_if_living(&work.workspace, id).await?
            // What failed may be a version that another has taken the place of since.
            && version_of(&work.task).is_none_or(|version| version == file.version)
        {
            file.status = Status::Failed;
            file.failure = Some(failure);
            writes.push(change_file(&work.workspace, &mut file, now)?);
        }
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the work is being done by someone else"))
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
        let mut work = item.work;
        let mut writes = vec![Write::Delete {
            condition: Some(present()),
            key: Key::failure(workspace, id),
        }];
        if let Some(file) = file_of(&work.task)
            && let Some(mut file) = self.file_if_living(workspace, file).await?
        {
            // From the start: what failed may have been an earlier step than the one that said so.
            file.status = Status::Pending;
            file.failure = None;
            work = crate::upload::read_version(workspace, file.id, file.version);
            writes.push(change_file(workspace, &mut file, now)?);
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
