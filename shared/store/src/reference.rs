//! References of versions to blobs. Versions of one workspace that have the same bytes share one
//! blob, whose row counts them; another row names it by the hash of the bytes.
//!
//! A blob's row is written before its first byte, and counts one reference, of the session that
//! writes it: the version that comes of the session takes this over. Every other reference is added
//! in the transaction that makes a version, and holds only while there is one already. With the
//! last one goes, in the same transaction, the row that names the blob by its hash: so nobody can
//! come to refer to a blob that is going. Its own row stays, found due, until the object is removed:
//! wherever that stops, the sweep goes on.
//!
//! The object of a shared blob is never written again. A client may have written it by a signed URL,
//! but such a URL holds only where there is nothing (`If-None-Match: *` is signed), and the parts of
//! a multipart upload are joined by us alone, once.

use domain::file::{BlobRef, Content, Writer};
use domain::{BlobId, Result, Sha256, UploadId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Store;
use crate::blob::ObjectKey;
use crate::keys::{Due, Key, due_until};
use crate::table::{Expression, Rejected, Write, absent, to_row};

/// How long the object of a version stays that came to share another one: as long as a URL holds
/// that was signed for it just before, and a little.
const STILL_FETCHED_FOR: SignedDuration = SignedDuration::from_mins(65);

/// The row of a blob: what an object in S3 belongs to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlobItem {
    /// The upload that wrote it, or is to.
    pub upload: UploadId,
    /// Where it is.
    pub blob: BlobRef,
    /// How many versions refer to it; its open session counts as one. None do once it is going.
    /// Rows of before this was counted are of one version each.
    #[serde(default = "one")]
    pub refs: u64,
    /// The hash by which it is found to be shared; none while it is its versions' own.
    #[serde(default)]
    pub sha256: Option<Sha256>,
    /// When it is to be removed, as in the `due` index, once it is going.
    #[serde(default)]
    pub(crate) due_sk: Option<String>,
}

const fn one() -> u64 {
    1
}

impl BlobItem {
    /// The row of a blob that an upload is to write.
    pub(crate) const fn of_upload(upload: UploadId, blob: BlobRef) -> Self {
        Self {
            upload,
            blob,
            refs: one(),
            sha256: None,
            due_sk: None,
        }
    }

    /// Says whether no version refers to it any more, and none ever will.
    pub const fn is_going(&self) -> bool {
        self.refs == 0
    }

    /// Holds while it is referred to, and found to be shared, as when it was read.
    pub(crate) fn is_as_read(&self) -> Expression {
        let refs = if self.refs == one() {
            "(attribute_not_exists(refs) OR refs = :refs)"
        } else {
            "refs = :refs"
        };
        let shared = match self.sha256 {
            Some(_) => "sha256 = :sha256",
            None => "attribute_not_exists(sha256)",
        };
        let expression = Expression::new(format!("attribute_exists(pk) AND {refs} AND {shared}"))
            .number(":refs", self.refs);
        match self.sha256 {
            Some(sha256) => expression.text(":sha256", sha256.to_string()),
            None => expression,
        }
    }
}

/// The row that names the blob of some bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SharedItem {
    pub(crate) blob_id: BlobId,
    written_by: Writer,
    size_bytes: u64,
}

/// How the bytes of a version come to be shared.
#[derive(Clone, Debug)]
pub(crate) enum Sharing {
    /// They stay as they are: their hash is not known yet, or they are found by it already.
    Unchanged,
    /// Their own blob is found by their hash from now on.
    First {
        sha256: Sha256,
        size_bytes: u64,
        /// The blob that was found by it, whose object is missing.
        instead_of: Option<SharedBlob>,
    },
    /// The version refers to this blob, which was there before, and no longer to its own.
    With {
        blob: BlobRef,
        sha256: Sha256,
        own: BlobItem,
    },
}

/// A blob that is found by a hash and cannot be referred to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedBlob {
    id: BlobId,
    /// Whether it has a row that says so, too.
    has_row: bool,
}

impl Sharing {
    /// The blob that the version refers to in the place of its own.
    pub(crate) const fn blob(&self) -> Option<BlobRef> {
        match self {
            Self::Unchanged | Self::First { .. } => None,
            Self::With { blob, .. } => Some(*blob),
        }
    }

