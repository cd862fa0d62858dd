//! `POST /v1/files/{id}/versions/{number}/restore`: an old version becomes the newest.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::FileId;
use domain::principal::Role;

use crate::body::version_number;
use crate::{State, answer};

/// Makes a new version of a file with the bytes of an older one, which stays. The bytes are shared,
/// not copied; the new version counts for the quota as any does.
///
/// A file that has these bytes already stays as it is. Its name, folder, type, tags and expiry do
/// not change; a date a person gave was of the version before.
#[utoipa::path(
    post,
    path = "/v1/files/{id}/versions/{number}/restore",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("number" = u32, Path, description = "The number of the older version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The file with its new version", body = FileView, headers(("ETag" = String, description = "Its revision"))),
        (status = 404, description = "No such file or version"),
        (status = 409, description = "bytes_missing, not_verified, quarantined: the content of the version cannot be fetched"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn restore_version(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let number = version_number(&number)?;
    let named = format!("{id} {number}");
    let request: [&[u8]; 2] = [
        b"POST /v1/files/{id}/versions/{number}/restore",
        named.as_bytes(),
    ];
    let repeatable = idempotency::repeatable(&headers, &principal, &request)?;
    let owner = principal.identity.pseudonym();
    let (store, workspace) = (state.store, principal.workspace);
    let response = to_the_end(async move {
        let still = |file: &_| answer::check_if_match(&headers, file);
        let restored =
            store.restore_version(&workspace, id, number, &owner, repeatable.as_ref(), still);
        let file = restored.await?;
        answer::file(&store, &workspace, StatusCode::OK, file).await
    });
    Ok(response.await?)
}
