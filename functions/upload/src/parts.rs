//! `POST /v1/uploads/{id}/parts`: signs URLs for parts, more or again.

use api::auth::Caller;
use api::problem::Result;
use api::request::Json;
use api::view::upload::SignedPartView;
use axum::extract::Path;
use domain::principal::Role;
use domain::upload::{Plan, Upload, UploadState};
use domain::{Error, UploadId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::blob::{ObjectKey, SignedUrl};
use utoipa::ToSchema;

use crate::State;

/// Most parts signed at once.
const MOST: usize = 100;

/// How long a signed URL holds: time for a slow line to send a part, and short for one that leaks.
const LIFETIME: Duration = Duration::from_hours(1);

/// Which parts to sign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignParts {
    /// Their numbers, from 1; at most 100.
    #[schema(example = json!([101, 102]))]
    numbers: Vec<u32>,
}

/// Signed parts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedParts {
    /// The parts, in the order asked for.
    parts: Vec<SignedPartView>,
}

/// Signs URLs for parts of an open upload, more or again.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/parts",
    tag = "upload",
    params(("id" = uuid::Uuid, Path, description = "The upload")),
    request_body = SignParts,
    responses(
        (status = 200, description = "The signed parts", body = SignedParts),
        (status = 404, description = "No such upload"),
        (status = 409, description = "The upload is finished"),
        (status = 410, description = "The upload was aborted"),
    )
)]
pub async fn sign(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    Json { value, .. }: Json<SignParts>,
) -> Result<axum::Json<SignedParts>> {
    principal.require(Role::Editor)?;
    let id: UploadId = id.parse()?;
    if value.numbers.is_empty() || value.numbers.len() > MOST {
        return Err(Error::invalid("/numbers", "ask for 1 to 100 parts at once").into());
    }
    let upload = state.store.upload(&principal.workspace, id).await?;
    check_open(&state, &upload)?;
    let parts = sign_parts(&state, &principal.workspace, &upload, value.numbers).await?;
    Ok(axum::Json(SignedParts { parts }))
}

/// Checks that bytes may still be sent.
///
/// # Errors
/// `Conflict` when the upload is finished, `Gone` when it was aborted or has run out.
pub(crate) fn check_open(state: &State, upload: &Upload) -> domain::Result<()> {
    match upload.state {
        UploadState::Committed { file, .. } => Err(Error::Conflict {
            code: "upload_finished",
            detail: format!("this upload became file {file}"),
        }),
        UploadState::Aborted => Err(store::commit::aborted()),
        UploadState::Open if upload.expires_at <= state.store.clock.now() => {
            Err(store::commit::aborted())
        }
        UploadState::Open => Ok(()),
    }
}

/// Signs the first parts of a session that has just begun; nothing for one that is closed.
pub(crate) async fn sign_first(
    state: &State,
    workspace: &WorkspaceId,
    upload: &Upload,
) -> domain::Result<Vec<SignedPartView>> {
    if upload.state != UploadState::Open {
        return Ok(Vec::new());
    }
    let numbers = (1..=upload.plan.part_count()).take(MOST).collect();
    sign_parts(state, workspace, upload, numbers).await
}

async fn sign_parts(
    state: &State,
    workspace: &WorkspaceId,
    upload: &Upload,
    numbers: Vec<u32>,
) -> domain::Result<Vec<SignedPartView>> {
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    let mut parts = Vec::with_capacity(numbers.len());
    for number in numbers {
        let signed = sign_one(state, &key, upload, number).await?;
        parts.push(SignedPartView::new(number, signed));
    }
    Ok(parts)
}

async fn sign_one(
    state: &State,
    key: &ObjectKey,
    upload: &Upload,
    number: u32,
) -> domain::Result<SignedUrl> {
    let size_bytes = upload.plan.size_of_part(number, upload.size_bytes)?;
    let blobs = &state.store.blobs;
    match (upload.plan, &upload.multipart_id) {
        (Plan::Single, _) => {
            blobs
                .sign_put(
                    key,
                    size_bytes,
                    content_type(upload),
                    upload.sha256,
                    LIFETIME,
                )
                .await
        }
        (Plan::Multipart { .. }, Some(multipart_id)) => {
            blobs
                .sign_part(key, multipart_id, number, size_bytes, LIFETIME)
                .await
        }
        (Plan::Multipart { .. }, None) => Err(Error::Busy {
            detail: "the upload is just being begun: try again".to_owned(),
            retry_after: Duration::from_secs(1),
        }),
    }
}

/// The Content-Type that S3 keeps for an upload. What it really is, is found when it is there.
pub(crate) fn content_type(upload: &Upload) -> &str {
    upload
        .content_type
        .as_deref()
        .unwrap_or("application/octet-stream")
}