    /// The writes that make it so. `own` is the blob that the version has had; when nothing refers
    /// to that any more, it is to be removed at `due_at`.
    pub(crate) fn writes(
        &self,
        workspace: &WorkspaceId,
        own: BlobRef,
        due_at: Timestamp,
    ) -> Result<Vec<Write>> {
        match self {
            Self::Unchanged => Ok(Vec::new()),
            Self::First {
                sha256,
                size_bytes,
                instead_of,
            } => become_shared(workspace, own, *sha256, *size_bytes, *instead_of),
            Self::With { blob, sha256, own } => {
                let more = Write::Update {
                    condition: Some(
                        Expression::new("refs > :zero AND sha256 = :sha256")
                            .number(":zero", 0)
                            .text(":sha256", sha256.to_string()),
                    ),
                    key: Key::blob(workspace, blob.id),
                    change: Expression::new("ADD refs :one").number(":one", 1),
                };
                let mut writes = vec![more];
                writes.extend(release(workspace, own, 1, due_at));
                Ok(writes)
            }
        }
    }
}

/// Has a blob found by the hash of its bytes.
fn become_shared(
    workspace: &WorkspaceId,
    own: BlobRef,
    sha256: Sha256,
    size_bytes: u64,
    instead_of: Option<SharedBlob>,
) -> Result<Vec<Write>> {
    let row = to_row(
        Key::shared_blob(workspace, sha256),
        &SharedItem {
            blob_id: own.id,
            written_by: own.written_by,
            size_bytes,
        },
    )?;
    let mut writes = vec![
        Write::Put {
            condition: Some(match instead_of {
                Some(before) => names(before.id),
                None => absent(),
            }),
            row,
        },
        Write::Update {
            condition: Some(is_referred_to()),
            key: Key::blob(workspace, own.id),
            change: Expression::new("SET sha256 = :sha256, refs = if_not_exists(refs, :one)")
                .text(":sha256", sha256.to_string())
                .number(":one", one()),
        },
    ];
    if let Some(before) = instead_of.filter(|before| before.has_row) {
        writes.push(Write::Update {
            condition: Some(
                Expression::new("sha256 = :sha256").text(":sha256", sha256.to_string()),
            ),
            key: Key::blob(workspace, before.id),
            change: Expression::new("REMOVE sha256"),
        });
    }
    Ok(writes)
}

/// Holds while the hash names this blob.
pub(crate) fn names(blob: BlobId) -> Expression {
    Expression::new("blob_id = :blob").text(":blob", blob.to_string())
}

/// Holds while a version refers to the blob, or its session is open.
fn is_referred_to() -> Expression {
    Expression::new("attribute_exists(pk) AND (attribute_not_exists(refs) OR refs > :zero)")
        .number(":zero", 0)
}

/// One more version refers to a blob. Holds while another does.
pub(crate) fn refer(workspace: &WorkspaceId, blob: BlobRef) -> Write {
    Write::Update {
        condition: Some(is_referred_to()),
        key: Key::blob(workspace, blob.id),
        change: Expression::new("SET refs = if_not_exists(refs, :one) + :one")
            .number(":one", one()),
    }
}

/// So many versions no longer refer to a blob. With the last one it is found by its hash no more, and
/// its object is to be removed at `due_at`. Holds while these are, or are not, the last, as when the
/// blob was read.
pub(crate) fn release(
    workspace: &WorkspaceId,
    item: &BlobItem,
    versions: u64,
    due_at: Timestamp,
) -> Vec<Write> {
    let key = Key::blob(workspace, item.blob.id);
    if item.refs > versions {
        return vec![Write::Update {
            // However many others come and go at the same time, one of them is the last.
            condition: Some(Expression::new("refs > :versions").number(":versions", versions)),
            key,
            change: Expression::new("SET refs = refs - :versions").number(":versions", versions),
        }];
    }
    let due = Due::Blob.key(due_at, item.blob.id.uuid());
    let mut writes = vec![Write::Update {
        condition: Some(item.is_as_read()),
        key,
        change: Expression::new(
            "SET refs = :none, due_pk = :due_pk, due_sk = :due_sk REMOVE sha256",
        )
        .number(":none", 0)
        .text(":due_pk", due.pk)
        .text(":due_sk", due.sk),
    }];
    writes.extend(item.sha256.map(|sha256| Write::Delete {
        condition: Some(names(item.blob.id)),
        key: Key::shared_blob(workspace, sha256),
    }));
    writes
}

/// Until when the object of a version stays that shares another one from now on.
pub(crate) fn fetched_until(now: Timestamp) -> Timestamp {
    now.checked_add(STILL_FETCHED_FOR).unwrap_or(Timestamp::MAX)
}

