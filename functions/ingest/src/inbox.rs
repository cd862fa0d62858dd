//! Takes in an object dropped under `inbox/{workspace}/`: it becomes a file, and leaves the inbox, or
//! it is refused, stays and is listed.
//!
//! The session's Idempotency-Key is the object itself (path, `ETag` and when it was written), so an
//! event that comes twice takes it in once, and an object written there later is a new file.

use domain::file::{Content, Failure, File, Origin, Writer};
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
use store::work::WorkItem;
use tracing::{info, warn};
use uuid::Uuid;

use crate::State;

/// Who owns what comes from the inbox: whoever may write to the bucket, which is no principal.
const OWNER: &str = "inbox";

/// How many first bytes tell what a file is.
const HEAD_BYTES: u64 = 8 * 1024;

/// Takes in an object that was written, if it is still there. One that is refused stays, and is
/// listed.
pub(crate) async fn take(state: &State, workspace: WorkspaceId, path: &str) -> Result<()> {
    let store = &state.store;
    match look_at(state, &workspace, path, None).await? {
        Looked::TakenIn => store.forget_refusal(&workspace, path).await,
        Looked::Nothing => Ok(()),
        Looked::Refused(failure) => {
            warn!(
                code = failure.code,
                "an object of the inbox was not taken in"
            );
            store.refuse_object(&workspace, path, &failure).await
        }
    }
}

/// Takes in an object that was refused before, or whose event was lost.
pub(crate) async fn take_again(state: &State, item: &WorkItem, path: &str) -> Result<()> {
    let store = &state.store;
    let workspace = &item.work.workspace;
    match look_at(state, workspace, path, Some(item.asked)).await? {
        Looked::TakenIn | Looked::Nothing => store.finish(item).await,
        Looked::Refused(failure) => store.give_up(item, failure).await,
    }
}

/// What looking at an object came to.
enum Looked {
    /// It is a file now.
    TakenIn,
    /// It is not there, or there is nothing to do about it.
    Nothing,
    /// It stays where it is.
    Refused(Failure),
}

async fn look_at(
    state: &State,
    workspace: &WorkspaceId,
    path: &str,
    asked: Option<Uuid>,
) -> Result<Looked> {
    let from = ObjectKey::Inbox(workspace.clone(), path.to_owned());
    let Some(head) = state.store.blobs.head(&from).await? else {
        return Ok(Looked::Nothing);
    };
    if path.ends_with('/') {
        // What consoles make to show an empty folder.
        return Ok(Looked::Nothing);
    }
    match import(state, workspace, &from, path, &head, asked).await {
        Ok(Some(file)) => {
            info!(file.id = %file.id, "took in an object of the inbox");
            // New bytes may have been dropped there since: those stay, for the event of their own.
            let blobs = &state.store.blobs;
            blobs.delete_unchanged(&from, &head.etag).await?;
            Ok(Looked::TakenIn)
        }
        Ok(None) => Ok(Looked::Nothing),
        Err(error) => refusal(error).map(Looked::Refused),
    }
}

/// Says why an object stays and what to do about it; an error that is not about the object is
/// returned.
fn refusal(error: Error) -> Result<Failure> {
    let (code, advice) = match &error {
        Error::Invalid { .. } => (
            "invalid_name",
            "copy it to another path of the inbox, and delete it where it is",
        ),
        Error::TooLarge { .. } => ("too_large", "upload it in parts, and delete it where it is"),
        Error::RefusedType { .. } => ("refused_type", "delete it where it is"),
        Error::QuotaExceeded { .. } => ("quota_exceeded", "make room, and redrive it"),
        Error::Conflict { code, .. } => (*code, "rename what is in its way, and redrive it"),
        Error::Gone { .. } => (
            "taken_in_before",
            "it was a file before, which is deleted: redrive it for another, or delete it where it is",
        ),
        Error::Malformed { .. }
        | Error::Unauthenticated { .. }
        | Error::Forbidden { .. }
        | Error::NotFound { .. }
        | Error::NoText { .. }
        | Error::PreconditionFailed { .. }
        | Error::Busy { .. }
        | Error::Dependency { .. }
        | Error::Corrupt { .. }
        | Error::Panicked { .. } => return Err(error),
    };
    Ok(Failure {
        stage: "inbox".to_owned(),
        code: code.to_owned(),
        detail: format!("{error}: {advice}"),
    })
}

