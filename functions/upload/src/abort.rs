//! `DELETE /v1/uploads/{id}`: gives an upload up.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::StatusCode;
use domain::principal::Role;
use domain::upload::{Upload, UploadState};
use domain::{Error, UploadId, WorkspaceId};
use store::Store;

use crate::State;

/// Gives an open upload up: what has arrived of it is removed and its quota returned.
#[utoipa::path(
    delete,
    path = "/v1/uploads/{id}",
    tag = "upload",
    params(("id" = uuid::Uuid, Path, description = "The upload")),
    responses(
        (status = 204, description = "Given up, now or before"),
        (status = 404, description = "No such upload"),
        (status = 409, description = "The upload is finished"),
    )
)]
pub async fn abort(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    let upload = state.store.upload(&principal.workspace, id).await?;
    Ok(give_up(&state.store, &principal.workspace, &upload).await?)
}

/// Gives an upload up, unless it is a file already.
pub(crate) async fn give_up(
    store: &Store,
    workspace: &WorkspaceId,
    upload: &Upload,
) -> domain::Result<StatusCode> {
    store.abort_upload(workspace, upload).await?;
    match store.upload(workspace, upload.id).await?.state {
        UploadState::Aborted { .. } | UploadState::Open => Ok(StatusCode::NO_CONTENT),
        UploadState::Committed { file, .. } => Err(Error::Conflict {
            code: "upload_finished",
            detail: format!("this upload became file {file}: delete that"),
        }),
    }
}
