//! `POST /v1/tus/{id}`: for clients that can send nothing but POST.

use api::auth::Caller;
use api::problem::{Problem, Result};
use api::request::Query;
use axum::body::Body;
use axum::extract::{Path, State as Extracted};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::{append, show, terminate};
use crate::State;

const METHOD: HeaderName = HeaderName::from_static("x-http-method-override");

/// Does what `X-HTTP-Method-Override` says, as if it were the method: PATCH, DELETE or HEAD.
#[utoipa::path(
    post,
    path = "/v1/tus/{id}",
    tag = "upload",
    params(
        ("id" = uuid::Uuid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0", example = "1.0.0"),
        ("X-HTTP-Method-Override" = String, Header, description = "PATCH, DELETE or HEAD", example = "PATCH"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "As the method has it"),
    responses(
        (status = 204, description = "As the method answers"),
        (status = 404, description = "No such upload"),
        (status = 405, description = "No method is named, or another one"),
        (status = 409, description = "As the method answers"),
        (status = 410, description = "It was terminated, or its time is up"),
        (status = 412, description = "Another version of the protocol"),
        (status = 415, description = "As the method answers"),
    )
)]
pub async fn overridden(
    state: Extracted<State>,
    caller: Caller,
    query: Query,
    path: Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let method = headers.get(METHOD).and_then(|value| value.to_str().ok());
    match method {
        Some("PATCH") => append::append(state, caller, query, path, headers, body).await,
        Some("DELETE") => {
            let terminated = terminate::terminate(state, caller, query, path).await?;
            Ok(terminated.into_response())
        }
        Some("HEAD") => show::show(state, caller, query, path).await,
        _ => Err(Problem::of_status(StatusCode::METHOD_NOT_ALLOWED)),
    }
}
