//! Files whose bytes we hold: begun, written and committed by one request, which may be repeated.

use bytes::Bytes;
use domain::file::{Content, File, Origin};
use domain::upload::{Upload, UploadState};
use domain::{Error, FileId, Kind, Result, Retry, WorkspaceId};
use tracing::warn;

use crate::Store;
use crate::blob::ObjectKey;
use crate::commit::{Committed, Committing, Restored, Written, missed};
use crate::table::busy;
use crate::upload::{Beginning, Begun};

/// How often a request is made anew whose session another one like it has aborted meanwhile.
const TRIES: u32 = 8;

/// What storing bytes came to.
#[derive(Debug)]
pub enum Stored {
    /// They are a version of this file now.
    Now(Box<File>),
    /// They became a version when the request was made before.
    Before {
        /// The file.
        file: FileId,
        /// The version's number.
        version: u32,
    },
}

impl Store {
    /// Makes bytes a version of a file. `beginning` says what they are: their size, their hash and
    /// their media type.
    ///
    /// A request that can be repeated and failed goes on where it stopped when it comes again; one
    /// that cannot, or would fail again, gives back what it had reserved, and is done anew when it
    /// comes again.
    ///
    /// # Errors
    /// Those of [`Store::begin_upload`] and [`Store::commit_upload`]; `Conflict` when a request that
    /// is repeated has other bytes than the first time.
    pub async fn store_bytes(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
        bytes: Bytes,
        origin: Origin,
    ) -> Result<Stored> {
        self.store_restored(workspace, beginning, bytes, (origin, None))
            .await
    }

    /// Makes bytes a version of a file, which gets what it had where it comes from.
    ///
    /// # Errors
    /// Those of [`Store::store_bytes`]; `PreconditionFailed` when it is to be a version of a file that
    /// no longer has its name.
    pub(crate) async fn store_restored(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
        bytes: Bytes,
        from: (Origin, Option<&Restored>),
    ) -> Result<Stored> {
        let is_repeatable = beginning.repeatable.is_some();
        for _ in 0..TRIES {
            let stored = self.store_once(workspace, beginning.clone(), bytes.clone(), from);
            match stored.await {
                // The same request, made at the same time, was refused and aborted their session.
                Err(Error::Gone {
                    kind: Kind::Upload, ..
                }) if is_repeatable => {}
                stored => return stored,
            }
        }
        Err(busy("the same request is being made"))
    }

    async fn store_once(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
        bytes: Bytes,
        from: (Origin, Option<&Restored>),
    ) -> Result<Stored> {
        let is_repeatable = beginning.repeatable.is_some();
        let sha256 = beginning.sha256;
        let upload = match self.begin_upload(workspace, beginning).await? {
            Begun::New(upload) => upload,
            Begun::Before(upload) => match upload.state {
                UploadState::Committed { file, version } => {
                    return Ok(Stored::Before { file, version });
                }
                UploadState::Aborted { refused } => return Err(crate::commit::aborted(refused)),
                // The first request stopped half-way; the same bytes go to the same place.
                UploadState::Open if upload.sha256 == sha256 => upload,
                UploadState::Open => return Err(other_bytes()),
            },
        };
        let result = self.write_and_commit(workspace, &upload, bytes, from).await;
        if let Err(error) = &result {
            // The sweep ends what nobody goes on with.
            let goes_on = is_repeatable && error.retry() == Retry::Later;
            if !goes_on && let Err(error) = self.abort_upload(workspace, &upload).await {
                warn!(upload.id = %upload.id, %error, "an upload was not aborted");
            }
        }
        result.map(|file| Stored::Now(Box::new(file)))
    }

    async fn write_and_commit(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        bytes: Bytes,
        (origin, restored): (Origin, Option<&Restored>),
    ) -> Result<File> {
        let content_type = upload.content_type.clone().unwrap_or_default();
        let content = Content {
            blob: upload.blob,
            size_bytes: upload.size_bytes,
            content_type,
            sha256: upload.sha256,
            promised_sha256: None,
        };
        let committing = Committing::new(upload, &content, origin).restoring(restored);
        // Bytes that the workspace has already are not written again, unless they go meanwhile.
        let sharing = self.sharing(workspace, upload.blob, &content).await?;
        let sharing = if sharing.blob().is_none() {
            sharing
        } else {
            match self
                .commit(workspace, committing, sharing, Written::No)
                .await?
            {
                Committed::Done(file) => return Ok(*file),
                Committed::Unwritten(sharing) => sharing,
            }
        };
        let key = ObjectKey::Blob(workspace.clone(), upload.blob);
        self.blobs
            .create(&key, bytes, &content.content_type)
            .await?;
        match self
            .commit(workspace, committing, sharing, Written::Yes)
            .await?
        {
            Committed::Done(file) => Ok(*file),
            Committed::Unwritten(_) => Err(missed()),
        }
    }
}

/// What is made by a template follows from the template too, and that can change in between.
fn other_bytes() -> Error {
    Error::Conflict {
        code: "content_changed",
        detail: "what this request makes has changed since it was first made: \
                 use a new Idempotency-Key"
            .to_owned(),
    }
}
