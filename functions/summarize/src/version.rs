//! The summary of a version: written once for equal bytes, and attached to each file that has them.

use ai::{DocumentInput, ModelError, Task};
use domain::FileId;
use domain::file::{File, Status, SummaryReason};
use domain::summary::{Summary, SummaryKey};
use store::blob::ObjectKey;
use store::content::{ContentItem, Reading};
use store::summary::{Claim, Claimed};
use store::work::WorkItem;
use store::worker::Progress;
use tracing::{info, warn};

use crate::stop::Stop;
use crate::{LATER, State};

/// Longest text that is read, in bytes: as much as the extractor writes at most.
const MAX_TEXT_BYTES: u64 = 16 * 1024 * 1024;

/// Writes the summary of a version, unless it is written, and attaches it to the file.
///
/// Safe to run twice and at once: the right to write is claimed, what is written is committed once,
/// and a file is changed only as it was read.
pub(crate) async fn summarize(
    state: &State,
    item: &WorkItem,
    file: FileId,
    version: u32,
) -> Result<Progress, Stop> {
    let store = &state.store;
    let workspace = &item.work.workspace;
    let file = store.file_if_living(workspace, file).await?;
    // A newer version brings work of its own, and so does whatever took the file another way.
    let Some(mut file) =
        file.filter(|file| file.version == version && file.status == Status::Classified)
    else {
        store.finish(item).await?;
        return Ok(Progress::Finished);
    };
    let (key, content) = readable(state, item, &file).await?;
    match store.claim_summary(workspace, key).await? {
        Claimed::Taken => return Ok(Progress::Later(LATER)),
        Claimed::Written(summary) => file.summary = Some(summary),
        Claimed::Yours(claim) => match write(state, item, &claim, content).await {
            Ok(summary) => file.summary = Some(summary),
            Err(Stop::Model(ModelError::NoText)) => {
                release(state, item, &claim).await;
                file.summary_reason = Some(SummaryReason::NoText);
            }
            Err(stop) => {
                release(state, item, &claim).await;
                return Err(stop);
            }
        },
    }
    file.status = Status::Completed;
    store.complete_file(workspace, &mut file, item).await?;
    info!(file.id = %file.id, version, "completed file");
    Ok(Progress::Finished)
}

/// Returns what the summary is made from and by.
async fn readable(
    state: &State,
    item: &WorkItem,
    file: &File,
) -> Result<(SummaryKey, ContentItem), Stop> {
    let hash = file.content.sha256.ok_or(Stop::TextMissing)?;
    let content = state.store.content(&item.work.workspace, hash).await?;
    let content = content
        .filter(|content| matches!(content.reading, Reading::Text { .. }))
        .ok_or(Stop::TextMissing)?;
    let key = SummaryKey {
        content: hash,
        pipeline_version: content.pipeline_version,
        prompt_version: state.model.prompt_version(Task::Document).to_owned(),
        model: state.model.id().to_owned(),
    };
    Ok((key, content))
}

/// Asks the model and commits what it wrote.
async fn write(
    state: &State,
    item: &WorkItem,
    claim: &Claim,
    content: ContentItem,
) -> Result<Summary, Stop> {
    let store = &state.store;
    let workspace = &item.work.workspace;
    let Reading::Text { text, .. } = content.reading else {
        return Err(Stop::TextMissing);
    };
    let text = ObjectKey::Text(workspace.clone(), claim.key.content, text);
    let text = match store.blobs.read_head(&text, MAX_TEXT_BYTES).await {
        Err(domain::Error::NotFound { .. }) => return Err(Stop::TextMissing),
        read => read?,
    };
    let input = DocumentInput {
        text: String::from_utf8_lossy(&text).into_owned(),
        facts: content.fact_sheet.facts(),
    };
    let completion = state.model.summarize_document(&input).await?;
    let summary = Summary {
        text: completion.text,
        model: completion.model,
        prompt_version: completion.prompt_version.to_owned(),
        made_at: store.clock.now(),
    };
    store.commit_summary(workspace, claim, &summary).await?;
    Ok(summary)
}

/// Gives a claim back. Where that fails, it ends by itself.
async fn release(state: &State, item: &WorkItem, claim: &Claim) {
    let released = state
        .store
        .release_summary(&item.work.workspace, claim)
        .await;
    if let Err(error) = released {
        warn!(work.id = %item.work.id, error = error.for_log(), "a claim was not given back");
    }
}