/// Splits the path in the inbox into folder and name.
fn place(path: &str) -> Result<(FolderPath, FileName)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((folder.parse()?, name.parse()?))
}

/// Makes a file of an object. None when that was tried before and is over: whoever tried has listed
/// it.
async fn import(
    state: &State,
    workspace: &WorkspaceId,
    from: &ObjectKey,
    path: &str,
    head: &ObjectHead,
    asked: Option<Uuid>,
) -> Result<Option<File>> {
    let store = &state.store;
    let (folder, name) = place(path)?;
    if head.size_bytes > MAX_SINGLE_PUT_BYTES {
        return Err(Error::TooLarge {
            detail: format!("an object of the inbox is at most {MAX_SINGLE_PUT_BYTES} bytes"),
        });
    }
    let first = store.blobs.read_head(from, HEAD_BYTES).await?;
    let content_type = media::accept(&first, name.as_str(), head.content_type.as_deref())?;
    let beginning = Beginning {
        intent: Intent {
            name,
            folder,
            document_type: None,
            tags: Tags::default(),
            expires_in: None,
            on_conflict: OnConflict::Rename,
            expected: None,
            owner: OWNER.to_owned(),
        },
        size_bytes: head.size_bytes,
        content_type: Some(content_type),
        sha256: None,
        plan: Plan::Single,
        writer: Writer::Function,
        lifetime: SESSION_LIFETIME,
        repeatable: None,
    };
    let upload = match begin(state, workspace, beginning, from, head, asked).await? {
        Session::Open(upload) => upload,
        Session::Committed(file) => return Ok(Some(*file)),
        Session::Over => return Ok(None),
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
    committed.map(Some)
}

/// The session that takes an object in.
enum Session {
    Open(Box<Upload>),
    Committed(Box<File>),
    /// It ended without a file.
    Over,
}

/// Begins the session of an object, or finds it. Whoever asks for the object again gets a new one
/// when the first came to nothing, or its file is deleted.
async fn begin(
    state: &State,
    workspace: &WorkspaceId,
    beginning: Beginning,
    from: &ObjectKey,
    head: &ObjectHead,
    asked: Option<Uuid>,
) -> Result<Session> {
    let mut identities = vec![identity(from, head, None)];
    identities.extend(asked.map(|asked| identity(from, head, Some(asked))));
    let mut session = Ok(Session::Over);
    for identity in identities {
        let beginning = Beginning {
            repeatable: Some(Repeatable {
                principal: OWNER.to_owned(),
                key: identity,
                request: identity,
            }),
            ..beginning.clone()
        };
        let upload = match state.store.begin_upload(workspace, beginning).await? {
            Begun::New(upload) => return Ok(Session::Open(Box::new(upload))),
            Begun::Before(upload) => upload,
        };
        session = match upload.state {
            UploadState::Open => return Ok(Session::Open(Box::new(upload))),
            UploadState::Committed { file, .. } => match state.store.file(workspace, file).await {
                Err(gone @ Error::Gone { .. }) => Err(gone),
                found => return found.map(|file| Session::Committed(Box::new(file))),
            },
            UploadState::Aborted { .. } => Ok(Session::Over),
        };
    }
    session
}

/// Names one object for good: the same event again names the same, a new object another, and each
/// asking for it again another.
fn identity(from: &ObjectKey, head: &ObjectHead, asked: Option<Uuid>) -> Sha256 {
    let written_at = head.written_at.map(Timestamp::as_second);
    let asked = asked.map(|asked| format!("\n{asked}")).unwrap_or_default();
    let name = format!("{}\n{}\n{written_at:?}{asked}", from.path(), head.etag);
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
