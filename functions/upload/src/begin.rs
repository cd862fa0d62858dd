//! `POST /v1/uploads`: begins an upload whose bytes go straight to S3.

use api::auth::Caller;
use api::etag;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::upload::UploadView;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::file::Writer;
use domain::principal::Role;
use domain::upload::{Plan, SESSION_LIFETIME, Upload, UploadState};
use domain::{Error, WorkspaceId};
use serde::Deserialize;
use store::blob::ObjectKey;
use store::upload::{Beginning, Begun};
use tracing::warn;
use utoipa::ToSchema;

use crate::{State, parts};
use api::intent::Words;

/// Longest media type: RFC 6838 allows 127 characters on each side of the slash.
const MAX_CONTENT_TYPE_BYTES: usize = 255;

/// What a client says of the file it will send.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginUpload {
    /// What the file is to be called.
    #[schema(example = "survey.tif")]
    name: String,
    /// The folder it is to be in, created when missing.
    folder: Option<String>,
    /// How many bytes there will be, exactly.
    #[schema(example = 73_400_320)]
    size_bytes: u64,
    /// What they are: a hint.
    content_type: Option<String>,
    /// The SHA-256 they will have; until it is checked the file is not readable.
    sha256: Option<String>,
    /// What the document is.
    #[serde(rename = "type")]
    document_type: Option<String>,
    /// Its tags.
    #[serde(default)]
    tags: Vec<String>,
    /// Seconds the file is to live once it is complete; a new version without it leaves that as it is.
    expires_in_s: Option<i64>,
    /// When the name is taken: fail, rename or version.
    on_conflict: Option<String>,
}

/// Begins an upload: answers with signed URLs to PUT the bytes to.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "upload",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
        ("If-Match" = Option<String>, Header, description = "With on_conflict=version: only when, once the bytes are there, the file that has the name is as under this ETag"),
    ),
    request_body = BeginUpload,
    responses(
        (status = 201, description = "The session, with the first 100 signed URLs", body = UploadView),
        (status = 413, description = "Larger than a file may be"),
        (status = 415, description = "A program"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    Json { value, bytes }: Json<BeginUpload>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    if value.size_bytes > state.limits.file_bytes {
        return Err(Error::TooLarge {
            detail: format!("a file is at most {} bytes here", state.limits.file_bytes),
        }
        .into());
    }
    check_content_type(value.content_type.as_deref())?;
    media::accept_declared(value.content_type.as_deref())?;
    let plan = Plan::for_size(value.size_bytes)?;
    let if_match = headers
        .get(header::IF_MATCH)
        .map_or(&b""[..], HeaderValue::as_bytes);
    let beginning = Beginning {
        repeatable: idempotency::repeatable(
            &headers,
            &principal,
            &[b"POST /v1/uploads", &bytes, if_match],
        )?,
        sha256: value.sha256.map(|text| text.parse()).transpose()?,
        size_bytes: value.size_bytes,
        content_type: value.content_type,
        intent: Words {
            name: Some(value.name),
            folder: value.folder,
            document_type: value.document_type,
            tags: value.tags,
            expires_in_s: value.expires_in_s,
            on_conflict: value.on_conflict,
            expected: etag::expected(&headers),
        }
        .read(&principal)?,
        plan,
        writer: Writer::Client,
        lifetime: SESSION_LIFETIME,
    };
    let workspace = &principal.workspace;
    let is_repeatable = beginning.repeatable.is_some();
    let mut upload = match state.store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) | Begun::Before(upload) => upload,
    };
    let shown = show_begun(&state, workspace, &mut upload).await;
    // A client that cannot repeat the request never learns of the session it has begun.
    if shown.is_err()
        && !is_repeatable
        && let Err(error) = state.store.abort_upload(workspace, &upload).await
    {
        // The sweep ends it when its time is up.
        warn!(upload.id = %upload.id, error = error.for_log(), "an upload was not aborted");
    }
    Ok((StatusCode::CREATED, axum::Json(shown?)).into_response())
}

/// Checks that the media type can be a header, which S3 is given it as.
fn check_content_type(content_type: Option<&str>) -> domain::Result<()> {
    let is_header = |text: &str| {
        (1..=MAX_CONTENT_TYPE_BYTES).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    if content_type.is_none_or(is_header) {
        return Ok(());
    }
    Err(Error::invalid(
        "/content_type",
        "content_type is a media type such as application/pdf, at most 255 characters",
    ))
}

/// Makes a session ready for its bytes, and says where they go.
async fn show_begun(
    state: &State,
    workspace: &WorkspaceId,
    upload: &mut Upload,
) -> domain::Result<UploadView> {
    if upload.state == UploadState::Open {
        name_multipart(state, workspace, upload).await?;
    }
    let signed = parts::sign_first(state, workspace, upload).await?;
    Ok(UploadView::new(upload, signed, None))
}

/// Begins the multipart upload in S3, where the session is one and has none.
async fn name_multipart(
    state: &State,
    workspace: &WorkspaceId,
    upload: &mut Upload,
) -> domain::Result<()> {
    if upload.plan == Plan::Single || upload.multipart_id.is_some() {
        return Ok(());
    }
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    let content_type = parts::content_type(upload);
    // One that is begun here and then not noted holds no parts, and the bucket's lifecycle ends it.
    let multipart_id = state
        .store
        .blobs
        .begin_multipart(&key, content_type)
        .await?;
    state
        .store
        .name_multipart(workspace, upload, multipart_id)
        .await
}
