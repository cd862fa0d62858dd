//! Where folders are, each folder read once per request, and those of a page level by level.

use std::collections::HashSet;

use domain::folder::{Folder, Place};
use domain::{Error, FolderId, Kind, Result, WorkspaceId};
use store::Store;
use store::folder::Known;

/// Folders that a request has come across.
pub(crate) struct Paths<'a> {
    store: &'a Store,
    workspace: &'a WorkspaceId,
    known: Known,
}

impl<'a> Paths<'a> {
    /// Knows nothing yet.
    pub(crate) fn new(store: &'a Store, workspace: &'a WorkspaceId) -> Self {
        Self {
            store,
            workspace,
            known: Known::default(),
        }
    }

    /// Reads folders and all above them, one level of all of them at a time: the files of a page
    /// may be in as many folders. Those that are not there are left to whoever asks for them.
    pub(crate) async fn read(&mut self, ids: &HashSet<FolderId>) -> Result<()> {
        self.known.read(self.store, self.workspace, ids).await
    }

    /// Returns a folder other than the root.
    ///
    /// # Errors
    /// `NotFound`.
    pub(crate) async fn folder(&mut self, id: FolderId) -> Result<&Folder> {
        self.read(&HashSet::from([id])).await?;
        self.known
            .folder(id)
            .ok_or_else(|| Error::not_found(Kind::Folder, id))
    }

    /// Returns where a folder is. Those that are no longer there are stepped over.
    pub(crate) async fn of(&mut self, id: FolderId) -> Result<Place> {
        self.read(&HashSet::from([id])).await?;
        Ok(self.known.place(id))
    }

    /// Says whether a folder is `root` or somewhere below it.
    pub(crate) async fn is_under(&mut self, id: FolderId, root: FolderId) -> Result<bool> {
        if root == FolderId::ROOT {
            return Ok(true);
        }
        self.read(&HashSet::from([id])).await?;
        Ok(self.known.upwards(id).any(|folder| folder.id == root))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_sdk_dynamodb::config::interceptors::BeforeSerializationInterceptorContextRef;
    use aws_sdk_dynamodb::config::{ConfigBag, Intercept};
    use aws_sdk_dynamodb::error::BoxError;
    use domain::name::FolderPath;
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
            assert_eq!(paths.of(id).await.unwrap().path, path);
        }
        assert_eq!(calls.0.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn folder_that_is_not_there_is_stepped_over() {
        let stack = Stack::start().await;
        let workspace: WorkspaceId = "acme".parse().unwrap();
        let mut paths = Paths::new(&stack.stack.store, &workspace);
        let nowhere = FolderId::new(uuid::Uuid::from_u128(7));

        let place = paths.of(nowhere).await.unwrap();
        let missing = paths.folder(nowhere).await;

        assert_eq!(place, Place::root());
        assert!(
            matches!(missing, Err(Error::NotFound { .. })),
            "{missing:?}"
        );
    }
}
