//! Keys of the `due` index: what the sweep must look at, and when.

use domain::WorkspaceId;
use jiff::Timestamp;
use uuid::Uuid;

use super::{IndexKey, shard_of, sortable};

/// Number of parts over which due rows are spread.
pub const DUE_SHARDS: u8 = 4;

/// What the sweep looks for in the `due` index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Files whose time is up, or that in the trash.
    Expiry,
    /// Folders that were in the trash for long enough, or whose deletion is to be looked after.
    Trash,
    /// Uploads that were left open.
    Upload,
    /// Blobs that nothing refers to any more.
    Blob,
    /// Work whose message may be lost.
    Work,
    /// Workspaces whose usage is to be counted.
    Usage,
    /// Archives of exported files whose time is up.
    Export,
}

impl Due {
    /// All of them, in the order in which a sweep goes over them.
    pub const ALL: [Self; 7] = [
        Self::Work,
        Self::Upload,
        Self::Expiry,
        Self::Trash,
        Self::Blob,
        Self::Export,
        Self::Usage,
    ];

    /// The partition of one shard of what is due.
    pub fn partition(self, shard: u8) -> String {
        format!("{}#{shard}", self.word())
    }

    /// Reads which a partition is of.
    pub fn of_partition(partition: &str) -> Option<Self> {
        let (word, _) = partition.split_once('#')?;
        Self::ALL.into_iter().find(|due| due.word() == word)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Trash => "trash",
            Self::Upload => "upload",
            Self::Blob => "blob",
            Self::Work => "work",
            Self::Usage => "usage",
            Self::Export => "export",
        }
    }

    /// A row in the `due` index; `id` keeps rows of one instant apart and chooses the shard.
    pub fn key(self, at: Timestamp, id: Uuid) -> IndexKey {
        IndexKey {
            pk: self.partition(shard_of(id, DUE_SHARDS)),
            sk: format!("{}#{id}", sortable(at)),
        }
    }
}

/// A workspace in the `due` index, where its usage is to be counted at a time.
pub fn due_usage(at: Timestamp, workspace: &WorkspaceId) -> IndexKey {
    let id = Uuid::new_v5(&Uuid::NAMESPACE_OID, workspace.as_str().as_bytes());
    Due::Usage.key(at, id)
}

/// The end of the range of what is due at `now`, that instant included.
pub fn due_until(now: Timestamp) -> String {
    // Sorts behind the digits and dashes of every id.
    format!("{}#~", sortable(now))
}

/// Reads the partition key of a row that can be due: a file, a folder, an upload, a blob, work, an
/// export, or a quota, which has no id but the workspace. None for any other.
pub fn owner_and_id(pk: &str) -> Option<(WorkspaceId, Uuid)> {
    let mut parts = pk.strip_prefix("W#")?.split('#');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(workspace), Some("F" | "D" | "U" | "B" | "O" | "E"), Some(id), None) => {
            Some((workspace.parse().ok()?, id.parse().ok()?))
        }
        (Some(workspace), Some("Q"), None, None) => Some((workspace.parse().ok()?, Uuid::nil())),
        _ => None,
    }
}

/// Reads the sort key of a row in the `due` index: when it is due.
pub fn due_at(sk: &str) -> Option<Timestamp> {
    let (micros, _) = sk.split_once('#')?;
    Timestamp::from_microsecond(micros.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use domain::{BlobId, FileId, FolderId, UploadId, WorkId};

    use super::*;
    use crate::keys::Key;

    #[test]
    fn what_is_due_at_an_instant_is_in_its_range_and_what_is_due_later_is_not() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later: Timestamp = "2026-01-01T00:00:00.000001Z".parse().unwrap();
        let until = due_until(now);
        for id in [Uuid::nil(), Uuid::max()] {
            assert!(Due::Work.key(now, id).sk <= until);
            assert!(Due::Work.key(later, id).sk > until);
        }
    }

    #[test]
    fn keys_of_what_can_be_due_read_back() {
        let workspace: WorkspaceId = "acme".parse().unwrap();
        let id = Uuid::from_u128(7);
        for key in [
            Key::file(&workspace, FileId::new(id)),
            Key::folder(&workspace, FolderId::new(id)),
            Key::upload(&workspace, UploadId::new(id)),
            Key::blob(&workspace, BlobId::new(id)),
            Key::work(&workspace, WorkId::new(id)),
        ] {
            assert_eq!(owner_and_id(&key.pk), Some((workspace.clone(), id)));
        }
        let quota = Key::quota(&workspace);
        let of_workspace = (workspace.clone(), Uuid::nil());
        assert_eq!(owner_and_id(&quota.pk), Some(of_workspace));
        for other in [
            Key::quota_shard(&workspace, 3),
            Key::reconciler(),
            Key::role("p", &workspace),
        ] {
            assert_eq!(owner_and_id(&other.pk), None);
        }
    }
}
