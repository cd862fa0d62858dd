//! `GET /v1/folders` and `GET /v1/folders/{id}`.

use api::auth::Caller;
use api::etag;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::folder::FolderView;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::folder::{FolderState, Place, deleted};
use domain::name::{FileName, FolderPath};
use domain::principal::Role;
use domain::{Error, FolderId, WorkspaceId};
use serde::{Deserialize, Serialize};
use store::Store;

use crate::{State, answer};

/// Where a list of folders goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Cursor {
    /// After this name.
    #[serde(rename = "n")]
    Name(FileName),
    /// After this folder of the trash.
    #[serde(rename = "t")]
    Trashed(FolderId),
}

/// Lists the folders in a folder, by name, or those in the trash.
///
/// In the trash are the folders that were put there, in the order they were made; those below them
/// are found by `parent_id`. A page may hold fewer folders than asked for and still not be the last:
/// go on until `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/v1/folders",
    tag = "retrieval",
    params(
        ("parent_id" = Option<uuid::Uuid>, Query, description = "The folder they are in; the root by default"),
        ("path" = Option<String>, Query, description = "Only the folder at this path, if there is one", example = "/bills/2025"),
        ("state" = Option<String>, Query, description = "trashed: those that were put into the trash, from wherever; active (the default)"),
        ("limit" = Option<usize>, Query, description = "Most folders of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of folders", body = Page<FolderView>),
        (status = 404, description = "No such folder"),
        (status = 410, description = "The folder was deleted"),
    )
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<FolderView>>> {
    principal.require(Role::Viewer)?;
    let asked: Asked<Cursor> = Asked::from_query(&mut query)?;
    let parent: Option<FolderId> = query.take_as("parent_id")?;
    let path: Option<FolderPath> = query.take_as("path")?;
    let is_trash = match query.take("state")?.as_deref() {
        None | Some("active") => false,
        Some("trashed") => true,
        Some(_) => return Err(Error::invalid("/state", "state is active or trashed").into()),
    };
    query.finish()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    if let Some(path) = path {
        if is_trash || parent.is_some() || asked.cursor.is_some() {
            let detail = "a path names one folder outside of the trash: leave it or the others out";
            return Err(Error::invalid("/path", detail).into());
        }
        return Ok(axum::Json(at_path(store, workspace, &path).await?));
    }
    let page = match (is_trash, parent) {
        (true, Some(_)) => {
            let detail = "what is in the trash is listed from wherever it was: leave parent_id out";
            return Err(Error::invalid("/parent_id", detail).into());
        }
        (true, None) => in_trash(store, workspace, asked).await?,
        (false, parent) => {
            let parent = parent.unwrap_or(FolderId::ROOT);
            in_folder(store, workspace, parent, asked).await?
        }
    };
    Ok(axum::Json(page))
}

