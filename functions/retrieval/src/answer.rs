//! What answers are made of: entity tags and 304, redirects.

use api::etag;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Error, Result};
use serde::Serialize;

/// Shows something that carries a tag of its own.
pub(crate) fn tagged<T: Serialize>(headers: &HeaderMap, tag: &str, view: &T) -> Result<Response> {
    Ok(respond(headers, tag, to_json(view)?))
}

/// Shows something whose tag is the hash of how it looks.
pub(crate) fn hashed<T: Serialize>(headers: &HeaderMap, view: &T) -> Result<Response> {
    let body = to_json(view)?;
    Ok(respond(headers, &etag::of_bytes(&body), body))
}

fn respond(headers: &HeaderMap, tag: &str, body: Vec<u8>) -> Response {
    let value = etag::header_value(tag);
    if etag::is_known(headers, tag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, value)]).into_response();
    }
    let headers = [
        (header::ETAG, value),
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
    ];
    (headers, Body::from(body)).into_response()
}

fn to_json<T: Serialize>(view: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(view)
        .map_err(|error| Error::corrupt(format!("an answer cannot be written: {error}")))
}

/// Sends the client to a signed URL.
pub(crate) fn redirect(url: &str) -> Result<Response> {
    let location = HeaderValue::from_str(url)
        .map_err(|_| Error::corrupt("a signed URL does not fit into a header"))?;
    Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response())
}
