//! Exports: archives that jobs make of files, each a copy of its own that is kept for a day.
//!
//! The row of an export is written with its job. It says S3's name for the multipart upload by which
//! the archive is written, whether the archive is there, and until when; it is found due when there is
//! something to remove, wherever that was broken off. What a job writes is all under one prefix.

mod closing;
mod file;
mod place;
mod step;
mod walk;
mod writing;

pub(crate) use self::writing::{Hashes, about};

use domain::job::{Exported, Job, State, Task};
use domain::name::FileName;
use domain::{Error, JobId, Kind, Result, WorkspaceId};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blob::{ExportPiece, ObjectKey, export_prefix};
use crate::idempotency::{self, Repeatable};
use crate::keys::{Due, Key, due_until};
use crate::table::{Expression, Rejected, Write, busy, to_row};

/// How long an archive is kept.
pub const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Most files that are named one by one.
pub const MOST_FILES: usize = 500;

/// How long an export that is given up can still be gone on with, before what there is of it goes.
const UNFINISHED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How long after that one is looked at again that is still being made.
const LOOKED_AT_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// How long it can still be asked about once it is gone.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often a change is tried again when the job comes a step further meanwhile.
const TRIES: u32 = 16;

/// The media type of an archive.
pub const MEDIA_TYPE: &str = "application/zip";

/// How an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Its archive is being made, or was given up.
    Making,
    /// Its archive is there.
    Ready,
    /// Its archive is gone, or never was.
    Gone,
}

/// An export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The job that makes it.
    pub job: JobId,
    /// Who asked for it, by pseudonym.
    pub owner: String,
    /// What the archive is called.
    pub name: FileName,
    /// How it stands.
    pub stage: Stage,
    /// How many bytes it has, once it is there.
    pub size_bytes: Option<u64>,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ExportItem {
    export_job: JobId,
    export_owner: String,
    archive_name: FileName,
    export_stage: Stage,
    /// S3's name for the multipart upload.
    multipart_id: Option<String>,
    archive_bytes: Option<u64>,
    expires_at: Option<Timestamp>,
    due_pk: Option<String>,
    due_sk: Option<String>,
    /// When DynamoDB may remove the row, in seconds since 1970.
    forget_at: Option<i64>,
}

impl From<ExportItem> for Export {
    fn from(item: ExportItem) -> Self {
        Self {
            job: item.export_job,
            owner: item.export_owner,
            name: item.archive_name,
            stage: item.export_stage,
            size_bytes: item.archive_bytes,
            expires_at: item.expires_at,
        }
    }
}

/// What is to be exported.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// Which files.
    pub what: Exported,
    /// Whether with their earlier versions.
    pub versions: bool,
    /// Who asks for it, by pseudonym.
    pub owner: String,
    /// The request, when it may be repeated.
    pub repeatable: Option<Repeatable>,
}

impl Store {
    /// Asks for an export. The job that makes it is returned with it.
    ///
    /// # Errors
    /// `NotFound`, `Gone` and `Conflict` where a folder or file cannot be exported.
    pub async fn begin_export(
        &self,
        workspace: &WorkspaceId,
        new: NewExport,
    ) -> Result<(Job, Export)> {
        if let Some(repeatable) = &new.repeatable
            && let Some(made) = self.made_already(workspace, repeatable).await?
        {
            return self.export_with_job(workspace, made).await;
        }
        let stem = self.check_exported(workspace, &new.what).await?;
        let now = self.clock.now();
        let task = Task::ExportFiles {
            what: new.what,
            versions: new.versions,
        };
        let job = self.new_job(workspace, task)?;
        let id = job.job.id;
        let due = Due::Export.key(after(now, UNFINISHED_FOR), id.uuid());
        let item = ExportItem {
            export_job: id,
            export_owner: new.owner,
            archive_name: name_of_archive(&stem, now)?,
            export_stage: Stage::Making,
            multipart_id: None,
            archive_bytes: None,
            expires_at: None,
            due_pk: Some(due.pk),
            due_sk: Some(due.sk),
            forget_at: None,
        };
        let mut writes = job.writes;
        writes.push(Write::create(to_row(Key::export(workspace, id), &item)?));
        let remembered = writes.len();
        if let Some(repeatable) = &new.repeatable {
            writes.push(idempotency::remember(workspace, repeatable, id, now)?);
        }
        match self.table.transact(writes).await {
            Ok(()) => {
                self.send(&job.work).await;
                Ok((job.job, item.into()))
            }
            Err(rejected) if rejected.at(remembered) => {
                let repeatable = new.repeatable.as_ref();
                let repeatable = repeatable.ok_or_else(|| busy("the export could not begin"))?;
                let made = self.made_before(workspace, repeatable).await?;
                self.export_with_job(workspace, made).await
            }
            Err(rejected) => Err(rejected.into_error("the export could not begin")),
        }
    }

