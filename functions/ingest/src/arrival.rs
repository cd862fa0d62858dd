//! An object was written, says S3: perhaps late, perhaps twice. Only what the rows say counts.

use domain::file::BlobRef;
use domain::upload::UploadState;
use domain::{Error, Result, WorkspaceId};
use store::blob::ObjectKey;
use tracing::{info, warn};

use crate::{State, inbox};

/// Takes an object that was written to where it belongs.
pub(crate) async fn take(state: &State, path: &str) -> Result<()> {
    match ObjectKey::parse(path) {
        Some(ObjectKey::Blob(workspace, blob)) => finish(state, &workspace, blob).await,
        Some(ObjectKey::Inbox(workspace, rest)) => inbox::take(state, workspace, &rest).await,
        // A prefix that raises no event of ours, or an inbox of no valid workspace.
        Some(
            ObjectKey::Text(..)
            | ObjectKey::Staged(..)
            | ObjectKey::Export(..)
            | ObjectKey::Receipt(..)
            | ObjectKey::ReceiptKey(_),
        )
        | None => {
            warn!("an event of an object that is none of ours");
            Ok(())
        }
    }
}

/// Finishes the upload that an object belongs to, if its client has not.
async fn finish(state: &State, workspace: &WorkspaceId, blob: BlobRef) -> Result<()> {
    let store = &state.store;
    let Some(owner) = store.blob_owner(workspace, blob.id).await? else {
        // The row is there before the first byte and goes when the upload is aborted or the file
        // erased: what a signed URL still brought after that belongs to nothing.
        let key = ObjectKey::Blob(workspace.clone(), blob);
        return store.blobs.delete(&key).await;
    };
    let upload = store.upload(workspace, owner.upload).await?;
    if upload.state != UploadState::Open {
        return Ok(());
    }
    let finished = store
        .finish_upload(workspace, &upload, Vec::new(), media::accept)
        .await;
    match finished {
        Ok(file) => {
            info!(file.id = %file.id, upload.id = %upload.id, "finished an upload");
            Ok(())
        }
        // Nobody is there to be told; the session stays as it is for a client that comes back.
        Err(
            error @ (Error::Conflict { .. }
            | Error::PreconditionFailed { .. }
            | Error::RefusedType { .. }
            | Error::Gone { .. }),
        ) => {
            info!(upload.id = %upload.id, error = error.for_log(), "an upload was not finished");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
