//! `POST /v1/uploads/{id}/parts`: signs URLs for parts, more or again.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::upload::SignedPartView;
use axum::extract::Path;
use domain::principal::Role;
use domain::upload::{Plan, Upload, UploadState};
use domain::{Error, UploadId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::blob::{ObjectKey, SignedUrl};
use utoipa::ToSchema;

use crate::State;

/// Most parts signed at once.
const MOST: usize = 100;

/// How long a signed URL holds at most: time for a slow line to send a part, and short for one that leaks.
const LONGEST: Duration = Duration::from_hours(1);

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
    query: Query,
    Path(id): Path<String>,
    Json { value, .. }: Json<SignParts>,
) -> Result<axum::Json<SignedParts>> {
    principal.require(Role::Editor)?;
    query.finish()?;
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
/// `Conflict` when the upload is finished, `RefusedType` when its bytes were refused, `Gone` when it
/// was aborted or has run out.
pub(crate) fn check_open(state: &State, upload: &Upload) -> domain::Result<()> {
    match &upload.state {
        UploadState::Committed { file, .. } => Err(Error::Conflict {
            code: "upload_finished",
            detail: format!("this upload became file {file}"),
        }),
        UploadState::Aborted { refused } => Err(store::commit::aborted(refused.clone())),
        UploadState::Open if upload.expires_at <= state.store.clock.now() => {
            Err(store::commit::aborted(None))
        }
        UploadState::Open if matches!(upload.plan, Plan::Tus(_)) => {
            Err(store::finish::sent_by_tus())
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
    let lifetime = lifetime(upload, state.store.clock.now())?;
    let mut parts = Vec::with_capacity(numbers.len());
    for number in numbers {
        let signed = sign_one(state, &key, upload, number, lifetime).await?;
        parts.push(SignedPartView::new(number, signed));
    }
    Ok(parts)
}

/// How long a signed URL holds: no longer than its session, so that nothing arrives where nobody
/// finishes it any more.
///
/// # Errors
/// `Gone` when the session has less than a second left, the shortest life S3 can sign.
fn lifetime(upload: &Upload, now: Timestamp) -> domain::Result<Duration> {
    // Whole seconds, rounded down: a signature knows no fractions.
    let left = u64::try_from(upload.expires_at.duration_since(now).as_secs()).unwrap_or_default();
    if left == 0 {
        return Err(store::commit::aborted(None));
    }
    Ok(LONGEST.min(Duration::from_secs(left)))
}

async fn sign_one(
    state: &State,
    key: &ObjectKey,
    upload: &Upload,
    number: u32,
    lifetime: Duration,
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
                    lifetime,
                )
                .await
        }
        (Plan::Multipart { .. }, Some(multipart_id)) => {
            blobs
                .sign_part(key, multipart_id, number, size_bytes, lifetime)
                .await
        }
        (Plan::Tus(_), _) => Err(store::finish::sent_by_tus()),
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

#[cfg(test)]
mod tests {
    use domain::BlobId;
    use domain::file::{BlobRef, Writer};
    use domain::name::FolderPath;
    use domain::tag::Tags;
    use domain::upload::{Intent, OnConflict};
    use jiff::SignedDuration;
    use uuid::Uuid;

    use super::*;

    fn open_until(expires_at: Timestamp) -> Upload {
        Upload {
            id: UploadId::new(Uuid::nil()),
            blob: BlobRef {
                id: BlobId::new(Uuid::nil()),
                written_by: Writer::Client,
            },
            intent: Intent {
                name: "a.txt".parse().unwrap(),
                folder: FolderPath::root(),
                document_type: None,
                tags: Tags::default(),
                expires_in: None,
                on_conflict: OnConflict::Fail,
                expected: None,
                owner: "user-1".to_owned(),
            },
            size_bytes: 1,
            content_type: None,
            sha256: None,
            plan: Plan::Single,
            multipart_id: None,
            state: UploadState::Open,
            created_at: Timestamp::UNIX_EPOCH,
            expires_at,
        }
    }

    #[test]
    fn a_signed_url_ends_with_its_session() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let with_left = |millis| {
            let upload = open_until(now + SignedDuration::from_millis(millis));
            lifetime(&upload, now)
        };

        assert_eq!(with_left(7_200_000).unwrap(), LONGEST);
        assert_eq!(with_left(90_900).unwrap(), Duration::from_secs(90));
        assert!(matches!(with_left(900), Err(Error::Gone { .. })));
        assert!(matches!(with_left(-1), Err(Error::Gone { .. })));
    }
}
