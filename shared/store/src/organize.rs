//! Changes that people make to files: names, folders, tags, the trash, trying again.
//!
//! A name is claimed and freed in the transaction that changes the file, so that at every moment
//! each name has one file and each file in a folder has its name.

use domain::file::{File, State, Status};
use domain::folder::Place;
use domain::message::Work;
use domain::name::FileName;
use domain::tag::{Tag, Tags};
use domain::{Error, FileId, FolderId, Result, WorkspaceId};
use jiff::Timestamp;

use crate::Store;
use crate::correction::{self, CorrectionChange};
use crate::failure::forget_failures;
use crate::file::{change_file, unfail_version};
use crate::membership::place_work;
use crate::name::{claim_name, free_name, renew_name};
use crate::table::{Rejected, Write, busy};
use crate::tally::{count_file, uncount_file};
use crate::trash::nearest_active;
use crate::tree::stay_active;
use crate::upload::read_version;
use crate::work;

/// How often a change is tried again when the file changes meanwhile.
const TRIES: u32 = 8;

/// What is to be done with something that may be there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is put in the place of what is there.
    Set(T),
}

impl<T> Edit<T> {
    /// Reads what is to be set, if something is.
    ///
    /// # Errors
    /// The error of reading it.
    pub fn try_map<U>(self, read: impl FnOnce(T) -> Result<U>) -> Result<Edit<U>> {
        Ok(match self {
            Self::Keep => Edit::Keep,
            Self::Clear => Edit::Clear,
            Self::Set(value) => Edit::Set(read(value)?),
        })
    }

    pub(crate) fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }
}

/// What is to be changed of a file; what is none stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileChange {
    /// The name.
    pub name: Option<FileName>,
    /// The folder.
    pub folder: Option<FolderId>,
    /// The type.
    pub document_type: Edit<Tag>,
    /// The tags.
    pub tags: Option<Tags>,
    /// What a person says of the document, in the place of what was read from it, and who, by pseudonym.
    pub correction: Option<(CorrectionChange, String)>,
    /// Whether it is marked.
    pub favorite: Option<bool>,
    /// Whether it is put away.
    pub archived: Option<bool>,
    /// From when on it is gone; cleared, it stays for ever.
    pub expires_at: Edit<Timestamp>,
}

/// What to do when the name of a file that leaves the trash is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTaken {
    /// Refuse.
    Fail,
    /// Take the next free ` (2)`, ` (3)`, ….
    Rename,
}

/// A file as it is to be, with the writes that make it so. The first write is of the file itself.
struct Plan {
    file: File,
    writes: Vec<Write>,
    /// Which of the writes claims a name.
    claim: Option<usize>,
    work: Option<Work>,
}

