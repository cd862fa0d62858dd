//! Committing an upload: its bytes become a version of a file. Until the transaction here holds, a
//! reader sees what was there before.

use domain::correction::Corrections;
use domain::facts::Facts;
use domain::file::{Content, File, NewFile, Origin, State, Status};
use domain::folder::Tally;
use domain::name::FileName;
use domain::upload::{Intent, OnConflict, Upload, UploadState};
use domain::{Error, FileId, FolderId, Kind, Result, WorkspaceId};
use jiff::Timestamp;

use crate::Store;
use crate::failure::forget_failures;
use crate::file::{Found, change_file, create_file, create_version};
use crate::name::{claim_name, renew_name};
use crate::quota::{self, Shard};
use crate::reference::Sharing;
use crate::table::{Rejected, Write};
use crate::tally::{self, count_file};
use crate::upload::{close, read_version};
use crate::work;

/// How often a commit looks again after losing a race for a name or a file.
const TRIES: u32 = 16;

/// Which write of a commit claims the name, where the file is new.
const PLACE: usize = 1;

/// Whether the bytes of an upload have been written where its session has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// They have.
    Yes,
    /// They have not: the version can only share a blob that is there.
    No,
}

/// What is to be committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committing<'a> {
    upload: &'a Upload,
    content: &'a Content,
    origin: Origin,
    /// What belongs to the end of the session.
    beside: &'a [Write],
    /// What the file had where it comes from.
    restored: Option<&'a Restored>,
}

/// What a file had where it comes from, and a client cannot say of what it sends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restored {
    /// What people said of the document.
    pub(crate) corrections: Corrections,
    /// From when on it is gone.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) favorite: bool,
    pub(crate) archived: bool,
    /// The file that this is a version of, when it is to be one of this and of no other.
    pub(crate) onto: Option<FileId>,
}

impl Restored {
    /// Gives a file what it had.
    fn apply(&self, file: &mut File) {
        file.corrections.clone_from(&self.corrections);
        file.expires_at = self.expires_at.or(file.expires_at);
        file.favorite |= self.favorite;
        file.archived |= self.archived;
    }
}

impl<'a> Committing<'a> {
    /// The bytes of a session, and nothing beside them.
    pub(crate) const fn new(upload: &'a Upload, content: &'a Content, origin: Origin) -> Self {
        Self {
            upload,
            content,
            origin,
            beside: &[],
            restored: None,
        }
    }

    /// With what the file had where it comes from.
    pub(crate) const fn restoring(self, restored: Option<&'a Restored>) -> Self {
        Self { restored, ..self }
    }

    /// With writes that belong to the end of the session.
    pub(crate) const fn beside(self, beside: &'a [Write]) -> Self {
        Self { beside, ..self }
    }
}

/// What committing an upload came to.
#[derive(Debug)]
pub(crate) enum Committed {
    /// Its bytes are a version of this file.
    Done(Box<File>),
    /// Nothing has its bytes: they have to be written, and will be shared like this.
    Unwritten(Sharing),
}

/// The file after the commit, and the writes that make it so.
#[derive(Debug)]
struct Plan {
    file: File,
    writes: Vec<Write>,
}

impl Store {
    /// Makes the bytes of an open upload a version of a file, and asks for it to be read. Bytes whose
    /// hash is known and that the workspace has already are shared, and what was written of them
    /// again is removed.
    ///
    /// Safe to repeat: a session that is committed answers with its file.
    ///
    /// # Errors
    /// `Conflict` when the name is taken and `on_conflict` is `fail`, or when the session was
    /// aborted; `PreconditionFailed` when the file that has the name is not what was expected.
    pub async fn commit_upload(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        content: &Content,
        origin: Origin,
    ) -> Result<File> {
        let committing = Committing::new(upload, content, origin);
        self.commit_written(workspace, committing).await
    }

    /// Commits what is written.
    ///
    /// # Errors
    /// Those of [`Store::commit_upload`]; `Busy` when what stands beside does not hold.
    pub(crate) async fn commit_written(
        &self,
        workspace: &WorkspaceId,
        committing: Committing<'_>,
    ) -> Result<File> {
        let Committing {
            upload, content, ..
        } = committing;
        let sharing = self.sharing(workspace, upload.blob, content).await?;
        match self
            .commit(workspace, committing, sharing, Written::Yes)
            .await?
        {
            Committed::Done(file) => Ok(*file),
            Committed::Unwritten(_) => Err(missed()),
        }
    }

