//! Reads a committed version: verifies its bytes, extracts its text, finds its facts.

use bytes::Bytes;
use domain::facts::Facts;
use domain::file::{Failure, File, Status, Version};
use domain::summary::PIPELINE_VERSION;
use domain::{BlobId, Error, FileId, Result, Sha256, WorkspaceId};
use extract::Outcome;
use store::blob::ObjectKey;
use store::content::{ContentItem, Reading};
use store::membership::place_work;
use store::work::WorkItem;
use tempfile::TempDir;

use crate::State;

/// Reads a version of a file, if it is still the current one and has not been read.
pub(crate) async fn read(state: &State, item: &WorkItem, id: FileId, number: u32) -> Result<()> {
    let workspace = &item.work.workspace;
    let store = &state.store;
    let Some(file) = store.file_if_living(workspace, id).await? else {
        return store.finish(item).await;
    };
    let unread = matches!(file.status, Status::Pending | Status::Scanning);
    if file.version != number || !unread {
        return store.finish(item).await;
    }
    let version = store.version(workspace, id, number).await?;
    let folder = TempDir::new().map_err(|error| Error::dependency("making a folder", error))?;
    let path = folder.path().join("content");
    let key = ObjectKey::Blob(workspace.clone(), version.content.blob);
    let (sha256, size_bytes) = match store.blobs.download(&key, &path).await {
        Ok(downloaded) => downloaded,
        Err(Error::NotFound { .. }) => return store.give_up(item, bytes_missing()).await,
        Err(error) => return Err(error),
    };
    if let Some(failure) = mismatch(&version, sha256, size_bytes) {
        return store.give_up(item, failure).await;
    }
    let content = content(state, workspace, &file, sha256, &path).await?;
    settle(state, item, file, version, sha256, content).await
}

/// Returns what is known of the bytes, and reads them when nothing is or reading them failed.
async fn content(
    state: &State,
    workspace: &WorkspaceId,
    file: &File,
    sha256: Sha256,
    path: &std::path::Path,
) -> Result<ContentItem> {
    let known = state.store.content(workspace, sha256).await?;
    if let Some(known) = known
        && !matches!(known.reading, Reading::Failed { .. })
    {
        return Ok(known);
    }
    let item = extract(state, workspace, file, path).await?;
    state.store.keep_content(workspace, sha256, &item).await?;
    let kept = state.store.content(workspace, sha256).await?;
    let Some(kept) = kept.filter(|kept| kept.reading != item.reading) else {
        return Ok(item);
    };
    // Another worker read the same bytes at the same time: its text stands and ours goes.
    if let Reading::Text { text, .. } = item.reading {
        let key = ObjectKey::Text(workspace.clone(), text);
        state.store.blobs.delete(&key).await?;
    }
    Ok(kept)
}

async fn extract(
    state: &State,
    workspace: &WorkspaceId,
    file: &File,
    path: &std::path::Path,
) -> Result<ContentItem> {
    let extracted = state
        .extractor
        .extract(path, &file.content.content_type)
        .await;
    let (reading, facts) = match extracted {
        Ok(extraction) => match extraction.outcome {
            Outcome::Text(text) => {
                let facts = extract::facts::facts(&text, extraction.table.as_ref());
                let text_bytes = text.len() as u64;
                let id = BlobId::new(state.store.ids.random());
                let key = ObjectKey::Text(workspace.clone(), id);
                let bytes = Bytes::from(text);
                // Text before the row that says there is text.
                state
                    .store
                    .blobs
                    .put(&key, bytes, "text/plain; charset=utf-8")
                    .await?;
                (
                    Reading::Text {
                        text: id,
                        text_bytes,
                    },
                    facts,
                )
            }
            Outcome::NoText => (Reading::NoText, Facts::default()),
            Outcome::Unsupported => (Reading::Unsupported, Facts::default()),
        },
        Err(failure) if failure.retry() => {
            return Err(Error::dependency(
                "reading a file in its own process",
                failure,
            ));
        }
        Err(failure) => {
            let failure = Failure {
                stage: "extract".to_owned(),
                code: failure.code.as_str().to_owned(),
                detail: failure.detail,
            };
            (Reading::Failed { failure }, Facts::default())
        }
    };
    Ok(ContentItem {
        pipeline_version: PIPELINE_VERSION,
        reading,
        facts,
        refs: 0,
    })
}

/// Writes what was found into the file and its version, and asks for the file to be placed.
async fn settle(
    state: &State,
    item: &WorkItem,
    mut file: File,
    mut version: Version,
    sha256: Sha256,
    content: ContentItem,
) -> Result<()> {
    let workspace = &item.work.workspace;
    let place = place_work(workspace, file.id);
    for verified in [&mut file.content, &mut version.content] {
        verified.sha256 = Some(sha256);
        verified.promised_sha256 = None;
    }
    file.status = Status::Extracted;
    file.facts = content.facts;
    state
        .store
        .settle(workspace, &mut file, &version, sha256, item, &place)
        .await?;
    state.store.send(&place).await;
    Ok(())
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
        code: "bytes_missing".to_owned(),
        detail: "the bytes of this version are not in store: upload the file again".to_owned(),
    }
}