impl Store {
    /// Changes a file. `still` is asked of the file as it was read, before anything is written.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when the new name is taken, or when the document's date is to
    /// be changed before it has been read; `NotFound` and `Gone` as for [`Store::file`].
    pub async fn change_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        change: &FileChange,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        for _ in 0..TRIES {
            let (before, _) = self.reachable_file(workspace, id).await?;
            still(&before)?;
            let mut file = before.clone();
            apply(change, &mut file);
            if file == before {
                return Ok(file);
            }
            let mut plan = self.plan_change(workspace, &before, file)?;
            if let Some((_, by)) = &change.correction {
                plan.writes
                    .extend(correction::remember(workspace, &before, &plan.file, by)?);
            }
            if plan.file.folder != before.folder {
                // A file that is there already is not to go with a folder that is just being deleted.
                let above = self.active_upwards(workspace, plan.file.folder).await?;
                plan.writes.extend(stay_active(workspace, &above)?);
            }
            if let Some(file) = self.carry_out(plan).await? {
                return Ok(file);
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Puts a file into the trash: its name is free, and dossiers drop it. One that is there stays.
    ///
    /// # Errors
    /// Those of `still`; `NotFound` and `Gone` as for [`Store::file`].
    pub async fn trash_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        for _ in 0..TRIES {
            let (mut file, place) = self.reachable_file(workspace, id).await?;
            still(&file)?;
            if file.state == State::Trashed || !place.is_active() {
                return Ok(file);
            }
            let now = self.clock.now();
            file.state = State::Trashed;
            file.purge_at = self.trash_time.end(now);
            let writes = vec![
                change_file(workspace, &mut file, now)?,
                free_name(workspace, &file),
                uncount_file(workspace, &file),
            ];
            // What is posted nowhere is in no dossier.
            let work = file.posted.is_some().then(|| place_work(workspace, id));
            let plan = plan(file, writes, None, work, now)?;
            if let Some(file) = self.carry_out(plan).await? {
                return Ok(file);
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Takes a file out of the trash: it has its name again, in the folder it was in, and dossiers
    /// find it. Where that folder is gone or in the trash, it comes into the nearest one above that
    /// is not, into the root at last. One that is not in the trash stays as it is.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when the name is taken; `NotFound` and `Gone` as for
    /// [`Store::file`].
    pub async fn restore_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        on_taken: OnTaken,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        let mut found: Option<FileName> = None;
        let mut lost = 0;
        for _ in 0..TRIES {
            let before = self.file(workspace, id).await?;
            still(&before)?;
            let upwards = self.upwards(workspace, before.folder).await?;
            let place = Place::of(&upwards);
            place.reach(&before)?;
            if before.state == State::Active && place.is_active() {
                return Ok(before);
            }
            let mut file = before.clone();
            file.state = State::Active;
            file.purge_at = None;
            let above = nearest_active(&upwards);
            file.folder = above.first().map_or(FolderId::ROOT, |folder| folder.id);
            if on_taken == OnTaken::Rename {
                // A try can also have failed because the file itself was changed.
                if let Some(name) = &found {
                    let taken = self.name(workspace, file.folder, name).await?.is_some();
                    lost += u32::from(taken);
                }
                file.name = self
                    .next_free_name(workspace, file.folder, &file.name, lost)
                    .await?;
                found = Some(file.name.clone());
            }
            let now = self.clock.now();
            let mut writes = vec![
                change_file(workspace, &mut file, now)?,
                claim_name(workspace, &file, now)?,
                count_file(workspace, &file),
            ];
            if before.state == State::Active {
                // It leaves a folder that is in the trash.
                writes.push(free_name(workspace, &before));
                writes.push(uncount_file(workspace, &before));
            }
            writes.extend(stay_active(workspace, above)?);
            let work = has_been_read(&file).then(|| place_work(workspace, id));
            // When a free name is looked for and lost to another, the next one is looked for.
            let claim = (on_taken == OnTaken::Fail).then_some(1);
            let plan = plan(file, writes, claim, work, now)?;
            if let Some(file) = self.carry_out(plan).await? {
                return Ok(file);
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Has a file that failed read again from the start, and takes what failed of it off the list.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when it has not failed; `NotFound` and `Gone` as for
    /// [`Store::file`].
    pub async fn retry_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        for _ in 0..TRIES {
            let (mut file, _) = self.reachable_file(workspace, id).await?;
            still(&file)?;
            if file.status != Status::Failed {
                return Err(Error::Conflict {
                    code: "not_failed",
                    detail: format!(
                        "the file is {}: only one that failed is tried again",
                        file.status.as_str()
                    ),
                });
            }
            file.status = Status::Pending;
            file.failure = None;
            let now = self.clock.now();
            let mut writes = vec![
                change_file(workspace, &mut file, now)?,
                unfail_version(workspace, file.id, file.version),
            ];
            writes.extend(forget_failures(workspace, file.id, file.version));
            let work = Some(read_version(workspace, file.id, file.version));
            let plan = plan(file, writes, None, work, now)?;
            if let Some(file) = self.carry_out(plan).await? {
                return Ok(file);
            }
        }
        Err(busy("the file is being changed"))
    }

    /// Plans the writes that change a file from what it was.
    fn plan_change(&self, workspace: &WorkspaceId, before: &File, mut file: File) -> Result<Plan> {
        let now = self.clock.now();
        let mut writes = vec![change_file(workspace, &mut file, now)?];
        let mut claimed = None;
        let moved = file.name != before.name || file.folder != before.folder;
        if file.state == State::Active && moved {
            claimed = Some(writes.len());
            writes.push(claim_name(workspace, &file, now)?);
            writes.push(free_name(workspace, before));
        } else if file.state == State::Active && file.expires_at != before.expires_at {
            writes.push(renew_name(workspace, &file)?);
        }
        if file.state == State::Active && file.folder != before.folder {
            writes.push(uncount_file(workspace, before));
            writes.push(count_file(workspace, &file));
        }
        let sorted_anew = file.document_type != before.document_type
            || file.tags != before.tags
            || file.corrections != before.corrections
            // A folder above the one or the other may go into the trash just now, or come out of it, and
            // the job that places its files goes by their names: placing the file finds out.
            || (moved && (file.posted.is_some() || file.posting().is_some()));
        // What has not been read yet is placed once it has, under the type and tags it then has.
        let work = (sorted_anew && has_been_read(&file)).then(|| place_work(workspace, file.id));
        plan(file, writes, claimed, work, now)
    }

    /// Does what was planned and sends its work. None when the file changed since it was read.
    async fn carry_out(&self, plan: Plan) -> Result<Option<File>> {
        match self.table.transact(plan.writes).await {
            Ok(()) => {
                if let Some(work) = &plan.work {
                    self.send(work).await;
                }
                Ok(Some(plan.file))
            }
            Err(rejected)
                if !rejected.at(0) && plan.claim.is_some_and(|claim| rejected.at(claim)) =>
            {
                Err(Error::Conflict {
                    code: "name_taken",
                    detail: format!("{} is taken in that folder", plan.file.name),
                })
            }
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}

fn plan(
    file: File,
    mut writes: Vec<Write>,
    claim: Option<usize>,
    work: Option<Work>,
    now: Timestamp,
) -> Result<Plan> {
    if let Some(work) = &work {
        writes.push(work::ask(work, now)?);
    }
    Ok(Plan {
        file,
        writes,
        claim,
        work,
    })
}

fn apply(change: &FileChange, file: &mut File) {
    let change = change.clone();
    if let Some((correction, _)) = change.correction {
        correction.apply(&mut file.corrections);
    }
    set(&mut file.name, change.name);
    set(&mut file.folder, change.folder);
    set(&mut file.tags, change.tags);
    set(&mut file.favorite, change.favorite);
    set(&mut file.archived, change.archived);
    change.document_type.apply(&mut file.document_type);
    change.expires_at.apply(&mut file.expires_at);
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Says whether a file's current version has been read, so that its facts are known.
const fn has_been_read(file: &File) -> bool {
    !matches!(file.status, Status::Pending | Status::Scanning)
}
