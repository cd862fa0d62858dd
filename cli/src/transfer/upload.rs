//! Stores a file: small ones in one call, large ones by an upload session.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::parts::Parts;
use super::source::Source;
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

/// What is asked for with the bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) folder: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) expires_in_s: Option<u64>,
    pub(crate) on_conflict: Option<&'static str>,
}

/// Stores files, so many bodies at once.
#[derive(Debug)]
pub(crate) struct Uploader<'a> {
    pub(super) client: &'a Client,
    pub(super) slots: Semaphore,
}

impl<'a> Uploader<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self {
            client,
            slots: Semaphore::new(AT_ONCE),
        }
    }

    /// Stores one file and returns it as the API tells of it.
    pub(crate) async fn store(
        &self,
        source: &Source,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Value> {
        if source.size_bytes <= DIRECT_BYTES {
            self.send_whole(source, wishes, progress).await
        } else {
            self.send_parts(source, wishes, progress).await
        }
    }

    async fn send_whole(
        &self,
        source: &Source,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Value> {
        let _slot = self.slots.acquire().await;
        let bytes = tokio::fs::read(&source.path)
            .await
            .map_err(Error::disk("read", &source.path))?;
        let size_bytes = bytes.len() as u64;
        let digest = Sha256::digest(&bytes);
        let call = Call::post(&["files"])
            .query("name", Some(&source.name))
            .query("folder", wishes.folder.as_ref())
            .query("type", wishes.kind.as_ref())
            .query_each("tag", &wishes.tags)
            .query("expires_in_s", wishes.expires_in_s)
            .query("on_conflict", wishes.on_conflict)
            .header("Content-Type", "application/octet-stream".to_owned())
            .header("Content-Digest", content_digest(&digest))
            .bytes(Bytes::from(bytes));
        let what = call.describe();
        let stored = self.client.json(call).await?;
        progress.advance(size_bytes);
        let file: File = views::read(&what, &stored)?;
        verify(&file, &hex::encode(digest))?;
        Ok(stored)
    }

    async fn send_parts(
        &self,
        source: &Source,
        wishes: &Wishes,
        progress: &Progress,
    ) -> Result<Value> {
        let sha256 = source.sha256().await?;
        let call = Call::post(&["uploads"]).json(session_request(source, wishes, &sha256));
        let what = call.describe();
        let session: UploadSession = views::read(&what, &self.client.json(call).await?)?;
        let id = session.upload_id.clone();
        let sent = Parts::new(self, source, session, progress).send().await;
        let stored = match sent {
            Ok(parts) => {
                let call = Call::post(&["uploads", &id, "complete"]).json(json!({"parts": parts}));
                self.client.json(call).await
            }
            Err(error) => Err(error),
        };
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                self.give_up(&id, &error).await;
                return Err(error);
            }
        };
        let file: File = views::read("completing an upload", &stored)?;
        verify(&file, &sha256)?;
        Ok(stored)
    }

    /// Ends a session that cannot come to a good end, so that its quota is free at once.
    async fn give_up(&self, upload_id: &str, error: &Error) {
        let may_have_worked = matches!(error, Error::Transport { .. } | Error::Unreachable { .. });
        if !may_have_worked {
            // What stays behind is swept later; that it could not be told changes nothing.
            let _ = self
                .client
                .send(Call::delete(&["uploads", upload_id]))
                .await;
        }
    }
}

fn session_request(source: &Source, wishes: &Wishes, sha256: &str) -> Value {
    let mut request = json!({
        "name": source.name,
        "size_bytes": source.size_bytes,
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
fn verify(file: &File, sha256: &str) -> Result<()> {
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
