//! What holds objects in S3 against rows: which objects belong to nothing, and how far the walk
//! over them has come.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::file::BlobRef;
use domain::upload::UploadState;
use domain::{Error, Result, WorkspaceId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::Key;
use crate::table::{Write, to_row};

#[derive(Debug, Serialize, Deserialize)]
struct ReconcilerItem {
    /// The key of the last object that was looked at; none at the beginning of a walk.
    looked_at: Option<String>,
}

impl Store {
    /// Returns those blobs that no row knows. A row is written before the first byte, and ids are
    /// never used again, so they never come to belong to anything.
    pub async fn orphans(
        &self,
        blobs: Vec<(WorkspaceId, BlobRef)>,
    ) -> Result<Vec<(WorkspaceId, BlobRef)>> {
        let key = |(workspace, blob): &(WorkspaceId, BlobRef)| Key::blob(workspace, blob.id);
        let rows = self.table.get_rows(blobs.iter().map(key).collect()).await?;
        let known: HashSet<String> = rows
            .into_iter()
            .filter_map(|mut row| match row.remove("pk") {
                Some(AttributeValue::S(pk)) => Some(pk),
                _ => None,
            })
            .collect();
        Ok(blobs
            .into_iter()
            .filter(|blob| !known.contains(&key(blob).pk))
            .collect())
    }

    /// Says whether an open session writes a blob by this multipart upload.
    pub async fn is_being_uploaded(
        &self,
        workspace: &WorkspaceId,
        blob: BlobRef,
        multipart_id: &str,
    ) -> Result<bool> {
        let Some(owner) = self.blob_owner(workspace, blob.id).await? else {
            return Ok(false);
        };
        match self.upload(workspace, owner.upload).await {
            Ok(upload) => Ok(upload.state == UploadState::Open
                && upload.multipart_id.as_deref() == Some(multipart_id)),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns the key of the last object the reconciler looked at; none at the beginning.
    pub async fn reconciled_to(&self) -> Result<Option<String>> {
        let item: Option<ReconcilerItem> = self.table.get(Key::reconciler()).await?;
        Ok(item.and_then(|item| item.looked_at))
    }

    /// Notes the key of the last object the reconciler looked at. Where two walk at once, the last
    /// note stands: some objects are looked at twice, and none is left out for longer than a walk.
    pub async fn note_reconciled_to(&self, looked_at: Option<String>) -> Result<()> {
        let write = Write::Put {
            condition: None,
            row: to_row(Key::reconciler(), &ReconcilerItem { looked_at })?,
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the reconciler's place was not noted"))
    }
}
