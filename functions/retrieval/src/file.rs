//! `GET /v1/files/{id}`: shows one file.

use api::auth::Caller;
use api::etag;
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::FileId;
use domain::principal::Role;

use crate::{State, answer};

/// Shows one file, also when it is in the trash.
#[utoipa::path(
    get,
    path = "/v1/files/{id}",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the file is still as under this ETag; counters of downloads are not part of it"),
    ),
    responses(
        (status = 200, description = "The file", body = FileView, headers(("ETag" = String, description = "Its revision, for If-Match and If-None-Match"))),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such file"),
        (status = 410, description = "It has expired or was deleted"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let workspace = &principal.workspace;
    let (file, place) = state.store.reachable_file(workspace, id).await?;
    let tag = etag::of_file_at(&file, &place);
    Ok(answer::tagged(
        &headers,
        &tag,
        &FileView::placed(file, &place),
    )?)
}
