//! `GET /v1/folders` and `GET /v1/folders/{id}`.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use api::view::folder::FolderView;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::name::FileName;
use domain::principal::Role;
use domain::{FolderId, WorkspaceId};
use store::Store;

use crate::{State, answer};

/// Names read at once.
const PAGE: i32 = 500;
/// Pages of names that one request reads at most. Files stand between the folders.
const MOST_READS: usize = 8;

/// Lists the folders in a folder, by name.
///
/// A page may hold fewer folders than asked for, or none, and still not be the last: go on until
/// `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/v1/folders",
    tag = "retrieval",
    params(
        ("parent_id" = Option<uuid::Uuid>, Query, description = "The folder they are in; the root by default"),
        ("limit" = Option<usize>, Query, description = "Most folders of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of folders", body = Page<FolderView>),
        (status = 404, description = "No such folder"),
    )
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<FolderView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the last name passed.
    let asked: Asked<FileName> = Asked::from_query(&mut query)?;
    let parent: FolderId = query.take_as("parent_id")?.unwrap_or(FolderId::ROOT);
    query.finish()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let path = store.path_of(workspace, parent).await?;
    let (ids, next) = ids_in(store, workspace, parent, asked).await?;
    let folders = store.folders(workspace, &ids).await?;
    Ok(axum::Json(Page {
        items: folders
            .into_iter()
            .map(|folder| FolderView::new(folder, &path))
            .collect(),
        next_cursor: next.as_ref().map(encode).transpose()?,
    }))
}

/// Finds the folders among the names in a folder, and where to go on.
async fn ids_in(
    store: &Store,
    workspace: &WorkspaceId,
    parent: FolderId,
    asked: Asked<FileName>,
) -> domain::Result<(Vec<FolderId>, Option<FileName>)> {
    let mut ids = Vec::new();
    let mut after = asked.cursor;
    for _ in 0..MOST_READS {
        let page = store
            .names_in(workspace, parent, after.as_ref(), PAGE)
            .await?;
        for row in page.rows {
            if let Some(folder) = row.folder {
                if ids.len() == asked.limit {
                    return Ok((ids, after));
                }
                ids.push(folder);
            }
            after = Some(row.name);
        }
        if page.next.is_none() {
            return Ok((ids, None));
        }
    }
    Ok((ids, after))
}

/// Shows one folder. The root's id is all zeros.
#[utoipa::path(
    get,
    path = "/v1/folders/{id}",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The folder"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the folder is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The folder", body = FolderView, headers(("ETag" = String, description = "Changes with the folder and its path"))),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such folder"),
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
    let view = if id == FolderId::ROOT {
        FolderView::root()
    } else {
        let folder = store.folder(workspace, id).await?;
        let parent = store.path_of(workspace, folder.parent).await?;
        FolderView::new(folder, &parent)
    };
    Ok(answer::hashed(&headers, &view)?)
}
