//! Jobs: what is too much for one request. A row says what is to be done, how far it has come and
//! where it goes on; a row of work (see [`crate::work`]) has it worked on until it is at its end.
//!
//! A job goes in steps. Each is written with the condition that the one before is still the last:
//! of two workers at once, one is noted and the other stops. What a step does is safe to do twice,
//! so a worker that breaks off costs no more than the step it was at.

use std::time::Duration;

use domain::file::Failure;
use domain::job::{Job, Progress, Reason, State, Task};
use domain::message::{self, Work};
use domain::{Error, JobId, Kind, Result, Retry, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Store;
use crate::finish::Accept;
use crate::keys::{self, Key};
use crate::table::{Expression, Query, Rejected, Write, to_row};
use crate::work::{self, WorkItem, new_work};

/// How long a job can still be asked about after its end.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long a job rests whose step failed, when those before did not.
const REST: Duration = Duration::from_secs(2);

/// The row of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobItem {
    pub(crate) id: JobId,
    pub(crate) task: Task,
    pub(crate) job_state: State,
    pub(crate) job_progress: Progress,
    /// Where it goes on; how that is written is the matter of its task.
    place: Option<String>,
    /// How many steps are noted.
    steps: u64,
    pub(crate) created_at: Timestamp,
    updated_at: Timestamp,
    finished_at: Option<Timestamp>,
    list_pk: String,
    list_sk: String,
    /// When DynamoDB may remove it, in seconds since 1970; none before its end.
    forget_at: Option<i64>,
}

impl From<JobItem> for Job {
    fn from(item: JobItem) -> Self {
        Self {
            id: item.id,
            task: item.task,
            state: item.job_state,
            progress: item.job_progress,
            created_at: item.created_at,
            updated_at: item.updated_at,
            finished_at: item.finished_at,
        }
    }
}

impl JobItem {
    /// Reads where the job goes on; where it begins when no step is noted yet.
    pub(crate) fn place<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        self.place
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| Error::corrupt(format!("a job's place does not read back: {error}")))
    }

    /// Writes the row after a step, in the place of the one before that.
    fn write(self, workspace: &WorkspaceId) -> Result<Write> {
        let before = self.steps.saturating_sub(1);
        Ok(Write::Put {
            condition: Some(
                Expression::new("steps = :before AND job_state = :running")
                    .number(":before", before)
                    .value(":running", &State::Running)?,
            ),
            row: to_row(Key::job(workspace, self.id), &self)?,
        })
    }

    /// The row after a step that brought the job to its end.
    fn ended(mut self, state: State, now: Timestamp) -> Self {
        self.job_state = state;
        self.place = None;
        self.finished_at = Some(now);
        self.forget_at = now
            .checked_add(REMEMBERED_FOR)
            .ok()
            .map(Timestamp::as_second);
        self
    }
}

/// A job that is to be asked for.
pub(crate) struct NewJob {
    pub(crate) job: Job,
    /// To be sent once the writes are done.
    pub(crate) work: Work,
    /// Its row, and its work.
    pub(crate) writes: Vec<Write>,
}

/// What a step of a job came to.
#[derive(Debug)]
pub(crate) struct Step {
    /// How many things it has done.
    pub(crate) done: u64,
    /// What failed, for good.
    pub(crate) failed: Vec<Reason>,
    /// What comes then.
    pub(crate) next: Next,
}

/// What comes after a step.
#[derive(Debug)]
pub(crate) enum Next {
    /// Another one, from this place.
    Go(String),
    /// Another one, from this place, after so long.
    Wait(String, Duration),
    /// Nothing: the job is at its end.
    End,
}

impl Next {
    /// Another step, from this place.
    pub(crate) fn go(place: &impl Serialize) -> Result<Self> {
        Ok(Self::Go(written(place)?))
    }

    /// Another step from this place, after a while.
    pub(crate) fn wait(place: &impl Serialize, delay: Duration) -> Result<Self> {
        Ok(Self::Wait(written(place)?, delay))
    }
}

fn written(place: &impl Serialize) -> Result<String> {
    serde_json::to_string(place)
        .map_err(|error| Error::corrupt(format!("a job's place cannot be written: {error}")))
}

impl Store {
    /// Prepares a job, to be written in the transaction that makes it necessary.
    pub(crate) fn new_job(&self, workspace: &WorkspaceId, task: Task) -> Result<NewJob> {
        let now = self.clock.now();
        let id = JobId::new(self.ids.sortable(now));
        let item = JobItem {
            id,
            task,
            job_state: State::Running,
            job_progress: Progress::default(),
            place: None,
            steps: 0,
            created_at: now,
            updated_at: now,
            finished_at: None,
            list_pk: keys::listed_jobs(workspace),
            list_sk: id.to_string(),
            forget_at: None,
        };
        let work = new_work(workspace, message::Task::RunJob { job: id });
        Ok(NewJob {
            writes: vec![
                Write::create(to_row(Key::job(workspace, id), &item)?),
                work::ask(&work, now)?,
            ],
            job: item.into(),
            work,
        })
    }

