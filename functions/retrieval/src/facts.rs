//! `GET /v1/files/{id}/facts` and `…/facts/history`: what is known of a document, and what people have said of it.

use api::auth::Caller;
use api::etag;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::facts::{CorrectionView, FactsView};
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::FileId;
use domain::principal::Role;

use crate::{State, answer};

/// Shows what is known of a file's current version: its date, amount, quantities and language, and all that was read in it,
/// each fact with the rule that chose it, its label and where it stands in the text.
///
/// What a person has said stands before what was read. All of it is empty until the version has been read.
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
    let workspace = &principal.workspace;
    let (file, _) = state.store.reachable_file(workspace, id).await?;
    let tag = etag::of_file(&file);
    let read = state.store.fact_sheet(workspace, &file).await?;
    Ok(answer::tagged(
        &headers,
        &tag,
        &FactsView::new(&file, read),
    )?)
}

/// Lists what people have said of a file, the newest first.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/facts/history",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("limit" = Option<usize>, Query, description = "Most corrections of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of corrections", body = Page<CorrectionView>),
        (status = 404, description = "No such file"),
        (status = 410, description = "It has expired or was deleted"),
    )
)]
pub async fn history(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<Page<CorrectionView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the revision that the last correction shown made.
    let asked: Asked<u64> = Asked::from_query(&mut query)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let workspace = &principal.workspace;
    let (file, _) = state.store.reachable_file(workspace, id).await?;
    let limit = i32::try_from(asked.limit).unwrap_or(i32::MAX);
    let page = state
        .store
        .corrections(workspace, file.id, asked.cursor, limit)
        .await?;
    let last = page.next.and(page.rows.last());
    let next_cursor = last
        .map(|correction| encode(&correction.revision))
        .transpose()?;
    Ok(axum::Json(Page {
        items: page.rows.into_iter().map(CorrectionView::from).collect(),
        next_cursor,
    }))
}
