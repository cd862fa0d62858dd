//! Takes in the bytes of a request: to a file, through the digests, never more than a buffer of them in memory.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3ErrorCode, StdError, TrailingHeaders};

use super::blobs::{BlobId, Blobs, Incoming};
use super::digest::{Algorithm, Digested, Digests, Promise};
use super::fault::{Fault, Result};
use super::store::Store;

/// Bytes gathered before they are written and digested together. An object of up to this size is written, synced and
/// moved in one go.
const BUFFER: usize = 512 * 1024;

/// Largest object or part taken in one request: 5 GiB. Source: S3 quotas.
const MOST_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// All bytes of a request, not yet checked, synced or placed.
pub(super) struct Received {
    writer: Writer,
    rest: Vec<Bytes>,
    promise: Promise,
}

/// A file that is being written, and the digests of what was.
struct Writer {
    blobs: Arc<Blobs>,
    incoming: Option<Incoming>,
    digests: Digests,
}

/// Takes in a body. When this is dropped half-way, what was written is removed.
pub(super) async fn receive(
    store: &Store,
    body: Option<StreamingBlob>,
    mut promise: Promise,
    trailers: Option<TrailingHeaders>,
    also: Option<Algorithm>,
) -> Result<Received> {
    if promise.length > MOST_BYTES {
        return Err(Fault::refused(
            S3ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed object size.",
        ));
    }
    let mut writer = Writer {
        blobs: Arc::clone(store.blobs()),
        incoming: None,
        digests: Digests::for_promise(&promise, also),
    };
    let mut rest = Vec::new();
    let mut buffered = 0;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(broken)?;
            buffered += chunk.len();
            rest.push(chunk);
            if buffered >= BUFFER {
                let chunks = std::mem::take(&mut rest);
                buffered = 0;
                writer = store.blocking(move |_| writer.write(&chunks)).await?;
            }
        }
    }
    if let Some(algorithm) = promise.trailer {
        promise
            .checksums
            .insert(algorithm, promised_after(trailers.as_ref(), algorithm)?);
    }
    Ok(Received {
        writer,
        rest,
        promise,
    })
}

impl Received {
    /// Writes what is left, checks everything and puts the bytes where they stay. Blocks.
    pub(super) fn place(self) -> Result<(BlobId, Digested)> {
        let Writer {
            blobs,
            incoming,
            digests,
        } = self.writer.write(&self.rest)?;
        let digested = digests.finish();
        digested.check(&self.promise)?;
        let incoming = match incoming {
            Some(incoming) => incoming,
            None => blobs.receive()?,
        };
        Ok((blobs.place(incoming)?, digested))
    }
}

impl Writer {
    fn write(mut self, chunks: &[Bytes]) -> Result<Self> {
        for chunk in chunks {
            if self.incoming.is_none() {
                self.incoming = Some(self.blobs.receive()?);
            }
            if let Some(incoming) = &mut self.incoming {
                incoming.write(chunk)?;
            }
            self.digests.update(chunk);
        }
        Ok(self)
    }
}

fn promised_after(trailers: Option<&TrailingHeaders>, algorithm: Algorithm) -> Result<String> {
    trailers
        .and_then(|trailers| {
            trailers.read(|headers| {
                headers
                    .get(algorithm.header())?
                    .to_str()
                    .ok()
                    .map(str::to_owned)
            })
        })
        .flatten()
        .ok_or_else(|| {
            Fault::refused(
                S3ErrorCode::InvalidRequest,
                "The trailing checksum announced is missing.",
            )
        })
}

/// Says why a body ended early. The errors of the layer below are known by their text only.
fn broken(error: StdError) -> Fault {
    let text = error.to_string();
    let mut refusal = if text.contains("Sha256Mismatch") {
        let mut refusal = S3Error::with_message(
            S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()),
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        );
        refusal.set_status_code(http::StatusCode::BAD_REQUEST);
        refusal
    } else if text.contains("SignatureMismatch") {
        S3ErrorCode::SignatureDoesNotMatch.into()
    } else {
        S3Error::with_message(
            S3ErrorCode::IncompleteBody,
            "You did not provide the number of bytes specified by the Content-Length HTTP header.",
        )
    };
    refusal.set_source(error);
    Fault::Refused(refusal)
}
