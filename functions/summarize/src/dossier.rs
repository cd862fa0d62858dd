//! The summary of a dossier: figures computed from its members by code, prose by the model.

use std::collections::HashMap;

use ai::{Completion, DossierDocument, DossierInput};
use domain::dossier::{Dossier, DossierSummary, Lease, Member, MemberSum};
use domain::figures::{Entry, Figures};
use domain::file::File;
use domain::{DossierId, Error, FileId, Kind, WorkspaceId};
use rust_decimal::Decimal;
use store::work::WorkItem;
use store::worker::Progress;
use tracing::{info, warn};

use crate::stop::Stop;
use crate::{LATER, State};

/// Most members whose names and own summaries are read. The figures are of all members; a model is
/// shown fewer documents than these.
const DESCRIBED: usize = 1_000;

/// Most bytes of figures, as JSON, that are kept with a summary: a row of `DynamoDB` holds 400 KB.
const MOST_FIGURES: usize = 200 * 1024;

/// How many of those are the first ones in date order; the rest are the last ones.
const DESCRIBED_FIRST: usize = DESCRIBED / 4;

/// Writes the summary of a dossier, if someone wants it and it is not up to date.
///
/// Safe to run twice and at once: one worker holds the lease, and a commit must still hold it.
pub(crate) async fn summarize(
    state: &State,
    item: &WorkItem,
    id: DossierId,
) -> Result<Progress, Stop> {
    let store = &state.store;
    let workspace = &item.work.workspace;
    let kept = match store.dossier(workspace, id).await {
        Err(Error::NotFound {
            kind: Kind::Dossier,
            ..
        }) => None,
        kept => Some(kept?),
    };
    // One that is still being filled asks again when it is full.
    let Some(kept) = kept.filter(|kept| kept.filled && (kept.forced || kept.dossier.is_stale()))
    else {
        store.finish(item).await?;
        return Ok(Progress::Finished);
    };
    let Some(lease) = store.claim_dossier(workspace, &kept.dossier).await? else {
        return Ok(Progress::Later(LATER));
    };
    if let Err(stop) = write(state, workspace, &kept.dossier, lease).await {
        release(state, item, id, lease).await;
        return Err(stop);
    }
    // When a document came meanwhile, the work was asked for again, stays, and is sent.
    store.finish(item).await?;
    info!(dossier.id = %id, "summarized dossier");
    Ok(Progress::Finished)
}

/// Reads the members, asks the model and commits what it wrote.
async fn write(
    state: &State,
    workspace: &WorkspaceId,
    dossier: &Dossier,
    lease: Lease,
) -> Result<(), Stop> {
    let store = &state.store;
    let members = store.all_members(workspace, dossier.id).await?;
    let files = described_files(state, workspace, &members).await?;
    let input = input_of(dossier, &members, &files)?;
    let completion = state.model.summarize_dossier(&input).await?;
    // Whatever the model, prose with a number that nothing has computed is not kept.
    input
        .check(&completion.text)
        .map_err(ai::ModelError::from)?;
    let Completion {
        text,
        model,
        prompt_version,
        ..
    } = completion;
    let summary = DossierSummary {
        text,
        figures: input.figures.fitting(MOST_FIGURES),
        confidence: confidence(&members, &files).to_string(),
        model,
        prompt_version: prompt_version.to_owned(),
        made_at: store.clock.now(),
        // Of the members that were read, not of those it has by now: so a document that came in
        // between leaves the dossier outdated.
        members: MemberSum::of(&members),
    };
    store
        .commit_dossier_summary(workspace, dossier.id, lease, &summary)
        .await?;
    Ok(())
}

async fn described_files(
    state: &State,
    workspace: &WorkspaceId,
    members: &[Member],
) -> Result<HashMap<FileId, File>, Stop> {
    let last = DESCRIBED - DESCRIBED_FIRST;
    let ids: Vec<FileId> = members
        .iter()
        .enumerate()
        .filter(|(position, _)| *position < DESCRIBED_FIRST || position + last >= members.len())
        .map(|(_, member)| member.file)
        .collect();
    let files = state.store.files(workspace, &ids).await?;
    Ok(files.into_iter().map(|file| (file.id, file)).collect())
}

fn input_of(
    dossier: &Dossier,
    members: &[Member],
    files: &HashMap<FileId, File>,
) -> Result<DossierInput, Stop> {
    let entries: Vec<Entry> = members.iter().map(Entry::from).collect();
    let figures = Figures::compute(&entries).map_err(Stop::Figures)?;
    let documents = members
        .iter()
        .zip(entries)
        .map(|(member, entry)| {
            let file = files.get(&member.file);
            // One that was written from what a person has corrected since would gainsay the figures.
            let as_read = file.filter(|file| file.corrections.is_empty());
            let summary = as_read.and_then(|file| file.summary.as_ref());
            DossierDocument {
                // A member that was not looked up is still told apart from the others.
                name: file.map_or_else(|| member.file.to_string(), |file| file.name.to_string()),
                summary: summary.map(|summary| summary.text.clone()),
                entry,
            }
        })
        .collect();
    Ok(DossierInput {
        document_type: dossier.signature.document_type().as_str().to_owned(),
        tags: dossier
            .signature
            .tags()
            .iter()
            .map(|tag| tag.as_str().to_owned())
            .collect(),
        figures,
        documents,
    })
}

/// Returns the share of the looked-up members whose date and amount are both known, with two
/// decimals, rounded down so that only all is 1. A date is known when the document says it, and
/// not when it stands for the day the file was made.
fn confidence(members: &[Member], files: &HashMap<FileId, File>) -> Decimal {
    let is_known = |member: &&Member| {
        let file = files.get(&member.file);
        let stated = file.and_then(File::document_date);
        member.amount.is_some() && stated == Some(member.document_date)
    };
    let known = members.iter().filter(is_known).count();
    let hundredths = (known * 100).checked_div(files.len()).unwrap_or_default();
    Decimal::new(i64::try_from(hundredths).unwrap_or_default(), 2)
}

/// Gives a lease back. Where that fails, it ends by itself.
async fn release(state: &State, item: &WorkItem, id: DossierId, lease: Lease) {
    let released = state
        .store
        .release_dossier(&item.work.workspace, id, lease)
        .await;
    if let Err(error) = released {
        warn!(work.id = %item.work.id, error = error.for_log(), "a lease was not given back");
    }
}
