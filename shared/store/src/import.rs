//! Imports: what is in an archive of the workspace becomes files, by a job.
//!
//! An archive is looked through as a whole before anything is made of it; one that is wrong makes
//! nothing. Then each entry becomes a file as an upload does: quota first, then bytes, then one
//! transaction. An entry is begun under a key that follows from the job and its position, so however
//! often it is begun, it becomes one file. An archive's bytes never change, so nothing of it is kept
//! but where the job stands.

mod entries;
mod entry;
mod large;
mod look;

use archive::Refused;
use domain::file::{File, State};
use domain::job::{Job, Reason, Task};
use domain::upload::OnConflict;
use domain::{Error, FileId, FolderId, JobId, Kind, Result, Retry, UploadId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use self::entries::{Entries, Source};
use self::entry::Importing;
use crate::Store;
use crate::blob::ObjectKey;
use crate::export::about;
use crate::file::readable_version;
use crate::finish::Accept;
use crate::idempotency::{self, Repeatable};
use crate::job::{JobItem, Next, Step};

/// How much a step unpacks. It takes a few seconds.
const STEP_BYTES: u64 = 64 * 1024 * 1024;

/// How many entries a step makes files or folders of, each of which takes some ten calls.
const STEP_ENTRIES: u64 = 40;

/// What is to be imported.
#[derive(Clone, Debug)]
pub struct NewImport {
    /// The archive.
    pub file: FileId,
    /// The folder that what is in it goes into.
    pub folder: FolderId,
    /// What to do where a name is taken.
    pub on_conflict: OnConflict,
    /// Who imports it, by pseudonym.
    pub owner: String,
    /// The request, when it may be repeated.
    pub repeatable: Option<Repeatable>,
}

/// Where an import stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    /// Where the directory is.
    directory_at: u64,
    directory_bytes: u64,
    entries: u64,
    /// The manifest, where the archive is one of ours.
    manifest: Option<Manifest>,
    /// How far into the directory.
    row_at: u64,
    /// How many entries are done with.
    done: u64,
    /// The file that came of the earlier version before.
    made: Option<Made>,
    /// The entry that is being written, where it has many bytes.
    large: Option<Large>,
    /// Whether the next entry waits for a run of its own.
    alone: bool,
}

/// Where the manifest of an archive of ours is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Manifest {
    at: u64,
    size_bytes: u64,
    /// How far into it.
    line_at: u64,
}

/// The file that an exported file has become with an earlier version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Made {
    of: FileId,
    file: FileId,
}

/// An entry whose bytes are stored as they are, and many.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Large {
    upload: UploadId,
    done_parts: u32,
    crc32: u32,
    hashing: Option<String>,
}

impl Store {
    /// Checks that an archive can be read, unless the request was made before.
    ///
    /// # Errors
    /// `NotFound`, `Gone`; `Conflict` when the archive is in the trash, or its bytes cannot be read.
    pub async fn check_archive(&self, workspace: &WorkspaceId, new: &NewImport) -> Result<()> {
        if self.imported_before(workspace, new).await?.is_none() {
            self.readable_archive(workspace, new.file).await?;
        }
        Ok(())
    }

    async fn imported_before(
        &self,
        workspace: &WorkspaceId,
        new: &NewImport,
    ) -> Result<Option<JobId>> {
        match &new.repeatable {
            Some(repeatable) => self.made_already(workspace, repeatable).await,
            None => Ok(None),
        }
    }

    async fn readable_archive(&self, workspace: &WorkspaceId, id: FileId) -> Result<File> {
        let (file, place) = self.reachable_file(workspace, id).await?;
        if file.state != State::Active || !place.is_active() {
            return Err(Error::Conflict {
                code: "in_trash",
                detail: "the archive is in the trash: restore it first".to_owned(),
            });
        }
        let item = self.version_item(workspace, file.id, file.version).await?;
        readable_version(&file, item, file.version)?;
        Ok(file)
    }

