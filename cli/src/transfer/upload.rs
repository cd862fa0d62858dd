//! Stores a file: small ones in one call, large ones by an upload session.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::parts::{Parts, Sent};
use super::record::{Earlier, Record};
use super::source::{Opened, Source};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::views::{self, File, UploadSession};

/// Most bytes sent in one call. Source: 6 MB is the most a Lambda function is handed, and base64
/// takes a third of it.
pub(crate) const DIRECT_BYTES: u64 = 4 * 1024 * 1024;
/// Bodies on their way at once, whether small files or parts of large ones.
pub(crate) const AT_ONCE: usize = 16;
/// Parts of one file on their way at once, unless told otherwise.
pub(crate) const PARTS_AT_ONCE: usize = 4;

/// What is asked for with the bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) folder: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) expires_in_s: Option<u64>,
    pub(crate) on_conflict: Option<&'static str>,
}

/// A file that is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    /// As the API tells of it.
    pub(crate) value: Value,
    /// The hash of what was sent.
    pub(crate) sha256: String,
}

/// Whether uploads that were interrupted are taken up again.
#[derive(Debug)]
pub(crate) enum Keeping {
    /// Nothing is remembered.
    Nothing,
    /// What an earlier run left is gone on with; its record is in this folder.
    Resume(PathBuf),
    /// What an earlier run left is given up, and so is what fails now.
    Anew(PathBuf),
}

impl Keeping {
    const fn folder(&self) -> Option<&PathBuf> {
        match self {
            Self::Nothing => None,
            Self::Resume(folder) | Self::Anew(folder) => Some(folder),
        }
    }
}

/// Stores files, so many bodies at once.
#[derive(Debug)]
pub(crate) struct Uploader<'a> {
    pub(super) client: &'a Client,
    pub(super) slots: Semaphore,
    pub(super) parts_at_once: usize,
    keeping: Keeping,
}

/// Where an upload begins.
enum Start {
    /// It was finished before: this is its file.
    Finished(Value),
    /// With this session.
    Session(UploadSession),
}

