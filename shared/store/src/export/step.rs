//! The steps of the job that makes an archive.
//!
//! A step claims its number before it writes anything: what it writes, parts and objects, has numbers
//! of its own. It counts once the step is noted, which holds only while nobody has claimed another
//! since. So nothing that two workers write at once, or one that broke off, meets in the archive. What
//! is in it is settled as it is written: a file is there whole, in the version that was met, or the
//! manifest says why it is not.

use archive::entry_path::portable;
use archive::manifest::{self, Heading};
use archive::unpack::Crc32;
use archive::write::{Directory, Entry, end};
use domain::file::{Content, Failure, File, State, Status};
use domain::folder::FolderState;
use domain::hashing::Hashing;
use domain::job::{Exported, Reason};
use domain::name::FileName;
use domain::upload::MIN_PART_BYTES;
use domain::{Error, FolderId, JobId, Kind, Result, WorkspaceId};
use std::collections::VecDeque;

use super::place::{
    Closing, ClosingPart, FileWay, Large, Line, Numbers, Open, Place, Source, UNKNOWN, Walk,
    Written,
};
use super::writing::{Hashes, PARTS_OF_STEP, Writing, refused};
use super::{MEDIA_TYPE, Stage, archive_key};
use crate::Store;
use crate::blob::{Completed, ExportPiece, ObjectKey};
use crate::file::VersionItem;
use crate::folder::Found;
use crate::job::{JobItem, Next, Step};
use crate::keys::{Key, VERSION_PREFIX, file_partition};
use crate::name::NameItem;
use crate::table::{Query, busy};

/// Up to how many bytes a file is read whole.
const SMALL_BYTES: u64 = 8 * 1024 * 1024;

/// How many bytes S3 copies as one part; more of a file that would need too many parts.
const COPIED_BYTES: u64 = 128 * 1024 * 1024;

/// Most parts of one file.
const MOST_COPIES: u64 = 4_000;

/// Names read at once.
const PAGE_NAMES: i32 = 150;

/// What is known of the folder that the walk is in, while a step lasts.
#[derive(Default)]
struct Page {
    names: VecDeque<NameItem>,
    /// Whether these are of the folder that the walk is in now.
    is_read: bool,
    is_last: bool,
}

/// What comes after a bit of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
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

    /// Makes the archive of its parts, once all are noted.
    async fn complete_archive(
        &self,
        workspace: &WorkspaceId,
        id: JobId,
        place: &Place,
        multipart_id: &str,
    ) -> Result<()> {
        let key = archive_key(workspace, id);
        if let Some(stored) = self.blobs.parts(&key, multipart_id).await? {
            let is_in = |number: u32| place.parts.contains(number.into());
            let parts: Vec<_> = stored
                .into_iter()
                .filter(|part| is_in(part.number))
                .collect();
            let stored_bytes: u64 = parts.iter().map(|part| part.size_bytes).sum();
            if stored_bytes != place.offset {
                return Err(Error::corrupt("the parts of an archive are not all of it"));
            }
            let parts: Vec<_> = parts
                .into_iter()
                .map(|part| (part.number, part.etag))
                .collect();
            match self
                .blobs
                .complete_multipart(&key, multipart_id, &parts)
                .await?
            {
                Completed::Done | Completed::Unknown => {}
            }
        }
        let head = self.blobs.head(&key).await?;
        if head.is_none_or(|head| head.size_bytes != place.offset) {
            return Err(Error::corrupt("an archive is not as it was written"));
        }
        self.export_is_ready(workspace, id, place.offset).await?;
        self.remove_pieces(workspace, id).await
    }

    /// Removes what an archive was made of.
    async fn remove_pieces(&self, workspace: &WorkspaceId, id: JobId) -> Result<()> {
        let archive = archive_key(workspace, id).path();
        let prefix = crate::blob::export_prefix(workspace, id);
        let mut after = None;
        loop {
            let page = self.blobs.list(&prefix, after.as_deref()).await?;
            for object in page.objects.iter().filter(|object| object.path != archive) {
                self.blobs.delete_at(&object.path).await?;
            }
            after = page.objects.last().map(|last| last.path.clone());
            if !page.more || after.is_none() {
                return Ok(());
            }
        }
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

    /// Returns the next version of a file behind `after`.
    async fn version_after(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        after: u32,
    ) -> Result<Option<VersionItem>> {
        let start = (after > 0).then(|| Key::version(workspace, file.id, after).attributes());
        let page = self
            .table
            .query::<VersionItem>(Query {
                limit: 1,
                start,
                ..Query::prefix(file_partition(workspace, file.id), VERSION_PREFIX)
            })
            .await?;
        let earlier = |version: &VersionItem| version.number < file.version;
        Ok(page.rows.into_iter().next().filter(earlier))
    }
}

