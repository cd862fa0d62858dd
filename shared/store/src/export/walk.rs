//! The way of an export: from name to name of a folder and those below it, or from file to file.

use std::collections::VecDeque;

use archive::entry_path::portable;
use archive::unpack::Crc32;
use domain::file::State;
use domain::folder::FolderState;
use domain::job::Exported;
use domain::name::FileName;
use domain::{Error, FolderId, Result};

use super::file::{GONE, TRASHED};
use super::place::{FileWay, Open, Walk, Written};
use super::step::{After, Exporting};
use crate::folder::Found;
use crate::name::NameItem;

/// Names read at once.
const PAGE_NAMES: i32 = 150;

/// What is known of the folder that the walk is in, while a step lasts.
#[derive(Default)]
pub(super) struct Page {
    names: VecDeque<NameItem>,
    /// Whether these are of the folder that the walk is in now.
    is_read: bool,
    is_last: bool,
}

impl Exporting<'_> {
    /// Goes to the next name of the folder that the walk is in.
    pub(super) async fn walk_on(&mut self) -> Result<After> {
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
    pub(super) async fn next_file(&mut self) -> Result<After> {
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
}

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