async fn at_path(
    store: &Store,
    workspace: &WorkspaceId,
    path: &FolderPath,
) -> domain::Result<Page<FolderView>> {
    let items = match store.folder_at(workspace, path).await {
        Ok(FolderId::ROOT) => vec![FolderView::root(
            store.tally(workspace, FolderId::ROOT).await?,
        )],
        Ok(id) => {
            let upwards = store.upwards(workspace, id).await?;
            let place = Place::of(upwards.get(1..).unwrap_or_default());
            view(store, workspace, &[id], |_| place.clone()).await?
        }
        Err(Error::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(Page {
        items,
        next_cursor: None,
    })
}

async fn in_folder(
    store: &Store,
    workspace: &WorkspaceId,
    parent: FolderId,
    asked: Asked<Cursor>,
) -> domain::Result<Page<FolderView>> {
    let after = match asked.cursor {
        None => None,
        Some(Cursor::Name(name)) => Some(name),
        Some(Cursor::Trashed(_)) => return Err(foreign_cursor()),
    };
    let place = place_of(store, workspace, parent).await?;
    let page = store
        .folders_in(workspace, parent, after.as_ref(), limit(asked.limit))
        .await?;
    let last = page.rows.last().filter(|_| page.next.is_some());
    let next = last.map(|last| Cursor::Name(last.child_name.clone()));
    let ids: Vec<FolderId> = page.rows.iter().map(|row| row.child).collect();
    let items = view(store, workspace, &ids, |_| place.clone()).await?;
    Ok(Page {
        items,
        next_cursor: next.as_ref().map(encode).transpose()?,
    })
}

async fn in_trash(
    store: &Store,
    workspace: &WorkspaceId,
    asked: Asked<Cursor>,
) -> domain::Result<Page<FolderView>> {
    let after = match asked.cursor {
        None => None,
        Some(Cursor::Trashed(id)) => Some(id),
        Some(Cursor::Name(_)) => return Err(foreign_cursor()),
    };
    let page = store
        .trashed_folders(workspace, after, limit(asked.limit))
        .await?;
    let ids: Vec<FolderId> = page.rows.iter().map(|row| row.trashed).collect();
    let next = ids.last().filter(|_| page.next.is_some());
    let next = next.map(|id| Cursor::Trashed(*id));
    let folders = store.found_folders(workspace, &ids).await?;
    let parents = folders.values().map(store::folder::Found::parent);
    let places = store.places_of(workspace, parents).await?;
    let above = |parent| places.get(&parent).cloned().unwrap_or_default();
    let items = view(store, workspace, &ids, above).await?;
    Ok(Page {
        items,
        next_cursor: next.as_ref().map(encode).transpose()?,
    })
}

/// Shows folders, in the order asked for. `above` tells the place of their parents.
async fn view(
    store: &Store,
    workspace: &WorkspaceId,
    ids: &[FolderId],
    above: impl Fn(FolderId) -> Place,
) -> domain::Result<Vec<FolderView>> {
    let mut found = store.found_folders(workspace, ids).await?;
    let tallies = store.tallies(workspace, ids).await?;
    let folders = ids.iter().zip(tallies).filter_map(|(id, tally)| {
        let store::folder::Found::Folder(folder) = found.remove(id)? else {
            return None;
        };
        let place = above(folder.parent).below(&folder);
        (place.state != FolderState::Erasing).then(|| FolderView::new(folder, &place, tally))
    });
    Ok(folders.collect())
}

/// Shows one folder, also one in the trash. The root's id is all zeros.
#[utoipa::path(
    get,
    path = "/v1/folders/{id}",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The folder"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the folder is still as under this ETag; counters are not part of it"),
    ),
    responses(
        (status = 200, description = "The folder", body = FolderView, headers(("ETag" = String, description = "Changes with the folder, its path and its state"))),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such folder"),
        (status = 410, description = "It was deleted"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: FolderId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    if id == FolderId::ROOT {
        let tally = store.tally(workspace, id).await?;
        let view = FolderView::root(tally);
        return Ok(answer::tagged(&headers, ROOT_TAG, &view)?);
    }
    let upwards = store.folder_upwards(workspace, id).await?;
    let place = Place::of(&upwards);
    let tally = store.tally(workspace, id).await?;
    let folder = upwards
        .into_iter()
        .next()
        .ok_or_else(|| Error::not_found(domain::Kind::Folder, id))?;
    let tag = etag::of_folder(&folder, &place);
    let view = FolderView::new(folder, &place, tally);
    Ok(answer::tagged(&headers, &tag, &view)?)
}

/// The tag of the root, which never changes.
const ROOT_TAG: &str = "\"root\"";

/// Returns where a folder is whose content is asked for.
async fn place_of(store: &Store, workspace: &WorkspaceId, id: FolderId) -> domain::Result<Place> {
    if id == FolderId::ROOT {
        return Ok(Place::root());
    }
    let upwards = store.folder_upwards(workspace, id).await?;
    let place = Place::of(&upwards);
    match place.state {
        FolderState::Active | FolderState::Trashed => Ok(place),
        FolderState::Erasing => Err(deleted(id)),
    }
}

fn limit(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX)
}

fn foreign_cursor() -> Error {
    Error::invalid(
        "/cursor",
        "this cursor was given out for another list: begin without one",
    )
}
