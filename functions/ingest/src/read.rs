//! Reads a committed version: verifies its bytes, extracts its text, finds its facts.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use domain::fact_sheet::FactSheet;
use domain::file::{Failure, File, Status, Version};
use domain::{BlobId, Error, FileId, Result, Sha256, WorkspaceId};
use extract::{Extraction, Failure as ExtractFailure, Outcome};
use store::Store;
use store::blob::ObjectKey;
use store::content::{ContentItem, Reading};
use store::membership::place_work;
use store::work::WorkItem;
use tempfile::TempDir;
use tracing::info;

use crate::State;

/// Reads a version of a file, if nobody has.
///
/// One that another has taken the place of is only verified, and only if it was promised a hash:
/// until then it cannot be fetched.
pub(crate) async fn read(state: &State, item: &WorkItem, id: FileId, number: u32) -> Result<()> {
    let workspace = &item.work.workspace;
    let store = &state.store;
    let Some(file) = store.file_if_living(workspace, id).await? else {
        return store.finish(item).await;
    };
    let version = match store.version(workspace, id, number).await {
        // Someone has removed it since another took its place.
        Err(Error::NotFound { .. }) => return store.finish(item).await,
        version => version?,
    };
    let is_current = file.version == number;
    let unread = if is_current {
        matches!(file.status, Status::Pending | Status::Scanning)
    } else {
        !version.content.is_readable()
    };
    if !unread {
        return store.finish(item).await;
    }
    if is_current && let Some((sha256, content)) = known_before(state, workspace, &version).await? {
        return settle(state, item, file, version, sha256, content).await;
    }
    let most = state.extractor.limits().file_bytes;
    let fetched = if is_current && version.content.size_bytes <= most {
        download(state, workspace, &version).await
    } else {
        hash(state, item, id, &version).await
    };
    let Fetched {
        sha256,
        size_bytes,
        copy,
    } = match fetched {
        Ok(Some(fetched)) => fetched,
        // The rest of its bytes is work of its own, which has been asked for.
        Ok(None) => return Ok(()),
        Err(Error::NotFound { .. }) => return store.give_up(item, bytes_missing()).await,
        Err(error) => return Err(error),
    };
    if let Some(failure) = mismatch(&version, sha256, size_bytes) {
        return store.give_up(item, failure).await;
    }
    if !is_current {
        let version = verified(version, sha256);
        return store.settle_replaced(id, &version, item).await;
    }
    let content = content(state, workspace, &file, sha256, copy.as_ref()).await?;
    settle(state, item, file, version, sha256, content).await
}

/// Returns what is known of bytes that need not be read again: the server has hashed them, they were
/// read before, and they and their text are in store. Copies and bytes that came before are such.
async fn known_before(
    state: &State,
    workspace: &WorkspaceId,
    version: &Version,
) -> Result<Option<(Sha256, ContentItem)>> {
    let content = &version.content;
    let Some(sha256) = content.sha256.filter(|_| content.is_readable()) else {
        return Ok(None);
    };
    let store = &state.store;
    let known = store.content(workspace, sha256).await?;
    let Some(known) = known.filter(|known| known.refs > 0 && known.is_settled()) else {
        return Ok(None);
    };
    let key = ObjectKey::Blob(workspace.clone(), content.blob);
    let head = store.blobs.head(&key).await?;
    let is_whole = head.is_some_and(|head| head.size_bytes == content.size_bytes);
    // Bytes that were lost and have come again are shared from now on.
    if !is_whole && !store.is_elsewhere(workspace, content).await? {
        return Ok(None);
    }
    if let Reading::Text { text, .. } = &known.reading {
        let key = ObjectKey::Text(workspace.clone(), sha256, *text);
        if store.blobs.head(&key).await?.is_none() {
            return Ok(None);
        }
    }
    Ok(Some((sha256, known)))
}

/// The bytes of a version, as they were found.
struct Fetched {
    sha256: Sha256,
    size_bytes: u64,
    /// A copy of them, unless they are too many to be read.
    copy: Option<LocalCopy>,
}

/// A copy on disk, which goes with its folder.
struct LocalCopy {
    folder: TempDir,
}

impl LocalCopy {
    fn path(&self) -> PathBuf {
        self.folder.path().join("content")
    }
}

async fn download(
    state: &State,
    workspace: &WorkspaceId,
    version: &Version,
) -> Result<Option<Fetched>> {
    let folder = TempDir::new_in(&state.scratch)
        .map_err(|error| Error::dependency("making a folder", error))?;
    let copy = LocalCopy { folder };
    let key = ObjectKey::Blob(workspace.clone(), version.content.blob);
    let (sha256, size_bytes) = state.store.blobs.download(&key, &copy.path()).await?;
    Ok(Some(Fetched {
        sha256,
        size_bytes,
        copy: Some(copy),
    }))
}

/// Hashes bytes that nothing will read, without a copy of them. None when there are more.
async fn hash(
    state: &State,
    item: &WorkItem,
    file: FileId,
    version: &Version,
) -> Result<Option<Fetched>> {
    let store = &state.store;
    let sha256 = store
        .hash_version(item, file, version, state.slice_bytes)
        .await?;
    Ok(sha256.map(|sha256| Fetched {
        sha256,
        size_bytes: version.content.size_bytes,
        copy: None,
    }))
}