/// A step of an export that is being made.
struct Exporting<'a> {
    what: &'a Exported,
    versions: bool,
    kept: &'a JobItem,
    writing: Writing<'a>,
    page: Page,
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

    /// Goes to the next name of the folder that the walk is in.
    async fn walk_on(&mut self) -> Result<After> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        let Walk::Folders(open) = &self.writing.place.walk else {
            return Err(Error::corrupt("a walk over files is in a folder"));
        };
        let Some(innermost) = open.last() else {
            return Ok(self.begin_closing());
        };
        let (folder, after) = (innermost.folder, innermost.after.clone());
        if self.page.names.is_empty() {
            if self.page.is_read && self.page.is_last {
                self.leave_folder();
                return Ok(After::More);
            }
            self.writing.things += 1;
            if !self.is_still_there(folder).await? {
                return Ok(After::More);
            }
            let page = store
                .names_in(workspace, folder, after.as_ref(), PAGE_NAMES)
                .await?;
            self.page = Page {
                names: page.rows.into(),
                is_read: true,
                is_last: page.next.is_none(),
            };
            return Ok(After::More);
        }
        let Some(name) = self.page.names.pop_front() else {
            return Ok(After::More);
        };
        self.pass(name.name.clone());
        self.writing.things += 1;
        if self.is_reserved(&name.name) {
            let why = (
                "reserved",
                "the archive has its manifest under this name: rename it and export it again",
            );
            self.writing
                .leave_out(name.name.as_str(), name.file, None, why)?;
            return Ok(After::More);
        }
        if let Some(file) = name.file {
            let path = self.path_of(&name.name, &file.to_string());
            self.writing.place.file = Some(FileWay {
                id: file,
                folder,
                path,
                after: 0,
            });
        } else if let Some(below) = name.folder {
            self.enter(folder, below).await?;
        }
        Ok(After::More)
    }

    /// Checks that the folder that the walk is in was not put into the trash or deleted. Leaves it
    /// when it was.
    async fn is_still_there(&mut self, folder: FolderId) -> Result<bool> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        match store.active_upwards(workspace, folder).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. } | Error::Gone { .. } | Error::Conflict { .. }) => {
                let why = (
                    "gone",
                    "the folder was put into the trash or deleted while it was exported",
                );
                let path = self.folders().path;
                self.writing.leave_out(&path, None, None, why)?;
                self.leave_folder();
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn leave_folder(&mut self) {
        if let Walk::Folders(open) = &mut self.writing.place.walk {
            open.pop();
        }
        self.page = Page::default();
    }

    /// Notes that the walk has come past a name.
    fn pass(&mut self, name: FileName) {
        if let Walk::Folders(open) = &mut self.writing.place.walk
            && let Some(innermost) = open.last_mut()
        {
            innermost.after = Some(name);
        }
    }

    /// Says whether a name is that of the manifest's folder, where it is.
    fn is_reserved(&self, name: &FileName) -> bool {
        let place = &self.writing.place;
        matches!(&place.walk, Walk::Folders(open) if open.len() == 1)
            && name.as_str() == place.own_folder
    }

    /// Comes into a folder in another one.
    async fn enter(&mut self, from: FolderId, folder: FolderId) -> Result<()> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        let Some(Found::Folder(found)) = store.found_folder(workspace, folder).await? else {
            return Ok(());
        };
        if found.parent != from || found.state != FolderState::Active {
            return Ok(());
        }
        if let Walk::Folders(open) = &mut self.writing.place.walk {
            open.push(Open {
                folder,
                name: Some(found.name),
                after: None,
            });
        }
        self.page = Page::default();
        let at = self.folders();
        self.writing.write_folder(at, found.updated_at).await
    }

    /// The path of the folder that the walk is in, with a `/` at its end.
    fn folders(&self) -> Written {
        let names = self.open_names();
        let mut written = written(&names);
        written.path.push('/');
        written
    }

    /// The path of something in the folder that the walk is in.
    fn path_of(&self, name: &FileName, id: &str) -> Written {
        let mut names = self.open_names();
        names.push((name.clone(), id.to_owned()));
        written(&names)
    }

    fn open_names(&self) -> Vec<(FileName, String)> {
        let Walk::Folders(open) = &self.writing.place.walk else {
            return Vec::new();
        };
        let named = |open: &Open| Some((open.name.clone()?, open.folder.to_string()));
        open.iter().filter_map(named).collect()
    }

    /// Goes to the next of the files that were named.
    async fn next_file(&mut self) -> Result<After> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        let (Exported::Files(files), Walk::Files { next, .. }) =
            (self.what, &mut self.writing.place.walk)
        else {
            return Err(Error::corrupt("a walk over folders is over files"));
        };
        let Some(id) = files.get(*next).copied() else {
            return Ok(self.begin_closing());
        };
        *next += 1;
        self.writing.things += 1;
        let (file, at) = match store.reachable_file(workspace, id).await {
            Ok(found) => found,
            Err(Error::NotFound { .. } | Error::Gone { .. }) => {
                self.writing
                    .leave_out(&id.to_string(), Some(id), None, GONE)?;
                return Ok(After::More);
            }
            Err(error) => return Err(error),
        };
        let mut names: Vec<(FileName, String)> = Vec::new();
        for folder in at.path.segments() {
            names.push((folder.clone(), id.to_string()));
        }
        names.push((file.name.clone(), id.to_string()));
        let mut path = written(&names);
        if !at.is_active() || file.state != State::Active {
            self.writing
                .leave_out(&path.path, Some(id), None, TRASHED)?;
            return Ok(After::More);
        }
        let starts_with_own = names
            .first()
            .is_some_and(|(first, _)| first.as_str() == self.writing.place.own_folder);
        if let Walk::Files { paths, .. } = &mut self.writing.place.walk {
            let mut hash = Crc32::resume(0);
            hash.update(path.path.as_bytes());
            // Files that were moved since may come to have one path; nothing else is called by an id.
            if paths.contains(&hash.value()) || starts_with_own {
                path = Written {
                    path: format!("{id}/{}", path.path),
                    names: Some(names.iter().map(|(name, _)| name.to_string()).collect()),
                };
            }
            paths.push(hash.value());
        }
        self.writing.place.file = Some(FileWay {
            id,
            folder: file.folder,
            path,
            after: 0,
        });
        Ok(After::More)
    }

    /// Writes the next version of a file; at last the current one.
    async fn write_file(&mut self, mut way: FileWay) -> Result<After> {
        let (store, workspace) = (self.writing.store, self.writing.workspace);
        let Some(file) = store.file_if_living(workspace, way.id).await? else {
            // One whose time is up has its name until the sweep comes: it is not in the folder.
            let is_named = matches!(self.writing.place.walk, Walk::Files { .. });
            if is_named || way.after > 0 {
                let path = &way.path.path;
                self.writing.leave_out(path, Some(way.id), None, GONE)?;
            }
            return Ok(After::More);
        };
        if file.state != State::Active || file.folder != way.folder {
            let path = &way.path.path;
            self.writing.leave_out(path, Some(way.id), None, TRASHED)?;
            return Ok(After::More);
        }
        if self.versions
            && let Some(version) = store.version_after(workspace, &file, way.after).await?
        {
            way.after = version.number;
            let source = self.earlier(&file, &version, &way.path);
            let failure = version.failure.as_ref();
            self.writing.place.file = Some(way);
            return self.write(source, &version.content, failure).await;
        }
        let failure = file.failure.clone();
        if file.status == Status::Quarantined {
            let why = ("quarantined", "the file is held back");
            let path = &way.path.path;
            self.writing.leave_out(path, Some(file.id), None, why)?;
            return Ok(After::More);
        }
        let content = file.content.clone();
        let source = Source::of_file(&file, way.path);
        self.write(source, &content, failure.as_ref()).await
    }

    fn earlier(&self, file: &File, version: &VersionItem, at: &Written) -> Source {
        let content = &version.content;
        let path = format!(
            "{}/versions/{}/{}",
            self.writing.place.own_folder, file.id, version.number
        );
        Source {
            blob: content.blob,
            size_bytes: content.size_bytes,
            sha256: content.sha256,
            modified_at: version.created_at,
            line: Line::Version(Box::new(manifest::Version {
                path: path.clone(),
                id: file.id,
                number: version.number,
                of: at.path.clone(),
                names: at.names.clone(),
                size_bytes: content.size_bytes,
                sha256: UNKNOWN,
                content_type: content.content_type.clone(),
                created_at: version.created_at,
                expires_at: file.expires_at,
            })),
            path,
        }
    }

    /// Writes bytes where they may be read, or begins with them where they are many.
    async fn write(
        &mut self,
        source: Source,
        content: &Content,
        failure: Option<&Failure>,
    ) -> Result<After> {
        let (file, version) = source.of();
        if failure.is_some_and(Failure::is_of_missing_bytes) {
            self.writing.leave_out_failed(&source.path, file, version)?;
            return Ok(After::More);
        }
        if !content.is_readable() {
            let why = match failure {
                Some(failure) => ("not_verified", failure.detail.as_str()),
                None => (
                    "not_verified",
                    "its bytes are not checked against their SHA-256 yet: export it again soon",
                ),
            };
            self.writing
                .leave_out(&source.path, Some(file), version, why)?;
            return Ok(After::More);
        }
        if source.size_bytes > SMALL_BYTES {
            let head_part = self.writing.take_part()?;
            self.writing.place.large = Some(Box::new(Large {
                head_bytes: SMALL_BYTES,
                source,
                head_part,
                done_bytes: 0,
                crc32: 0,
                hashing: None,
            }));
            // What is in front of it is kept until its header is written.
            return Ok(After::Note);
        }
        let key = ObjectKey::Blob(self.writing.workspace.clone(), source.blob);
        let size_bytes = source.size_bytes;
        let read = self.writing.store.blobs.read_range(&key, 0..size_bytes);
        match unless_missing(read.await)? {
            Some(bytes) => self.writing.write_small(source, &bytes).await?,
            None => self.writing.leave_out_failed(&source.path, file, version)?,
        }
        Ok(After::More)
    }

    /// Writes some of the bytes of a file that has many, and at last its header.
    async fn write_large(&mut self, mut large: Large) -> Result<After> {
        let store = self.writing.store;
        let blobs = &store.blobs;
        let key = ObjectKey::Blob(self.writing.workspace.clone(), large.source.blob);
        let Some(mut hashes) = Hashes::resume(large.crc32, large.hashing.as_deref()) else {
            // Another build of ours kept it in another form: from the start.
            self.writing.place.parts.cut(large.head_part.into());
            large.head_part = self.writing.take_part()?;
            (large.done_bytes, large.crc32, large.hashing) = (0, 0, None);
            self.writing.place.large = Some(Box::new(large));
            return Ok(After::Note);
        };
        if large.done_bytes == 0 {
            let head = blobs.hash_range(&key, 0..large.head_bytes, &mut hashes);
            if unless_missing(head.await)?.is_none() {
                return self.give_up_large(&large);
            }
            large.done_bytes = large.head_bytes;
        }
        let size_bytes = large.source.size_bytes;
        let left = size_bytes - large.done_bytes;
        if left >= MIN_PART_BYTES {
            let most = COPIED_BYTES.max(size_bytes.div_ceil(MOST_COPIES));
            let until = large.done_bytes + left.min(most);
            let copied = self
                .writing
                .copy_part(&key, large.done_bytes..until, &mut hashes);
            if unless_missing(copied.await)?.is_none() {
                return self.give_up_large(&large);
            }
            large.done_bytes = until;
            large.crc32 = hashes.crc32.value();
            large.hashing = Some(hashes.sha256.keep());
            self.writing.place.large = Some(Box::new(large));
            return Ok(After::More);
        }
        let last = blobs.read_range(&key, large.done_bytes..size_bytes);
        let head = blobs.read_range(&key, 0..large.head_bytes);
        let last = if left == 0 {
            Some(bytes::Bytes::new())
        } else {
            unless_missing(last.await)?
        };
        let (Some(last), Some(head)) = (last, unless_missing(head.await)?) else {
            return self.give_up_large(&large);
        };
        hashes.update(&last);
        let (crc32, sha256) = (hashes.crc32.value(), Hashing::finish(hashes.sha256));
        if !self.writing.is_as_known(&large.source, sha256)? {
            self.writing.place.parts.cut(large.head_part.into());
            return Ok(After::Note);
        }
        let source = large.source;
        let entry = Entry::new(&source.path, source.size_bytes, source.modified_at);
        let header = entry.map_err(refused)?.header(crc32);
        self.writing
            .send_head(large.head_part, &header, &head, &last)
            .await?;
        let offset = self.writing.place.offset;
        self.writing.place.offset += header.len() as u64 + size_bytes;
        self.writing.add_entry(source, crc32, sha256, offset)?;
        Ok(After::More)
    }

    /// Leaves out a file whose bytes went while they were written. What is in front of it is kept
    /// still, so it was never there.
    fn give_up_large(&mut self, large: &Large) -> Result<After> {
        self.writing.place.parts.cut(large.head_part.into());
        let (file, version) = large.source.of();
        self.writing
            .leave_out_failed(&large.source.path, file, version)?;
        Ok(After::Note)
    }

    /// Begins with what stands behind the files, once all lines of the manifest are counted.
    fn begin_closing(&mut self) -> After {
        self.writing.place.closing = Some(Closing {
            part: ClosingPart::Begin,
            next: 0,
            manifest_at: 0,
            directory_at: 0,
        });
        if self.writing.has_pieces() {
            After::Note
        } else {
            After::More
        }
    }

    /// Writes the manifest, the directory and the end.
    async fn close(&mut self, mut closing: Closing) -> Result<After> {
        let path = format!("{}/{}", self.writing.place.own_folder, manifest::NAME);
        let size_bytes = self.writing.place.manifest_bytes;
        let crc32 = self.writing.place.manifest_crc32;
        let entry = Entry::new(&path, size_bytes, self.kept.created_at).map_err(refused)?;
        match closing.part {
            ClosingPart::Begin => {
                closing.manifest_at = self.writing.place.offset;
                self.writing.append(&entry.header(crc32)).await?;
                closing.part = ClosingPart::Manifest;
            }
            ClosingPart::Manifest => {
                if !self
                    .append_piece(&mut closing, ExportPiece::Manifest)
                    .await?
                {
                    closing.directory_at = self.writing.place.offset;
                    closing.next = 0;
                    closing.part = ClosingPart::Directory;
                }
            }
            ClosingPart::Directory => {
                if !self
                    .append_piece(&mut closing, ExportPiece::Directory)
                    .await?
                {
                    let row = entry.row(crc32, closing.manifest_at);
                    self.writing.append(&row).await?;
                    let directory = Directory {
                        offset: closing.directory_at,
                        size_bytes: self.writing.place.offset - closing.directory_at,
                        entries: self.writing.place.entries + 1,
                    };
                    self.writing.append(&end(directory)).await?;
                    self.writing.send_rest().await?;
                    closing.part = ClosingPart::Complete;
                    self.writing.place.closing = Some(closing);
                    // Who completes it must find all parts noted.
                    return Ok(After::Note);
                }
            }
            ClosingPart::Complete => {
                let writing = &self.writing;
                writing
                    .store
                    .complete_archive(
                        writing.workspace,
                        writing.job,
                        &writing.place,
                        writing.multipart_id(),
                    )
                    .await?;
                return Ok(After::Done);
            }
        }
        self.writing.place.closing = Some(closing);
        Ok(After::More)
    }

    /// Writes the next piece of the manifest or the directory. False when there is none.
    async fn append_piece(
        &mut self,
        closing: &mut Closing,
        piece: fn(u64) -> ExportPiece,
    ) -> Result<bool> {
        let Some(claim) = self.writing.place.pieces.next(closing.next) else {
            return Ok(false);
        };
        let writing = &mut self.writing;
        let key = ObjectKey::Export(writing.workspace.clone(), writing.job, piece(claim));
        let bytes = writing.store.blobs.read(&key).await?;
        writing.things += 1;
        writing.append(&bytes).await?;
        closing.next = claim + 1;
        Ok(true)
    }
}

/// Why a file is left out that was there when the export was asked for.
const GONE: (&str, &str) = ("gone", "it was deleted, or its time was up");
/// Why a file is left out that is elsewhere now.
const TRASHED: (&str, &str) = ("in_trash", "it is in the trash, or was moved meanwhile");

/// Writes the names of folders and of what is in the last as a path.
fn written(names: &[(FileName, String)]) -> Written {
    let mut is_other = false;
    let parts: Vec<String> = names
        .iter()
        .map(|(name, id)| match portable(name, id) {
            Some(other) => {
                is_other = true;
                other
            }
            None => name.to_string(),
        })
        .collect();
    let all = || names.iter().map(|(name, _)| name.to_string()).collect();
    Written {
        path: parts.join("/"),
        names: is_other.then(all),
    }
}

/// What was read of a blob; none when it is not there, or not all of it.
fn unless_missing<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(
            Error::NotFound {
                kind: Kind::Blob, ..
            }
            | Error::Corrupt { .. },
        ) => Ok(None),
        Err(error) => Err(error),
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