impl Store {
    /// Returns what an object in S3 belongs to.
    pub async fn blob_owner(
        &self,
        workspace: &WorkspaceId,
        blob: BlobId,
    ) -> Result<Option<BlobItem>> {
        self.table.get(Key::blob(workspace, blob)).await
    }

    /// Says how the bytes of a version come to be shared, whose own blob is `own`.
    ///
    /// A blob whose object is missing is not shared: bytes that come again are what mends it.
    pub(crate) async fn sharing(
        &self,
        workspace: &WorkspaceId,
        own: BlobRef,
        content: &Content,
    ) -> Result<Sharing> {
        let Some(sha256) = content.sha256 else {
            return Ok(Sharing::Unchanged);
        };
        let size_bytes = content.size_bytes;
        if size_bytes == 0 {
            // There is nothing to save, and all empty files would meet on one row.
            return Ok(Sharing::Unchanged);
        }
        let first = |instead_of| Sharing::First {
            sha256,
            size_bytes,
            instead_of,
        };
        let named: Option<SharedItem> = self.table.get(Key::shared_blob(workspace, sha256)).await?;
        let Some(named) = named else {
            return Ok(first(None));
        };
        if named.blob_id == own.id {
            return Ok(Sharing::Unchanged);
        }
        let row = self.blob_owner(workspace, named.blob_id).await?;
        let blob = BlobRef {
            id: named.blob_id,
            written_by: named.written_by,
        };
        if row.as_ref().is_some_and(|row| !row.is_going())
            && self.is_whole(workspace, blob, size_bytes).await?
        {
            let own = self.blob_owner(workspace, own.id).await?;
            return Ok(own.map_or(Sharing::Unchanged, |own| Sharing::With {
                blob,
                sha256,
                own,
            }));
        }
        Ok(first(Some(SharedBlob {
            id: named.blob_id,
            has_row: row.is_some_and(|row| row.sha256 == Some(sha256)),
        })))
    }

    /// Says whether bytes that are missing where a version has them are in another blob of the same
    /// hash, which the version can share.
    ///
    /// # Errors
    /// Those of reading rows and of looking at the blob.
    pub async fn is_elsewhere(&self, workspace: &WorkspaceId, content: &Content) -> Result<bool> {
        let sharing = self.sharing(workspace, content.blob, content).await?;
        Ok(sharing.blob().is_some())
    }

    async fn is_whole(
        &self,
        workspace: &WorkspaceId,
        blob: BlobRef,
        size_bytes: u64,
    ) -> Result<bool> {
        let key = ObjectKey::Blob(workspace.clone(), blob);
        let head = self.blobs.head(&key).await?;
        Ok(head.is_some_and(|head| head.size_bytes == size_bytes))
    }

    /// Removes the object of a blob that nothing refers to any more, then its row. Returns whether
    /// nothing is left of it: not while something refers to it.
    ///
    /// Object before row: the row is what lets the sweep find the object again.
    pub(crate) async fn remove_going(&self, workspace: &WorkspaceId, blob: BlobId) -> Result<bool> {
        let Some(item) = self.blob_owner(workspace, blob).await? else {
            return Ok(true);
        };
        if !item.is_going() {
            return Ok(false);
        }
        let key = ObjectKey::Blob(workspace.clone(), item.blob);
        self.blobs.delete(&key).await?;
        let row = Write::Delete {
            // One that is going never comes back.
            condition: None,
            key: Key::blob(workspace, blob),
        };
        match self.table.transact(vec![row]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(true),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes the object of a blob that nothing refers to any more, or leaves that to the sweep.
    pub(crate) async fn try_remove_going(&self, workspace: &WorkspaceId, blob: BlobId) {
        if let Err(error) = self.remove_going(workspace, blob).await {
            warn!(blob.id = %blob, error = error.for_log(), "a blob was not removed; the sweep will do it");
        }
    }

    /// Removes a blob that was found due. Returns whether it did.
    pub async fn remove_due_blob(&self, workspace: &WorkspaceId, id: BlobId) -> Result<bool> {
        let item = self.blob_owner(workspace, id).await?;
        let until = due_until(self.clock.now());
        // The index may lag.
        let is_due = item.is_some_and(|item| {
            item.is_going() && item.due_sk.is_some_and(|due_sk| due_sk <= until)
        });
        Ok(is_due && self.remove_going(workspace, id).await?)
    }
}
