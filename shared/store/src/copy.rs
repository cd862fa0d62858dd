//! Copies: new files that refer to the bytes of another. No byte is copied.

use domain::correction::Corrections;
use domain::file::{File, NewFile, State};
use domain::folder::FolderState;
use domain::name::FileName;
use domain::{Error, FileId, FolderId, Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::commit::make_file;
use crate::file::{VersionItem, check_file, check_version, readable_version};
use crate::idempotency::{self, Repeatable};
use crate::organize::OnTaken;
use crate::reference::refer;
use crate::table::{Rejected, Write, busy};
use crate::tree::stay_active;
use crate::upload::read_version;
use crate::work;

/// How often a copy is made anew when something it is of changes meanwhile.
const TRIES: u32 = 16;

/// What a copy is to be.
#[derive(Clone, Debug)]
pub struct Copy {
    /// The version that is copied; none for the current one.
    pub version: Option<u32>,
    /// What the copy is to be called; none for the name of the file.
    pub name: Option<FileName>,
    /// The folder it is to be in; none for that of the file.
    pub folder: Option<FolderId>,
    /// What to do when the name is taken.
    pub on_taken: OnTaken,
    /// How long it is to live; none for as long as the file that is copied.
    pub expires_in: Option<SignedDuration>,
    /// Who makes it, by pseudonym.
    pub owner: String,
    /// The request, when it may be repeated.
    pub repeatable: Option<Repeatable>,
}

/// Which writes of a copy say why it was not made, where they are refused.
struct Places {
    claim: usize,
    remember: usize,
}

impl Store {
    /// Copies a file: the copy has the same bytes, type, tags and date a person gave, and is read
    /// anew. `still` is asked of the file as it was read.
    ///
    /// Safe to repeat with a key: the copy that was made is returned.
    ///
    /// # Errors
    /// Those of `still`; `Conflict` when the name is taken, the file is in the trash, or its bytes
    /// cannot be fetched; `NotFound`, `Gone`, `QuotaExceeded`.
    pub async fn copy_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        copy: &Copy,
        still: impl Fn(&File) -> Result<()>,
    ) -> Result<File> {
        // Before the file is looked at, which may be gone since.
        if let Some(made) = self.copied_before(workspace, copy).await? {
            return self.file(workspace, made).await;
        }
        let mut lost = 0;
        for _ in 0..TRIES {
            let (source, place) = self.reachable_file(workspace, id).await?;
            still(&source)?;
            if source.state == State::Trashed || place.state != FolderState::Active {
                return Err(in_the_trash());
            }
            let target = copy.folder.unwrap_or(source.folder);
            let above = self.active_upwards(workspace, target).await?;
            let number = copy.version.unwrap_or(source.version);
            let version = self.version_to_copy(workspace, &source, number).await?;
            let name = self.name_of_copy(workspace, &source, copy, lost).await?;
            let now = self.clock.now();
            let file = self.new_copy(&source, &version, copy, name, now);
            let work = read_version(workspace, file.id, file.version);
            let (mut writes, places) = writes_of_copy(workspace, &source, &version, &file, copy)?;
            writes.push(work::ask(&work, now)?);
            writes.extend(stay_active(workspace, &above)?);
            let size_bytes = file.content.size_bytes;
            let copied = self.transact_reserving(workspace, size_bytes, 1, &writes);
            match copied.await {
                Ok(()) => {
                    self.send(&work).await;
                    return Ok(file);
                }
                Err(rejected) if copy.repeatable.is_some() && rejected.at(places.remember) => {
                    if let Some(made) = self.copied_before(workspace, copy).await? {
                        return self.file(workspace, made).await;
                    }
                }
                Err(rejected) if rejected.at(places.claim) => match copy.on_taken {
                    OnTaken::Fail => return Err(taken(&file.name)),
                    OnTaken::Rename => lost += 1,
                },
                // The file, its version or a folder changed since it was read: look again.
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("the file is being changed"))
    }

    async fn copied_before(&self, workspace: &WorkspaceId, copy: &Copy) -> Result<Option<FileId>> {
        match &copy.repeatable {
            Some(repeatable) => self.made_already(workspace, repeatable).await,
            None => Ok(None),
        }
    }

    /// Returns a version whose bytes another may refer to.
    async fn version_to_copy(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        number: u32,
    ) -> Result<VersionItem> {
        let item = self.version_item(workspace, file.id, number).await?;
        readable_version(file, item, number)
    }

    async fn name_of_copy(
        &self,
        workspace: &WorkspaceId,
        source: &File,
        copy: &Copy,
        lost: u32,
    ) -> Result<FileName> {
        let name = copy.name.as_ref().unwrap_or(&source.name);
        let folder = copy.folder.unwrap_or(source.folder);
        match copy.on_taken {
            OnTaken::Fail => Ok(name.clone()),
            OnTaken::Rename => self.next_free_name(workspace, folder, name, lost).await,
        }
    }

    fn new_copy(
        &self,
        source: &File,
        version: &VersionItem,
        copy: &Copy,
        name: FileName,
        now: Timestamp,
    ) -> File {
        let lives = copy.expires_in.map(|lives| now.checked_add(lives));
        let new = NewFile {
            name,
            folder: copy.folder.unwrap_or(source.folder),
            document_type: source.document_type.clone(),
            tags: source.tags.clone(),
            content: version.content.clone(),
            origin: source.origin,
            owner: copy.owner.clone(),
            // What was to be gone by a certain time does not live on as a copy unless someone says so.
            expires_at: match lives {
                Some(until) => until.ok(),
                None => source.expires_at,
            },
        };
        File {
            // What people said is of the current version.
            corrections: if version.number == source.version {
                source.corrections.clone()
            } else {
                Corrections::default()
            },
            ..File::new(FileId::new(self.ids.sortable(now)), now, new)
        }
    }
}

fn writes_of_copy(
    workspace: &WorkspaceId,
    source: &File,
    version: &VersionItem,
    file: &File,
    copy: &Copy,
) -> Result<(Vec<Write>, Places)> {
    let mut writes = make_file(workspace, file)?;
    writes.extend([
        check_file(workspace, source),
        check_version(workspace, source.id, version),
        refer(workspace, file.content.blob),
    ]);
    let places = Places {
        claim: 0,
        remember: writes.len(),
    };
    if let Some(repeatable) = &copy.repeatable {
        let made = idempotency::remember(workspace, repeatable, file.id, file.created_at);
        writes.push(made?);
    }
    Ok((writes, places))
}

fn taken(name: &FileName) -> Error {
    Error::Conflict {
        code: "name_taken",
        detail: format!(
            "{name} is taken in that folder: choose another name, or on_conflict=rename"
        ),
    }
}

fn in_the_trash() -> Error {
    Error::Conflict {
        code: "in_trash",
        detail: "the file is in the trash: restore it first".to_owned(),
    }
}
