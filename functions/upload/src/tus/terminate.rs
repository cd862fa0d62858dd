//! `DELETE /v1/tus/{id}`: gives an upload up.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::StatusCode;

use domain::UploadId;
use domain::principal::Role;

use crate::State;
use crate::abort::give_up;

/// Gives an open upload up: what has come of it is removed and its quota returned.
#[utoipa::path(
    delete,
    path = "/v1/tus/{id}",
    tag = "upload",
    params(
        ("id" = uuid::Uuid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0", example = "1.0.0"),
    ),
    responses(
        (status = 204, description = "Given up, now or before"),
        (status = 404, description = "No such upload"),
        (status = 409, description = "It is a file already"),
        (status = 412, description = "Another version of the protocol"),
    )
)]
pub async fn terminate(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    let tus = state.store.tus(&principal.workspace, id).await?;
    Ok(give_up(&state.store, &principal.workspace, &tus.upload).await?)
}
