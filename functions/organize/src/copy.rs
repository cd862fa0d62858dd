//! `POST /v1/files/{id}/copy`: a new file with the same bytes.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::file::FileView;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::principal::{Principal, Role};
use domain::upload::expires_in;
use domain::{Error, FileId, WorkspaceId};
use serde::Deserialize;
use store::Store;
use store::copy::Copy;
use store::idempotency::Repeatable;
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
    pub(crate) name: Option<String>,
    /// The path of the folder it is to be in, created when missing.
    #[schema(example = "/taxes/2024")]
    pub(crate) folder: Option<String>,
    /// The folder it is to be in, which must be there; in the place of `folder`.
    pub(crate) folder_id: Option<uuid::Uuid>,
    /// When the name is taken: fail (the default) or rename. A copy is always a new file.
    pub(crate) on_conflict: Option<String>,
    /// Number of the version that is copied; the current one by default.
    pub(crate) version: Option<u32>,
    /// Seconds it is to live from now on; without it, it is gone when the file that is copied is.
    #[schema(example = 604_800)]
    pub(crate) expires_in_s: Option<i64>,
}

/// A copy that was read. The folder of its target is found or made when it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    copy: Copy,
    target: Option<Target>,
}

impl CopyFile {
    /// Reads what the copy is to be.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    pub(crate) fn read(
        self,
        principal: &Principal,
        repeatable: Option<Repeatable>,
    ) -> domain::Result<Asked> {
        let target = Target::read(self.folder.as_deref(), self.folder_id)?;
        let copy = Copy {
            version: self.version,
            name: self.name.as_deref().map(str::parse).transpose()?,
            folder: None,
            on_taken: on_taken(self.on_conflict.as_deref())?,
            expires_in: self.expires_in_s.map(expires_in).transpose()?,
            owner: principal.identity.pseudonym(),
            repeatable,
        };
        Ok(Asked { copy, target })
    }
}

/// Reads the key under which a copy of a file may be asked for again.
///
/// # Errors
/// `Invalid` when the key is none.
fn repeatable(
    headers: &HeaderMap,
    principal: &Principal,
    id: FileId,
    bytes: &Bytes,
) -> domain::Result<Option<Repeatable>> {
    let id = id.to_string();
    let request: [&[u8]; 3] = [b"POST /v1/files/{id}/copy", id.as_bytes(), bytes];
    idempotency::repeatable(headers, principal, &request)
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
    let repeatable = repeatable(&headers, &principal, id, &bytes)?;
    let asked = value.read(&principal, repeatable)?;
    let (store, workspace) = (state.store, principal.workspace);
    let made = to_the_end(async move { carry_out(&store, &workspace, id, &headers, asked).await });
    let (tag, view) = made.await?;
    let location = HeaderValue::from_str(&format!("/v1/files/{}", view.id()))
        .map_err(|error| Error::corrupt(format!("an id is no header: {error}")))?;
    let headers = [(header::ETAG, tag), (header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, axum::Json(view)).into_response())
}

/// Copies a file, and shows the copy with its entity tag.
pub(crate) async fn carry_out(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    headers: &HeaderMap,
    Asked { mut copy, target }: Asked,
) -> domain::Result<(HeaderValue, FileView)> {
    let still = |file: &_| answer::check_if_match(headers, file);
    if let Some(target) = target {
        // Before folders are made for a file that is not there or no longer as expected. A request
        // that is repeated may have made its copy before that: then it is found below.
        let checked = store.file(workspace, id).await;
        match checked.and_then(|file| still(&file)) {
            Ok(()) => copy.folder = Some(target.find(store, workspace).await?),
            Err(Error::NotFound { .. } | Error::Gone { .. } | Error::PreconditionFailed { .. })
                if copy.repeatable.is_some() => {}
            Err(error) => return Err(error),
        }
    }
    let file = store.copy_file(workspace, id, &copy, still).await?;
    answer::placed(store, workspace, file).await
}
