//! `GET /v1/uploads/{id}`: how far an upload is.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::upload::{ArrivedPartView, UploadView};
use axum::extract::Path;
use domain::principal::Role;
use domain::upload::Upload;
use domain::upload::UploadState;
use domain::{UploadId, WorkspaceId};
use store::blob::{ObjectKey, StoredPart};

use crate::State;

/// Shows an upload and the parts of it that have arrived.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}",
    tag = "upload",
    params(("id" = uuid::Uuid, Path, description = "The upload")),
    responses(
        (status = 200, description = "The upload", body = UploadView),
        (status = 404, description = "No such upload"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
) -> Result<axum::Json<UploadView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    let upload = state.store.upload(&principal.workspace, id).await?;
    let arrived = if upload.state == UploadState::Open {
        arrived(&state, &principal.workspace, &upload).await?
    } else {
        Vec::new()
    };
    let arrived = arrived.into_iter().map(ArrivedPartView::from).collect();
    Ok(axum::Json(UploadView::new(
        &upload,
        Vec::new(),
        Some(arrived),
    )))
}

/// Returns the parts that S3 has; of a single PUT the object counts as part 1.
pub(crate) async fn arrived(
    state: &State,
    workspace: &WorkspaceId,
    upload: &Upload,
) -> domain::Result<Vec<StoredPart>> {
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    let blobs = &state.store.blobs;
    if let Some(multipart_id) = &upload.multipart_id
        && let Some(parts) = blobs.parts(&key, multipart_id).await?
    {
        return Ok(parts);
    }
    let whole = blobs.head(&key).await?;
    Ok(whole
        .into_iter()
        .map(|head| StoredPart {
            number: 1,
            etag: head.etag,
            size_bytes: head.size_bytes,
        })
        .collect())
}
