//! `GET /v1/checks/{id}/findings`.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::finding::FindingView;
use axum::extract::Path;
use domain::JobId;
use domain::principal::Role;

use crate::State;

/// Lists what a check has found so far, by kind. Only for admins. It is forgotten 30 days after.
#[utoipa::path(
    get,
    path = "/v1/checks/{id}/findings",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The job that checks"),
        ("limit" = Option<usize>, Query, description = "Most findings of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of findings", body = Page<FindingView>),
        (status = 404, description = "No such job"),
    )
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<Page<FindingView>>> {
    principal.require(Role::Admin)?;
    // The cursor is the place of the last finding shown.
    let asked: Asked<String> = Asked::from_query(&mut query)?;
    query.finish()?;
    let id: JobId = id.parse()?;
    let limit = i32::try_from(asked.limit).unwrap_or(i32::MAX);
    let (findings, next) = state
        .store
        .findings(&principal.workspace, id, asked.cursor, limit)
        .await?;
    Ok(axum::Json(Page {
        items: findings.into_iter().map(FindingView::from).collect(),
        next_cursor: next.map(|next| encode(&next)).transpose()?,
    }))
}
