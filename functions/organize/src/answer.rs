//! Answers with a file or a dossier as it stands after a change.

use api::etag;
use api::view::dossier::DossierView;
use api::view::file::FileView;
use api::view::folder::FolderView;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::dossier::Dossier;
use domain::file::File;
use domain::folder::{Folder, FolderState, Place, deleted};
use domain::{Kind, Result, WorkspaceId};
use serde::Serialize;
use store::Store;

/// Shows a file with its entity tag.
pub(crate) async fn file(
    store: &Store,
    workspace: &WorkspaceId,
    status: StatusCode,
    file: File,
) -> Result<Response> {
    let (tag, view) = placed(store, workspace, file).await?;
    Ok((status, [(header::ETAG, tag)], axum::Json(view)).into_response())
}

/// Answers with something and its entity tag.
pub(crate) fn tagged<T: Serialize>((tag, view): (HeaderValue, T)) -> Response {
    ([(header::ETAG, tag)], axum::Json(view)).into_response()
}

/// Looks up where a file is and shows it there, with its entity tag.
pub(crate) async fn placed(
    store: &Store,
    workspace: &WorkspaceId,
    file: File,
) -> Result<(HeaderValue, FileView)> {
    // After the change: what is answered was there before its folder was deleted.
    let place = store.place_of(workspace, file.folder).await?;
    place.reach(&file)?;
    let tag = etag::header_value(&etag::of_file_at(&file, &place));
    Ok((tag, FileView::placed(file, &place)))
}

/// Looks up where a folder is and what is in it, and shows it with its entity tag.
pub(crate) async fn folder(
    store: &Store,
    workspace: &WorkspaceId,
    folder: Folder,
) -> Result<(HeaderValue, FolderView)> {
    let place = store.place_of(workspace, folder.id).await?;
    if place.state == FolderState::Erasing {
        return Err(deleted(folder.id));
    }
    let tally = store.tally(workspace, folder.id).await?;
    let tag = etag::header_value(&etag::of_folder(&folder, &place));
    Ok((tag, FolderView::new(folder, &place, tally)))
}

/// Checks `If-Match` against a folder and those above it as they were read.
pub(crate) fn check_folder_if_match(headers: &HeaderMap, upwards: &[Folder]) -> Result<()> {
    let Some(folder) = upwards.first() else {
        return Ok(());
    };
    let tag = etag::of_folder(folder, &Place::of(upwards));
    etag::check_if_match(headers, Kind::Folder, &tag)
}

/// Accepts that a dossier's summary is wanted, and shows the dossier as it stands.
pub(crate) async fn accepted(
    store: &Store,
    workspace: &WorkspaceId,
    dossier: Dossier,
) -> Result<(StatusCode, axum::Json<DossierView>)> {
    let view = api::dossier::show(store, workspace, dossier).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(view)))
}

/// Answers that a job has begun, with where it is read.
pub(crate) fn begun(location: String, view: impl Serialize) -> Response {
    let headers = [(header::LOCATION, location)];
    (StatusCode::ACCEPTED, headers, axum::Json(view)).into_response()
}

/// Checks `If-Match` against a file as it was read.
pub(crate) fn check_if_match(headers: &HeaderMap, file: &File) -> Result<()> {
    etag::check_if_match(headers, Kind::File, &etag::of_file(file))
}