    /// Checks that what is to be exported is there, and says what it is called.
    async fn check_exported(&self, workspace: &WorkspaceId, what: &Exported) -> Result<String> {
        match what {
            Exported::Folder(folder) => {
                let upwards = self.active_upwards(workspace, *folder).await?;
                let folder = upwards.first();
                Ok(folder.map_or_else(|| "export".to_owned(), |folder| folder.name.to_string()))
            }
            Exported::Files(files) => {
                let found = self.files(workspace, files).await?;
                for id in files {
                    if !found.iter().any(|file| file.id == *id) {
                        // To say whether it was there once.
                        self.file(workspace, *id).await?;
                    }
                }
                Ok("export".to_owned())
            }
        }
    }

    /// Returns an export and its job.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn export_with_job(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
    ) -> Result<(Job, Export)> {
        let export = self.export(workspace, id).await?;
        // Both are forgotten at about the same time.
        match self.job(workspace, id).await {
            Ok(job) => Ok((job, export)),
            Err(Error::NotFound { .. }) => Err(Error::not_found(Kind::Export, id)),
            Err(error) => Err(error),
        }
    }

    /// Returns an export. One whose time is up is gone, whether it was removed yet or not.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn export(&self, workspace: &WorkspaceId, id: JobId) -> Result<Export> {
        let item = self.export_item(workspace, id).await?;
        let item = item.ok_or_else(|| Error::not_found(Kind::Export, id))?;
        let mut export = Export::from(item);
        if export.expires_at.is_some_and(|at| at <= self.clock.now()) {
            export.stage = Stage::Gone;
        }
        Ok(export)
    }

    async fn export_item(&self, workspace: &WorkspaceId, id: JobId) -> Result<Option<ExportItem>> {
        self.table.get(Key::export(workspace, id)).await
    }

    /// Notes S3's name for the multipart upload of an archive. False when another was noted.
    async fn name_export_multipart(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        multipart_id: &str,
    ) -> Result<bool> {
        let write = Write::Update {
            condition: Some(is_in(Stage::Making)?.and("attribute_not_exists(multipart_id)")),
            key: Key::export(workspace, id),
            change: Expression::new("SET multipart_id = :multipart_id")
                .text(":multipart_id", multipart_id),
        };
        self.was_written(write).await
    }

    /// Notes that the archive is there. Does nothing when it was noted before, or the export ended.
    async fn export_is_ready(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        size_bytes: u64,
    ) -> Result<()> {
        let expires_at = after(self.clock.now(), KEPT_FOR);
        let due = Due::Export.key(expires_at, id.uuid());
        let write = Write::Update {
            condition: Some(is_in(Stage::Making)?),
            key: Key::export(workspace, id),
            change: Expression::new(
                "SET export_stage = :ready, archive_bytes = :bytes, expires_at = :expires_at, \
                 due_pk = :due_pk, due_sk = :due_sk REMOVE multipart_id",
            )
            .value(":ready", &Stage::Ready)?
            .number(":bytes", size_bytes)
            .value(":expires_at", &expires_at)?
            .text(":due_pk", due.pk)
            .text(":due_sk", due.sk),
        };
        self.was_written(write).await.map(|_| ())
    }

    async fn was_written(&self, write: Write) -> Result<bool> {
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Ends an export: its job, when it is still running, and its archive. `may` is asked of the
    /// export as it was read. One that is gone stays so.
    ///
    /// # Errors
    /// `NotFound`; those of `may`.
    pub async fn remove_export(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        may: impl Fn(&Export) -> Result<()>,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let item = self.export_item(workspace, id).await?;
            let item = item.ok_or_else(|| Error::not_found(Kind::Export, id))?;
            may(&item.clone().into())?;
            if item.export_stage == Stage::Gone && item.due_sk.is_none() {
                return Ok(());
            }
            let mut writes: Vec<Write> =
                self.cancel_job(workspace, id).await?.into_iter().collect();
            writes.push(self.gone(workspace, &item)?);
            match self.table.transact(writes).await {
                Ok(()) => return self.remove_objects(workspace, &item).await,
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("the export is going on"))
    }

    /// Removes an export that was found due: its time is up, or nobody goes on with it. Returns
    /// whether there was something to remove.
    pub async fn remove_due_export(&self, workspace: &WorkspaceId, id: JobId) -> Result<bool> {
        let now = self.clock.now();
        let item = self.export_item(workspace, id).await?;
        let is_due = |item: &ExportItem| {
            let due = item.due_sk.as_ref();
            due.is_some_and(|due| *due <= due_until(now))
        };
        let Some(item) = item.filter(is_due) else {
            return Ok(false);
        };
        let is_being_made = item.export_stage == Stage::Making
            && self
                .job_if_kept(workspace, Some(id))
                .await?
                .is_some_and(|job| job.state == State::Running);
        if is_being_made {
            let due = Due::Export.key(after(now, LOOKED_AT_AGAIN), id.uuid());
            let later = Write::Update {
                condition: Some(is_in(Stage::Making)?),
                key: Key::export(workspace, id),
                change: Expression::new("SET due_sk = :due_sk").text(":due_sk", due.sk),
            };
            self.was_written(later).await?;
            return Ok(false);
        }
        // What was given up is not gone on with from here on: its step finds the export gone.
        if !self.was_written(self.gone(workspace, &item)?).await? {
            return Ok(false);
        }
        self.remove_objects(workspace, &item).await?;
        Ok(true)
    }

    /// Marks an export as gone. It stays due until its objects are removed. Holds while it is as it
    /// was read.
    fn gone(&self, workspace: &WorkspaceId, item: &ExportItem) -> Result<Write> {
        let now = self.clock.now();
        let due = Due::Export.key(now, item.export_job.uuid());
        Ok(Write::Update {
            condition: Some(match &item.multipart_id {
                Some(multipart_id) => is_in(item.export_stage)?
                    .and("multipart_id = :multipart_id")
                    .text(":multipart_id", multipart_id),
                None => is_in(item.export_stage)?.and("attribute_not_exists(multipart_id)"),
            }),
            key: Key::export(workspace, item.export_job),
            change: Expression::new("SET export_stage = :gone, due_pk = :due_pk, due_sk = :due_sk")
                .value(":gone", &Stage::Gone)?
                .text(":due_pk", due.pk)
                .text(":due_sk", due.sk),
        })
    }

    /// Removes all objects of an export that is gone, and then has it found due no more.
    async fn remove_objects(&self, workspace: &WorkspaceId, item: &ExportItem) -> Result<()> {
        let id = item.export_job;
        if let Some(multipart_id) = &item.multipart_id {
            let key = archive_key(workspace, id);
            self.blobs.abort_multipart(&key, multipart_id).await?;
        }
        self.blobs.delete_all(&export_prefix(workspace, id)).await?;
        let forgotten_at = after(self.clock.now(), REMEMBERED_FOR).as_second();
        let removed = Write::Update {
            condition: Some(is_in(Stage::Gone)?),
            key: Key::export(workspace, id),
            change: Expression::new(
                "SET forget_at = :forget_at REMOVE due_pk, due_sk, multipart_id",
            )
            .number(":forget_at", forgotten_at),
        };
        self.was_written(removed).await.map(|_| ())
    }

    /// Returns those jobs of which no export is being made or kept: objects of theirs are left over.
    pub async fn ended_exports(
        &self,
        jobs: Vec<(WorkspaceId, JobId)>,
    ) -> Result<Vec<(WorkspaceId, JobId)>> {
        let mut ended = Vec::new();
        for (workspace, id) in jobs {
            let item = self.export_item(&workspace, id).await?;
            if item.is_none_or(|item| item.export_stage == Stage::Gone) {
                ended.push((workspace, id));
            }
        }
        Ok(ended)
    }

    /// Says whether an export writes its archive by this multipart upload.
    pub async fn is_being_exported(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        multipart_id: &str,
    ) -> Result<bool> {
        let item = self.export_item(workspace, id).await?;
        Ok(item.is_some_and(|item| {
            item.export_stage == Stage::Making && item.multipart_id.as_deref() == Some(multipart_id)
        }))
    }
}

/// Where the archive of an export is.
pub fn archive_key(workspace: &WorkspaceId, id: JobId) -> ObjectKey {
    ObjectKey::Export(workspace.clone(), id, ExportPiece::Archive)
}

fn is_in(stage: Stage) -> Result<Expression> {
    Expression::new("export_stage = :stage").value(":stage", &stage)
}

fn after(now: Timestamp, duration: SignedDuration) -> Timestamp {
    now.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// What an archive is called: after what is in it, and the day.
fn name_of_archive(stem: &str, now: Timestamp) -> Result<FileName> {
    let date = now.to_zoned(TimeZone::UTC).date();
    let room = FileName::MAX_BYTES - " 2026-01-01.zip".len();
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} {date}.zip", &stem[..end]).parse()
}
