//! The paths of folders, each folder read once per request, and those of a page level by level.

use std::collections::{HashMap, HashSet};

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

    /// Reads folders and all above them, one level of all of them at a time: the files of a page
    /// may be in as many folders. Those that are not there are left to whoever asks for them.
    pub(crate) async fn read(&mut self, ids: &HashSet<FolderId>) -> Result<()> {
        for _ in 0..FolderPath::MAX_DEPTH {
            let unknown: HashSet<FolderId> = ids
                .iter()
                .filter_map(|id| self.first_unknown(*id))
                .collect();
            if unknown.is_empty() {
                break;
            }
            let unknown: Vec<FolderId> = unknown.into_iter().collect();
            for folder in self.store.folders(self.workspace, &unknown).await? {
                self.known.insert(folder.id, folder);
            }
        }
        Ok(())
    }

    /// The first folder on the way up that was not read yet.
    fn first_unknown(&self, id: FolderId) -> Option<FolderId> {
        std::iter::successors(Some(id), |at| {
            self.known.get(at).map(|folder| folder.parent)
        })
        .take(FolderPath::MAX_DEPTH)
        .find(|at| *at != FolderId::ROOT && !self.known.contains_key(at))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
    use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
    use aws_sdk_dynamodb::error::BoxError;
    use store::table::Table;
    use testkit::Stack;

    use super::*;

    /// Counts the calls of DynamoDB.
    #[derive(Clone, Debug, Default)]
    struct Calls(Arc<AtomicUsize>);

    impl Intercept for Calls {
        fn name(&self) -> &'static str {
            "calls"
        }

        fn read_before_execution(
            &self,
            _: &BeforeSerializationInterceptorContextRef<'_>,
            _: &mut ConfigBag,
        ) -> Result<(), BoxError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    /// The same store, with its calls of DynamoDB counted.
    fn counted(store: &Store, calls: &Calls) -> Store {
        let client = store.table.client();
        let config = client.config().to_builder().interceptor(calls.clone());
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        Store {
            table: Table::new(client, store.table.name().to_owned()),
            ..store.clone()
        }
    }

    #[tokio::test]
    async fn paths_of_many_folders_are_read_level_by_level() {
        let stack = Stack::start().await;
        let store = &stack.stack.store;
        let workspace: WorkspaceId = "acme".parse().unwrap();
        let mut made = Vec::new();
        for number in 0..20 {
            let path: FolderPath = format!("/a/{}/{number}", number % 4).parse().unwrap();
            made.push((store.make_folders(&workspace, &path).await.unwrap(), path));
        }
        let calls = Calls::default();
        let store = counted(store, &calls);
        let mut paths = Paths::new(&store, &workspace);

        let ids = made.iter().map(|(id, _)| *id).chain([FolderId::ROOT]);
        paths.read(&ids.collect()).await.unwrap();

        for (id, path) in made {
            assert_eq!(paths.of(id).await.unwrap(), path);
        }
        assert_eq!(calls.0.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn folder_that_is_not_there_is_found_missing_by_whoever_asks_for_its_path() {
        let stack = Stack::start().await;
        let workspace: WorkspaceId = "acme".parse().unwrap();
        let mut paths = Paths::new(&stack.stack.store, &workspace);
        let nowhere = FolderId::new(uuid::Uuid::from_u128(7));

        paths.read(&HashSet::from([nowhere])).await.unwrap();

        let missing = paths.of(nowhere).await;
        assert!(
            matches!(missing, Err(Error::NotFound { .. })),
            "{missing:?}"
        );
    }
}
