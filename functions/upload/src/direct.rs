//! `POST /v1/files`: the body is the bytes.

use api::auth::Caller;
use api::etag;
use api::finish::to_the_end;
use api::idempotency;
use api::intent::Words;
use api::problem::Result;
use api::request::{Query, read_body};
use api::view::file::FileView;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use base64::Engine;
use domain::file::{Origin, Writer};
use domain::principal::Role;
use domain::upload::{Plan, SESSION_LIFETIME};
use domain::{Error, Sha256};
use store::direct::Stored;
use store::upload::Beginning;

use crate::{State, answer};

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
        ("expires_in_s" = Option<i64>, Query, description = "Seconds the file is to live from now on; a new version without it leaves that as it is"),
        ("on_conflict" = Option<String>, Query, description = "When the name is taken: fail, rename or version"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
        ("If-Match" = Option<String>, Header, description = "With on_conflict=version: only when the file that has the name is as under this ETag"),
        ("Content-Digest" = Option<String>, Header, description = "The SHA-256 the bytes must have, as RFC 9530 writes it: sha-256=:base64:"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The bytes, 0 to 4 MiB when deployed"),
    responses(
        (status = 201, description = "The file", body = FileView),
        (status = 409, description = "The name is taken"),
        (status = 412, description = "The file that has the name is not as under If-Match, or there is none"),
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
    let mut words = Words::from_query(&mut query)?;
    words.expected = etag::expected(&headers);
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
    let (store, workspace) = (state.store, principal.workspace);
    let stored = to_the_end(async move {
        let stored = store.store_bytes(&workspace, beginning, bytes, Origin::Uploaded);
        let file = match stored.await? {
            Stored::Now(file) => *file,
            Stored::Before { file, .. } => store.file(&workspace, file).await?,
        };
        answer::created(&store, &workspace, file).await
    });
    Ok(stored.await?)
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
