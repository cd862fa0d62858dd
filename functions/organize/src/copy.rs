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
use domain::name::FolderPath;
use domain::principal::Role;
use domain::upload::expires_in;
use domain::{Error, FileId, FolderId, WorkspaceId};
use serde::Deserialize;
use store::Store;
use store::copy::Copy;
use utoipa::ToSchema;

use crate::body::on_taken;
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

/// Where a copy is to be.
enum Place {
    /// Where the file is that is copied.
    Beside,
    At(FolderPath),
    In(FolderId),
}

impl CopyFile {
    fn place(&self) -> domain::Result<Place> {
        match (&self.folder, self.folder_id) {
            (None, None) => Ok(Place::Beside),
            (Some(path), None) => path.parse().map(Place::At),
            (None, Some(id)) => Ok(Place::In(FolderId::new(id))),
            (Some(_), Some(_)) => Err(Error::invalid(
                "/folder_id",
                "give either folder or folder_id",
            )),
        }
    }
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
    let place = value.place()?;
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
    Ok(to_the_end(carry_out(store, workspace, id, headers, copy, place)).await?)
}

async fn carry_out(
    store: Store,
    workspace: WorkspaceId,
    id: FileId,
    headers: HeaderMap,
    mut copy: Copy,
    place: Place,
) -> domain::Result<Response> {
    let still = |file: &_| answer::check_if_match(&headers, file);
    copy.folder = match place {
        Place::Beside => None,
        Place::In(FolderId::ROOT) => Some(FolderId::ROOT),
        Place::In(folder) => Some(store.folder(&workspace, folder).await?.id),
        // Before folders are made for a file that is not there or no longer as expected. Whoever
        // repeats the request has made them already.
        Place::At(path) => match store.folder_at(&workspace, &path).await {
            Err(Error::NotFound { .. }) => {
                still(&store.file(&workspace, id).await?)?;
                Some(store.make_folders(&workspace, &path).await?)
            }
            found => Some(found?),
        },
    };
    let file = store.copy_file(&workspace, id, &copy, still).await?;
    let location = format!("/v1/files/{}", file.id);
    let location = HeaderValue::from_str(&location)
        .map_err(|error| Error::corrupt(format!("an id is no header: {error}")))?;
    let (tag, view) = answer::placed(&store, &workspace, file).await?;
    let headers = [(header::ETAG, tag), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}
