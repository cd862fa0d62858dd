//! `PATCH /v1/tus/{id}`: the next bytes of an upload.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::{Problem, Result};
use api::request::Query;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::principal::{Principal, Role};
use domain::upload::{TusKind, UploadState};
use domain::{Error, FileId, UploadId};
use store::tus::{Appended, Appending, Tus};

use super::checksum::Checksum;
use super::create::check_length;
use super::{Answer, UPLOAD_LENGTH, UPLOAD_OFFSET, body, problem, size};
use crate::State;

/// Sends the next bytes of an upload. The last of them make it a file, which Sheaf-File-Id names.
///
/// When the connection breaks off, the bytes that came are kept. Chunks are at most 4 MiB when
/// deployed.
#[utoipa::path(
    patch,
    path = "/v1/tus/{id}",
    tag = "upload",
    params(
        ("id" = uuid::Uuid, Path, description = "The upload"),
        ("Tus-Resumable" = String, Header, description = "The version of the protocol: 1.0.0", example = "1.0.0"),
        ("Upload-Offset" = u64, Header, description = "How many bytes have come before these", example = 0),
        ("Upload-Length" = Option<u64>, Header, description = "How many bytes there will be, where that was not said yet"),
        ("Upload-Checksum" = Option<String>, Header, description = "An algorithm and the hash of this body in base64"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "The bytes"),
    responses(
        (status = 204, description = "They have come", headers(
            ("Upload-Offset" = u64, description = "How many bytes have come"),
            ("Upload-Expires" = String, description = "When it ends if it is not finished"),
            ("Sheaf-File-Id" = String, description = "The file it has become"),
        )),
        (status = 403, description = "It is made of pieces"),
        (status = 404, description = "No such upload"),
        (status = 409, description = "Another Upload-Offset than this"),
        (status = 422, description = "The name was taken meanwhile (`name_taken`) or a file has that of a folder of the path (`not_a_folder`), more bytes than were said, or others than were promised"),
        (status = 410, description = "It was terminated, or its time is up"),
        (status = 412, description = "Another version of the protocol, or the file is not as If-Match said"),
        (status = 413, description = "More bytes than tus takes"),
        (status = 415, description = "A program, or bytes that are declared as something else"),
        (status = 423, description = "Another request is sending bytes"),
        (status = 460, description = "The body does not have its Upload-Checksum"),
        (status = 507, description = "Over the quota"),
    )
)]
pub async fn append(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    match prepare(&state, &principal, query, &id, &headers).await {
        Ok(Prepared::Sent { file, offset_bytes }) => {
            let answer = Answer::default().offset(offset_bytes);
            Ok(answer.file(file).send(StatusCode::NO_CONTENT))
        }
        Ok(Prepared::Held {
            appending,
            checksum,
        }) => send(*appending, body, checksum).await,
        Err(problem) => {
            body::drain(body).await;
            Err(problem)
        }
    }
}

/// What a request comes to before its bytes are looked at.
enum Prepared {
    /// The upload is this file already.
    Sent { file: FileId, offset_bytes: u64 },
    /// The upload is this request's.
    Held {
        appending: Box<Appending>,
        checksum: Option<Checksum>,
    },
}

async fn prepare(
    state: &State,
    principal: &Principal,
    query: Query,
    id: &str,
    headers: &HeaderMap,
) -> Result<Prepared> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: UploadId = id.parse()?;
    if !body::is_bytes(headers) {
        return Err(body::not_bytes());
    }
    let offset_bytes = size(headers, &UPLOAD_OFFSET)?.ok_or_else(|| {
        Error::malformed("say how many bytes have come before these by Upload-Offset")
    })?;
    let length_bytes = size(headers, &UPLOAD_LENGTH)?;
    let checksum = Checksum::read(headers)?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let tus = store.tus(workspace, id).await?.living(store.clock.now())?;
    check_offset(&tus, offset_bytes)?;
    if let UploadState::Committed { file, .. } = tus.upload.state {
        return Ok(Prepared::Sent { file, offset_bytes });
    }
    let claimed = store.claim_tus(workspace, tus).await;
    let mut appending = claimed.map_err(problem)?.at_most(state.limits.file_bytes);
    if let Some(length_bytes) = length_bytes
        && let Err(error) = set_length(state, &mut appending, length_bytes).await
    {
        appending.give_back().await;
        return Err(problem(error));
    }
    Ok(Prepared::Held {
        appending: Box::new(appending),
        checksum,
    })
}

async fn set_length(
    state: &State,
    appending: &mut Appending,
    length_bytes: u64,
) -> domain::Result<()> {
    check_length(state, Some(length_bytes))?;
    appending.set_length(length_bytes).await
}

async fn send(appending: Appending, body: Body, checksum: Option<Checksum>) -> Result<Response> {
    let expires_at = appending.upload().expires_at;
    let sent = to_the_end(async move { Ok(body::send(appending, body, checksum).await) });
    let answer = Answer::default();
    Ok(match sent.await?? {
        Appended::Open { offset_bytes } => answer.offset(offset_bytes).expires(expires_at),
        Appended::Finished(file) => answer.offset(file.content.size_bytes).file(file.id),
    }
    .send(StatusCode::NO_CONTENT))
}

fn check_offset(tus: &Tus, given: u64) -> Result<()> {
    if tus.kind() == TusKind::Final {
        return Err(Error::Forbidden {
            detail: "this upload is made of pieces: it takes no bytes".to_owned(),
        }
        .into());
    }
    let come = tus.offset_bytes();
    if come == given {
        return Ok(());
    }
    Err(Problem::from(Error::Conflict {
        code: "offset_mismatch",
        detail: format!("{come} bytes have come, not {given}: go on from there"),
    }))
}
