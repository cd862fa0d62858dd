//! `DELETE /v1/files/{id}`: to the trash, or for good.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use api::view::receipt::ReceiptView;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::principal::Role;
use domain::receipt::Reason;
use domain::{FileId, WorkspaceId};
use serde::Serialize;
use store::Store;
use utoipa::ToSchema;

use crate::{State, answer};
use api::finish::to_the_end;

/// What a deletion answers with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Deleted {
    /// The file, which is in the trash.
    Trashed(Box<FileView>),
    /// The receipt of a file that is gone for good.
    Erased(Box<ReceiptView>),
}

/// Moves a file to the trash, or with `permanent=true` deletes it for good.
///
/// In the trash it keeps everything but its name and its places in dossiers, and can be restored.
/// Deleted for good, its content, text and summaries go, and a receipt says what went. Either may
/// be repeated.
#[utoipa::path(
    delete,
    path = "/v1/files/{id}",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("permanent" = Option<bool>, Query, description = "true deletes it for good"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The file in the trash, or the receipt", body = Deleted),
        (status = 404, description = "No such file"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
    )
)]
pub async fn delete(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    let permanent = query.take_flag("permanent")?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let response = if permanent {
        let erased = to_the_end(async move { erase(&store, &workspace, id, &headers).await });
        axum::Json(Deleted::Erased(Box::new(erased.await?))).into_response()
    } else {
        let trashed = to_the_end(async move { trash(&store, &workspace, id, &headers).await });
        let (tag, view) = trashed.await?;
        let deleted = Deleted::Trashed(Box::new(view));
        ([(header::ETAG, tag)], axum::Json(deleted)).into_response()
    };
    Ok(response)
}

/// Moves a file to the trash, and shows it with its entity tag.
pub(crate) async fn trash(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    headers: &HeaderMap,
) -> domain::Result<(HeaderValue, FileView)> {
    let still = |file: &_| answer::check_if_match(headers, file);
    let file = store.trash_file(workspace, id, still).await?;
    answer::placed(store, workspace, file).await
}

/// Deletes a file for good, and shows the receipt.
pub(crate) async fn erase(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    headers: &HeaderMap,
) -> domain::Result<ReceiptView> {
    // Without a condition a deletion that stopped half-way, or was made before, is taken up here.
    if headers.contains_key(header::IF_MATCH) {
        answer::check_if_match(headers, &store.file(workspace, id).await?)?;
    }
    let still = |file: &_| answer::check_if_match(headers, file);
    let receipt = store
        .erase_file(workspace, id, Reason::Deleted, still)
        .await?;
    Ok(receipt.into())
}
