//! `POST /v1/files/{id}/copy`: a new file with the same bytes.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::principal::Role;
use domain::upload::expires_in;
use domain::{Error, FileId, WorkspaceId};
use serde::Deserialize;
use store::Store;
use store::copy::Copy;
use utoipa::ToSchema;

use crate::body::on_taken;
use crate::folder::Target;
use crate::{State, answer};

/// What the copy is to be; what is left out is as with the file that is copied.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CopyFile {
    /// What it is to be called.
    #[schema(example = "2024-11 electricity (copy).pdf")]
    name: Option<String>,
    /// The path of the folder it is to be in, created when missing.
    #[schema(example = "/taxes/2024")]
    folder: Option<String>,
    /// The folder it is to be in, which must be there; in the place of `folder`.
    folder_id: Option<uuid::Uuid>,
    /// When the name is taken: fail (the default) or rename. A copy is always a new file.
    on_conflict: Option<String>,
    /// Number of the version that is copied; the current one by default.
    version: Option<u32>,
    /// Seconds it is to live from now on; without it, it is gone when the file that is copied is.
    #[schema(example = 604_800)]
    expires_in_s: Option<i64>,
}

/// Copies a file: makes a new one with the same bytes, type and tags. The bytes are shared, not
/// copied; what the copy stores counts for the quota as any file does.
///
/// Shares and counters stay with the file. A copy of a file that expires does, at the same instant,
/// unless `expires_in_s` says otherwise.
#[utoipa::path(
    post,
    path = "/v1/files/{id}/copy",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file that is copied"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    request_body = CopyFile,
    responses(
        (status = 201, description = "The copy", body = FileView, headers(("ETag" = String, description = "Its revision"), ("Location" = String, description = "Where it is read"))),
        (status = 404, description = "No such file, version or folder"),
        (status = 409, description = "name_taken: the name is taken in that folder; in_trash: the file is in the trash; not_a_folder: a file has a name of the path; bytes_missing, not_verified, quarantined: its content cannot be fetched"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
        (status = 413, description = "The body is too large"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn copy(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<CopyFile>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let target = Target::read(value.folder.as_deref(), value.folder_id)?;
    let named = id.to_string();
    let copy = Copy {
        version: value.version,
        name: value.name.as_deref().map(str::parse).transpose()?,
        folder: None,
        on_taken: on_taken(value.on_conflict.as_deref())?,
        expires_in: value.expires_in_s.map(expires_in).transpose()?,
        owner: principal.identity.pseudonym(),
        repeatable: idempotency::repeatable(
            &headers,
            &principal,
            &[b"POST /v1/files/{id}/copy", named.as_bytes(), &bytes],
        )?,
    };
    let (store, workspace) = (state.store, principal.workspace);
    Ok(to_the_end(carry_out(store, workspace, id, headers, copy, target)).await?)
}

async fn carry_out(
    store: Store,
    workspace: WorkspaceId,
    id: FileId,
    headers: HeaderMap,
    mut copy: Copy,
    target: Option<Target>,
) -> domain::Result<Response> {
    let still = |file: &_| answer::check_if_match(&headers, file);
    if let Some(target) = target {
        // Before folders are made for a file that is not there or no longer as expected. A request
        // that is repeated may have made its copy before that: then it is found below.
        let checked = store.file(&workspace, id).await;
        match checked.and_then(|file| still(&file)) {
            Ok(()) => copy.folder = Some(target.find(&store, &workspace).await?),
            Err(Error::NotFound { .. } | Error::Gone { .. } | Error::PreconditionFailed { .. })
                if copy.repeatable.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    let file = store.copy_file(&workspace, id, &copy, still).await?;
    let location = format!("/v1/files/{}", file.id);
    let location = HeaderValue::from_str(&location)
        .map_err(|error| Error::corrupt(format!("an id is no header: {error}")))?;
    let (tag, view) = answer::placed(&store, &workspace, file).await?;
    let headers = [(header::ETAG, tag), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}