    /// Asks for an import.
    ///
    /// # Errors
    /// Those of [`Store::check_archive`].
    pub async fn begin_import(&self, workspace: &WorkspaceId, new: NewImport) -> Result<Job> {
        if let Some(made) = self.imported_before(workspace, &new).await? {
            return self.job(workspace, made).await;
        }
        let file = self.readable_archive(workspace, new.file).await?;
        let now = self.clock.now();
        let job = self.new_job(
            workspace,
            Task::ImportArchive {
                file: file.id,
                version: file.version,
                folder: new.folder,
                on_conflict: new.on_conflict,
                owner: new.owner,
            },
        )?;
        let mut writes = job.writes;
        let remembered = writes.len();
        if let Some(repeatable) = &new.repeatable {
            let made = idempotency::remember(workspace, repeatable, job.job.id, now);
            writes.push(made?);
        }
        match self.table.transact(writes).await {
            Ok(()) => {
                self.send(&job.work).await;
                Ok(job.job)
            }
            Err(rejected) if rejected.at(remembered) => {
                let repeatable = new.repeatable.as_ref();
                let repeatable =
                    repeatable.ok_or_else(|| crate::table::busy("the import could not begin"))?;
                let made = self.made_before(workspace, repeatable).await?;
                self.job(workspace, made).await
            }
            Err(rejected) => Err(rejected.into_error("the import could not begin")),
        }
    }

    /// Makes a step of an import.
    pub(crate) async fn import_step(
        &self,
        workspace: &WorkspaceId,
        kept: &mut JobItem,
        accept: Accept,
    ) -> Result<Step> {
        let Task::ImportArchive {
            file,
            version,
            folder,
            on_conflict,
            owner,
        } = kept.task.clone()
        else {
            return Err(Error::corrupt("a job that imports nothing is to import"));
        };
        let Some(source) = self.archive_of(workspace, file, version).await? else {
            return Ok(failed(ARCHIVE_GONE));
        };
        let Some(place) = kept.place::<Place>()? else {
            return match self.look_through(workspace, &source).await? {
                Ok(place) => {
                    kept.job_progress.total = Some(place.total());
                    Ok(step(0, Vec::new(), Next::go(&place)?))
                }
                Err(refused) => Ok(failed((refused.code, &refused.detail))),
            };
        };
        let base = match self.active_upwards(workspace, folder).await {
            Ok(upwards) => domain::folder::Place::of(&upwards).path,
            Err(Error::NotFound { .. } | Error::Gone { .. } | Error::Conflict { .. }) => {
                self.abort_large(workspace, &place).await?;
                return Ok(failed(FOLDER_GONE));
            }
            Err(error) => return Err(error),
        };
        let mut importing = Importing {
            store: self,
            workspace,
            job: kept.id,
            source: &source,
            base,
            on_conflict,
            owner,
            accept,
            place,
            unpacked_bytes: 0,
        };
        let result = self.import_some(&mut importing).await;
        match result {
            Err(Error::NotFound {
                kind: Kind::Blob, ..
            }) => {
                // Whatever was made of it stays.
                self.abort_large(workspace, &importing.place).await?;
                Ok(failed(ARCHIVE_GONE))
            }
            result => result,
        }
    }

    /// Makes files and folders of the next entries.
    async fn import_some(&self, importing: &mut Importing<'_>) -> Result<Step> {
        let mut entries = Entries::at(self, importing.source, &importing.place);
        let (mut count, mut done) = (0, 0);
        let mut failures = Vec::new();
        let mut noted = importing.place.clone();
        while importing.unpacked_bytes < STEP_BYTES && count < STEP_ENTRIES {
            let Some((row, line)) = entries.next().await? else {
                return Ok(Step {
                    done,
                    failed: failures,
                    next: Next::End,
                });
            };
            match importing.import(&row, line.as_ref()).await {
                Ok(Outcome::Done) => done += 1,
                Ok(Outcome::Ignored) => {}
                Ok(Outcome::Unfinished) => {
                    // What comes before it is done with; it is begun again from its own row.
                    noted.large = importing.place.large.take();
                    noted.made = importing.place.made;
                    let next = Next::go(&noted)?;
                    return Ok(step(done, failures, next));
                }
                Ok(Outcome::Alone) => {
                    noted.alone = true;
                    noted.made = importing.place.made;
                    // A run has minutes, of which this one may have used some.
                    let next = Next::wait(&noted, Duration::ZERO)?;
                    return Ok(step(done, failures, next));
                }
                Err(Failed::Refused(refused)) => {
                    self.abort_large(importing.workspace, &noted).await?;
                    failures.push(reason(&row.path, refused.code, &refused.detail));
                }
                Err(Failed::Error(error)) if error.retry() == Retry::Later || is_gone(&error) => {
                    // What was done until then is noted first: it is not found again.
                    if count == 0 {
                        return Err(error);
                    }
                    break;
                }
                Err(Failed::Error(error)) => {
                    self.abort_large(importing.workspace, &noted).await?;
                    let (code, detail) = told(&error);
                    failures.push(reason(&row.path, code, &detail));
                }
            }
            count += 1;
            importing.place.large = None;
            importing.place.alone = false;
            entries.pass(&mut importing.place);
            noted = importing.place.clone();
        }
        let next = Next::go(&noted)?;
        Ok(step(done, failures, next))
    }

