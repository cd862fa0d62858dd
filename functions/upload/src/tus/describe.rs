//! `OPTIONS /v1/tus`: what of tus there is.

use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::tus::MAX_BYTES;

use super::{TUS_VERSION, VERSION, checksum};
use crate::State;

/// What of the protocol there is besides its core.
const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,concatenation";

/// Describes what of tus there is. Needs no credentials.
///
/// Clients are to send chunks of 4 MiB at most (4194304 bytes) to a deployed Sheaf, because a Lambda
/// function is given no larger requests. The local runner takes chunks of any size.
#[utoipa::path(
    options,
    path = "/v1/tus",
    tag = "upload",
    responses((
        status = 204,
        description = "What there is",
        headers(
            ("Tus-Version" = String, description = "The versions of the protocol"),
            ("Tus-Extension" = String, description = "What there is besides the core"),
            ("Tus-Max-Size" = u64, description = "The largest upload, in bytes"),
            ("Tus-Checksum-Algorithm" = String, description = "Algorithms for Upload-Checksum"),
        ),
    ))
)]
pub async fn describe(
    axum::extract::State(state): axum::extract::State<State>,
) -> impl IntoResponse {
    let largest = state.limits.file_bytes.min(MAX_BYTES);
    let headers = [
        (TUS_VERSION, HeaderValue::from_static(VERSION)),
        (
            HeaderName::from_static("tus-extension"),
            HeaderValue::from_static(EXTENSIONS),
        ),
        (
            HeaderName::from_static("tus-max-size"),
            HeaderValue::from(largest),
        ),
        (
            HeaderName::from_static("tus-checksum-algorithm"),
            HeaderValue::from_static(checksum::ALGORITHMS),
        ),
    ];
    let answer: Response = (StatusCode::NO_CONTENT, headers).into_response();
    answer
}
