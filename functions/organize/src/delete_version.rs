//! `DELETE /v1/files/{id}/versions/{number}`: removes an old version for good.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::Result;
use api::request::Query;
use api::view::receipt::ReceiptView;
use axum::extract::Path;
use axum::http::HeaderMap;
use domain::FileId;
use domain::principal::Role;

use crate::body::version_number;
use crate::{State, answer};

/// Removes a version of a file for good, and answers with the receipt. The current version is
/// removed with its file only. Numbers of versions are never used again.
#[utoipa::path(
    delete,
    path = "/v1/files/{id}/versions/{number}",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("number" = u32, Path, description = "The number of the version"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The receipt", body = ReceiptView),
        (status = 404, description = "No such file or version"),
        (status = 409, description = "current_version: it is the current one"),
        (status = 410, description = "The file has expired or was deleted"),
        (status = 412, description = "The file has changed since"),
    )
)]
pub async fn delete_version(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path((id, number)): Path<(String, String)>,
    headers: HeaderMap,
    query: Query,
) -> Result<axum::Json<ReceiptView>> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let number = version_number(&number)?;
    let (store, workspace) = (state.store, principal.workspace);
    let receipt = to_the_end(async move {
        let still = |file: &_| answer::check_if_match(&headers, file);
        store.delete_version(&workspace, id, number, still).await
    });
    Ok(axum::Json(receipt.await?.into()))
}
