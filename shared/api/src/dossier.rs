//! A dossier in full: with its period and its first documents.

use domain::dossier::{Dossier, Member};
use domain::{FileId, Result, WorkspaceId};
use store::Store;

use crate::view::dossier::{DocumentView, DossierView};

/// How many documents are shown with a dossier.
const FIRST: i32 = 50;

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

/// Shows members as documents. Those whose file is gone are left out: nothing of a file is shown
/// from the instant it expires or its folder is deleted, and it leaves its dossiers soon after.
pub async fn documents(
    store: &Store,
    workspace: &WorkspaceId,
    members: Vec<Member>,
) -> Result<Vec<DocumentView>> {
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
        Some(DocumentView::new(&member, Some(file)))
    });
    Ok(documents.collect())
}
