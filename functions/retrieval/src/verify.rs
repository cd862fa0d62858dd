//! `POST /v1/receipts/{id}/verify`: checks that a receipt is what was signed, and that what it lists
//! is gone.

use api::auth::Caller;
use api::page::{decode, encode};
use api::problem::Result;
use api::request::Query;
use api::view::receipt::VerificationView;
use axum::extract::Path;
use domain::ReceiptId;
use domain::principal::Role;

use crate::State;

/// Checks a receipt: its digest, signature and manifest, and that nothing is left of what it lists.
/// Changes nothing. Looks for 100 versions in each call.
#[utoipa::path(
    post,
    path = "/v1/receipts/{id}/verify",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The receipt"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the answer before"),
    ),
    responses(
        (status = 200, description = "What was found", body = VerificationView),
        (status = 404, description = "No such receipt"),
    )
)]
pub async fn verify(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<VerificationView>> {
    principal.require(Role::Viewer)?;
    let from: Option<usize> = query
        .take("cursor")?
        .map(|text| decode(&text))
        .transpose()?;
    query.finish()?;
    let id: ReceiptId = id.parse()?;
    let from = from.unwrap_or_default();
    let verifying = state.store.verify_receipt(&principal.workspace, id, from);
    // Boxed: it asks both stores, and the futures of two SDKs make one too large for a stack.
    let verification = Box::pin(verifying).await?;
    let next_cursor = verification.next.map(|next| encode(&next)).transpose()?;
    Ok(axum::Json(VerificationView::new(
        &verification,
        next_cursor,
    )))
}
