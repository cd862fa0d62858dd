//! `GET /v1/exports/{id}` and `GET /v1/exports/{id}/content`: archives that were made of files.

use api::auth::Caller;
use api::delivery::{Disposition, delivery, left_of, lifetime_from};
use api::problem::Result;
use api::request::Query;
use api::view::export::ExportView;
use axum::extract::Path;
use axum::response::Response;
use domain::principal::Role;
use domain::{Error, JobId, Kind};
use store::export::{Export, MEDIA_TYPE, Stage, archive_key};

use crate::{State, answer};

/// Shows an export: whether its archive is there, and how far the job is that makes it.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}",
    tag = "retrieval",
    params(("id" = uuid::Uuid, Path, description = "The export")),
    responses(
        (status = 200, description = "The export", body = ExportView),
        (status = 404, description = "No such export"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<axum::Json<ExportView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: JobId = id.parse()?;
    let workspace = &principal.workspace;
    let (job, export) = state.store.export_with_job(workspace, id).await?;
    Ok(axum::Json(ExportView::new(&export, job)))
}

/// Redirects to a signed URL of an export's archive.
///
/// The URL carries its own permission: it works without a token until it ends, never longer than the
/// archive is kept. Range requests are answered there.
#[utoipa::path(
    get,
    path = "/v1/exports/{id}/content",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The export"),
        ("expires_in_s" = Option<u64>, Query, description = "Seconds the URL is to live, 1 to 3600; 300 by default"),
    ),
    responses(
        (status = 302, description = "To the archive", headers(("Location" = String, description = "The signed URL"))),
        (status = 404, description = "No such export"),
        (status = 409, description = "not_ready: its job has not come to its end"),
        (status = 410, description = "Its time is up, it was deleted, or it came to nothing"),
    )
)]
pub async fn fetch(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    let lifetime = lifetime_from(&mut query)?;
    query.finish()?;
    let id: JobId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let export = store.export(workspace, id).await?;
    check_ready(&export)?;
    let left = left_of(lifetime, export.expires_at, store.clock.now());
    let lifetime = left.ok_or_else(|| gone(id))?;
    let delivery = delivery(&export.name, MEDIA_TYPE, Disposition::Attachment, lifetime);
    let key = archive_key(workspace, id);
    let signed = store.blobs.sign_get(&key, &delivery).await?;
    Ok(answer::redirect(&signed.url)?)
}

fn check_ready(export: &Export) -> domain::Result<()> {
    match export.stage {
        Stage::Ready => Ok(()),
        Stage::Gone => Err(gone(export.job)),
        Stage::Making => Err(Error::Conflict {
            code: "not_ready",
            detail: "the archive is not there yet: GET the export until its job is at its end. \
                     One whose job has failed can be redriven, or begun anew"
                .to_owned(),
        }),
    }
}

fn gone(id: JobId) -> Error {
    Error::Gone {
        kind: Kind::Export,
        id: id.to_string(),
        reason: "an archive is kept for a day, unless it is deleted before: export it anew",
    }
}
