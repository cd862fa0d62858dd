//! `GET /v1/files/{id}/text`: the text that was read from a file.

use api::auth::Caller;
use api::delivery::{USUAL_LIFETIME, within};
use api::problem::Result;
use api::request::Query;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::FileId;
use domain::principal::Role;
use store::blob::Delivery;
use store::content::{Reading, text_key};

use crate::content::check_readable;
use crate::{State, answer};

/// Longest text that is answered itself. A Lambda response carries 6 MB; this leaves room for
/// base64.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

const PLAIN_TEXT: &str = "text/plain; charset=utf-8";

/// Returns the text of a file's current version, or redirects to it when it is longer than 4 MiB.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/text",
    tag = "retrieval",
    params(("id" = uuid::Uuid, Path, description = "The file")),
    responses(
        (status = 200, description = "The text", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 302, description = "To a text longer than 4 MiB", headers(("Location" = String, description = "A signed URL, good for 5 minutes"))),
        (status = 404, description = "No such file, or no_text: none has been read from it"),
        (status = 409, description = "not_verified or quarantined: its content may not be read"),
        (status = 410, description = "It has expired or was deleted"),
    )
)]
pub async fn fetch(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let (file, _) = store.reachable_file(workspace, id).await?;
    check_readable(&file, file.version, &file.content, file.failure.as_ref())?;
    let reading = match file.content.sha256 {
        Some(sha256) => store.content(workspace, sha256).await?,
        None => None,
    };
    let reading = reading.map(|content| content.reading);
    let key = text_key(workspace, &file, reading.as_ref())?;
    if matches!(reading, Some(Reading::Text { text_bytes, .. }) if text_bytes <= MOST_BYTES) {
        let text = store.blobs.read(&key).await?;
        let content_type = HeaderValue::from_static(PLAIN_TEXT);
        return Ok(([(header::CONTENT_TYPE, content_type)], Body::from(text)).into_response());
    }
    let lifetime = within(USUAL_LIFETIME, id, file.expires_at, store.clock.now())?;
    let delivery = Delivery {
        disposition: "inline".to_owned(),
        content_type: PLAIN_TEXT.to_owned(),
        lifetime,
    };
    let signed = store.blobs.sign_get(&key, &delivery).await?;
    Ok(answer::redirect(&signed.url)?)
}