impl<'a> Uploader<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            slots: Semaphore::new(AT_ONCE),
            parts_at_once: PARTS_AT_ONCE,
            keeping: Keeping::Nothing,
        }
    }

    /// Sends so many parts of a file at once.
    pub(crate) fn parallel(mut self, parts_at_once: usize) -> Self {
        self.parts_at_once = parts_at_once;
        self.slots = Semaphore::new(AT_ONCE.max(self.parts_at_once));
        self
    }

    /// Takes uploads up again, or not.
    pub(crate) fn keeping(mut self, keeping: Keeping) -> Self {
        self.keeping = keeping;
        self
    }

    /// Stores one file and returns it.
    pub(crate) async fn store(
        &self,
        source: &Source,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Stored> {
        let opened = source.open()?;
        if opened.size_bytes() <= DIRECT_BYTES {
            self.send_whole(&opened, &source.name, wishes, progress)
                .await
        } else {
            self.send_large(source, &opened, wishes, progress).await
        }
    }

    async fn send_whole(
        &self,
        opened: &Opened,
        name: &str,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Stored> {
        let _slot = self.slots.acquire().await;
        let bytes = opened.whole().await?;
        let size_bytes = bytes.len() as u64;
        let digest = Sha256::digest(&bytes);
        let call = Call::post(&["files"])
            .query("name", Some(name))
            .query("folder", wishes.folder.as_ref())
            .query("type", wishes.kind.as_ref())
            .query_each("tag", &wishes.tags)
            .query("expires_in_s", wishes.expires_in_s)
            .query("on_conflict", wishes.on_conflict)
            .header("Content-Type", "application/octet-stream".to_owned())
            .header("Content-Digest", content_digest(&digest))
            .bytes(bytes);
        let what = call.describe();
        let value = self.client.json(call).await?;
        progress.advance(size_bytes);
        let file: File = views::read(&what, &value)?;
        let sha256 = hex::encode(digest);
        verify(&file, &sha256)?;
        Ok(Stored { value, sha256 })
    }

    async fn send_large(
        &self,
        source: &Source,
        opened: &Opened,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Stored> {
        let mut record = match self.keeping.folder() {
            Some(folder) => Some(Record::open(
                folder,
                self.client,
                source,
                wishes.folder.as_deref(),
            )?),
            None => None,
        };
        let sha256 = opened.sha256().await?;
        let request = session_request(&source.name, opened.size_bytes(), wishes, &sha256);
        let result = self
            .send_session(opened, &request, record.as_mut(), progress)
            .await;
        match result {
            Ok(value) => {
                if let Some(record) = record {
                    record.forget()?;
                }
                let file: File = views::read("completing an upload", &value)?;
                verify(&file, &sha256)?;
                Ok(Stored { value, sha256 })
            }
            Err(error) => {
                // While its session may be open, the next run is to find it, to go on or to end it.
                if let Some(record) = record
                    && !self.is_kept(&error)
                    && !may_have_worked(&error)
                {
                    record.forget()?;
                }
                Err(error)
            }
        }
    }

    /// Finishes what an earlier run left, or begins anew; returns the file.
    async fn send_session(
        &self,
        opened: &Opened,
        request: &Value,
        mut record: Option<&mut Record>,
        progress: &Progress,
    ) -> Result<Value> {
        let earlier = record.as_ref().and_then(|record| record.earlier());
        if let Some(earlier) = earlier {
            match self.take_up(&earlier, request).await? {
                Some(Start::Finished(file)) => {
                    progress.skip(opened.size_bytes());
                    return Ok(file);
                }
                Some(Start::Session(session)) => {
                    if let (None, Some(record)) = (&earlier.upload_id, record.as_deref_mut()) {
                        record.begin(&session.upload_id)?;
                    }
                    match self.finish(opened, session, progress).await {
                        // It ended meanwhile; a new one does not.
                        Err(Error::Problem(problem)) if matches!(problem.status, 404 | 410) => {}
                        done => return done,
                    }
                }
                None => {}
            }
        }
        let session = self.begin(request, record).await?;
        self.finish(opened, session, progress).await
    }

    /// Looks at what an earlier run left: something to go on with, or nothing any more.
    async fn take_up(&self, earlier: &Earlier, request: &Value) -> Result<Option<Start>> {
        let id = match &earlier.upload_id {
            Some(id) => id.clone(),
            // Asked again under the same key, the server answers with the session it began then.
            None => match self.ask(earlier.idempotency_key, &earlier.request).await {
                Ok(session) => session.upload_id,
                Err(Error::Problem(problem)) if is_refusal(problem.status) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        let call = Call::get(&["uploads", &id]);
        let what = call.describe();
        let session: UploadSession = match self.client.json(call).await {
            Ok(session) => views::read(&what, &session)?,
            Err(Error::Problem(problem)) if matches!(problem.status, 404 | 410) => return Ok(None),
            Err(error) => return Err(error),
        };
        let is_same = earlier.request == *request && matches!(self.keeping, Keeping::Resume(_));
        match (session.state.as_str(), &session.file_id) {
            ("open", _) if is_same => Ok(Some(Start::Session(session))),
            ("open", _) => {
                self.abort(&id).await?;
                Ok(None)
            }
            ("committed", Some(file)) if is_same => self.finished(file, request).await,
            _ => Ok(None),
        }
    }

    /// Returns the file that an earlier run made, if it is still as it was made.
    async fn finished(&self, id: &str, request: &Value) -> Result<Option<Start>> {
        let call = Call::get(&["files", id]);
        let what = call.describe();
        let value = match self.client.json(call).await {
            Ok(value) => value,
            Err(Error::Problem(problem)) if matches!(problem.status, 404 | 410) => return Ok(None),
            Err(error) => return Err(error),
        };
        let file: File = views::read(&what, &value)?;
        let is_there = file.state.as_deref() != Some("trashed")
            && request["size_bytes"] == file.size_bytes
            && file
                .sha256
                .as_ref()
                .is_none_or(|sha256| request["sha256"] == **sha256);
        Ok(is_there.then_some(Start::Finished(value)))
    }

    /// Begins a session, on record before it is asked for.
    async fn begin(&self, request: &Value, record: Option<&mut Record>) -> Result<UploadSession> {
        let key = Uuid::new_v4();
        let Some(record) = record else {
            return self.ask(key, request).await;
        };
        record.ask(key, request)?;
        let session = self.ask(key, request).await?;
        record.begin(&session.upload_id)?;
        Ok(session)
    }

    async fn ask(&self, idempotency_key: Uuid, request: &Value) -> Result<UploadSession> {
        let mut call = Call::post(&["uploads"]).json(request.clone());
        call.idempotency_key = Some(idempotency_key);
        let what = call.describe();
        views::read(&what, &self.client.json(call).await?)
    }

    /// Sends what is missing of a session and completes it.
    async fn finish(
        &self,
        opened: &Opened,
        session: UploadSession,
        progress: &Progress,
    ) -> Result<Value> {
        let id = session.upload_id.clone();
        let sent = Parts::new(self, opened, session, progress).send().await;
        let done = match sent.and_then(|sent| opened.check_unchanged().map(|()| sent)) {
            Ok(sent) => self.complete(&id, sent).await,
            Err(error) => Err(error),
        };
        if let Err(error) = &done {
            self.give_up(&id, error).await;
        }
        done
    }

    async fn complete(&self, id: &str, sent: Sent) -> Result<Value> {
        let parts = match sent {
            Sent::Parts(parts) => parts,
            Sent::Joined => Vec::new(),
        };
        let call = Call::post(&["uploads", id, "complete"]).json(json!({"parts": parts}));
        self.client.json(call).await
    }

    /// Ends a session that cannot come to a good end, so that its quota is free at once.
    async fn give_up(&self, upload_id: &str, error: &Error) {
        if !self.is_kept(error) && !may_have_worked(error) {
            // What stays behind is swept later; that it could not be told changes nothing.
            let _ = self.abort(upload_id).await;
        }
    }

    /// Says whether what failed is left to be gone on with.
    fn is_kept(&self, error: &Error) -> bool {
        matches!(self.keeping, Keeping::Resume(_)) && can_go_on(error)
    }

    async fn abort(&self, upload_id: &str) -> Result<()> {
        let call = Call::delete(&["uploads", upload_id]);
        match self.client.send(call).await {
            Ok(_) => Ok(()),
            // It ended by itself meanwhile, one way or the other.
            Err(Error::Problem(problem)) if matches!(problem.status, 404 | 409 | 410) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Says whether the server may have done what was asked, and only its answer was lost.
const fn may_have_worked(error: &Error) -> bool {
    matches!(error, Error::Transport { .. } | Error::Unreachable { .. })
}

/// Says whether the same upload may still succeed later: the server was away, a credential ran
/// out, someone ended it.
fn can_go_on(error: &Error) -> bool {
    match error {
        Error::Transport { .. }
        | Error::Unreachable { .. }
        | Error::Unexpected { .. }
        | Error::Disk { .. }
        | Error::Ended(_) => true,
        Error::Storage { status, .. } => matches!(status, 403 | 408 | 409 | 429 | 500..),
        Error::Problem(problem) => !is_refusal(problem.status),
        Error::Usage(_) | Error::Output(_) | Error::Runtime(_) | Error::Failed { .. } => false,
    }
}

/// Says whether a status is about what was asked, and not about when or by whom.
fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 404 | 409 | 410 | 412..=422 | 507)
}

fn session_request(name: &str, size_bytes: u64, wishes: &Wishes, sha256: &str) -> Value {
    let mut request = json!({
        "name": name,
        "size_bytes": size_bytes,
        "sha256": sha256,
        "tags": wishes.tags,
    });
    let optional = [
        ("folder", wishes.folder.clone().map(Value::from)),
        ("type", wishes.kind.clone().map(Value::from)),
        ("expires_in_s", wishes.expires_in_s.map(Value::from)),
        ("on_conflict", wishes.on_conflict.map(Value::from)),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            request[name] = value;
        }
    }
    request
}

/// The value of the header `Content-Digest`. Source: RFC 9530, section 2.
fn content_digest(sha256: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256))
}

/// Checks that what was stored is what was sent, where the server knows already.
pub(crate) fn verify(file: &File, sha256: &str) -> Result<()> {
    match &file.sha256 {
        Some(stored) if !stored.eq_ignore_ascii_case(sha256) => Err(Error::failed(
            "what was stored is not what was sent",
            format!(
                "File {} has SHA-256 {stored}, sent was {sha256}. Delete it and put it again.",
                file.id
            ),
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_header_is_as_the_rfc_writes_it() {
        // RFC 9530, appendix B.1: the digest of {"hello": "world"} and a line break.
        assert_eq!(
            content_digest(&Sha256::digest("{\"hello\": \"world\"}\n")),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
    }

    #[test]
    fn what_may_still_succeed_is_kept_and_what_is_refused_is_not() {
        let storage = |status| Error::Storage {
            status,
            detail: String::new(),
        };
        let problem = |status| {
            let raw = json!({"title": "no", "status": status});
            Error::Problem(Box::new(views::Problem::read(&raw)))
        };

        for status in [401, 403, 423, 429, 500, 503] {
            assert!(can_go_on(&problem(status)), "{status}");
        }
        for status in [400, 404, 409, 410, 413, 415, 422, 507] {
            assert!(!can_go_on(&problem(status)), "{status}");
        }
        assert!(can_go_on(&storage(503)));
        assert!(!can_go_on(&storage(400)));
        assert!(!can_go_on(&Error::failed("changed", "")));
    }

    #[test]
    fn other_bytes_than_sent_are_noticed() {
        let file = |sha256: Value| -> File {
            views::read(
                "a test",
                &json!({
                    "id": "1", "name": "a", "status": "pending", "size_bytes": 1, "version": 1,
                    "sha256": sha256,
                }),
            )
            .unwrap()
        };

        assert!(verify(&file(json!("AB")), "ab").is_ok());
        assert!(verify(&file(json!(null)), "ab").is_ok());
        assert!(verify(&file(json!("cd")), "ab").is_err());
    }
}
