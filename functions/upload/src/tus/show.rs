//! `HEAD /v1/tus/{id}`: how far an upload is.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use domain::principal::Role;
use domain::{Error, UploadId, WorkspaceId};
use store::Store;
use store::tus::Tus;

use super::{Answer, problem};
use crate::State;

/// Tells how many bytes of an upload have come.
///
/// An upload all of whose bytes have come, and whose last request broke off before they were a file,
/// becomes one now: who is told that all have come sends nothing more.
#[utoipa::path(
    head,
    path = "/v1/tus/{id}",
    tag = "upload",
    params(
        ("id" = uuid::Uuid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0", example = "1.0.0"),
    ),
    responses(
        (status = 200, description = "How far it is", headers(
            ("Upload-Offset" = u64, description = "How many bytes have come"),
            ("Upload-Length" = u64, description = "How many there will be"),
            ("Upload-Defer-Length" = u32, description = "1 where nobody knows yet"),
            ("Upload-Metadata" = String, description = "What the client has said of it"),
            ("Upload-Concat" = String, description = "partial, or final; and the pieces"),
            ("Upload-Expires" = String, description = "When it ends if it is not finished"),
            ("Sheaf-File-Id" = String, description = "The file it has become"),
        )),
        (status = 404, description = "No such upload"),
        (status = 410, description = "It was terminated, or its time is up"),
        (status = 412, description = "Another version of the protocol"),
        (status = 423, description = "Another request is sending bytes; or its name, or that of a folder of its path, was taken meanwhile (`name_taken`, `not_a_folder`): free it and ask again"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    let workspace = principal.workspace;
    let tus = state.store.tus(&workspace, id).await?;
    // A client that is refused here with any other status begins anew.
    let tus = finished(&state.store, workspace, tus)
        .await
        .map_err(|error| match error {
            Error::Conflict { .. } => problem(error).under(StatusCode::LOCKED),
            _ => problem(error),
        })?;
    Ok(Answer::default().about(&tus).send(StatusCode::OK))
}

/// Returns a living upload, after it was made a file where all its bytes have come.
pub(super) async fn finished(
    store: &Store,
    workspace: WorkspaceId,
    tus: Tus,
) -> Result<Tus, Error> {
    let tus = tus.living(store.clock.now())?;
    if !tus.is_to_be_finished() {
        return Ok(tus);
    }
    let store = store.clone();
    to_the_end(async move {
        let id = tus.upload.id;
        let appending = store.claim_tus(&workspace, tus).await?;
        Box::pin(appending.finish(media::accept)).await?;
        store.tus(&workspace, id).await
    })
    .await
}
