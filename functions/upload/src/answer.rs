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
    // Looked up after the commit: what is answered as active was there before its folder went into
    // the trash, and what is answered at all before its folder was deleted.
    let place = store.place_of(workspace, file.folder).await?;
    place.reach(&file)?;
    let tag = etag::header_value(&etag::of_file_at(&file, &place));
    let location = format!("/v1/files/{}", file.id);
    let view = FileView::placed(file, &place);
    let headers = [
        (header::ETAG, tag),
        (header::LOCATION, etag::header_value(&location)),
    ];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}
