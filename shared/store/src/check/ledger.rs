//! Double entry: what one row says and another must say, too, as entries that cancel each other out.
//!
//! A file that has a name is one entry for it, and the row of the name one against it. A version is
//! one entry for its blob, and the blob's row as many against it as it counts. So the rows of a
//! workspace can be held against each other in one walk, in any order, with nothing remembered but
//! sums: over few buckets, each of the entries' hashes times their amounts. Where all sums are zero,
//! all is right. Where one is not, only the entries of that bucket need be looked at.

use domain::file::{BlobRef, State};
use domain::folder::FolderState;
use domain::upload::UploadState;
use domain::{BlobId, DossierId, Error, FileId, FolderId, Result, Sha256, WorkspaceId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::content::ContentItem;
use crate::file::{self, MembershipItem, VersionItem};
use crate::folder::{self, ChildFolder};
use crate::keys::{
    self, CHILD_FOLDER_PREFIX, CONTENT, Key, MEMBER_PREFIX, MEMBERSHIP_PREFIX, POSTED_FILE_PREFIX,
    SELF, SHARED_BLOB, TALLY_PREFIX, VERSION_PREFIX,
};
use crate::membership::posting_keys;
use crate::name::NameItem;
use crate::reference::{BlobItem, SharedItem};
use crate::table::{Row, from_row};
use crate::tally;
use crate::upload::UploadItem;

/// Who has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Owner {
    File(FileId),
    Folder(FolderId),
}

/// What a folder counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Unit {
    Files,
    Folders,
    Bytes,
}

/// What two rows must agree upon. In the order in which it is looked at: what others depend on first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Entry {
    /// A file or folder has a name in a folder, and the row of the name says so.
    Name(FolderId, String, Owner),
    /// A folder is in another, which lists it.
    Child(FolderId, String, FolderId),
    /// A folder is in the trash, which lists it.
    Trashed(FolderId),
    /// A file is a member of a dossier, which lists it at this date.
    Member(DossierId, FileId, Date),
    /// A file is posted, as it says, in a partition.
    Posting(String, FileId),
    /// A hash names a blob, which says that it is found by it.
    Shared(Sha256, BlobId),
    /// Versions, and open sessions, refer to a blob, which counts them.
    Blob(BlobId, String),
    /// Versions refer to what is known of their bytes, which counts them.
    Content(Sha256),
    /// Files and folders are in a folder, a part of whose counters counts them.
    Tally(FolderId, u8, Unit),
}

impl Entry {
    pub(super) fn blob(blob: BlobRef) -> Self {
        // As text, so that entries have an order.
        let place = serde_json::to_string(&blob.written_by).unwrap_or_default();
        Self::Blob(blob.id, place)
    }

    /// A number that stands for the entry.
    pub(super) fn hash(&self) -> Result<u64> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Error::corrupt(format!("an entry cannot be written: {error}")))?;
        let hash = Sha256::of(&text);
        let first: Option<&[u8; 8]> = hash.as_bytes().first_chunk();
        // Odd, so that no amount but zero comes to zero.
        Ok(u64::from_be_bytes(first.copied().unwrap_or_default()) | 1)
    }
}

/// Returns what a row of the workspace says that another must say, too, with the amounts.
///
/// # Errors
/// When the row does not read back.
pub(super) fn entries(workspace: &WorkspaceId, key: &Key, row: &Row) -> Result<Vec<(Entry, i64)>> {
    let Some((kind, id)) = keys::kind_and_id(workspace, &key.pk) else {
        return Ok(Vec::new());
    };
    let sk = key.sk.as_str();
    match kind {
        "F" => of_file(workspace, id, sk, row),
        "N" => of_name(id, row),
        "D" => of_folder(id, sk, row),
        "T" => Ok(vec![(Entry::Trashed(sk.parse()?), -1)]),
        "U" if sk == SELF => of_upload(row),
        "B" => of_blob(row),
        "H" => of_content(id, sk, row),
        "S" if sk.starts_with(MEMBER_PREFIX) => {
            let member: domain::dossier::Member = from_row(row.clone())?;
            let entry = Entry::Member(id.parse()?, member.file, member.document_date);
            Ok(vec![(entry, -1)])
        }
        "P" => match sk.strip_prefix(POSTED_FILE_PREFIX) {
            Some(file) => Ok(vec![(Entry::Posting(key.pk.clone(), file.parse()?), -1)]),
            None => Ok(Vec::new()),
        },
        _ => Ok(Vec::new()),
    }
}