    /// Returns where the bytes of an archive are; none when they are gone.
    async fn archive_of(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        version: u32,
    ) -> Result<Option<Source>> {
        // One whose time is up is gone, whatever is left of it.
        if self.file_if_living(workspace, file).await?.is_none() {
            return Ok(None);
        }
        let item = self.version_item(workspace, file, version).await?;
        Ok(item.map(|item| Source {
            key: ObjectKey::Blob(workspace.clone(), item.content.blob),
            size_bytes: item.content.size_bytes,
        }))
    }

    /// Gives back what an entry has reserved that is not gone on with.
    async fn abort_large(&self, workspace: &WorkspaceId, place: &Place) -> Result<()> {
        let Some(large) = &place.large else {
            return Ok(());
        };
        let upload = self.upload(workspace, large.upload).await?;
        self.abort_upload(workspace, &upload).await
    }
}

impl Place {
    /// How many entries become something.
    fn total(&self) -> u64 {
        self.entries - u64::from(self.manifest.is_some())
    }
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is a file or folder.
    Done,
    /// It is nothing that a person has put there.
    Ignored,
    /// Some of its bytes are written.
    Unfinished,
    /// It takes a run of its own.
    Alone,
}

/// Why an entry became nothing.
#[derive(Debug)]
enum Failed {
    /// It is nothing that becomes a file.
    Refused(Refused),
    /// Something else.
    Error(Error),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

const ARCHIVE_GONE: (&str, &str) = (
    "archive_gone",
    "the archive was deleted, or its time was up: upload it again and import it anew",
);
const FOLDER_GONE: (&str, &str) = (
    "folder_gone",
    "the folder was put into the trash or deleted: restore it, or import into another",
);

/// Says whether the archive's own bytes are not there.
const fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound {
            kind: Kind::Blob,
            ..
        }
    )
}

/// The end of an import that came to nothing more.
fn failed((code, detail): (&str, &str)) -> Step {
    let reason = Reason {
        file: None,
        code: code.to_owned(),
        detail: detail.to_owned(),
    };
    step(0, vec![reason], Next::End)
}

const fn step(done: u64, failed: Vec<Reason>, next: Next) -> Step {
    Step { done, failed, next }
}

fn reason(path: &str, code: &str, detail: &str) -> Reason {
    Reason {
        file: None,
        code: code.to_owned(),
        detail: about(path, detail),
    }
}

/// What is told of an entry that could not be stored.
fn told(error: &Error) -> (&'static str, String) {
    let code = match error {
        Error::Conflict { code, .. } => code,
        Error::RefusedType { .. } => "refused_type",
        Error::QuotaExceeded { .. } => "quota_exceeded",
        Error::Invalid { .. } | Error::Malformed { .. } => "invalid",
        Error::TooLarge { .. } => "too_large",
        Error::PreconditionFailed { .. } => "changed",
        Error::NotFound { .. } | Error::Gone { .. } | Error::NoText { .. } => "gone",
        // What is said to a client of a defect is not what is said to the log.
        Error::Corrupt { .. } | Error::Panicked { .. } => {
            return ("failed", "something of ours failed".to_owned());
        }
        Error::Unauthenticated { .. }
        | Error::Forbidden { .. }
        | Error::Busy { .. }
        | Error::Dependency { .. } => "failed",
    };
    (code, error.to_string())
}

/// The key under which an entry is begun, however often.
fn repeatable(job: JobId, number: u64) -> Repeatable {
    let entry = format!("entry {number} of job {job}");
    let hash = domain::Sha256::of(entry.as_bytes());
    Repeatable {
        // Nobody's own: no client's key is under it.
        principal: format!("job-{job}"),
        key: hash,
        request: hash,
    }
}