    /// Returns a job.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn job(&self, workspace: &WorkspaceId, id: JobId) -> Result<Job> {
        let item = self.job_item(workspace, id).await?;
        item.map(Job::from)
            .ok_or_else(|| Error::not_found(Kind::Job, id))
    }

    /// Returns a job, when there is one and it is not forgotten.
    pub(crate) async fn job_if_kept(
        &self,
        workspace: &WorkspaceId,
        id: Option<JobId>,
    ) -> Result<Option<Job>> {
        let Some(id) = id else { return Ok(None) };
        Ok(self.job_item(workspace, id).await?.map(Job::from))
    }

    async fn job_item(&self, workspace: &WorkspaceId, id: JobId) -> Result<Option<JobItem>> {
        self.table.get(Key::job(workspace, id)).await
    }

    /// Lists a page of a workspace's jobs, the newest first, from before `before`, and says whether
    /// there are more.
    pub async fn jobs(
        &self,
        workspace: &WorkspaceId,
        before: Option<JobId>,
        limit: i32,
    ) -> Result<(Vec<Job>, bool)> {
        #[derive(Deserialize)]
        struct Listed {
            id: JobId,
        }
        let page = self
            .table
            .query::<Listed>(Query {
                index: Some("list"),
                partition: keys::listed_jobs(workspace),
                range: before
                    .map(|id| Expression::new("{sk} < :before").text(":before", id.to_string())),
                descending: true,
                // One more, to know whether there is one more.
                limit: limit.saturating_add(1),
                start: None,
            })
            .await?;
        let mut ids: Vec<JobId> = page.rows.into_iter().map(|listed| listed.id).collect();
        let most = usize::try_from(limit).unwrap_or_default();
        let more = ids.len() > most;
        ids.truncate(most);
        let keys = ids.iter().map(|id| Key::job(workspace, *id)).collect();
        let mut items: Vec<JobItem> = self.table.get_many(keys).await?;
        items.sort_by(|a, b| b.list_sk.cmp(&a.list_sk));
        Ok((items.into_iter().map(Job::from).collect(), more))
    }

    /// Takes a job `steps` steps further at most. Then asks for the rest, or removes the work when
    /// the job is at its end.
    ///
    /// # Errors
    /// That of a step, which may be made again.
    pub async fn run_job(
        &self,
        item: &WorkItem,
        id: JobId,
        steps: usize,
        accept: Accept,
    ) -> Result<()> {
        let workspace = &item.work.workspace;
        for taken in 1..=steps {
            let kept = self.job_item(workspace, id).await?;
            let Some(mut kept) = kept.filter(|kept| kept.job_state == State::Running) else {
                return self.finish(item).await;
            };
            let step = match self.step(workspace, &mut kept, accept).await {
                Ok(Some(step)) => step,
                // Another worker has begun a step since, and goes on.
                Ok(None) => return Ok(()),
                Err(error) if taken > 1 && error.retry() == Retry::Later => {
                    return self.rest(item, &error).await;
                }
                Err(error) => return Err(error),
            };
            let now = self.clock.now();
            kept.steps += 1;
            kept.updated_at = now;
            kept.job_progress.add(step.done, step.failed);
            let again = work::anew(&item.work);
            let (place, delay) = match step.next {
                Next::End => {
                    let state = if kept.job_progress.failed == 0 {
                        State::Done
                    } else {
                        State::Failed
                    };
                    let writes = vec![kept.ended(state, now).write(workspace)?, work::done(item)];
                    self.note_step(writes).await?;
                    return Ok(());
                }
                Next::Go(place) => (place, None),
                Next::Wait(place, delay) => (place, Some(delay)),
            };
            kept.place = Some(place);
            let mut writes = vec![kept.write(workspace)?];
            let rests = taken == steps || delay.is_some();
            if rests {
                writes.push(work::ask(&again, now)?);
            }
            if !self.note_step(writes).await? {
                // Another worker has made this step, and goes on.
                return Ok(());
            }
            if rests {
                self.send_after(&again, delay.unwrap_or_default()).await;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes the next step of a job; none when another worker has begun it.
    async fn step(
        &self,
        workspace: &WorkspaceId,
        kept: &mut JobItem,
        accept: Accept,
    ) -> Result<Option<Step>> {
        let task = kept.task.clone();
        let step = match &task {
            Task::TrashFolder { folder } | Task::RestoreFolder { folder } => {
                self.place_subtree(workspace, *folder, kept).await?
            }
            Task::DeleteFolder { folder, reason } => {
                self.erase_subtree(workspace, *folder, *reason, kept)
                    .await?
            }
            Task::Check { dry_run } => self.check_step(workspace, kept.id, *dry_run, kept).await?,
            Task::ExportFiles { what, versions } => {
                // Boxed: with them the future of a step is too large.
                return Box::pin(self.export_step(workspace, what, *versions, kept)).await;
            }
            Task::ImportArchive { .. } => {
                Box::pin(self.import_step(workspace, kept, accept)).await?
            }
        };
        Ok(Some(step))
    }

    /// Has a job go on later whose last step failed and those before did not: the next try of that
    /// step is its second of as many as any has, not the last of a message that has come far.
    async fn rest(&self, item: &WorkItem, error: &Error) -> Result<()> {
        warn!(work.id = %item.work.id, error = error.for_log(), "a step of a job failed");
        let again = work::anew(&item.work);
        let asked = work::ask_again(item, &again, self.clock.now())?;
        if self.note_step(vec![asked]).await? {
            self.send_after(&again, REST).await;
        }
        Ok(())
    }

    /// Notes that a worker begins a step from this place, for steps that write what no other may
    /// write. False when another worker has begun one, or has noted it, or the job was ended.
    pub(crate) async fn claim_step(
        &self,
        workspace: &WorkspaceId,
        kept: &mut JobItem,
        place: &impl Serialize,
    ) -> Result<bool> {
        kept.place = Some(written(place)?);
        kept.steps += 1;
        kept.updated_at = self.clock.now();
        self.note_step(vec![kept.clone().write(workspace)?]).await
    }

    /// Says whether a job is no longer where it was when it was read.
    pub(crate) async fn has_gone_on(
        &self,
        workspace: &WorkspaceId,
        kept: &JobItem,
    ) -> Result<bool> {
        let now = self.job_item(workspace, kept.id).await?;
        Ok(now.is_none_or(|now| now.steps != kept.steps || now.job_state != State::Running))
    }

    /// The write by which someone ends a job; none when it is at its end.
    pub(crate) async fn cancel_job(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
    ) -> Result<Option<Write>> {
        let kept = self.job_item(workspace, id).await?;
        let Some(mut kept) = kept.filter(|kept| kept.job_state == State::Running) else {
            return Ok(None);
        };
        let now = self.clock.now();
        kept.steps += 1;
        kept.updated_at = now;
        kept.ended(State::Cancelled, now).write(workspace).map(Some)
    }

    /// Notes a step. False when another worker has noted it, or the job was ended.
    async fn note_step(&self, writes: Vec<Write>) -> Result<bool> {
        match self.table.transact(writes).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// The write by which a job fails whose work is given up; none when it is at its end.
    pub(crate) async fn fail_job(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<Option<Write>> {
        let kept = self.job_item(workspace, id).await?;
        let Some(mut kept) = kept.filter(|kept| kept.job_state == State::Running) else {
            return Ok(None);
        };
        let place = kept.place.clone();
        let reason = Reason {
            file: None,
            code: failure.code.clone(),
            detail: failure.detail.clone(),
        };
        kept.steps += 1;
        kept.updated_at = now;
        kept.job_progress.add(0, vec![reason]);
        let mut failed = kept.ended(State::Failed, now);
        // Where it is taken up again when someone asks for that, whenever that is.
        failed.place = place;
        failed.forget_at = None;
        failed.write(workspace).map(Some)
    }

    /// The write by which a job goes on that was given up; none when it was not.
    pub(crate) async fn resume_job(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        now: Timestamp,
    ) -> Result<Option<Write>> {
        let kept = self.job_item(workspace, id).await?;
        let Some(mut kept) = kept.filter(|kept| kept.job_state == State::Failed) else {
            return Ok(None);
        };
        let condition = Expression::new("steps = :before AND job_state = :failed")
            .number(":before", kept.steps)
            .value(":failed", &State::Failed)?;
        kept.steps += 1;
        kept.job_state = State::Running;
        kept.updated_at = now;
        kept.finished_at = None;
        kept.forget_at = None;
        // It did not fail, then: what did is counted again if it fails again.
        kept.job_progress.failed = 0;
        kept.job_progress.reasons.clear();
        Ok(Some(Write::Put {
            condition: Some(condition),
            row: to_row(Key::job(workspace, id), &kept)?,
        }))
    }
}