    /// Makes the bytes of an open upload a version of a file. `sharing` is how they were found to be
    /// shared; where that does not hold any more, it is found out again.
    pub(crate) async fn commit(
        &self,
        workspace: &WorkspaceId,
        committing: Committing<'_>,
        sharing: Sharing,
        written: Written,
    ) -> Result<Committed> {
        let Committing {
            upload,
            content,
            origin,
            beside,
            restored,
        } = committing;
        let onto = restored.and_then(|restored| restored.onto);
        let mut found = Some(sharing);
        let mut lost = 0;
        for _ in 0..TRIES {
            // Each time, because it may have been moved, put into the trash or removed since.
            let folder = self.make_folders(workspace, &upload.intent.folder).await?;
            let now = self.clock.now();
            let sharing = match found.take() {
                Some(sharing) => sharing,
                None => self.sharing(workspace, upload.blob, content).await?,
            };
            if written == Written::No && sharing.blob().is_none() {
                return Ok(Committed::Unwritten(sharing));
            }
            let content = Content {
                blob: sharing.blob().unwrap_or(upload.blob),
                ..content.clone()
            };
            let plan = match self.target(workspace, folder, upload, lost, onto).await {
                Ok(Target::New(name)) => {
                    let new = new_file(upload, content, origin, folder, name, now);
                    let mut file = File::new(FileId::new(self.ids.sortable(now)), now, new);
                    if let Some(restored) = restored {
                        restored.apply(&mut file);
                    }
                    let writes = make_file(workspace, &file)?;
                    Plan { file, writes }
                }
                Ok(Target::Existing(file)) => {
                    let plan = Planning {
                        upload,
                        content: &content,
                        restored,
                    };
                    plan_version(workspace, &self.shard, plan, *file, now)?
                }
                Err(refusal) => {
                    let file = self.refused(workspace, upload, refusal).await?;
                    return Ok(Committed::Done(Box::new(file)));
                }
            };
            let committed = UploadState::Committed {
                file: plan.file.id,
                version: plan.file.version,
            };
            let work = read_version(workspace, plan.file.id, plan.file.version);
            let mut writes = vec![close(workspace, upload, &committed, now)?];
            writes.extend(plan.writes);
            writes.push(work::ask(&work, now)?);
            let first_beside = writes.len();
            writes.extend(beside.iter().cloned());
            // Nobody was ever given a URL to fetch what is removed here.
            writes.extend(sharing.writes(workspace, upload.blob, now)?);
            match self.table.transact(writes).await {
                Ok(()) => {
                    self.send(&work).await;
                    if sharing.blob().is_some() {
                        self.try_remove_going(workspace, upload.blob.id).await;
                    }
                    return Ok(Committed::Done(Box::new(plan.file)));
                }
                Err(rejected) if rejected.at(0) => {
                    let file = self.committed_before(workspace, upload).await?;
                    return Ok(Committed::Done(Box::new(file)));
                }
                Err(rejected) if (first_beside..).zip(beside).any(|(at, _)| rejected.at(at)) => {
                    return Err(crate::table::busy(
                        "another request sends bytes of this upload",
                    ));
                }
                // The name, the file, the folder or the shared blob changed since it was looked at:
                // look again.
                Err(rejected @ Rejected::Conditions(_)) => lost += u32::from(rejected.at(PLACE)),
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(crate::table::busy("many writers want this name"))
    }

    /// Returns the file of a session that is no longer open.
    async fn committed_before(&self, workspace: &WorkspaceId, upload: &Upload) -> Result<File> {
        match self.upload(workspace, upload.id).await?.state {
            UploadState::Committed { file, .. } => self.file(workspace, file).await,
            UploadState::Aborted { refused } => Err(aborted(refused)),
            UploadState::Open => Err(crate::table::busy("the upload is being finished")),
        }
    }

    /// Says what it means that an upload found no place: someone else may have finished it since it
    /// was read, and then the name is taken by its own file.
    async fn refused(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        refusal: Error,
    ) -> Result<File> {
        match self.upload(workspace, upload.id).await?.state {
            UploadState::Committed { file, .. } => self.file(workspace, file).await,
            UploadState::Open | UploadState::Aborted { .. } => Err(refusal),
        }
    }

    async fn target(
        &self,
        workspace: &WorkspaceId,
        folder: FolderId,
        upload: &Upload,
        lost: u32,
        onto: Option<FileId>,
    ) -> Result<Target> {
        let intent = &upload.intent;
        let taken = self.name(workspace, folder, &intent.name).await?;
        if onto.is_some() && taken.as_ref().and_then(|taken| taken.file) != onto {
            return Err(not_as_expected());
        }
        let Some(taken) = taken else {
            if intent.expected.is_some() {
                return Err(not_as_expected());
            }
            return Ok(Target::New(intent.name.clone()));
        };
        match (intent.on_conflict, taken.file) {
            (OnConflict::Rename, _) => self
                .next_free_name(workspace, folder, &intent.name, lost)
                .await
                .map(Target::New),
            (OnConflict::Version, Some(file)) => match self.found(workspace, file).await? {
                // The transaction holds only at this very revision.
                Some(Found::File(file)) => match &intent.expected {
                    Some(expected) if !expected.holds_at(file.revision) => Err(not_as_expected()),
                    Some(_) | None => Ok(Target::Existing(file)),
                },
                // It is being erased; its name is free in a moment.
                Some(Found::Gone(_)) | None => {
                    Err(crate::table::busy("the file of this name is being deleted"))
                }
            },
            (OnConflict::Fail, _) | (OnConflict::Version, None) => Err(Error::Conflict {
                code: "name_taken",
                detail: format!(
                    "{} is taken: choose another name, or on_conflict=rename or version",
                    intent.folder.join(&intent.name)
                ),
            }),
        }
    }
}

/// What a session makes a new file of.
fn new_file(
    upload: &Upload,
    content: Content,
    origin: Origin,
    folder: FolderId,
    name: FileName,
    now: Timestamp,
) -> NewFile {
    let intent = &upload.intent;
    NewFile {
        name,
        folder,
        document_type: intent.document_type.clone(),
        tags: intent.tags.clone(),
        content,
        origin,
        owner: intent.owner.clone(),
        expires_at: expiry(intent, now),
    }
}

/// Makes a new file: the first write claims its name. All of them hold only while its folder is
/// there.
pub(crate) fn make_file(workspace: &WorkspaceId, file: &File) -> Result<Vec<Write>> {
    let version = file.made_version(file.owner.clone(), file.created_at);
    Ok(vec![
        claim_name(workspace, file, file.created_at)?,
        create_file(workspace, file)?,
        create_version(workspace, file.id, &version)?,
        count_file(workspace, file),
    ])
}

/// From when on a file is gone that is given these bytes now; none when nothing is said of it.
fn expiry(intent: &Intent, now: Timestamp) -> Option<Timestamp> {
    intent
        .expires_in
        .and_then(|duration| now.checked_add(duration).ok())
}

/// A version that another took the place of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replaced {
    number: u32,
    growth: Tally,
}

/// Gives a file its next version, of which nothing has been read yet.
pub(crate) fn begin_version(file: &mut File, content: &Content) -> Replaced {
    let replaced = Replaced {
        number: file.version,
        growth: Tally::growth(file.content.size_bytes, content.size_bytes),
    };
    file.version += 1;
    file.content = content.clone();
    file.status = Status::Pending;
    file.facts = Facts::default();
    file.corrections = Corrections::default();
    file.summary = None;
    file.summary_reason = None;
    file.failure = None;
    replaced
}

/// Writes a file that has begun a version, and the version. The first write is of the file.
pub(crate) fn write_version(
    workspace: &WorkspaceId,
    file: &mut File,
    replaced: Replaced,
    owner: &str,
    now: Timestamp,
) -> Result<Vec<Write>> {
    let version = file.made_version(owner.to_owned(), now);
    let mut writes = vec![
        change_file(workspace, file, now)?,
        create_version(workspace, file.id, &version)?,
    ];
    // What was given up of the version before is not to be done any more.
    writes.extend(forget_failures(workspace, file.id, replaced.number));
    // One in the trash counts nowhere.
    if file.state == State::Active {
        writes.push(tally::count(
            workspace,
            file.folder,
            file.id.uuid(),
            replaced.growth,
        ));
    }
    Ok(writes)
}

/// The answer when bytes that were written are asked for again, which is a defect.
pub(crate) fn missed() -> Error {
    Error::corrupt("bytes that are written are to be written")
}

const fn not_as_expected() -> Error {
    Error::PreconditionFailed { kind: Kind::File }
}

/// What becomes a version.
#[derive(Clone, Copy)]
struct Planning<'a> {
    upload: &'a Upload,
    content: &'a Content,
    restored: Option<&'a Restored>,
}

