//! Lists of the files of a workspace, from indexes that are spread over shards, and of a folder.

use std::collections::HashMap;

use domain::file::State;
use domain::{FileId, FolderId, Result, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::file::Known;
use crate::keys::{self, LIST_SHARDS};
use crate::table::{Expression, Query};

/// The order of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The newest first. A file keeps its place, so it comes once, whatever happens between pages.
    Created,
    /// The last changed first. A file that changes between pages moves to the front.
    Changed,
    /// What changed at an instant or after, the last changed last. A file that changes between
    /// pages moves to the end and comes again, so none is missed.
    ChangedSince(Timestamp),
    /// Of a folder alone, the last changed first: the files that are there, or that went into the trash
    /// from it by themselves.
    ChangedIn(FolderId, State),
}

impl Order {
    const fn index(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed | Self::ChangedSince(_) => "list",
            Self::ChangedIn(..) => "folder",
        }
    }

    fn partitions(self, workspace: &WorkspaceId) -> Vec<String> {
        match self {
            Self::Created | Self::Changed | Self::ChangedSince(_) => (0..LIST_SHARDS)
                .map(|shard| keys::listed_files(workspace, shard))
                .collect(),
            Self::ChangedIn(folder, state) => vec![keys::files_in(workspace, folder, state)],
        }
    }

    const fn is_descending(self) -> bool {
        match self {
            Self::Created | Self::Changed | Self::ChangedIn(..) => true,
            Self::ChangedSince(_) => false,
        }
    }

    fn range(self, after: Option<&ListPosition>) -> Option<Expression> {
        let (comparison, from) = match (self, after) {
            (Self::ChangedSince(_), Some(after)) => ("{sk} > :from", after.0.clone()),
            (Self::ChangedSince(since), None) => ("{sk} >= :from", keys::sortable(since)),
            (Self::Created | Self::Changed | Self::ChangedIn(..), Some(after)) => {
                ("{sk} < :from", after.0.clone())
            }
            (Self::Created | Self::Changed | Self::ChangedIn(..), None) => return None,
        };
        Some(Expression::new(comparison).text(":from", from))
    }
}

/// Where a listing goes on: after this file in its order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListPosition(String);

impl ListPosition {
    /// Says whether this is a place in the order of changes that lies before `since`.
    pub fn is_before(&self, since: Timestamp) -> bool {
        self.0 < keys::sortable(since)
    }
}

/// A page of a listing.
#[derive(Debug)]
pub struct FileListing {
    /// The files that are there or are gone, each with its place in the index. The index may lag,
    /// so that is not always where the file's own row would put it.
    pub files: Vec<(ListPosition, Known)>,
    /// Where the next page begins; none at the end.
    pub next: Option<ListPosition>,
}

/// A file as the indexes carry it.
#[derive(Deserialize)]
struct Listed {
    id: FileId,
    #[serde(alias = "created_sk", alias = "list_sk", alias = "folder_sk")]
    position: ListPosition,
}

impl Store {
    /// Lists a page of files.
    ///
    /// The index is asked for ids only; the files are read from the table, so that what is shown
    /// is what is there.
    pub async fn list_files(
        &self,
        workspace: &WorkspaceId,
        order: Order,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<FileListing> {
        let page = i32::try_from(limit).unwrap_or(i32::MAX);
        let partitions = order.partitions(workspace).into_iter();
        let partitions = partitions.map(|partition| {
            self.table.query::<Listed>(Query {
                index: Some(order.index()),
                partition,
                range: order.range(after),
                descending: order.is_descending(),
                limit: page,
                start: None,
            })
        });
        let mut listed: Vec<Listed> = Vec::new();
        for rows in futures::future::try_join_all(partitions).await? {
            listed.extend(rows.rows);
        }
        listed.sort_by(|a, b| a.position.cmp(&b.position));
        if order.is_descending() {
            listed.reverse();
        }
        let more = listed.len() >= limit;
        listed.truncate(limit);
        let next = listed
            .last()
            .filter(|_| more)
            .map(|last| last.position.clone());
        let ids: Vec<FileId> = listed.iter().map(|listed| listed.id).collect();
        let mut files: HashMap<FileId, Known> = self
            .files_and_gone(workspace, &ids)
            .await?
            .into_iter()
            .map(|known| (known.id(), known))
            .collect();
        let files = listed
            .into_iter()
            .filter_map(|listed| Some((listed.position, files.remove(&listed.id)?)))
            .collect();
        Ok(FileListing { files, next })
    }
}
