//! Sends the parts of a large file to signed URLs, several at once, each again when it fails.

use std::io::SeekFrom;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, ETAG};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::source::Source;
use super::store;
use super::upload::Uploader;
use crate::call::Call;
use crate::client::timeout_for;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::retry;
use crate::views::{self, SignedPart, SignedParts, UploadSession};

/// Parts of one file on their way at once.
const AT_ONCE: usize = 4;
/// Parts that are signed with one call. Source: the API signs up to 100.
const SIGNED_AT_ONCE: usize = 100;
/// How much of a part is read at a time.
const BLOCK_BYTES: usize = 128 * 1024;

/// The parts of one upload session.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    uploader: &'a Uploader<'a>,
    source: &'a Source,
    session: UploadSession,
    progress: &'a Progress,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(
        uploader: &'a Uploader<'a>,
        source: &'a Source,
        session: UploadSession,
        progress: &'a Progress,
    ) -> Self {
        Self {
            uploader,
            source,
            session,
            progress,
        }
    }

    /// Sends them all and returns what completes the upload: `[{number, etag}]`, in order.
    pub(crate) async fn send(&self) -> Result<Vec<Value>> {
        self.check_cover()?;
        let numbers: Vec<u32> = (1..=self.session.part_count).collect();
        let mut sent = Vec::with_capacity(numbers.len());
        // URLs hold for minutes, so each lot is signed when its turn comes.
        for lot in numbers.chunks(SIGNED_AT_ONCE) {
            let signed = self.signed(lot).await?;
            let lot: Vec<(u32, Value)> = futures::stream::iter(signed)
                .map(|part| self.send_part(part))
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            sent.extend(lot);
        }
        sent.sort_unstable_by_key(|(number, _)| *number);
        Ok(sent.into_iter().map(|(_, part)| part).collect())
    }

    /// A session whose parts don't add up to the file would store another file.
    fn check_cover(&self) -> Result<()> {
        let needed = self
            .source
            .size_bytes
            .checked_next_multiple_of(self.session.part_size_bytes)
            .map(|covered| covered / self.session.part_size_bytes);
        if needed == Some(u64::from(self.session.part_count)) {
            return Ok(());
        }
        Err(Error::Unexpected {
            what: "beginning an upload".to_owned(),
            detail: format!(
                "{} parts of {} bytes are not the {} bytes of the file",
                self.session.part_count, self.session.part_size_bytes, self.source.size_bytes
            ),
        })
    }

    /// Returns the signed URLs of a lot: those that came with the session, or new ones.
    async fn signed(&self, numbers: &[u32]) -> Result<Vec<SignedPart>> {
        let known: Vec<SignedPart> = self
            .session
            .parts
            .iter()
            .filter(|part| numbers.contains(&part.number))
            .cloned()
            .collect();
        if known.len() == numbers.len() {
            return Ok(known);
        }
        self.sign(numbers).await
    }

    async fn sign(&self, numbers: &[u32]) -> Result<Vec<SignedPart>> {
        let call = Call::post(&["uploads", &self.session.upload_id, "parts"])
            .json(json!({"numbers": numbers}));
        let what = call.describe();
        let signed: SignedParts = views::read(&what, &self.uploader.client.json(call).await?)?;
        if numbers
            .iter()
            .all(|number| signed.parts.iter().any(|part| part.number == *number))
        {
            Ok(signed.parts)
        } else {
            Err(Error::Unexpected {
                what,
                detail: "it doesn't sign every part that was asked for".to_owned(),
            })
        }
    }

    /// Sends one part, again when the line breaks, with a new URL when the old one has expired.
    async fn send_part(&self, mut part: SignedPart) -> Result<(u32, Value)> {
        let _slot = self.uploader.slots.acquire().await;
        let mut renewed = false;
        let etag = retry::repeat(async || match self.put(&part).await {
            Err(Error::Storage { status: 403, .. }) if !renewed => {
                renewed = true;
                let mut signed = self.sign(&[part.number]).await?;
                part = signed.swap_remove(0);
                self.put(&part).await
            }
            // An earlier attempt arrived and only its answer was lost.
            Err(Error::Storage { status: 412, .. }) => self.etag_of_arrived(part.number).await,
            other => other,
        })
        .await?;
        Ok((part.number, json!({"number": part.number, "etag": etag})))
    }

    async fn put(&self, part: &SignedPart) -> Result<String> {
        let offset = u64::from(part.number.saturating_sub(1)) * self.session.part_size_bytes;
        let length = self
            .session
            .part_size_bytes
            .min(self.source.size_bytes.saturating_sub(offset));
        let sent = Arc::new(AtomicU64::new(0));
        let body = self.body(offset, length, &sent).await?;
        let mut request = self.uploader.client.signed(Method::PUT, &part.url)?;
        for (name, value) in &part.headers {
            request = request.header(name, value);
        }
        if !part
            .headers
            .keys()
            .any(|name| name.eq_ignore_ascii_case("content-length"))
        {
            request = request.header(CONTENT_LENGTH, length);
        }
        let answer = store::send(
            request.body(body),
            "sending a part",
            Some(timeout_for(length)),
        )
        .await
        .inspect_err(|_| self.progress.take_back(sent.load(Ordering::Relaxed)))?;
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok());
        etag.map(str::to_owned).ok_or_else(|| Error::Unexpected {
            what: "sending a part".to_owned(),
            detail: "the object store names no ETag".to_owned(),
        })
    }

    /// Reads a part as it is sent, so that a part of any size takes little memory.
    async fn body(&self, offset: u64, length: u64, sent: &Arc<AtomicU64>) -> Result<reqwest::Body> {
        let failed = |source| Error::Disk {
            action: "read",
            path: self.source.path.clone(),
            source,
        };
        let mut file = tokio::fs::File::open(&self.source.path)
            .await
            .map_err(failed)?;
        file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
        let progress = self.progress.clone();
        let sent = Arc::clone(sent);
        let blocks =
            ReaderStream::with_capacity(file.take(length), BLOCK_BYTES).inspect_ok(move |block| {
                let bytes = block.len() as u64;
                sent.fetch_add(bytes, Ordering::Relaxed);
                progress.advance(bytes);
            });
        Ok(reqwest::Body::wrap_stream(blocks))
    }

    async fn etag_of_arrived(&self, number: u32) -> Result<String> {
        let call = Call::get(&["uploads", &self.session.upload_id]);
        let what = call.describe();
        let session = self.uploader.client.json(call).await?;
        let parts = session["parts"].as_array().into_iter().flatten();
        let mut arrived = parts.filter(|part| part["number"] == number);
        let etag = arrived.find_map(|part| part["etag"].as_str());
        etag.map(str::to_owned).ok_or_else(|| Error::Unexpected {
            what,
            detail: format!("part {number} is said to be there and is not listed"),
        })
    }
}
