//! `POST /v1/imports`: files out of an archive.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::job::JobView;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::principal::Role;
use domain::upload::OnConflict;
use domain::{FileId, FolderId, WorkspaceId};
use serde::{Deserialize, Serialize};
use store::Store;
use store::import::NewImport;
use utoipa::ToSchema;

use crate::folder::Target;
use crate::{State, answer};

/// Which archive, and where what is in it is to go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateImport {
    /// A ZIP archive that is a file of the workspace.
    file_id: uuid::Uuid,
    /// The path of the folder that all in it goes into, created when missing; the root by default.
    #[schema(example = "/from the old system")]
    folder: Option<String>,
    /// The folder, by its id, which must be there; in the place of `folder`.
    folder_id: Option<uuid::Uuid>,
    /// When the name of a file is taken: fail (the default), rename or version. Folders that are
    /// there are gone on with.
    on_conflict: Option<String>,
}

/// An import that goes on by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub struct ImportView {
    /// Its job, to be looked at with `GET /v1/jobs/{id}`: it counts entries of the archive, and says of
    /// those that became nothing why.
    job: JobView,
}

/// Begins to make files of what is in a ZIP archive, which a job goes on with.
///
/// Any common archive is taken: stored or deflated, ZIP64 or not. One that `POST /v1/exports` made
/// brings back tags, types, dates, expiry and earlier versions, and the hash of every file is checked.
/// An archive that is wrong as a whole makes nothing; an entry that cannot become a file is told in
/// the job's progress, and the others go on. The archive stays as it is.
#[utoipa::path(
    post,
    path = "/v1/imports",
    tag = "organize",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request")),
    request_body = CreateImport,
    responses(
        (status = 202, description = "It has begun", body = ImportView, headers(("Location" = String, description = "Where its job is read"))),
        (status = 404, description = "No such file or folder"),
        (status = 409, description = "in_trash: the archive or the folder is in the trash; not_a_folder: a file has a name of the path; bytes_missing, not_verified, quarantined: the archive's content cannot be read"),
        (status = 410, description = "The archive has expired or was deleted"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<CreateImport>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let target = Target::read(value.folder.as_deref(), value.folder_id)?;
    let on_conflict = value
        .on_conflict
        .map_or(Ok(OnConflict::default()), |text| text.parse())?;
    let new = NewImport {
        file: FileId::new(value.file_id),
        folder: FolderId::ROOT,
        on_conflict,
        owner: principal.identity.pseudonym(),
        repeatable: idempotency::repeatable(&headers, &principal, &[b"POST /v1/imports", &bytes])?,
    };
    let (store, workspace) = (state.store, principal.workspace);
    Ok(to_the_end(begin(store, workspace, target, new)).await?)
}

async fn begin(
    store: Store,
    workspace: WorkspaceId,
    target: Option<Target>,
    mut new: NewImport,
) -> domain::Result<Response> {
    // Before a folder is made for an archive that is not there.
    store.check_archive(&workspace, &new).await?;
    if let Some(target) = target {
        new.folder = target.find(&store, &workspace).await?;
    }
    let job = store.begin_import(&workspace, new).await?;
    let location = format!("/v1/jobs/{}", job.id);
    Ok(answer::begun(location, ImportView { job: job.into() }))
}
