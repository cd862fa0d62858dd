//! `GET /v1/receipts/{id}`: shows what a deletion removed.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::receipt::ReceiptView;
use axum::extract::Path;
use domain::ReceiptId;
use domain::principal::Role;

use crate::State;

/// Shows the receipt of a deletion. A receipt never changes.
#[utoipa::path(
    get,
    path = "/v1/receipts/{id}",
    tag = "retrieval",
    params(("id" = uuid::Uuid, Path, description = "The receipt")),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 404, description = "No such receipt"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<axum::Json<ReceiptView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: ReceiptId = id.parse()?;
    let receipt = state.store.receipt(&principal.workspace, id).await?;
    Ok(axum::Json(receipt.into()))
}
