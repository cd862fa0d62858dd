//! `GET /v1/files/{id}/facts`: what a document says about itself.

use api::auth::Caller;
use api::etag;
use api::problem::Result;
use api::request::Query;
use api::view::file::FactsView;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::FileId;
use domain::facts::Facts;
use domain::principal::Role;

use crate::{State, answer};

/// Shows what a file's current version says about itself: date, amount, quantities, language.
///
/// All of it is empty until the version has been read.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/facts",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the file is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The facts", body = FactsView, headers(("ETag" = String, description = "The file's"))),
        (status = 304, description = "The file has not changed"),
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
    let (file, _) = state.store.reachable_file(&principal.workspace, id).await?;
    let tag = etag::of_file(&file);
    let facts = Facts {
        document_date: file.document_date(),
        ..file.facts
    };
    Ok(answer::tagged(&headers, &tag, &FactsView::from(facts))?)
}