/// Plans a new version of a file. Its expiry, type and tags stay unless new ones are given.
fn plan_version(
    workspace: &WorkspaceId,
    shard: &Shard,
    planning: Planning<'_>,
    mut file: File,
    now: Timestamp,
) -> Result<Plan> {
    let Planning {
        upload,
        content,
        restored,
    } = planning;
    let expired_at = file.expires_at;
    let intent = &upload.intent;
    let replaced = begin_version(&mut file, content);
    if intent.document_type.is_some() {
        file.document_type.clone_from(&intent.document_type);
    }
    if !intent.tags.as_slice().is_empty() {
        file.tags = intent.tags.clone();
    }
    file.expires_at = expiry(intent, now).or(file.expires_at);
    if let Some(restored) = restored {
        restored.apply(&mut file);
    }
    let is_given = file.expires_at != expired_at;
    let mut writes = write_version(workspace, &mut file, replaced, &intent.owner, now)?;
    // A new version of a file is no new file.
    writes.push(quota::give_back(workspace, shard, 0, 1));
    // One in the trash has no name.
    if is_given && file.state == State::Active {
        writes.push(renew_name(workspace, &file)?);
    }
    Ok(Plan { file, writes })
}

/// What the bytes become.
enum Target {
    New(FileName),
    Existing(Box<File>),
}

/// The answer for a session that was given up: for the type that was `refused`, or because someone
/// ended it or it ran out.
pub fn aborted(refused: Option<String>) -> Error {
    match refused {
        Some(media_type) => Error::RefusedType { media_type },
        None => Error::Gone {
            kind: Kind::Upload,
            id: "session".to_owned(),
            reason: "it was aborted or ran out: begin a new one",
        },
    }
}
