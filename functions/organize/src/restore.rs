//! `POST /v1/files/{id}/restore`: takes a file out of the trash.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use domain::principal::Role;
use domain::{FileId, WorkspaceId};
use store::Store;
use store::organize::OnTaken;

use crate::body::on_taken;
use crate::{State, answer};
use api::finish::to_the_end;

/// Takes a file out of the trash, into the folder and under the name it had.
///
/// Where that folder is gone or in the trash, the file comes into the nearest one above it that is
/// not, into the root at last. A file that is in the trash with its folder leaves that folder.
/// A file that is not in the trash stays as it is, so this may be repeated.
#[utoipa::path(
    post,
    path = "/v1/files/{id}/restore",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("on_conflict" = Option<String>, Query, description = "When its name is taken: fail (the default) or rename"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The file", body = FileView, headers(("ETag" = String, description = "Its revision"))),
        (status = 404, description = "No such file"),
        (status = 409, description = "name_taken: another file or folder has its name"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
    )
)]
pub async fn restore(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    let on_taken = on_taken(query.take("on_conflict")?.as_deref())?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let restored =
        to_the_end(async move { carry_out(&store, &workspace, id, &headers, on_taken).await });
    Ok(answer::tagged(restored.await?))
}

/// Takes a file out of the trash, and shows it with its entity tag.
pub(crate) async fn carry_out(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    headers: &HeaderMap,
    on_taken: OnTaken,
) -> domain::Result<(HeaderValue, FileView)> {
    let still = |file: &_| answer::check_if_match(headers, file);
    let file = store.restore_file(workspace, id, on_taken, still).await?;
    answer::placed(store, workspace, file).await
}
