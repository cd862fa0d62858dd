//! A dossier in full: with its period and its first documents.

use domain::dossier::{Dossier, Member};
use domain::figures::Entry;
use domain::file::File;
use domain::{Error, FileId, Result, WorkspaceId};
use store::Store;

use crate::view::dossier::{DocumentView, DossierView};

/// How many documents are shown with a dossier.
const FIRST: i32 = 50;

/// Most documents that are given in one answer: their rows are read in one request, and it is not to pass what a function can
/// give.
pub const MOST_DOCUMENTS: usize = 5_000;

/// How many documents are read at once: as many as DynamoDB gives in one call.
const AT_ONCE: i32 = 100;

/// Reads what is shown with a dossier.
pub async fn show(store: &Store, workspace: &WorkspaceId, dossier: Dossier) -> Result<DossierView> {
    let (members, period) = tokio::try_join!(
        // On the heap: two queries at once make a large future.
        Box::pin(store.members(workspace, dossier.id, None, FIRST)),
        store.period(workspace, dossier.id),
    )?;
    let documents = documents(store, workspace, members.rows).await?;
    let now = store.clock.now();
    Ok(DossierView::new(dossier, period, Some(documents), now))
}

/// Shows members as documents, without those whose file is gone.
pub async fn documents(
    store: &Store,
    workspace: &WorkspaceId,
    members: Vec<Member>,
) -> Result<Vec<DocumentView>> {
    let living = living(store, workspace, members).await?;
    let documents = living.into_iter();
    Ok(documents
        .map(|(member, file)| DocumentView::new(&member, file))
        .collect())
}

/// Returns all documents of a dossier in date order, without those whose file is gone.
///
/// # Errors
/// `Conflict` when there are more than [`MOST_DOCUMENTS`].
pub async fn all_documents(
    store: &Store,
    workspace: &WorkspaceId,
    dossier: &Dossier,
) -> Result<Vec<(Member, File)>> {
    let mut documents: Vec<(Member, File)> = Vec::new();
    let mut after: Option<Member> = None;
    loop {
        let page = store
            .members(workspace, dossier.id, after.as_ref(), AT_ONCE)
            .await?;
        after = page.rows.last().cloned();
        documents.extend(living(store, workspace, page.rows).await?);
        if documents.len() > MOST_DOCUMENTS {
            return Err(Error::Conflict {
                code: "too_many_documents",
                detail: format!(
                    "the dossier has more than {MOST_DOCUMENTS} documents, which is the most for one answer: list its documents page by page"
                ),
            });
        }
        if page.next.is_none() {
            return Ok(documents);
        }
    }
}

/// What documents bring to figures.
pub fn entries(documents: &[(Member, File)]) -> Vec<Entry> {
    let members = documents.iter().map(|(member, _)| member);
    members.map(Entry::from).collect()
}

/// Returns members with their files. Those whose file is gone are left out: nothing of a file is shown from the instant it
/// expires or its folder is deleted, and it leaves its dossiers soon after.
async fn living(
    store: &Store,
    workspace: &WorkspaceId,
    members: Vec<Member>,
) -> Result<Vec<(Member, File)>> {
    let ids: Vec<FileId> = members.iter().map(|member| member.file).collect();
    let mut files = store.files(workspace, &ids).await?;
    let places = store
        .places_of(workspace, files.iter().map(|file| file.folder))
        .await?;
    files.retain(|file| {
        let place = places.get(&file.folder);
        place.is_none_or(|place| place.reach(file).is_ok())
    });
    let mut files = files.into_iter().peekable();
    let documents = members.into_iter().filter_map(|member| {
        let file = files.next_if(|file| file.id == member.file)?;
        Some((member, file))
    });
    Ok(documents.collect())
}
