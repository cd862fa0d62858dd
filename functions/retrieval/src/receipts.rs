//! `GET /v1/receipts`: lists what deletions removed.

use api::auth::Caller;
use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::Query;
use api::view::receipt::ReceiptView;
use domain::ReceiptId;
use domain::principal::Role;

use crate::State;

/// Lists the receipts of deletions, the newest first, without their versions.
#[utoipa::path(
    get,
    path = "/v1/receipts",
    tag = "retrieval",
    params(
        ("limit" = Option<usize>, Query, description = "Most receipts of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of receipts", body = Page<ReceiptView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<ReceiptView>>> {
    principal.require(Role::Viewer)?;
    let asked: Asked<ReceiptId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let rows = rows_for(asked.limit);
    let page = state
        .store
        .receipts(&principal.workspace, asked.cursor, rows)
        .await?;
    let (receipts, more) = cut(page, asked.limit);
    let last = receipts.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.id)).transpose()?;
    let items = receipts.into_iter().map(ReceiptView::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}
