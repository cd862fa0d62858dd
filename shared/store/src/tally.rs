//! What is directly in a folder, counted: its files, the bytes of their current versions, its folders.
//!
//! Spread over shards, so that no row is written by all who write into one folder. A file or folder
//! counts in the same shard for as long as it is there, so each shard is right by itself and never
//! below zero. The counters change in the very transaction that changes what they count.

use domain::file::File;
use domain::folder::Tally;
use domain::{FolderId, WorkspaceId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::keys::{self, Key, TALLY_SHARDS};
use crate::table::{Expression, Row, Write, present, to_row};

/// A part of the counters of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TallyItem {
    #[serde(default)]
    file_count: i64,
    #[serde(default)]
    folder_count: i64,
    #[serde(default)]
    size_bytes: i64,
}

impl From<TallyItem> for Tally {
    fn from(item: TallyItem) -> Self {
        Self {
            files: item.file_count,
            folders: item.folder_count,
            bytes: item.size_bytes,
        }
    }
}

/// Counts what a child adds to a folder. Holds while the folder is there: its counters come and go
/// with it. Those of the root, which always is, are made when they are first needed.
pub(crate) fn count(workspace: &WorkspaceId, folder: FolderId, child: Uuid, by: Tally) -> Write {
    count_in(workspace, folder, keys::tally_shard(child), by)
}

/// Counts what children of one shard add to a folder. Holds while the folder is there.
pub(crate) fn count_in(workspace: &WorkspaceId, folder: FolderId, shard: u8, by: Tally) -> Write {
    Write::Update {
        condition: (folder != FolderId::ROOT).then(present),
        key: Key::tally(workspace, folder, shard),
        change: Expression::new("ADD file_count :files, folder_count :folders, size_bytes :bytes")
            .number(":files", by.files)
            .number(":folders", by.folders)
            .number(":bytes", by.bytes),
    }
}

/// Counts a file in its folder.
pub(crate) fn count_file(workspace: &WorkspaceId, file: &File) -> Write {
    let tally = Tally::file(file.content.size_bytes);
    count(workspace, file.folder, file.id.uuid(), tally)
}

/// Counts a file no more in its folder.
pub(crate) fn uncount_file(workspace: &WorkspaceId, file: &File) -> Write {
    let tally = Tally::file(file.content.size_bytes).negated();
    count(workspace, file.folder, file.id.uuid(), tally)
}

/// Holds while a part of the counters says what it said when it was read.
pub(crate) fn is_as_read(item: TallyItem) -> Expression {
    // A counter that was never touched may be absent.
    let is = |name: &str, value: i64| match value {
        0 => format!("(attribute_not_exists({name}) OR {name} = :{name})"),
        _ => format!("{name} = :{name}"),
    };
    let text = [
        is("file_count", item.file_count),
        is("folder_count", item.folder_count),
        is("size_bytes", item.size_bytes),
    ];
    Expression::new(format!("attribute_exists(pk) AND {}", text.join(" AND ")))
        .number(":file_count", item.file_count)
        .number(":folder_count", item.folder_count)
        .number(":size_bytes", item.size_bytes)
}

/// Writes the counters of a new folder.
pub(crate) fn open(workspace: &WorkspaceId, folder: FolderId) -> domain::Result<Vec<Write>> {
    (0..TALLY_SHARDS)
        .map(|shard| {
            let key = Key::tally(workspace, folder, shard);
            Ok(Write::create(to_row(key, &TallyItem::default())?))
        })
        .collect()
}

/// Removes the counters of a folder. Holds only when nothing is in it.
pub(crate) fn close(workspace: &WorkspaceId, folder: FolderId) -> Vec<Write> {
    (0..TALLY_SHARDS)
        .map(|shard| Write::Delete {
            condition: Some(
                Expression::new("file_count = :zero AND folder_count = :zero").number(":zero", 0),
            ),
            key: Key::tally(workspace, folder, shard),
        })
        .collect()
}

/// How many folders each part of the counters counts, as they stand in rows.
pub(crate) fn folders_by_shard(rows: Vec<Row>) -> domain::Result<Vec<(Key, i64)>> {
    rows.into_iter()
        .map(|row| {
            let key: Key = crate::table::from_row(row.clone())?;
            let item: TallyItem = crate::table::from_row(row)?;
            Ok((key, item.folder_count))
        })
        .collect()
}

/// Adds counters up, as they stand in rows.
pub(crate) fn sum(rows: Vec<Row>) -> domain::Result<Tally> {
    let mut sum = Tally::default();
    for row in rows {
        let item: TallyItem = crate::table::from_row(row)?;
        sum = sum.and(item.into());
    }
    Ok(sum)
}
