//! `POST /v1/tus`: begins an upload, or makes a file of pieces.

use api::auth::Caller;
use api::etag;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::Query;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use domain::file::Writer;
use domain::name::FolderPath;
use domain::principal::{Principal, Role};
use domain::tag::Tags;
use domain::tus::MAX_BYTES;
use domain::upload::{Intent, OnConflict, Plan, SESSION_LIFETIME, TusKind};
use domain::{Error, Sha256, UploadId};
use store::idempotency::Repeatable;
use store::tus::{Appended, TusBeginning, TusBegun};
use store::upload::Beginning;
use tracing::warn;

use super::checksum::Checksum;
use super::metadata::{Concat, Metadata};
use super::show::finished;
use super::{Answer, UPLOAD_DEFER_LENGTH, UPLOAD_LENGTH, body, location, problem, size};
use crate::State;

/// Begins an upload by tus, with some of its bytes or without.
///
/// With `Upload-Concat: partial` it becomes a piece of a file, with `Upload-Concat: final;…` a file is
/// made of pieces, at most 24. Chunks are at most 4 MiB when deployed.
#[utoipa::path(
    post,
    path = "/v1/tus",
    tag = "upload",
    params(
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0", example = "1.0.0"),
        ("Upload-Length" = Option<u64>, Header, description = "How many bytes there will be", example = 0),
        ("Upload-Defer-Length" = Option<u32>, Header, description = "1 where nobody knows yet"),
        ("Upload-Metadata" = Option<String>, Header, description = "Keys and values in base64: filename, folder, type, tags (with commas between), expires_in_s, on_conflict, sha256, filetype", example = "filename TWF5LnBkZg=="),
        ("Upload-Concat" = Option<String>, Header, description = "partial, or final; and the URLs of the pieces with spaces between"),
        ("Upload-Checksum" = Option<String>, Header, description = "An algorithm and the hash of this body in base64"),
        ("If-Match" = Option<String>, Header, description = "With on_conflict=version: the tag of the file that this is to be a version of"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "The first bytes, or none"),
    responses(
        (status = 201, description = "Begun; with Sheaf-File-Id when it is a file already", headers(
            ("Location" = String, description = "The upload"),
            ("Upload-Offset" = u64, description = "How many bytes have come"),
            ("Upload-Expires" = String, description = "When the upload ends if it is not finished"),
            ("Sheaf-File-Id" = String, description = "The file it has become"),
        )),
        (status = 409, description = "A piece is none"),
        (status = 410, description = "A piece is gone"),
        (status = 412, description = "Another version of the protocol, or the file is not as If-Match says"),
        (status = 413, description = "Larger than tus takes"),
        (status = 415, description = "A program, or bytes that are declared as something else"),
        (status = 460, description = "The body does not have its Upload-Checksum"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let asked = match read(&principal, query, &headers) {
        Ok(asked) => asked,
        Err(error) => {
            body::drain(body).await;
            return Err(problem(error));
        }
    };
    let Asked { concat, metadata } = asked;
    match concat {
        Concat::None => begin(state, principal, TusKind::Whole, metadata, headers, body).await,
        Concat::Partial => begin(state, principal, TusKind::Partial, metadata, headers, body).await,
        Concat::Final(pieces) => concatenate(state, principal, metadata, &headers, pieces).await,
    }
}

/// What a client asks for.
struct Asked {
    concat: Concat,
    metadata: Metadata,
}

fn read(principal: &Principal, query: Query, headers: &HeaderMap) -> domain::Result<Asked> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let mut metadata = Metadata::read(headers)?;
    metadata.words.expected = etag::expected(headers);
    Ok(Asked {
        concat: Concat::read(headers)?,
        metadata,
    })
}

async fn begin(
    state: State,
    principal: Principal,
    kind: TusKind,
    metadata: Metadata,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    let length_bytes = length(&headers)?;
    check_length(&state, length_bytes)?;
    let checksum = Checksum::read(&headers)?;
    let has_bytes = body::is_bytes(&headers);
    if !has_bytes && checksum.is_some() {
        return Err(body::not_bytes());
    }
    let asked = format!("{kind:?} {length_bytes:?} {:?}", metadata.text);
    let repeatable =
        idempotency::repeatable(&headers, &principal, &[b"POST /v1/tus", asked.as_bytes()])?;
    let text = metadata.text.clone();
    let beginning = TusBeginning {
        beginning: beginning(metadata, kind, length_bytes, &principal, repeatable)?,
        length_bytes,
        metadata: text,
        // A file of no bytes has come when it is begun.
        is_held: has_bytes || length_bytes == Some(0),
    };
    let is_held = beginning.is_held;
    let is_repeatable = beginning.beginning.repeatable.is_some();
    let workspace = principal.workspace;
    let begun = match state.store.begin_tus(&workspace, beginning).await {
        Ok(begun) => begun,
        Err(error) => {
            body::drain(body).await;
            return Err(problem(error));
        }
    };
    let appending = match begun {
        TusBegun::New(appending) if is_held => *appending,
        TusBegun::New(appending) => {
            return Ok(answer(appending.upload().id)
                .expires(appending.upload().expires_at)
                .send(StatusCode::CREATED));
        }
        TusBegun::Before(tus) => {
            let tus = finished(&state.store, workspace, *tus)
                .await
                .map_err(problem)?;
            return Ok(answer(tus.upload.id).about(&tus).send(StatusCode::CREATED));
        }
    };
    let appending = appending.at_most(state.limits.file_bytes);
    let upload = appending.upload().clone();
    let body = if has_bytes { body } else { Body::empty() };
    let sent = to_the_end(async move { Ok(body::send(appending, body, checksum).await) });
    match sent.await? {
        Ok(Appended::Open { offset_bytes }) => {
            let answer = answer(upload.id).offset(offset_bytes);
            Ok(answer.expires(upload.expires_at).send(StatusCode::CREATED))
        }
        Ok(Appended::Finished(file)) => {
            let answer = answer(upload.id).offset(file.content.size_bytes);
            Ok(answer.file(file.id).send(StatusCode::CREATED))
        }
        Err(problem) => {
            // A client that is refused never learns where the upload is.
            if !is_repeatable
                && let Err(error) = state.store.abort_upload(&workspace, &upload).await
            {
                warn!(upload.id = %upload.id, error = error.for_log(), "an upload was not aborted");
            }
            Err(problem)
        }
    }
}

async fn concatenate(
    state: State,
    principal: Principal,
    metadata: Metadata,
    headers: &HeaderMap,
    pieces: Vec<UploadId>,
) -> Result<Response> {
    if headers.contains_key(UPLOAD_LENGTH) || headers.contains_key(UPLOAD_DEFER_LENGTH) {
        return Err(Error::malformed(
            "what is made of pieces has their length: send no Upload-Length",
        )
        .into());
    }
    // A client whose answer was lost asks for the same again, without a word of its own for it.
    let mut asked = format!("tus final {:?}", metadata.text);
    for piece in &pieces {
        asked.push_str(&piece.to_string());
    }
    let asked = Sha256::of(asked.as_bytes());
    let repeatable = Repeatable {
        principal: principal.identity.pseudonym(),
        key: asked,
        request: asked,
    };
    let text = metadata.text.clone();
    let beginning = beginning(metadata, TusKind::Final, None, &principal, Some(repeatable))?;
    let workspace = principal.workspace;
    let most_bytes = state.limits.file_bytes;
    let made = to_the_end(async move {
        let store = &state.store;
        store
            .concatenate(
                &workspace,
                beginning,
                text,
                pieces,
                most_bytes,
                media::accept,
            )
            .await
    });
    let (id, made) = made.await.map_err(problem)?;
    let answer = answer(id);
    Ok(match made {
        Appended::Finished(file) => answer.offset(file.content.size_bytes).file(file.id),
        Appended::Open { .. } => answer,
    }
    .send(StatusCode::CREATED))
}

fn answer(id: UploadId) -> Answer {
    Answer::default().with(header::LOCATION, &location(id))
}

fn beginning(
    metadata: Metadata,
    kind: TusKind,
    length_bytes: Option<u64>,
    principal: &Principal,
    repeatable: Option<Repeatable>,
) -> domain::Result<Beginning> {
    let sha256 = metadata.sha256.map(|text| text.parse()).transpose()?;
    media::accept_declared(metadata.content_type.as_deref())?;
    let intent = match kind {
        TusKind::Whole | TusKind::Final => metadata.words.read(principal)?,
        TusKind::Partial => of_piece(principal)?,
    };
    Ok(Beginning {
        intent,
        size_bytes: length_bytes.unwrap_or(0),
        content_type: metadata.content_type,
        sha256,
        plan: Plan::Tus(kind),
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable,
    })
}

/// A piece becomes no file, so what it says of one is never read.
fn of_piece(principal: &Principal) -> domain::Result<Intent> {
    Ok(Intent {
        name: "piece".parse()?,
        folder: FolderPath::root(),
        document_type: None,
        tags: Tags::default(),
        expires_in: None,
        on_conflict: OnConflict::Fail,
        expected: None,
        owner: principal.identity.pseudonym(),
    })
}

/// Reads how many bytes there will be; none where the client does not know yet.
fn length(headers: &HeaderMap) -> domain::Result<Option<u64>> {
    let length = size(headers, &UPLOAD_LENGTH)?;
    let deferred = headers.get(UPLOAD_DEFER_LENGTH);
    match (length, deferred) {
        (Some(length), None) => Ok(Some(length)),
        (None, Some(deferred)) if deferred == "1" => Ok(None),
        _ => Err(Error::malformed(
            "say how many bytes there will be by Upload-Length, or Upload-Defer-Length: 1",
        )),
    }
}

pub(super) fn check_length(state: &State, length_bytes: Option<u64>) -> domain::Result<()> {
    let most = state.limits.file_bytes.min(MAX_BYTES);
    if length_bytes.is_some_and(|length| length > most) {
        return Err(Error::TooLarge {
            detail: format!(
                "an upload by tus has at most {most} bytes here: POST /v1/uploads may take more"
            ),
        });
    }
    Ok(())
}
