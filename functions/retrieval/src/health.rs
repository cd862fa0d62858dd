//! `GET /healthz`: whether the process is up.

use axum::response::IntoResponse;

/// Answers that the process is up. Says nothing of what it stands on, and needs no credentials.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "retrieval",
    responses((status = 200, description = "It is up", body = String, content_type = "text/plain", example = "ok"))
)]
pub async fn show() -> impl IntoResponse {
    api::serve::healthz().await
}
