//! The paths of folders, each folder read once per request.

use std::collections::HashMap;

use domain::folder::Folder;
use domain::name::FolderPath;
use domain::{Error, FolderId, Result, WorkspaceId};
use store::Store;

/// Folders that a request has come across.
pub(crate) struct Paths<'a> {
    store: &'a Store,
    workspace: &'a WorkspaceId,
    known: HashMap<FolderId, Folder>,
}

impl<'a> Paths<'a> {
    /// Knows nothing yet.
    pub(crate) fn new(store: &'a Store, workspace: &'a WorkspaceId) -> Self {
        Self {
            store,
            workspace,
            known: HashMap::new(),
        }
    }

    /// Returns a folder other than the root.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn folder(&mut self, id: FolderId) -> Result<Folder> {
        if let Some(folder) = self.known.get(&id) {
            return Ok(folder.clone());
        }
        let folder = self.store.folder(self.workspace, id).await?;
        self.known.insert(id, folder.clone());
        Ok(folder)
    }

    /// Returns the path of a folder.
    ///
    /// # Errors
    /// `NotFound` when the folder or one above it is not there.
    pub(crate) async fn of(&mut self, id: FolderId) -> Result<FolderPath> {
        let mut names = Vec::new();
        for folder in self.upwards(id).await? {
            names.push(folder.name);
        }
        names.reverse();
        Ok(FolderPath::of(names))
    }

    /// Says whether a folder is `root` or somewhere below it.
    ///
    /// # Errors
    /// `NotFound` when the folder or one above it is not there.
    pub(crate) async fn is_under(&mut self, id: FolderId, root: FolderId) -> Result<bool> {
        if root == FolderId::ROOT {
            return Ok(true);
        }
        let folders = self.upwards(id).await?;
        Ok(folders.iter().any(|folder| folder.id == root))
    }

    /// Returns a folder and those above it, the root left out.
    async fn upwards(&mut self, id: FolderId) -> Result<Vec<Folder>> {
        let mut folders = Vec::new();
        let mut at = id;
        while at != FolderId::ROOT {
            if folders.len() == FolderPath::MAX_DEPTH {
                return Err(Error::corrupt("folders are nested too deep"));
            }
            let folder = self.folder(at).await?;
            at = folder.parent;
            folders.push(folder);
        }
        Ok(folders)
    }
}
