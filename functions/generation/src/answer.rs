//! The answer to a generation: 201 with the file and a signed URL to fetch it.

use api::delivery::{Disposition, USUAL_LIFETIME, delivery, within};
use api::etag;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::file::{Content, File};
use domain::{FileId, Result, WorkspaceId};
use jiff::Timestamp;
use serde::Serialize;
use store::Store;
use store::blob::ObjectKey;
use utoipa::ToSchema;
use uuid::Uuid;

/// A generated file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Generation)]
pub(crate) struct GenerationView {
    /// The file.
    file_id: Uuid,
    /// Where its bytes can be fetched for five minutes, and no longer than the file lives; null
    /// when it lives for less than a second.
    download_url: Option<String>,
    /// What it is called.
    #[schema(example = "master_checklist_2025-10-29.md")]
    file_name: String,
    /// From when on it is gone.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Number of the version that was made: 1 for a new file.
    version: u32,
}

/// Shows a version that was made before, as the first answer did.
pub(crate) async fn again(
    store: &Store,
    workspace: &WorkspaceId,
    file: FileId,
    version: u32,
) -> Result<Response> {
    let (mut file, _) = store.reachable_file(workspace, file).await?;
    if file.version != version {
        file.content = store.version(workspace, file.id, version).await?.content;
        file.version = version;
    }
    created(store, workspace, file).await
}

/// Shows a version that was just made.
pub(crate) async fn created(
    store: &Store,
    workspace: &WorkspaceId,
    file: File,
) -> Result<Response> {
    // After the commit: what is answered was there before its folder was deleted.
    store.place_of(workspace, file.folder).await?.reach(&file)?;
    let location = format!("/v1/files/{}", file.id);
    let view = GenerationView {
        download_url: download_url(store, workspace, &file).await?,
        file_id: file.id.uuid(),
        file_name: file.name.into(),
        expires_at: file.expires_at,
        version: file.version,
    };
    let headers = [(header::LOCATION, etag::header_value(&location))];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}

async fn download_url(
    store: &Store,
    workspace: &WorkspaceId,
    file: &File,
) -> Result<Option<String>> {
    let now = store.clock.now();
    let Ok(lifetime) = within(USUAL_LIFETIME, file.id, file.expires_at, now) else {
        return Ok(None);
    };
    let Content {
        blob, content_type, ..
    } = &file.content;
    let delivery = delivery(&file.name, content_type, Disposition::Attachment, lifetime);
    let key = ObjectKey::Blob(workspace.clone(), *blob);
    let signed = store.blobs.sign_get(&key, &delivery).await?;
    Ok(Some(signed.url))
}
