//! Sends the parts of a large file to signed URLs, several at once, each again when it fails.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, ETAG};
use serde_json::{Value, json};

use super::source::Opened;
use super::store;
use super::upload::Uploader;
use crate::call::Call;
use crate::client::timeout_for;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::retry;
use crate::views::{self, ArrivedPart, SignedPart, SignedParts, UploadSession};

/// Parts that are signed with one call. Source: the API signs up to 100.
const SIGNED_AT_ONCE: usize = 100;
/// How often a URL of one part is renewed: one that is signed just now and refused is refused for
/// another reason than its age.
const MOST_RENEWALS: u32 = 3;

/// What completes an upload.
#[derive(Debug)]
pub(super) enum Sent {
    /// `[{number, etag}]`, in order.
    Parts(Vec<Value>),
    /// Nothing more: an earlier run had the store join them.
    Joined,
}

/// The parts of one upload session.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    uploader: &'a Uploader<'a>,
    opened: &'a Opened,
    session: UploadSession,
    progress: &'a Progress,
}

impl<'a> Parts<'a> {
    pub(super) const fn new(
        uploader: &'a Uploader<'a>,
        opened: &'a Opened,
        session: UploadSession,
        progress: &'a Progress,
    ) -> Self {
        Self {
            uploader,
            opened,
            session,
            progress,
        }
    }

    /// Sends those that have not arrived.
    pub(super) async fn send(&self) -> Result<Sent> {
        self.check_cover()?;
        if self.is_joined() {
            self.progress.skip(self.opened.size_bytes());
            return Ok(Sent::Joined);
        }
        let mut sent = self.arrived().await?;
        let missing: Vec<u32> = (1..=self.session.part_count)
            .filter(|number| !sent.contains_key(number))
            .collect();
        self.progress
            .skip(sent.keys().map(|&number| self.range(number).1).sum());
        // URLs hold for an hour, so each lot is signed when its turn comes.
        let lots: Vec<Vec<u32>> = missing
            .chunks(SIGNED_AT_ONCE)
            .map(<[u32]>::to_vec)
            .collect();
        let now: Vec<(u32, String)> = futures::stream::iter(lots)
            .then(|lot| self.signed(lot))
            .map_ok(|signed| futures::stream::iter(signed.into_iter().map(Ok::<_, Error>)))
            .try_flatten()
            .map_ok(|part| self.send_part(part))
            .try_buffer_unordered(self.uploader.parts_at_once)
            .try_collect()
            .await?;
        sent.extend(now);
        let mut sent: Vec<(u32, String)> = sent.into_iter().collect();
        sent.sort_unstable_by_key(|(number, _)| *number);
        let parts = sent
            .into_iter()
            .map(|(number, etag)| json!({"number": number, "etag": etag}));
        Ok(Sent::Parts(parts.collect()))
    }

    /// A session whose parts don't add up to the file would store another file.
    fn check_cover(&self) -> Result<()> {
        let size_bytes = self.opened.size_bytes();
        let needed = size_bytes
            .checked_next_multiple_of(self.session.part_size_bytes)
            .map(|covered| covered / self.session.part_size_bytes);
        if needed == Some(u64::from(self.session.part_count)) {
            return Ok(());
        }
        Err(Error::Unexpected {
            what: "beginning an upload".to_owned(),
            detail: format!(
                "{} parts of {} bytes are not the {size_bytes} bytes of the file",
                self.session.part_count, self.session.part_size_bytes
            ),
        })
    }

    /// Says whether the store has made one object of the parts: it lists that as one part.
    fn is_joined(&self) -> bool {
        match self.session.arrived.as_slice() {
            [only] => self.session.part_count > 1 && only.size_bytes == self.opened.size_bytes(),
            _ => false,
        }
    }

