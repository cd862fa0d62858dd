//! Finishing an upload whose bytes went straight to S3. Done by whoever comes first: the client
//! that says complete, or the S3 event of one that never does.

use domain::file::{Content, File, Origin};
use domain::upload::{Plan, Upload, UploadState};
use domain::{Error, Result, WorkspaceId};

use crate::Store;
use crate::blob::{Completed, ObjectHead, ObjectKey, StoredPart};
use crate::commit::aborted;

/// How many first bytes tell what a file is.
pub(crate) const HEAD_BYTES: u64 = 8 * 1024;

/// A part as a client names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// From 1.
    pub number: u32,
    /// S3's tag of it.
    pub etag: String,
}

/// Tells the media type of a file by its first bytes, its name and what the client declared, or
/// refuses it.
pub type Accept = fn(&[u8], &str, Option<&str>) -> Result<String>;

impl Store {
    /// Makes the bytes of an open upload that are in S3 a version of a file.
    ///
    /// # Errors
    /// `Conflict` when bytes are missing or are not as many as was said; `RefusedType`, and the
    /// upload is aborted; the errors of [`Store::commit_upload`].
    pub async fn finish_upload(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        given: Vec<Given>,
        accept: Accept,
    ) -> Result<File> {
        match self.finish_open(workspace, upload, given, accept).await {
            Ok(file) => Ok(file),
            Err(Error::RefusedType { media_type }) => {
                self.refuse_upload(workspace, upload, &media_type).await?;
                Err(Error::RefusedType { media_type })
            }
            // Whoever came first may have finished it, or refused it and removed its bytes.
            Err(error) => match self.upload(workspace, upload.id).await?.state {
                UploadState::Open => Err(error),
                UploadState::Committed { file, .. } => self.file(workspace, file).await,
                UploadState::Aborted { refused } => Err(aborted(refused)),
            },
        }
    }

    async fn finish_open(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        given: Vec<Given>,
        accept: Accept,
    ) -> Result<File> {
        if let Plan::Tus(_) = upload.plan {
            return Err(sent_by_tus());
        }
        let key = ObjectKey::Blob(workspace.clone(), upload.blob);
        if let Some(multipart_id) = &upload.multipart_id {
            self.join_parts(&key, upload, multipart_id, given).await?;
        }
        let head = self
            .blobs
            .head(&key)
            .await?
            .ok_or_else(|| incomplete("no bytes have arrived: PUT them to the signed URL"))?;
        self.commit_object(workspace, upload, &key, &head, accept)
            .await
    }

    async fn commit_object(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        key: &ObjectKey,
        head: &ObjectHead,
        accept: Accept,
    ) -> Result<File> {
        // A signed URL carries the length, so this is a client that went around it.
        if head.size_bytes != upload.size_bytes {
            return Err(incomplete(&format!(
                "{} bytes have arrived and {} were announced: abort the upload and begin a new one",
                head.size_bytes, upload.size_bytes
            )));
        }
        let first = self.blobs.read_head(key, HEAD_BYTES).await?;
        let content_type = accept(
            &first,
            upload.intent.name.as_str(),
            upload.content_type.as_deref(),
        )?;
        // S3 checked the hash of a single PUT that was signed with one.
        let verified = head.sha256.filter(|_| upload.multipart_id.is_none());
        let content = Content {
            blob: upload.blob,
            size_bytes: upload.size_bytes,
            content_type,
            sha256: verified,
            promised_sha256: upload.sha256.filter(|promised| verified != Some(*promised)),
        };
        self.commit_upload(workspace, upload, &content, Origin::Uploaded)
            .await
    }

    /// Makes an object of the parts, unless that was done before.
    async fn join_parts(
        &self,
        key: &ObjectKey,
        upload: &Upload,
        multipart_id: &str,
        given: Vec<Given>,
    ) -> Result<()> {
        let Some(stored) = self.blobs.parts(key, multipart_id).await? else {
            // Completed before, by a request whose answer was lost.
            return Ok(());
        };
        check_parts(upload, &stored, &given)?;
        let parts: Vec<(u32, String)> = stored
            .into_iter()
            .map(|part| (part.number, part.etag))
            .collect();
        match self
            .blobs
            .complete_multipart(key, multipart_id, &parts)
            .await?
        {
            Completed::Done | Completed::Unknown => Ok(()),
        }
    }
}

/// Checks that every part is there, has its size, and is the one the client means.
fn check_parts(upload: &Upload, stored: &[StoredPart], given: &[Given]) -> Result<()> {
    let most = usize::try_from(upload.plan.part_count()).unwrap_or(usize::MAX);
    if given.len() > most {
        return Err(Error::invalid(
            "/parts",
            format!("this upload has {most} parts"),
        ));
    }
    for number in 1..=upload.plan.part_count() {
        let size_bytes = upload.plan.size_of_part(number, upload.size_bytes)?;
        let part = stored.iter().find(|part| part.number == number);
        if part.is_none_or(|part| part.size_bytes != size_bytes) {
            return Err(incomplete(&format!(
                "part {number} of {} has not arrived whole: GET the upload, send what is missing, and complete again",
                upload.plan.part_count()
            )));
        }
    }
    for (position, part) in given.iter().enumerate() {
        let same = stored
            .iter()
            .any(|stored| stored.number == part.number && bare(&stored.etag) == bare(&part.etag));
        if !same {
            return Err(Error::invalid(
                format!("/parts/{position}"),
                format!(
                    "part {} in S3 is not the one named here: send it again",
                    part.number
                ),
            ));
        }
    }
    Ok(())
}

/// The answer to who treats a tus upload as one that goes straight to S3.
pub fn sent_by_tus() -> Error {
    Error::Conflict {
        code: "tus_upload",
        detail: "this upload is sent through /v1/tus: its last byte finishes it".to_owned(),
    }
}

/// A tag without the quotes that some clients drop.
fn bare(etag: &str) -> &str {
    etag.trim_matches('"')
}

fn incomplete(detail: &str) -> Error {
    Error::Conflict {
        code: "incomplete",
        detail: detail.to_owned(),
    }
}
