//! `GET /v1/failures`: lists work that was given up.

use api::auth::Caller;
use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::Query;
use api::view::failure::FailedWorkView;
use domain::WorkId;
use domain::principal::Role;

use crate::State;

/// Lists work that was given up after its tries. `POST /v1/failures/{id}/redrive` has it done again.
#[utoipa::path(
    get,
    path = "/v1/failures",
    tag = "retrieval",
    params(
        ("limit" = Option<usize>, Query, description = "Most failures of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of failures", body = Page<FailedWorkView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<FailedWorkView>>> {
    principal.require(Role::Viewer)?;
    let asked: Asked<WorkId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let rows = rows_for(asked.limit);
    let page = state
        .store
        .failures(&principal.workspace, asked.cursor, rows)
        .await?;
    let (failures, more) = cut(page, asked.limit);
    let last = failures.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.work.id)).transpose()?;
    let items = failures.into_iter().map(FailedWorkView::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}