    /// Where a part begins and how long it is.
    fn range(&self, number: u32) -> (u64, u64) {
        let offset =
            u64::from(number.saturating_sub(1)).saturating_mul(self.session.part_size_bytes);
        let left = self.opened.size_bytes().saturating_sub(offset);
        (offset, left.min(self.session.part_size_bytes))
    }

    /// Finds the parts that an earlier run sent, and the tags the store gave them.
    ///
    /// A tag is the MD5 of a part unless the bucket is encrypted with a key of its own. Where no
    /// tag of several is, they tell nothing, and the hash of the whole file has to do.
    async fn arrived(&self) -> Result<HashMap<u32, String>> {
        let whole: Vec<&ArrivedPart> = self
            .session
            .arrived
            .iter()
            .filter(|part| (1..=self.session.part_count).contains(&part.number))
            .filter(|part| part.size_bytes == self.range(part.number).1)
            .collect();
        // One whole object was hashed by the store as it came, against the hash in its signature.
        if self.session.part_count == 1 {
            return Ok(tags(&whole));
        }
        let mut same = Vec::new();
        for &part in &whole {
            let (offset, length) = self.range(part.number);
            let md5 = self.opened.md5(offset, length).await?;
            if part.etag.trim_matches('"').eq_ignore_ascii_case(&md5) {
                same.push(part);
            }
        }
        if same.is_empty() && whole.len() > 1 {
            return Ok(tags(&whole));
        }
        Ok(tags(&same))
    }

    /// Returns the signed URLs of a lot: those that came with the session, or new ones.
    async fn signed(&self, numbers: Vec<u32>) -> Result<Vec<SignedPart>> {
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
        self.sign(&numbers).await
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

    /// Sends one part, again when the line breaks, with a new URL when the old one has run out.
    async fn send_part(&self, mut part: SignedPart) -> Result<(u32, String)> {
        let _slot = self.uploader.slots.acquire().await;
        let mut renewals = 0;
        let etag = retry::repeat_piece(async || {
            loop {
                match self.put(&part).await {
                    Err(error) if store::has_run_out(&error) && renewals < MOST_RENEWALS => {
                        renewals += 1;
                        let mut signed = self.sign(&[part.number]).await?;
                        part = signed.swap_remove(0);
                    }
                    // An earlier attempt arrived and only its answer was lost.
                    Err(Error::Storage { status: 412, .. }) => {
                        return self.etag_of_arrived(part.number).await;
                    }
                    other => return other,
                }
            }
        })
        .await?;
        Ok((part.number, etag))
    }

    async fn put(&self, part: &SignedPart) -> Result<String> {
        let (offset, length) = self.range(part.number);
        let sent = Arc::new(AtomicU64::new(0));
        let body = self.body(offset, length, &sent);
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

    fn body(&self, offset: u64, length: u64, sent: &Arc<AtomicU64>) -> reqwest::Body {
        let progress = self.progress.clone();
        let sent = Arc::clone(sent);
        let blocks = self.opened.blocks(offset, length).inspect_ok(move |block| {
            let bytes = block.len() as u64;
            sent.fetch_add(bytes, Ordering::Relaxed);
            progress.advance(bytes);
        });
        reqwest::Body::wrap_stream(blocks)
    }

    async fn etag_of_arrived(&self, number: u32) -> Result<String> {
        let call = Call::get(&["uploads", &self.session.upload_id]);
        let what = call.describe();
        let session: UploadSession = views::read(&what, &self.uploader.client.json(call).await?)?;
        // The event of the object that arrived may have finished the upload by itself.
        if session.state == "committed" {
            return Ok(String::new());
        }
        let mut arrived = session.arrived.into_iter();
        arrived
            .find(|part| part.number == number)
            .map(|part| part.etag)
            .ok_or_else(|| Error::Unexpected {
                what,
                detail: format!("part {number} is said to be there and is not listed"),
            })
    }
}

fn tags(parts: &[&ArrivedPart]) -> HashMap<u32, String> {
    parts
        .iter()
        .map(|part| (part.number, part.etag.clone()))
        .collect()
}
