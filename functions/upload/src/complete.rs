//! `POST /v1/uploads/{id}/complete`: the bytes are in S3, make them a file.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::file::FileView;
use axum::extract::Path;
use axum::response::Response;
use domain::principal::Role;
use domain::upload::UploadState;
use domain::{UploadId, WorkspaceId};
use serde::Deserialize;
use store::finish::Given;
use utoipa::ToSchema;

use crate::{State, answer};

/// The parts as S3 answered them.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteUpload {
    /// All parts; may be left out, then those that S3 has are taken.
    #[serde(default)]
    parts: Vec<CompletePart>,
}

/// A part as S3 answered it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompletePart {
    /// From 1.
    number: u32,
    /// The `ETag` header of the answer to its PUT.
    etag: String,
}

/// Finishes an upload: its bytes become a file.
///
/// May be repeated: an upload that is finished answers with its file.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/complete",
    tag = "upload",
    params(("id" = uuid::Uuid, Path, description = "The upload")),
    request_body = CompleteUpload,
    responses(
        (status = 201, description = "The file", body = FileView),
        (status = 404, description = "No such upload"),
        (status = 409, description = "The name is taken, or bytes are missing"),
        (status = 410, description = "The upload was aborted"),
        (status = 412, description = "The file that has the name is not as the upload's If-Match expects, or there is none"),
        (status = 415, description = "A program: what arrived was removed"),
    )
)]
pub async fn complete(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
    Json { value, .. }: Json<CompleteUpload>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    let given = value
        .parts
        .into_iter()
        .map(|part| Given {
            number: part.number,
            etag: part.etag,
        })
        .collect();
    let workspace = principal.workspace;
    Ok(to_the_end(async move { finish(&state, &workspace, id, given).await }).await?)
}

async fn finish(
    state: &State,
    workspace: &WorkspaceId,
    id: UploadId,
    given: Vec<Given>,
) -> domain::Result<Response> {
    let store = &state.store;
    let upload = store.upload(workspace, id).await?;
    let file = match upload.state {
        UploadState::Committed { file, .. } => store.file(workspace, file).await?,
        UploadState::Aborted { refused } => return Err(store::commit::aborted(refused)),
        UploadState::Open => {
            store
                .finish_upload(workspace, &upload, given, media::accept)
                .await?
        }
    };
    answer::created(store, workspace, file).await
}
