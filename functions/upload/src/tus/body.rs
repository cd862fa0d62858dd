//! The bytes of a request on their way into an upload.

use api::problem::{Problem, Result};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::{Bytes, BytesMut};
use domain::Error;
use futures::StreamExt;
use store::tus::{Appended, Appending};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::checksum::Checksum;
use super::{BYTES, problem};

/// Bytes whose hash is to be checked are held in memory up to so many, and above it in a file.
const HELD_BYTES: usize = 8 * 1024 * 1024;

/// Says whether a request declares bytes as the protocol does.
pub(super) fn is_bytes(headers: &HeaderMap) -> bool {
    let declared = headers.get(header::CONTENT_TYPE);
    declared.map(HeaderValue::as_bytes) == Some(BYTES.as_bytes())
}

/// The answer where bytes are declared as something else.
pub(super) fn not_bytes() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "not_bytes",
        "Other content type",
        format!("bytes of an upload are sent with Content-Type: {BYTES}"),
    )
}

/// Sends the bytes of a request to an upload. When the connection breaks off, those that came are
/// kept; with a checksum all are, or none.
pub(super) async fn send(
    appending: Appending,
    body: Body,
    checksum: Option<Checksum>,
) -> Result<Appended> {
    // Boxed: the futures of sending parts within each other make one too large for a stack.
    match checksum {
        None => Box::pin(send_as_they_come(appending, body)).await,
        Some(checksum) => match hold(body, checksum).await {
            Ok(held) => Box::pin(send_held(appending, held)).await,
            Err(problem) => {
                appending.give_back().await;
                Err(problem)
            }
        },
    }
}

/// Reads what a client still sends of a request that is refused, as far as a chunk goes: one that is
/// cut off while it writes does not read the answer.
pub(super) async fn drain(body: Body) {
    let mut body = body.into_data_stream();
    let mut drained = 0;
    while let Some(Ok(chunk)) = body.next().await {
        drained += chunk.len();
        if drained > HELD_BYTES {
            return;
        }
    }
}

async fn send_as_they_come(mut appending: Appending, body: Body) -> Result<Appended> {
    let mut body = body.into_data_stream();
    while let Some(chunk) = body.next().await {
        // A body that breaks off is the cut that the protocol is for: what came is kept.
        let Ok(chunk) = chunk else { break };
        if let Err(error) = appending.push(chunk).await {
            appending.give_back().await;
            return Err(problem(error));
        }
    }
    appending.finish(media::accept).await.map_err(problem)
}

/// The bytes of a request that have the hash they must have.
enum Held {
    Memory(Bytes),
    File(tokio::fs::File),
}

async fn hold(body: Body, mut checksum: Checksum) -> Result<Held> {
    let mut body = body.into_data_stream();
    let mut memory = BytesMut::new();
    let mut file: Option<tokio::fs::File> = None;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Error::malformed("the body broke off"))?;
        checksum.update(&chunk);
        memory.extend_from_slice(&chunk);
        if memory.len() >= HELD_BYTES {
            let file = match &mut file {
                Some(file) => file,
                none => none.insert(temporary()?),
            };
            file.write_all(&memory).await.map_err(not_held)?;
            memory.clear();
        }
    }
    checksum.check()?;
    let Some(mut file) = file else {
        return Ok(Held::Memory(memory.freeze()));
    };
    file.write_all(&memory).await.map_err(not_held)?;
    file.rewind().await.map_err(not_held)?;
    Ok(Held::File(file))
}

async fn send_held(mut appending: Appending, held: Held) -> Result<Appended> {
    let sent = match held {
        Held::Memory(bytes) => appending.push(bytes).await,
        Held::File(file) => send_file(&mut appending, file).await,
    };
    match sent {
        Ok(()) => appending.finish(media::accept).await.map_err(problem),
        Err(error) => {
            appending.give_back().await;
            Err(problem(error))
        }
    }
}

async fn send_file(appending: &mut Appending, mut file: tokio::fs::File) -> domain::Result<()> {
    loop {
        let mut chunk = BytesMut::with_capacity(256 * 1024);
        if file.read_buf(&mut chunk).await.map_err(not_held)? == 0 {
            return Ok(());
        }
        appending.push(chunk.freeze()).await?;
    }
}

fn temporary() -> domain::Result<tokio::fs::File> {
    let file = tempfile::tempfile().map_err(not_held)?;
    Ok(tokio::fs::File::from_std(file))
}

fn not_held(error: std::io::Error) -> Error {
    Error::dependency("holding the bytes of a request", error)
}
