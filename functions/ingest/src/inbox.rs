//! Takes in an object dropped under `inbox/{workspace}/`: it becomes a file, and leaves the inbox.
//!
//! The session's Idempotency-Key is the object itself (path, `ETag` and when it was written), so an
//! event that comes twice takes it in once, and an object written there later is a new file.

use domain::file::{Content, File, Origin, Writer};
use domain::name::{FileName, FolderPath};
use domain::tag::Tags;
use domain::upload::{
    Intent, MAX_SINGLE_PUT_BYTES, OnConflict, Plan, SESSION_LIFETIME, Upload, UploadState,
};
use domain::{Error, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use store::blob::{ObjectHead, ObjectKey};
use store::idempotency::Repeatable;
use store::upload::{Beginning, Begun};
use tracing::{info, warn};

use crate::State;

/// Who owns what comes from the inbox: whoever may write to the bucket, which is no principal.
const OWNER: &str = "inbox";

/// How many first bytes tell what a file is.
const HEAD_BYTES: u64 = 8 * 1024;

/// Takes in an object, if it is still there.
pub(crate) async fn take(state: &State, workspace: WorkspaceId, rest: &str) -> Result<()> {
    let from = ObjectKey::Inbox(workspace.clone(), rest.to_owned());
    let Some(head) = state.store.blobs.head(&from).await? else {
        return Ok(());
    };
    if rest.ends_with('/') {
        // What consoles make to show an empty folder.
        return Ok(());
    }
    let Some((folder, name)) = place(rest) else {
        warn!("an object of the inbox has no valid name and stays there");
        return Ok(());
    };
    if head.size_bytes > MAX_SINGLE_PUT_BYTES {
        warn!(
            head.size_bytes,
            "an object of the inbox is too large and stays there"
        );
        return Ok(());
    }
    let intent = Intent {
        name,
        folder,
        document_type: None,
        tags: Tags::default(),
        expires_in: None,
        on_conflict: OnConflict::Rename,
        owner: OWNER.to_owned(),
    };
    match import(state, &workspace, &from, &head, intent).await {
        Ok(file) => {
            info!(file.id = %file.id, "took in an object of the inbox");
            // New bytes may have been dropped there since: those stay, for the event of their own.
            state.store.blobs.delete_unchanged(&from, &head.etag).await
        }
        // Trying again changes nothing; the object stays for a person to see.
        Err(
            error @ (Error::QuotaExceeded { .. }
            | Error::RefusedType { .. }
            | Error::Conflict { .. }
            // Its event came before: it was refused then, or its file is deleted by now.
            | Error::Gone { .. }),
        ) => {
            warn!(
                error = error.for_log(),
                "an object of the inbox was not taken in"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Splits the path in the inbox into folder and name.
fn place(rest: &str) -> Option<(FolderPath, FileName)> {
    let (folder, name) = rest.rsplit_once('/').unwrap_or(("", rest));
    Some((folder.parse().ok()?, name.parse().ok()?))
}

async fn import(
    state: &State,
    workspace: &WorkspaceId,
    from: &ObjectKey,
    head: &ObjectHead,
    intent: Intent,
) -> Result<File> {
    let store = &state.store;
    let first = store.blobs.read_head(from, HEAD_BYTES).await?;
    let content_type =
        extract::media::accept(&first, intent.name.as_str(), head.content_type.as_deref())?;
    let identity = identity(from, head);
    let beginning = Beginning {
        intent,
        size_bytes: head.size_bytes,
        content_type: Some(content_type),
        sha256: None,
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable: Some(Repeatable {
            principal: OWNER.to_owned(),
            key: identity,
            request: identity,
        }),
    };
    let upload = match store.begin_upload(workspace, beginning).await? {
        Begun::New(upload) => upload,
        Begun::Before(upload) => match upload.state {
            UploadState::Open => upload,
            UploadState::Committed { file, .. } => return store.file(workspace, file).await,
            UploadState::Aborted => return Err(store::commit::aborted()),
        },
    };
    if let Err(error) = copy(state, workspace, from, &head.etag, &upload).await {
        // An object that is there no more, or another one by now, does not come again.
        if matches!(error, Error::NotFound { .. } | Error::Busy { .. }) {
            give_up(state, workspace, &upload).await;
        }
        return Err(error);
    }
    let committed = commit(state, workspace, &upload).await;
    // Nobody goes on with what found no place.
    if matches!(committed, Err(Error::Conflict { .. })) {
        give_up(state, workspace, &upload).await;
    }
    committed
}

/// Names one object for good: the same event again names the same, a new object another.
fn identity(from: &ObjectKey, head: &ObjectHead) -> Sha256 {
    let written_at = head.written_at.map(Timestamp::as_second);
    let name = format!("{}\n{}\n{written_at:?}", from.path(), head.etag);
    Sha256::of(name.as_bytes())
}

async fn copy(
    state: &State,
    workspace: &WorkspaceId,
    from: &ObjectKey,
    etag: &str,
    upload: &Upload,
) -> Result<()> {
    let to = ObjectKey::Blob(workspace.clone(), upload.blob);
    let content_type = upload.content_type.as_deref().unwrap_or_default();
    state.store.blobs.copy(from, etag, &to, content_type).await
}

/// Returns the quota of a session that nobody goes on with.
async fn give_up(state: &State, workspace: &WorkspaceId, upload: &Upload) {
    if let Err(error) = state.store.abort_upload(workspace, upload).await {
        // The sweep ends it when its time is up.
        warn!(upload.id = %upload.id, error = error.for_log(), "an upload was not aborted");
    }
}

async fn commit(state: &State, workspace: &WorkspaceId, upload: &Upload) -> Result<File> {
    let content = Content {
        blob: upload.blob,
        size_bytes: upload.size_bytes,
        content_type: upload.content_type.clone().unwrap_or_default(),
        sha256: None,
        promised_sha256: None,
    };
    state
        .store
        .commit_upload(workspace, upload, &content, Origin::Imported)
        .await
}
