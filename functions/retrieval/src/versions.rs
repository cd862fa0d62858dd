//! `GET /v1/files/{id}/versions`: lists the versions of a file.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::file::VersionView;
use axum::extract::Path;
use domain::FileId;
use domain::principal::Role;

use crate::State;

/// Lists the versions of a file, the newest first.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/versions",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("limit" = Option<usize>, Query, description = "Most versions of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of versions", body = Page<VersionView>),
        (status = 404, description = "No such file"),
        (status = 410, description = "It has expired or was deleted"),
    )
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<Page<VersionView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the number of the last version shown.
    let asked: Asked<u32> = Asked::from_query(&mut query)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let workspace = &principal.workspace;
    let (file, _) = state.store.reachable_file(workspace, id).await?;
    let limit = i32::try_from(asked.limit).unwrap_or(i32::MAX);
    let (versions, more) = state
        .store
        .versions_page(workspace, file.id, asked.cursor, limit)
        .await?;
    let last = versions.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.number)).transpose()?;
    Ok(axum::Json(Page {
        items: versions.into_iter().map(VersionView::from).collect(),
        next_cursor,
    }))
}
