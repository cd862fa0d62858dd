//! The answer to a finished upload: 201 with the file.

use api::etag;
use api::view::file::FileView;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::file::File;
use domain::{Result, WorkspaceId};
use store::Store;

/// Shows a file that was just made.
pub(crate) async fn created(
    store: &Store,
    workspace: &WorkspaceId,
    file: File,
) -> Result<Response> {
    let folder = store.path_of(workspace, file.folder).await?;
    let tag = etag::header_value(&etag::of_file(&file));
    let location = format!("/v1/files/{}", file.id);
    let view = FileView::new(file, &folder);
    let headers = [
        (header::ETAG, tag),
        (header::LOCATION, etag::header_value(&location)),
    ];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}
