//! Making one entry of an archive a file or folder.

use archive::directory::{Method, Nature, Row};
use archive::manifest::{self, Line};
use archive::unpack::{SLICE_BYTES, Unpacking};
use archive::{Refused, entry_path};
use bytes::Bytes;
use domain::correction::Corrections;
use domain::file::{Origin, Writer};
use domain::name::{FileName, FolderPath};
use domain::tag::Tags;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME};
use domain::{Error, FileId, JobId, Result, Sha256, WorkspaceId};

use super::entries::Source;
use super::{Failed, Made, Outcome, Place, repeatable};
use crate::Store;
use crate::commit::Restored;
use crate::direct::Stored;
use crate::finish::{Accept, HEAD_BYTES};
use crate::upload::Beginning;

/// Up to how many bytes an entry is held in memory.
const SMALL_BYTES: u64 = 16 * 1024 * 1024;

/// The folder in which macOS has what it knows of files besides.
const MACOS: &str = "__MACOSX/";

/// A step of an import.
pub(super) struct Importing<'a> {
    pub(super) store: &'a Store,
    pub(super) workspace: &'a WorkspaceId,
    pub(super) job: JobId,
    pub(super) source: &'a Source,
    /// The path of the folder that all goes into.
    pub(super) base: FolderPath,
    pub(super) on_conflict: OnConflict,
    pub(super) owner: String,
    pub(super) accept: Accept,
    pub(super) place: Place,
    pub(super) unpacked_bytes: u64,
}

/// What an entry is to become.
pub(super) struct Wanted {
    pub(super) intent: Intent,
    pub(super) restored: Restored,
    /// The hash it must have, where the manifest says so.
    pub(super) sha256: Option<Sha256>,
    /// What the manifest says that it is.
    pub(super) content_type: Option<String>,
    /// The file it is an earlier version of, by the id it had.
    pub(super) earlier_of: Option<FileId>,
}

impl Importing<'_> {
    /// Makes an entry a file or folder.
    pub(super) async fn import(
        &mut self,
        row: &Row,
        line: Option<&Line>,
    ) -> Result<Outcome, Failed> {
        if line.is_none() && row.path.starts_with(MACOS) {
            return Ok(Outcome::Ignored);
        }
        row.check()?;
        let names = names(row, line)?;
        if row.nature == Nature::Folder {
            let path = self.below(&names)?;
            self.store.make_folders(self.workspace, &path).await?;
            return Ok(Outcome::Done);
        }
        let wanted = self.wanted(&names, line)?;
        let Some(bytes_at) = self.store.bytes_of(self.source, row, &self.place).await? else {
            return Err(Failed::Refused(damaged()));
        };
        let made = if row.size_bytes <= SMALL_BYTES {
            Some(self.import_small(row, &wanted, bytes_at).await?)
        } else {
            match row.method {
                Method::Stored => self.import_stored(row, &wanted, bytes_at).await?,
                Method::Deflated | Method::Other(_) if !self.place.alone => {
                    return Ok(Outcome::Alone);
                }
                Method::Deflated | Method::Other(_) => {
                    Some(self.import_deflated(row, &wanted, bytes_at).await?)
                }
            }
        };
        let Some(file) = made else {
            return Ok(Outcome::Unfinished);
        };
        self.place.made = wanted.earlier_of.map(|of| Made { of, file });
        Ok(Outcome::Done)
    }

    /// The path of a folder below the one that all goes into.
    fn below(&self, names: &[FileName]) -> Result<FolderPath, Refused> {
        let mut all = self.base.segments().to_vec();
        all.extend_from_slice(names);
        if all.len() > FolderPath::MAX_DEPTH {
            return Err(bad_path(
                "folders are at most 32 deep: import the archive higher up",
            ));
        }
        Ok(FolderPath::of(all))
    }

    fn wanted(&self, names: &[FileName], line: Option<&Line>) -> Result<Wanted, Failed> {
        let (name, folders) = names
            .split_last()
            .ok_or_else(|| bad_path("it has no name"))?;
        let mut wanted = Wanted {
            intent: Intent {
                name: name.clone(),
                folder: self.below(folders)?,
                document_type: None,
                tags: Tags::parse::<&str>(&[])?,
                expires_in: None,
                on_conflict: self.on_conflict,
                expected: None,
                owner: self.owner.clone(),
            },
            restored: Restored::default(),
            sha256: None,
            content_type: None,
            earlier_of: None,
        };
        let of = match line {
            None | Some(Line::Folder(_) | Line::LeftOut(_)) => return Ok(wanted),
            Some(Line::File(file)) => {
                wanted.intent.document_type.clone_from(&file.document_type);
                wanted.intent.tags = file.tags.clone();
                wanted.restored.corrections = corrections(file)?;
                wanted.restored.favorite = file.favorite;
                wanted.restored.archived = file.archived;
                wanted.restored.expires_at = file.expires_at;
                wanted.sha256 = Some(file.sha256);
                wanted.content_type = Some(file.content_type.clone());
                file.id
            }
            Some(Line::Version(version)) => {
                wanted.restored.expires_at = version.expires_at;
                wanted.sha256 = Some(version.sha256);
                wanted.content_type = Some(version.content_type.clone());
                wanted.earlier_of = Some(version.id);
                version.id
            }
        };
        let now = self.store.clock.now();
        if wanted.restored.expires_at.is_some_and(|at| at <= now) {
            return Err(Failed::Refused(Refused {
                code: "expired",
                detail: "its time was up since it was exported".to_owned(),
            }));
        }
        if let Some(made) = self.place.made.filter(|made| made.of == of) {
            wanted.restored.onto = Some(made.file);
            wanted.intent.on_conflict = OnConflict::Version;
        }
        Ok(wanted)
    }

    async fn import_small(
        &mut self,
        row: &Row,
        wanted: &Wanted,
        bytes_at: u64,
    ) -> Result<FileId, Failed> {
        let unpacked = self.unpack(row, bytes_at).await?;
        self.unpacked_bytes += row.size_bytes;
        let sha256 = Sha256::of(&unpacked);
        check_sha256(wanted, sha256)?;
        let head = usize::try_from(HEAD_BYTES).unwrap_or(usize::MAX);
        let head = unpacked.get(..head).unwrap_or(&unpacked);
        let content_type = self.accept(head, wanted)?;
        let beginning = Beginning {
            sha256: Some(sha256),
            ..self.beginning(row, wanted, content_type, Plan::Single)
        };
        let from = (Origin::Imported, Some(&wanted.restored));
        let stored = self
            .store
            .store_restored(self.workspace, beginning, unpacked, from);
        Ok(match stored.await? {
            Stored::Now(file) => file.id,
            Stored::Before { file, .. } => file,
        })
    }

    /// Unpacks an entry that is held in memory.
    async fn unpack(&self, row: &Row, bytes_at: u64) -> Result<Bytes, Failed> {
        let mut unpacking = Unpacking::new(row)?;
        let room = usize::try_from(row.size_bytes).unwrap_or_default();
        let mut unpacked = Vec::with_capacity(room);
        let until = bytes_at + row.packed_bytes;
        if row.packed_bytes > 0 {
            let blobs = &self.store.blobs;
            let body = blobs.open(&self.source.key, Some(bytes_at..until)).await?;
            let mut body = body.ok_or_else(damaged)?;
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| Error::dependency("reading a blob", error))?;
                for slice in chunk.chunks(SLICE_BYTES) {
                    unpacking.unpack(slice, &mut unpacked)?;
                }
            }
        }
        unpacking.finish()?;
        Ok(unpacked.into())
    }

    pub(super) fn accept(&self, head: &[u8], wanted: &Wanted) -> Result<String> {
        let name = wanted.intent.name.as_str();
        (self.accept)(head, name, wanted.content_type.as_deref())
    }

    pub(super) fn beginning(
        &self,
        row: &Row,
        wanted: &Wanted,
        content_type: String,
        plan: Plan,
    ) -> Beginning {
        Beginning {
            intent: wanted.intent.clone(),
            size_bytes: row.size_bytes,
            content_type: Some(content_type),
            sha256: wanted.sha256,
            plan,
            writer: Writer::Function,
            lifetime: SESSION_LIFETIME,
            repeatable: Some(repeatable(self.job, self.place.done)),
        }
    }
}

