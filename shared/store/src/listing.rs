//! Lists of a workspace's files, from an index that is spread over shards.

use std::collections::HashMap;

use domain::file::File;
use domain::{FileId, Result, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{self, LIST_SHARDS};
use crate::table::{Expression, Query};

/// Where a listing of a workspace goes on: after this file at this time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListPosition(pub String);

impl ListPosition {
    /// The position of a file in the order of a listing.
    pub fn of(workspace: &WorkspaceId, file: &File) -> Self {
        Self(keys::listed_file(workspace, file.updated_at, file.id).sk)
    }

    /// Says whether everything from here on was last changed before `since`.
    pub fn is_before(&self, since: Timestamp) -> bool {
        self.0 < keys::sortable(since)
    }
}

/// A page of a listing.
#[derive(Debug)]
pub struct FileListing {
    /// The files that are there, each with its place in the index. The index may lag, so that is
    /// not always where the file's own row would put it.
    pub files: Vec<(ListPosition, File)>,
    /// Where the next page begins; none at the end.
    pub next: Option<ListPosition>,
}

impl Store {
    /// Lists a page of a workspace's files, the last changed first.
    ///
    /// The index is asked for ids only; the files are read from the table, so that what is shown
    /// is what is there.
    pub async fn list_files(
        &self,
        workspace: &WorkspaceId,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<FileListing> {
        #[derive(Deserialize)]
        struct Listed {
            id: FileId,
            list_sk: String,
        }
        let page = i32::try_from(limit).unwrap_or(i32::MAX);
        let shards = (0..LIST_SHARDS).map(|shard| {
            self.table.query::<Listed>(Query {
                index: Some("list"),
                partition: keys::listed_files(workspace, shard),
                range: after.map(|position| {
                    Expression::new("{sk} < :after").text(":after", position.0.clone())
                }),
                descending: true,
                limit: page,
                start: None,
            })
        });
        let mut listed: Vec<Listed> = Vec::new();
        for rows in futures::future::try_join_all(shards).await? {
            listed.extend(rows.rows);
        }
        listed.sort_by(|a, b| b.list_sk.cmp(&a.list_sk));
        let more = listed.len() > limit;
        listed.truncate(limit);
        let next = listed
            .last()
            .filter(|_| more || listed.len() == limit)
            .map(|last| ListPosition(last.list_sk.clone()));
        let ids: Vec<FileId> = listed.iter().map(|listed| listed.id).collect();
        let mut files: HashMap<FileId, File> = self
            .files(workspace, &ids)
            .await?
            .into_iter()
            .map(|file| (file.id, file))
            .collect();
        let files = listed
            .into_iter()
            .filter_map(|listed| Some((ListPosition(listed.list_sk), files.remove(&listed.id)?)))
            .collect();
        Ok(FileListing { files, next })
    }
}
