//! `POST /v1/files`: the body is the bytes.

use api::auth::Caller;
use api::idempotency;
use api::problem::Result;
use api::request::{Query, read_body};
use api::view::file::FileView;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine;
use bytes::Bytes;
use domain::file::{Content, Origin, Writer};
use domain::principal::Role;
use domain::upload::{Plan, SESSION_LIFETIME, Upload, UploadState};
use domain::{Error, Retry, Sha256, WorkspaceId};
use store::Store;
use store::blob::ObjectKey;
use store::upload::{Beginning, Begun};

use crate::{State, answer};
use api::intent::Words;
use extract::media;

/// Uploads a small file: the body is its bytes.
#[utoipa::path(
    post,
    path = "/v1/files",
    tag = "upload",
    params(
        ("name" = String, Query, description = "What the file is to be called", example = "May.pdf"),
        ("folder" = Option<String>, Query, description = "The folder it is to be in, created when missing", example = "/bills"),
        ("type" = Option<String>, Query, description = "What the document is", example = "bill"),
        ("tag" = Option<Vec<String>>, Query, description = "Its tags, in order, the primary one first"),
        ("expires_in_s" = Option<i64>, Query, description = "Seconds it is to live"),
        ("on_conflict" = Option<String>, Query, description = "When the name is taken: fail, rename or version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
        ("Content-Digest" = Option<String>, Header, description = "The SHA-256 the bytes must have, as RFC 9530 writes it: sha-256=:base64:"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bytes, 0 to 4 MiB when deployed"),
    responses(
        (status = 201, description = "The file", body = FileView),
        (status = 409, description = "The name is taken"),
        (status = 413, description = "Larger than this route takes"),
        (status = 415, description = "A program"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn upload(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    mut query: Query,
    body: Body,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    let words = Words::from_query(&mut query)?;
    let asked = format!("{words:?}");
    query.finish()?;
    let intent = words.read(&principal)?;
    let bytes = read_body(body, state.limits.direct_bytes).await?;
    let sha256 = Sha256::of(&bytes);
    check_digest(&headers, sha256)?;
    let declared = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(ToOwned::to_owned);
    let content_type = media::accept(&bytes, intent.name.as_str(), declared.as_deref())?;
    let beginning = Beginning {
        repeatable: idempotency::repeatable(
            &headers,
            &principal,
            &[b"POST /v1/files", asked.as_bytes(), sha256.as_bytes()],
        )?,
        intent,
        size_bytes: bytes.len() as u64,
        content_type: Some(content_type),
        sha256: Some(sha256),
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
    };
    // In a task of its own: a client that hangs up does not stop half-way what has begun.
    let workspace = principal.workspace.clone();
    let store = state.store.clone();
    let stored =
        tokio::spawn(async move { store_bytes(&store, &workspace, beginning, bytes).await });
    let response = stored
        .await
        .map_err(|error| Error::dependency("storing a file", error))??;
    Ok(response)
}

async fn store_bytes(
    store: &Store,
    workspace: &WorkspaceId,
    beginning: Beginning,
    bytes: Bytes,
) -> domain::Result<Response> {
    let is_repeatable = beginning.repeatable.is_some();
    let upload = match store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) => upload,
        Begun::Before(upload) => match upload.state {
            UploadState::Committed { file, .. } => {
                let file = store.file(workspace, file).await?;
                return answer::created(store, workspace, file).await;
            }
            UploadState::Aborted => return Err(store::commit::aborted()),
            // The first request stopped half-way; the same bytes go to the same place.
            UploadState::Open => upload,
        },
    };
    let result = write_and_commit(store, workspace, &upload, bytes).await;
    if let Err(error) = &result {
        // A request that can be repeated goes on where it stopped; the sweep ends it otherwise.
        let goes_on = is_repeatable && error.retry() == Retry::Later;
        if !goes_on && let Err(error) = store.abort_upload(workspace, &upload).await {
            tracing::warn!(upload.id = %upload.id, %error, "an upload was not aborted");
        }
    }
    result
}

async fn write_and_commit(
    store: &Store,
    workspace: &WorkspaceId,
    upload: &Upload,
    bytes: Bytes,
) -> domain::Result<Response> {
    let content_type = upload.content_type.clone().unwrap_or_default();
    let key = ObjectKey::Blob(workspace.clone(), upload.blob);
    store.blobs.create(&key, bytes, &content_type).await?;
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type,
        sha256: upload.sha256,
        promised_sha256: None,
    };
    let file = store
        .commit_upload(workspace, upload, &content, Origin::Uploaded)
        .await?;
    answer::created(store, workspace, file).await
}

/// Checks the hash that the client says the bytes have.
fn check_digest(headers: &HeaderMap, sha256: Sha256) -> domain::Result<()> {
    let Some(value) = headers.get("content-digest") else {
        return Ok(());
    };
    let given = value
        .to_str()
        .unwrap_or_default()
        .split(',')
        .find_map(|member| member.trim().strip_prefix("sha-256=:")?.strip_suffix(':'))
        .and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok())
        .ok_or_else(|| {
            Error::invalid(
                "/Content-Digest",
                "Content-Digest is sha-256=:base64: as in RFC 9530",
            )
        })?;
    if given == sha256.as_bytes() {
        Ok(())
    } else {
        Err(Error::invalid(
            "/Content-Digest",
            format!(
                "the bytes that arrived have SHA-256 {sha256}, not the one given: send them again"
            ),
        ))
    }
}