/// The names of an entry: those of the manifest where the path has others.
fn names(row: &Row, line: Option<&Line>) -> Result<Vec<FileName>, Refused> {
    let (path, names) = match line {
        None | Some(Line::LeftOut(_)) => (&row.path, &None),
        Some(Line::Folder(folder)) => (&row.path, &folder.names),
        Some(Line::File(file)) => (&row.path, &file.names),
        Some(Line::Version(version)) => (&version.of, &version.names),
    };
    // What the path says is held to be one whatever the manifest says.
    let read = entry_path::read(path)?;
    let Some(names) = names else { return Ok(read) };
    let names: Result<Vec<FileName>, Error> = names.iter().map(|name| name.parse()).collect();
    let names = names.map_err(|_| bad_path("the manifest has names for it that are none"))?;
    if names.is_empty() || names.len() > FolderPath::MAX_DEPTH + 1 {
        return Err(bad_path("the manifest has names for it that are none"));
    }
    Ok(names)
}

pub(super) fn check_sha256(wanted: &Wanted, sha256: Sha256) -> Result<(), Refused> {
    if wanted.sha256.is_none_or(|wanted| wanted == sha256) {
        return Ok(());
    }
    Err(Refused {
        code: "other_hash",
        detail: format!(
            "its bytes have SHA-256 {sha256}, not the one that the manifest says: it was changed \
             since it was exported"
        ),
    })
}

pub(super) fn damaged() -> Refused {
    Refused {
        code: "damaged",
        detail: "what stands in front of it in the archive is not what the directory says: it is \
                 damaged"
            .to_owned(),
    }
}

fn bad_path(detail: &str) -> Refused {
    Refused {
        code: "bad_path",
        detail: detail.to_owned(),
    }
}

/// What people said of a file of an archive, which anyone can have written.
fn corrections(file: &manifest::File) -> Result<Corrections, Refused> {
    let corrections = file.corrections.clone().or_date(file.given_date);
    match corrections.check() {
        Ok(()) => Ok(corrections),
        Err(error) => Err(Refused {
            code: "bad_facts",
            detail: format!("the manifest says of it what nobody can say of a document: {error}"),
        }),
    }
}