fn of_file(workspace: &WorkspaceId, id: &str, sk: &str, row: &Row) -> Result<Vec<(Entry, i64)>> {
    let id: FileId = id.parse()?;
    if sk.starts_with(MEMBERSHIP_PREFIX) {
        let item: MembershipItem = from_row(row.clone())?;
        let entry = Entry::Member(item.dossier, id, item.member.document_date);
        return Ok(vec![(entry, 1)]);
    }
    if sk.starts_with(VERSION_PREFIX) {
        let item: VersionItem = from_row(row.clone())?;
        let mut entries = vec![(Entry::blob(item.content.blob), 1)];
        let counted = item.content.sha256.filter(|_| item.counted);
        entries.extend(counted.map(|sha256| (Entry::Content(sha256), 1)));
        return Ok(entries);
    }
    if sk != SELF {
        return Ok(Vec::new());
    }
    let file::Found::File(file) = file::read(row.clone())? else {
        return Ok(Vec::new());
    };
    let mut entries = Vec::new();
    if file.state == State::Active {
        let shard = keys::tally_shard(id.uuid());
        let name = file.name.as_str().to_owned();
        let size = i64::try_from(file.content.size_bytes).unwrap_or(i64::MAX);
        entries.extend([
            (Entry::Name(file.folder, name, Owner::File(id)), 1),
            (Entry::Tally(file.folder, shard, Unit::Files), 1),
            (Entry::Tally(file.folder, shard, Unit::Bytes), size),
        ]);
    }
    for key in posting_keys(workspace, id, file.posted.as_ref()) {
        entries.push((Entry::Posting(key.pk, id), 1));
    }
    Ok(entries)
}

fn of_name(folder: &str, row: &Row) -> Result<Vec<(Entry, i64)>> {
    let item: NameItem = from_row(row.clone())?;
    let owner = match (item.file, item.folder) {
        (Some(file), None) => Owner::File(file),
        (None, Some(folder)) => Owner::Folder(folder),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Error::corrupt("a name is of a file or of a folder"));
        }
    };
    let entry = Entry::Name(folder.parse()?, item.name.as_str().to_owned(), owner);
    Ok(vec![(entry, -1)])
}

fn of_folder(id: &str, sk: &str, row: &Row) -> Result<Vec<(Entry, i64)>> {
    let id: FolderId = id.parse()?;
    if let Some(shard) = sk.strip_prefix(TALLY_PREFIX) {
        let shard: u8 = shard
            .parse()
            .map_err(|_| Error::corrupt("the counters of a folder have a number"))?;
        let tally = tally::sum(vec![row.clone()])?;
        return Ok(vec![
            (Entry::Tally(id, shard, Unit::Files), -tally.files),
            (Entry::Tally(id, shard, Unit::Folders), -tally.folders),
            (Entry::Tally(id, shard, Unit::Bytes), -tally.bytes),
        ]);
    }
    if sk.starts_with(CHILD_FOLDER_PREFIX) {
        let item: ChildFolder = from_row(row.clone())?;
        let entry = Entry::Child(id, item.child_name.as_str().to_owned(), item.child);
        return Ok(vec![(entry, -1)]);
    }
    if sk != SELF {
        return Ok(Vec::new());
    }
    let folder::Found::Folder(folder) = folder::read(row.clone())? else {
        return Ok(Vec::new());
    };
    let name = folder.name.as_str().to_owned();
    let shard = keys::tally_shard(id.uuid());
    Ok(match folder.state {
        FolderState::Active => vec![
            (
                Entry::Name(folder.parent, name.clone(), Owner::Folder(id)),
                1,
            ),
            (Entry::Child(folder.parent, name, id), 1),
            (Entry::Tally(folder.parent, shard, Unit::Folders), 1),
        ],
        FolderState::Trashed => vec![(Entry::Trashed(id), 1)],
        FolderState::Erasing => Vec::new(),
    })
}

