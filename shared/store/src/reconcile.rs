//! What holds objects in S3 against rows: which objects belong to nothing, and how far the walk
//! over them has come.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::file::BlobRef;
use domain::upload::UploadState;
use domain::{Error, Result, WorkspaceId};

use crate::Store;
use crate::keys::Key;
use crate::stand::{REST, Stand};

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

    /// Returns where the walk over objects stands: behind which of their keys.
    pub async fn stand_of_objects(&self) -> Result<Stand<String>> {
        self.stand_of(Key::reconciler(), REST).await
    }

    /// Notes the key of the last object that the walk has looked at; none at its end.
    pub async fn note_objects_walked(&self, last: Option<String>) -> Result<()> {
        self.note_stand(Key::reconciler(), last).await
    }
}
