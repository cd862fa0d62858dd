//! `GET /v1/receipt-keys`: the public keys that check receipts.

use api::problem::Result;
use api::view::receipt::ReceiptKeysView;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::State;

/// How long a client may keep the keys: one that signs stays for good.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=3600");

/// Lists the public keys that check receipts, as a JSON Web Key Set. Needs no credentials.
#[utoipa::path(
    get,
    path = "/v1/receipt-keys",
    tag = "retrieval",
    responses((status = 200, description = "The keys", body = ReceiptKeysView))
)]
pub async fn list(axum::extract::State(state): axum::extract::State<State>) -> Result<Response> {
    let keys = ReceiptKeysView::from(state.store.receipt_keys().await?);
    Ok(([(header::CACHE_CONTROL, KEPT)], axum::Json(keys)).into_response())
}
