//! `POST /v1/files/{id}/retry`: has a failed file read again.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::FileId;
use domain::principal::Role;

use crate::{State, answer};
use api::finish::to_the_end;

/// Has a file that failed go through the document pipeline again, from the start.
#[utoipa::path(
    post,
    path = "/v1/files/{id}/retry",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    responses(
        (status = 202, description = "The file, which is pending again", body = FileView, headers(("ETag" = String, description = "Its revision"))),
        (status = 404, description = "No such file"),
        (status = 409, description = "not_failed: the file has not failed"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
    )
)]
pub async fn retry(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let response = to_the_end(async move {
        let still = |file: &_| answer::check_if_match(&headers, file);
        let file = store.retry_file(&workspace, id, still).await?;
        answer::file(&store, &workspace, StatusCode::ACCEPTED, file).await
    });
    Ok(response.await?)
}
