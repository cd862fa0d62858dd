//! What the sweep must look at: files whose time is up, what was in the trash for long enough, uploads
//! left open, blobs that nothing refers to any more, work whose message may be lost, workspaces whose usage is to be counted. The index
//! only says where to look; what is there decides what is done.

use domain::folder::{Folder, FolderState};
use domain::receipt::{Reason, Receipt};
use domain::upload::UploadState;
use domain::{Error, FileId, FolderId, Result, UploadId, WorkId, WorkspaceId};
use jiff::Timestamp;
use serde::Deserialize;
use tracing::warn;
use uuid::Uuid;

use crate::Store;
use crate::file::{Found, RowKind};
use crate::folder;
use crate::keys::{DUE_SHARDS, Due, due_until, owner_and_id};
use crate::table::{Expression, Page, Query, Row, busy};

/// The id of something that is due; its kind is that of the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueId {
    /// Whose it is.
    pub workspace: WorkspaceId,
    /// The file, the folder, the upload, the blob or the work; nil for a workspace's usage.
    pub id: Uuid,
}

impl Store {
    /// Lists a page of one shard of what is due at `now`, the longest due first.
    pub async fn due(
        &self,
        due: Due,
        shard: u8,
        now: Timestamp,
        limit: i32,
        start: Option<Row>,
    ) -> Result<Page<DueId>> {
        #[derive(Deserialize)]
        struct Listed {
            pk: String,
        }
        let page = self
            .table
            .query::<Listed>(Query {
                index: Some("due"),
                partition: due.partition(shard),
                range: Some(Expression::new("{sk} <= :until").text(":until", due_until(now))),
                descending: false,
                limit,
                start,
            })
            .await?;
        let rows = page.rows.into_iter().filter_map(|listed| {
            let read = owner_and_id(&listed.pk);
            if read.is_none() {
                warn!("a row is due that is no file, folder, upload, blob, work, export or quota");
            }
            read.map(|(workspace, id)| DueId { workspace, id })
        });
        Ok(Page {
            rows: rows.collect(),
            next: page.next,
        })
    }

    /// Sends again all work that is still to be done, due or not. For the start of a process that is
    /// alone: what was committed before its last end and not sent is done now and not in a quarter of
    /// an hour.
    pub async fn resend_all(&self) -> Result<u64> {
        let mut sent = 0;
        for shard in 0..DUE_SHARDS {
            let mut start = None;
            loop {
                let page = self
                    .due(Due::Work, shard, Timestamp::MAX, 100, start)
                    .await?;
                for found in page.rows {
                    let id = WorkId::new(found.id);
                    if let Some(item) = self.work(&found.workspace, id).await? {
                        self.send(&item.work).await;
                        sent += 1;
                    }
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(sent)
    }

    /// Erases a file whose time is up, or that in the trash, or goes on with one whose erasure stopped half-way.
    ///
    /// None when there is nothing to do, as when someone else was faster.
    pub async fn erase_due(&self, workspace: &WorkspaceId, id: FileId) -> Result<Option<Receipt>> {
        let reason = match self.found(workspace, id).await? {
            Some(Found::File(file)) => file.why_due(self.clock.now()),
            Some(Found::Gone(item)) => (item.kind == RowKind::Erasing).then_some(item.reason),
            None => None,
        };
        let Some(reason) = reason else {
            return Ok(None);
        };
        let erased = self
            .erase_file(workspace, id, reason, |file| {
                if file.why_due(self.clock.now()) == Some(reason) {
                    Ok(())
                } else {
                    Err(busy("the file was given more time"))
                }
            })
            .await;
        match erased {
            Ok(receipt) => Ok(Some(receipt)),
            Err(Error::Busy { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes a folder that was in the trash for long enough, or one whose deletion has failed. Returns
    /// whether it began a job for that.
    pub async fn purge_due(&self, workspace: &WorkspaceId, id: FolderId) -> Result<bool> {
        let now = self.clock.now();
        let is_due = |folder: &Folder| {
            folder.state != FolderState::Active && folder.purge_at.is_some_and(|at| at <= now)
        };
        let before = match self.found_folder(workspace, id).await? {
            Some(folder::Found::Folder(folder)) if is_due(&folder) => folder.job,
            Some(_) | None => return Ok(false),
        };
        let deleted = self
            .delete_folder_for(workspace, id, Reason::Purged, |upwards| {
                if upwards.first().is_some_and(is_due) {
                    Ok(())
                } else {
                    Err(busy("the folder was taken out of the trash"))
                }
            })
            .await;
        match deleted {
            Ok(changed) => Ok(changed.job.is_some_and(|job| Some(job.id) != before)),
            Err(Error::Busy { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Aborts an upload whose session has run out. Returns whether it did.
    pub async fn abort_due(&self, workspace: &WorkspaceId, id: UploadId) -> Result<bool> {
        let upload = match self.upload(workspace, id).await {
            Err(Error::NotFound { .. }) => return Ok(false),
            upload => upload?,
        };
        if upload.state != UploadState::Open || upload.expires_at > self.clock.now() {
            return Ok(false);
        }
        self.abort_upload(workspace, &upload).await?;
        Ok(true)
    }
}