/// Returns what is known of the bytes, and reads them when nothing is, or when they could not be
/// read: under another name they may be.
async fn content(
    state: &State,
    workspace: &WorkspaceId,
    file: &File,
    sha256: Sha256,
    copy: Option<&LocalCopy>,
) -> Result<ContentItem> {
    let known = state.store.content(workspace, sha256).await?;
    if let Some(known) = known
        && (known.is_settled() || copy.is_none())
    {
        if let (Reading::Text { text, .. }, Some(copy)) = (&known.reading, copy) {
            let key = ObjectKey::Text(workspace.clone(), sha256, *text);
            restore_text(state, file, &key, &copy.path()).await?;
        }
        return Ok(known);
    }
    let item = match copy {
        Some(copy) => extract(state, workspace, file, sha256, &copy.path()).await?,
        None => ContentItem::new(Reading::Unsupported, FactSheet::default()),
    };
    state.store.keep_content(workspace, sha256, item).await
}

/// Writes a known text again that is not there any more. The same bytes have the same text.
async fn restore_text(state: &State, file: &File, key: &ObjectKey, path: &Path) -> Result<()> {
    if state.store.blobs.head(key).await?.is_some() {
        return Ok(());
    }
    let content_type = &file.content.content_type;
    match state.extractor.extract(path, content_type).await {
        Ok(extraction) => match extraction.outcome {
            Outcome::Text(text) => put_text(state, key, text).await,
            Outcome::NoText | Outcome::Unsupported => Ok(()),
        },
        Err(failure) if failure.retry() => Err(interrupted(failure)),
        // Under another media type it was read.
        Err(_) => Ok(()),
    }
}

async fn put_text(state: &State, key: &ObjectKey, text: String) -> Result<()> {
    let blobs = &state.store.blobs;
    let content_type = "text/plain; charset=utf-8";
    blobs.put(key, Bytes::from(text), content_type).await
}

/// Finds the facts of a text beside the runtime, which has others to answer meanwhile.
async fn with_facts(extraction: Extraction) -> Result<(FactSheet, Outcome)> {
    tokio::task::spawn_blocking(move || (extraction.fact_sheet(), extraction.outcome))
        .await
        .map_err(|error| Error::dependency("finding the facts of a file", error))
}

fn interrupted(failure: ExtractFailure) -> Error {
    Error::dependency("reading a file in its own process", failure)
}

async fn extract(
    state: &State,
    workspace: &WorkspaceId,
    file: &File,
    sha256: Sha256,
    path: &Path,
) -> Result<ContentItem> {
    let extracted = state
        .extractor
        .extract(path, &file.content.content_type)
        .await;
    if let Ok(extraction) = &extracted
        && extraction.unread_pictures() > 0
    {
        let pictures = extraction.unread_pictures();
        info!(file.id = %file.id, pictures, "pictures of a file were not read");
    }
    let (reading, facts) = match extracted {
        Ok(extraction) => match with_facts(extraction).await? {
            (facts, Outcome::Text(text)) => {
                let text_bytes = text.len() as u64;
                let id = BlobId::new(state.store.ids.random());
                let key = ObjectKey::Text(workspace.clone(), sha256, id);
                // Text before the row that says there is text.
                put_text(state, &key, text).await?;
                (
                    Reading::Text {
                        text: id,
                        text_bytes,
                    },
                    facts,
                )
            }
            (facts, Outcome::NoText) => (Reading::NoText, facts),
            (facts, Outcome::Unsupported) => (Reading::Unsupported, facts),
        },
        Err(failure) if failure.retry() => return Err(interrupted(failure)),
        Err(failure) => {
            let failure = Failure {
                stage: "extract".to_owned(),
                code: failure.code.as_str().to_owned(),
                detail: failure.detail,
            };
            (Reading::Failed { failure }, FactSheet::default())
        }
    };
    Ok(ContentItem::new(reading, facts))
}

/// Writes what was found into the file and its version, and asks for the file to be placed.
async fn settle(
    state: &State,
    item: &WorkItem,
    mut file: File,
    version: Version,
    sha256: Sha256,
    content: ContentItem,
) -> Result<()> {
    let store = &state.store;
    let workspace = &item.work.workspace;
    let place = place_work(workspace, file.id);
    let version = verified(version, sha256);
    file.status = Status::Extracted;
    file.facts = content.fact_sheet.facts();
    let settled = store
        .settle(workspace, &file, &version, sha256, item, &place)
        .await;
    if let Err(error) = settled {
        forget_if_replaced(store, workspace, file.id, version.number, sha256).await?;
        return Err(error);
    }
    store.send(&place).await;
    Ok(())
}

/// Forgets what was read for a version that is no longer read: whoever erased its file, or gave it
/// another version, did not know of this reading.
async fn forget_if_replaced(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    number: u32,
    sha256: Sha256,
) -> Result<()> {
    let file = store.file_if_living(workspace, id).await?;
    if file.is_some_and(|file| file.version == number) {
        return Ok(());
    }
    store.forget_content(workspace, sha256).await
}

/// The version with the hash that its bytes were found to have.
fn verified(mut version: Version, sha256: Sha256) -> Version {
    version.content.sha256 = Some(sha256);
    version.content.promised_sha256 = None;
    version.failure = None;
    version
}

/// Says how the bytes differ from what was promised of them.
fn mismatch(version: &Version, sha256: Sha256, size_bytes: u64) -> Option<Failure> {
    let content = &version.content;
    let promised = content.promised_sha256.or(content.sha256);
    let same =
        promised.is_none_or(|promised| promised == sha256) && content.size_bytes == size_bytes;
    (!same).then(|| Failure {
        stage: "verify".to_owned(),
        code: "checksum_mismatch".to_owned(),
        detail: "the bytes in store are not those that were announced, so they cannot be read: upload the file again".to_owned(),
    })
}

fn bytes_missing() -> Failure {
    Failure {
        stage: "verify".to_owned(),
        code: Failure::BYTES_MISSING.to_owned(),
        detail: "the bytes of this version are not in store: upload the file again".to_owned(),
    }
}
