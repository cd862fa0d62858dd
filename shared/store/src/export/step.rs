//! The steps of the job that makes an archive.
//!
//! A step claims its number before it writes anything: what it writes, parts and objects, has numbers
//! of its own. It counts once the step is noted, which holds only while nobody has claimed another
//! since. So nothing that two workers write at once, or one that broke off, meets in the archive. What
//! is in it is settled as it is written: a file is there whole, in the version that was met, or the
//! manifest says why it is not.

use archive::manifest::{self, Heading};
use domain::job::{Exported, Reason};
use domain::name::FileName;
use domain::{Error, FolderId, JobId, Result, WorkspaceId};

use super::place::{Numbers, Open, Place, Walk};
use super::walk::Page;
use super::writing::{PARTS_OF_STEP, Writing};
use super::{MEDIA_TYPE, Stage, archive_key};
use crate::Store;
use crate::job::{JobItem, Next, Step};
use crate::table::busy;

/// What comes after a bit of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    More,
    /// The step must be noted first.
    Note,
    /// The archive is there.
    Done,
}

impl Store {
    /// Makes a step of an export. None when another worker has begun one since.
    pub(crate) async fn export_step(
        &self,
        workspace: &WorkspaceId,
        what: &Exported,
        versions: bool,
        kept: &mut JobItem,
    ) -> Result<Option<Step>> {
        let step = self.try_export_step(workspace, what, versions, kept);
        // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
        match Box::pin(step).await {
            Ok(step) => Ok(step),
            // What it stood on may have been removed by whoever went on.
            Err(_) if self.has_gone_on(workspace, kept).await? => Ok(None),
            Err(Error::TooLarge { detail }) => {
                self.remove_export_of(workspace, kept.id).await?;
                Ok(Some(ended("too_large", &detail)))
            }
            Err(error) => Err(error),
        }
    }

    async fn try_export_step(
        &self,
        workspace: &WorkspaceId,
        what: &Exported,
        versions: bool,
        kept: &mut JobItem,
    ) -> Result<Option<Step>> {
        let id = kept.id;
        let Some(item) = self.export_item(workspace, id).await? else {
            return Ok(Some(gone()));
        };
        match item.export_stage {
            Stage::Making => {}
            // A worker broke off at the very end.
            Stage::Ready => {
                self.remove_pieces(workspace, id).await?;
                return Ok(Some(finished()));
            }
            Stage::Gone => return Ok(Some(gone())),
        }
        let mut place = match kept.place()? {
            Some(place) => place,
            None => self.first_place(workspace, what).await?,
        };
        place.claim += 1;
        let first_part = place.next_part;
        place.next_part += PARTS_OF_STEP;
        if !self.claim_step(workspace, kept, &place).await? {
            return Ok(None);
        }
        let multipart_id = match item.multipart_id {
            Some(multipart_id) => multipart_id,
            None => self.begin_archive(workspace, id).await?,
        };
        let writing = Writing::open(self, workspace, id, multipart_id, place, first_part);
        let mut exporting = Exporting {
            what,
            versions,
            kept,
            writing: writing.await?,
            page: Page::default(),
        };
        exporting.write_heading()?;
        loop {
            if exporting.writing.is_full() {
                break;
            }
            match Box::pin(exporting.go_on()).await? {
                After::More => {}
                After::Note => break,
                After::Done => return Ok(Some(finished())),
            }
        }
        exporting.writing.end().await.map(Some)
    }

    /// Where an export begins.
    async fn first_place(&self, workspace: &WorkspaceId, what: &Exported) -> Result<Place> {
        let (root, walk) = match what {
            Exported::Folder(folder) => {
                let open = Open {
                    folder: *folder,
                    name: None,
                    after: None,
                };
                (*folder, Walk::Folders(vec![open]))
            }
            Exported::Files(_) => {
                let paths = Vec::new();
                (FolderId::ROOT, Walk::Files { next: 0, paths })
            }
        };
        let usual: FileName = manifest::FOLDER.parse()?;
        let mut own_folder = usual.clone();
        let mut number = 2;
        while self.name(workspace, root, &own_folder).await?.is_some() {
            own_folder = usual.numbered(number);
            number += 1;
        }
        Ok(Place {
            claim: 0,
            next_part: 1,
            parts: Numbers::default(),
            rest: None,
            obsolete: Vec::new(),
            offset: 0,
            entries: 0,
            pieces: Numbers::default(),
            manifest_bytes: 0,
            manifest_crc32: 0,
            directory_bytes: 0,
            own_folder: own_folder.to_string(),
            walk,
            file: None,
            large: None,
            closing: None,
        })
    }

    /// Begins the multipart upload of an archive, and returns S3's name for it.
    async fn begin_archive(&self, workspace: &WorkspaceId, id: JobId) -> Result<String> {
        let key = archive_key(workspace, id);
        let multipart_id = self.blobs.begin_multipart(&key, MEDIA_TYPE).await?;
        let named = self.name_export_multipart(workspace, id, &multipart_id);
        if named.await? {
            return Ok(multipart_id);
        }
        self.blobs.abort_multipart(&key, &multipart_id).await?;
        Err(busy("the export was begun or removed by someone else"))
    }

    /// Removes an export that came to nothing, while its job goes on to its end.
    async fn remove_export_of(&self, workspace: &WorkspaceId, id: JobId) -> Result<()> {
        let Some(item) = self.export_item(workspace, id).await? else {
            return Ok(());
        };
        if self.was_written(self.gone(workspace, &item)?).await? {
            self.remove_objects(workspace, &item).await?;
        }
        Ok(())
    }
}

/// A step of an export that is being made.
pub(super) struct Exporting<'a> {
    pub(super) what: &'a Exported,
    pub(super) versions: bool,
    pub(super) kept: &'a JobItem,
    pub(super) writing: Writing<'a>,
    /// The names of the folder that the walk is in.
    pub(super) page: Page,
}

impl Exporting<'_> {
    /// Writes the first line of the manifest, where there is none.
    fn write_heading(&mut self) -> Result<()> {
        let writing = &mut self.writing;
        if writing.place.manifest_bytes > 0 {
            return Ok(());
        }
        let heading = Heading::new(writing.place.own_folder.clone(), self.kept.created_at);
        writing.write_line(&heading)
    }

    async fn go_on(&mut self) -> Result<After> {
        if let Some(large) = self.writing.place.large.take() {
            return Box::pin(self.write_large(*large)).await;
        }
        if let Some(way) = self.writing.place.file.take() {
            self.writing.things += 1;
            return self.write_file(way).await;
        }
        if let Some(closing) = self.writing.place.closing.take() {
            return self.close(closing).await;
        }
        match &self.writing.place.walk {
            Walk::Folders(_) => self.walk_on().await,
            Walk::Files { .. } => self.next_file().await,
        }
    }
}

/// The end of an export whose archive is there.
const fn finished() -> Step {
    Step {
        done: 0,
        failed: Vec::new(),
        next: Next::End,
    }
}

/// The end of an export that came to nothing.
fn ended(code: &str, detail: &str) -> Step {
    Step {
        done: 0,
        failed: vec![Reason {
            file: None,
            code: code.to_owned(),
            detail: detail.to_owned(),
        }],
        next: Next::End,
    }
}

fn gone() -> Step {
    ended(
        "gone",
        "what there was of the export was removed: export it anew",
    )
}
