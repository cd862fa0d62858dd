//! `GET /v1/openapi.json`: the description of the whole API.
//!
//! Functions never see each other's routes, so the document is a file of the repository. A test
//! with the local runner, which has all of them, holds it to the code.

use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;

/// The document, of all functions.
pub const DOCUMENT: &str = include_str!("../openapi.json");

/// Returns this document: the whole API as `OpenAPI` 3.1. Needs no credentials.
#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    tag = "retrieval",
    responses((status = 200, description = "The document", body = Object))
)]
pub async fn show() -> impl IntoResponse {
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], DOCUMENT)
}
