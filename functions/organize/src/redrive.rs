//! `POST /v1/failures/{id}/redrive`: has given-up work done again.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::failure::WorkView;
use axum::extract::Path;
use axum::http::StatusCode;
use domain::WorkId;
use domain::principal::Role;

use crate::State;
use api::finish::to_the_end;

/// Has work that was given up done again. What is about a file begins with reading the file.
#[utoipa::path(
    post,
    path = "/v1/failures/{id}/redrive",
    tag = "organize",
    params(("id" = uuid::Uuid, Path, description = "The failure")),
    responses(
        (status = 202, description = "The work that was sent", body = WorkView),
        (status = 404, description = "No such failure"),
    )
)]
pub async fn redrive(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<(StatusCode, axum::Json<WorkView>)> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: WorkId = id.parse().map_err(as_failure)?;
    let (store, workspace) = (state.store, principal.workspace);
    let work = to_the_end(async move { store.redrive(&workspace, id).await }).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(work.into())))
}

/// A failure is named by the id of its work, but is not what a client calls work.
fn as_failure(error: domain::Error) -> domain::Error {
    match error {
        domain::Error::NotFound { id, .. } => domain::Error::not_found(domain::Kind::Failure, id),
        error => error,
    }
}