fn of_upload(row: &Row) -> Result<Vec<(Entry, i64)>> {
    let item: UploadItem = from_row(row.clone())?;
    Ok(match item.upload_state {
        UploadState::Open => vec![(Entry::blob(item.blob), 1)],
        UploadState::Committed { .. } | UploadState::Aborted { .. } => Vec::new(),
    })
}

fn of_blob(row: &Row) -> Result<Vec<(Entry, i64)>> {
    let item: BlobItem = from_row(row.clone())?;
    let counted = i64::try_from(item.refs).unwrap_or(i64::MAX);
    let mut entries = vec![(Entry::blob(item.blob), -counted)];
    let sha256 = item.sha256.filter(|_| !item.is_going());
    entries.extend(sha256.map(|sha256| (Entry::Shared(sha256, item.blob.id), -1)));
    Ok(entries)
}

fn of_content(sha256: &str, sk: &str, row: &Row) -> Result<Vec<(Entry, i64)>> {
    let sha256: Sha256 = sha256.parse()?;
    if sk == CONTENT {
        let item: ContentItem = from_row(row.clone())?;
        let counted = i64::try_from(item.refs).unwrap_or(i64::MAX);
        return Ok(vec![(Entry::Content(sha256), -counted)]);
    }
    if sk == SHARED_BLOB {
        let item: SharedItem = from_row(row.clone())?;
        return Ok(vec![(Entry::Shared(sha256, item.blob_id), 1)]);
    }
    Ok(Vec::new())
}

/// Into how many parts entries are divided.
const BUCKETS: usize = 4_096;

/// The sums of the entries of a walk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Sums {
    sums: Vec<u64>,
    /// How many entries there were.
    pub(super) count: u64,
}

impl Sums {
    pub(super) fn new() -> Self {
        Self {
            sums: vec![0; BUCKETS],
            count: 0,
        }
    }

    pub(super) fn add(&mut self, hash: u64, amount: i64) {
        self.count += 1;
        if let Some(sum) = self.sums.get_mut(bucket_of(hash)) {
            *sum = sum.wrapping_add(hash.wrapping_mul(amount.cast_unsigned()));
        }
    }

    /// The buckets whose entries do not cancel each other out.
    pub(super) fn unbalanced(&self) -> Vec<usize> {
        let numbered = self.sums.iter().enumerate();
        numbered
            .filter(|(_, sum)| **sum != 0)
            .map(|(bucket, _)| bucket)
            .collect()
    }

    /// How many buckets can be looked at at once, with so many entries in all.
    pub(super) fn at_once(&self, entries: usize) -> usize {
        let of_each = usize::try_from(self.count).unwrap_or(usize::MAX) / BUCKETS;
        (entries / of_each.max(1)).max(1)
    }
}

/// The bucket of an entry.
pub(super) fn bucket_of(hash: u64) -> usize {
    let part = hash >> 32;
    usize::try_from(part).unwrap_or_default() % BUCKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u128) -> Entry {
        Entry::Trashed(FolderId::new(uuid::Uuid::from_u128(number)))
    }

    #[test]
    fn what_agrees_comes_to_nothing_in_any_order_and_what_does_not_is_in_its_bucket() {
        let mut sums = Sums::new();
        for (number, amount) in [(1, 1), (2, 3), (1, -1), (3, -1), (2, -2)] {
            sums.add(entry(number).hash().unwrap(), amount);
        }

        let mut expected: Vec<usize> = [2, 3]
            .map(|number| bucket_of(entry(number).hash().unwrap()))
            .to_vec();
        expected.sort_unstable();
        assert_eq!(sums.unbalanced(), expected);

        sums.add(entry(3).hash().unwrap(), 1);
        sums.add(entry(2).hash().unwrap(), -1);
        assert_eq!(sums.unbalanced(), Vec::<usize>::new());
    }
}
