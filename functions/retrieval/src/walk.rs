//! Walks through the names in a folder, in order, and with it through those below, depth first.
//!
//! Where a walk stands is a folder and the last name passed in it. The way back up follows from
//! the folders' own rows, so a cursor stays small however deep the walk is.

use std::collections::{HashMap, VecDeque};

use domain::file::File;
use domain::name::FileName;
use domain::{Error, FileId, FolderId, Kind, Result, WorkspaceId};
use serde::{Deserialize, Serialize};
use store::Store;

use crate::paths::Paths;

/// Names read at once at least: of a folder with folders in it, not every name is a file's.
const FEWEST_NAMES: usize = 25;

/// Where a walk goes on: in this folder, after this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    #[serde(rename = "f")]
    pub(crate) folder: FolderId,
    #[serde(rename = "n")]
    pub(crate) after: Option<FileName>,
}

/// What a step of a walk came to.
#[derive(Debug)]
pub(crate) enum Step {
    /// The next file.
    File(Box<File>),
    /// No more may be read for this request.
    Rest,
    /// There is nothing more.
    End,
}

/// A walk that is under way.
pub(crate) struct Walk<'a> {
    store: &'a Store,
    workspace: &'a WorkspaceId,
    root: FolderId,
    recursive: bool,
    /// The folders that are being read, the innermost last; never empty until the end.
    open: Vec<Open>,
    /// How many pages may still be read.
    reads_left: usize,
    /// Names read at once.
    names: i32,
}

/// A folder that is being read.
struct Open {
    position: Position,
    names: VecDeque<Name>,
    /// Whether all its names have been read.
    is_read: bool,
}

/// A name, and what has it.
struct Name {
    name: FileName,
    holder: Holder,
}

enum Holder {
    File(Box<File>),
    Folder(FolderId),
    /// A file that is gone since.
    Nobody,
}

impl Open {
    const fn new(position: Position) -> Self {
        Self {
            position,
            names: VecDeque::new(),
            is_read: false,
        }
    }
}

impl<'a> Walk<'a> {
    /// Begins in `root`, or goes on from where another request stopped. Makes `reads` reads at most, of
    /// as many names as `files` are expected to be wanted.
    pub(crate) fn new(
        store: &'a Store,
        workspace: &'a WorkspaceId,
        root: FolderId,
        recursive: bool,
        from: Option<Position>,
        reads: usize,
        files: usize,
    ) -> Self {
        let position = from.unwrap_or(Position {
            folder: root,
            after: None,
        });
        Self {
            store,
            workspace,
            root,
            recursive,
            open: vec![Open::new(position)],
            reads_left: reads,
            names: i32::try_from(files.max(FEWEST_NAMES)).unwrap_or(i32::MAX),
        }
    }

    /// Returns where the walk stands; none at its end.
    pub(crate) fn position(&self) -> Option<Position> {
        let begun_here = self
            .open
            .first()
            .is_some_and(|open| open.position.folder == self.root);
        let nothing_left = self
            .open
            .iter()
            .all(|open| open.is_read && open.names.is_empty());
        if begun_here && nothing_left {
            return None;
        }
        self.open.last().map(|open| open.position.clone())
    }

    /// Goes on to the next file.
    pub(crate) async fn next(&mut self, paths: &mut Paths<'_>) -> Result<Step> {
        loop {
            let Some(open) = self.open.last_mut() else {
                return Ok(Step::End);
            };
            if let Some(Name { name, holder }) = open.names.pop_front() {
                open.position.after = Some(name);
                match holder {
                    Holder::File(file) => return Ok(Step::File(file)),
                    Holder::Folder(folder) if self.recursive => {
                        self.open.push(Open::new(Position {
                            folder,
                            after: None,
                        }));
                    }
                    Holder::Folder(_) | Holder::Nobody => {}
                }
            } else if open.is_read {
                self.leave(paths).await?;
            } else if self.reads_left == 0 {
                return Ok(Step::Rest);
            } else {
                self.reads_left -= 1;
                self.read().await?;
            }
        }
    }

    /// Reads the next names of the innermost folder, and the files among them.
    async fn read(&mut self) -> Result<()> {
        let Some(open) = self.open.last_mut() else {
            return Ok(());
        };
        let Position { folder, after } = &open.position;
        let page = self
            .store
            .names_in(self.workspace, *folder, after.as_ref(), self.names)
            .await?;
        let ids: Vec<FileId> = page.rows.iter().filter_map(|row| row.file).collect();
        let mut files: HashMap<FileId, File> = self
            .store
            .files(self.workspace, &ids)
            .await?
            .into_iter()
            .map(|file| (file.id, file))
            .collect();
        open.is_read = page.next.is_none();
        open.names = page
            .rows
            .into_iter()
            .map(|row| Name {
                holder: match (row.folder, row.file.and_then(|file| files.remove(&file))) {
                    (Some(folder), _) => Holder::Folder(folder),
                    (None, Some(file)) => Holder::File(Box::new(file)),
                    (None, None) => Holder::Nobody,
                },
                name: row.name,
            })
            .collect();
        Ok(())
    }

    /// Goes from a folder that has been read back to the one it is in.
    async fn leave(&mut self, paths: &mut Paths<'_>) -> Result<()> {
        let Some(left) = self.open.pop() else {
            return Ok(());
        };
        let folder = left.position.folder;
        // At the root of the workspace a cursor of another list ends, too.
        if !self.open.is_empty() || folder == self.root || folder == FolderId::ROOT {
            return Ok(());
        }
        // It went on from a cursor: the folder above has not been read in this request.
        let folder = paths.folder(folder).await.map_err(|error| match error {
            Error::NotFound {
                kind: Kind::Folder, ..
            } => gone_cursor(),
            error => error,
        })?;
        let position = Position {
            folder: folder.parent,
            after: Some(folder.name.clone()),
        };
        self.open.push(Open::new(position));
        Ok(())
    }
}

/// The answer when the folder of a cursor was removed meanwhile.
fn gone_cursor() -> Error {
    Error::invalid(
        "/cursor",
        "the folder this list stopped in is gone: begin without a cursor",
    )
}
