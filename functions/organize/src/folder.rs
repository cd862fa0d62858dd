//! `PATCH` and `DELETE /v1/folders/{id}`, `POST /v1/folders/{id}/restore`: a folder with all it
//! holds.

use api::auth::Caller;
use api::finish::to_the_end;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::folder::FolderView;
use api::view::job::JobView;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::name::FolderPath;
use domain::principal::Role;
use domain::{Error, FolderId, WorkspaceId, job};
use serde::{Deserialize, Serialize};
use store::Store;
use store::organize::OnTaken;
use store::trash::Changed;
use store::tree::FolderChange;
use utoipa::ToSchema;

use crate::body::on_taken;
use crate::{State, answer};

/// What is to be changed of a folder; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFolder {
    /// What it is to be called.
    #[schema(example = "2024")]
    pub(crate) name: Option<String>,
    /// The path of the folder it is to be in, created when missing.
    #[schema(example = "/bills")]
    pub(crate) folder: Option<String>,
    /// The folder it is to be in, by its id, which must be there.
    pub(crate) folder_id: Option<uuid::Uuid>,
}

/// A change that was read. The folder of its target is found or made when it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    change: FolderChange,
    target: Option<Target>,
}

impl ChangeFolder {
    /// Reads what is to be changed.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    pub(crate) fn read(self) -> domain::Result<Asked> {
        let name = self.name.as_deref().map(str::parse).transpose()?;
        Ok(Asked {
            change: FolderChange { name, parent: None },
            target: Target::read(self.folder.as_deref(), self.folder_id)?,
        })
    }
}

/// Where something is to be put.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Into the folder at a path, which is made when it is missing.
    At(FolderPath),
    /// Into this folder.
    In(FolderId),
}

impl Target {
    /// Reads what a request says of it; none when it says nothing.
    ///
    /// # Errors
    /// `Invalid` when it says it twice, or the path is none.
    pub(crate) fn read(
        folder: Option<&str>,
        folder_id: Option<uuid::Uuid>,
    ) -> domain::Result<Option<Self>> {
        match (folder, folder_id) {
            (None, None) => Ok(None),
            (Some(path), None) => Ok(Some(Self::At(path.parse()?))),
            (None, Some(id)) => Ok(Some(Self::In(FolderId::new(id)))),
            (Some(_), Some(_)) => Err(Error::invalid(
                "/folder_id",
                "give folder or folder_id, not both",
            )),
        }
    }

    /// Finds the folder, or makes it.
    ///
    /// # Errors
    /// Those of [`Store::make_folders`]; `NotFound` and `Conflict` when nothing may be put into it.
    pub(crate) async fn find(
        &self,
        store: &Store,
        workspace: &WorkspaceId,
    ) -> domain::Result<FolderId> {
        match self {
            Self::At(path) => store.make_folders(workspace, path).await,
            Self::In(id) => {
                store.check_takes(workspace, *id).await?;
                Ok(*id)
            }
        }
    }
}

/// A folder after a change, and the job that goes on with it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FolderChanged)]
pub struct ChangedView {
    /// The folder as it is now; null once it is deleted for good.
    pub(crate) folder: Option<FolderView>,
    /// What goes on by itself, to be looked at with `GET /v1/jobs/{id}`; null when there was nothing
    /// to do, or what was done is forgotten.
    pub(crate) job: Option<JobView>,
}

/// What changing a folder came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// 202 while a job goes on with it.
    pub(crate) status: StatusCode,
    /// The entity tag of the folder, when there is one.
    pub(crate) tag: Option<HeaderValue>,
    /// The folder and the job.
    pub(crate) view: ChangedView,
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let tag = self.tag.map(|tag| [(header::ETAG, tag)]);
        (self.status, tag, axum::Json(self.view)).into_response()
    }
}

/// Changes a folder: its name, the folder it is in, or both, with all it holds.
///
/// However much that is, it is one change, which is seen at once and whole.
#[utoipa::path(
    patch,
    path = "/v1/folders/{id}",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The folder"),
        ("If-Match" = Option<String>, Header, description = "Only when the folder is still as under this ETag"),
    ),
    request_body = ChangeFolder,
    responses(
        (status = 200, description = "The folder as it is now", body = FolderView, headers(("ETag" = String, description = "For If-Match and If-None-Match"))),
        (status = 404, description = "No such folder, or no such folder to put it into"),
        (status = 409, description = "name_taken: the name is taken there; below_itself: it would be in itself; too_deep: folders are at most 32 deep; in_trash: it or its target is in the trash; not_a_folder: a file has a name of the path; root_folder: it is the root"),
        (status = 410, description = "It was deleted"),
        (status = 412, description = "It has changed since"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
    Json { value, .. }: Json<ChangeFolder>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FolderId = id.parse()?;
    let asked = value.read()?;
    let (store, workspace) = (state.store, principal.workspace);
    let changed =
        to_the_end(async move { carry_out(&store, &workspace, id, &headers, asked).await });
    Ok(answer::tagged(changed.await?))
}

/// Changes a folder, and shows it with its entity tag.
pub(crate) async fn carry_out(
    store: &Store,
    workspace: &WorkspaceId,
    id: FolderId,
    headers: &HeaderMap,
    Asked { mut change, target }: Asked,
) -> domain::Result<(HeaderValue, FolderView)> {
    let still = |upwards: &[_]| answer::check_folder_if_match(headers, upwards);
    if let Some(target) = target {
        // Before folders are made for one that is not there or no longer as expected.
        let upwards = store.folder_upwards(workspace, id).await?;
        still(&upwards)?;
        let own = domain::folder::Place::of(&upwards).path;
        if let Target::At(path) = &target
            && path.segments().starts_with(own.segments())
        {
            return Err(store::tree::below_itself());
        }
        change.parent = Some(target.find(store, workspace).await?);
    }
    let folder = store.change_folder(workspace, id, &change, still).await?;
    answer::folder(store, workspace, folder).await
}

/// Moves a folder to the trash with all it holds, or with `permanent=true` deletes it for good.
///
/// In the trash it can be restored; its files leave their dossiers soon after. Deleted for good, it
/// is unreachable at once, and a job removes its files, each with a receipt. What was put into the
/// trash by itself before is no longer in the folder and stays in the trash. Either may be repeated.
#[utoipa::path(
    delete,
    path = "/v1/folders/{id}",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The folder"),
        ("permanent" = Option<bool>, Query, description = "true deletes it for good"),
        ("If-Match" = Option<String>, Header, description = "Only when the folder is still as under this ETag"),
    ),
    responses(
        (status = 202, description = "The folder in the trash, or null, and the job that goes on with it", body = ChangedView),
        (status = 200, description = "The same, when nothing is left to do", body = ChangedView),
        (status = 404, description = "No such folder"),
        (status = 409, description = "root_folder: it is the root"),
        (status = 410, description = "It was deleted, or one above it was"),
        (status = 412, description = "It has changed since"),
    )
)]
pub async fn delete(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    let permanent = query.take_flag("permanent")?;
    query.finish()?;
    let id: FolderId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let removed =
        to_the_end(async move { remove(&store, &workspace, id, &headers, permanent).await });
    Ok(removed.await?.into_response())
}

/// Moves a folder to the trash, or deletes it for good.
pub(crate) async fn remove(
    store: &Store,
    workspace: &WorkspaceId,
    id: FolderId,
    headers: &HeaderMap,
    permanent: bool,
) -> domain::Result<Outcome> {
    let still = |upwards: &[_]| answer::check_folder_if_match(headers, upwards);
    let changed = if permanent {
        store.delete_folder(workspace, id, still).await?
    } else {
        store.trash_folder(workspace, id, still).await?
    };
    show(store, workspace, changed).await
}

/// Takes a folder out of the trash with all it holds, into the folder and under the name it had.
///
/// Where that folder is gone or in the trash, it comes into the nearest one above it that is not,
/// into the root at last. A folder that is in the trash with one above it leaves that. One that is
/// not in the trash stays as it is, so this may be repeated. Its files come back into their dossiers
/// soon after.
#[utoipa::path(
    post,
    path = "/v1/folders/{id}/restore",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The folder"),
        ("on_conflict" = Option<String>, Query, description = "When its name is taken: fail (the default) or rename"),
        ("If-Match" = Option<String>, Header, description = "Only when the folder is still as under this ETag"),
    ),
    responses(
        (status = 202, description = "The folder, and the job that goes on with it", body = ChangedView),
        (status = 200, description = "The same, when nothing is left to do", body = ChangedView),
        (status = 404, description = "No such folder"),
        (status = 409, description = "name_taken: another file or folder has its name; too_deep: folders are at most 32 deep; root_folder: it is the root"),
        (status = 410, description = "It was deleted"),
        (status = 412, description = "It has changed since"),
    )
)]
pub async fn restore(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    let on_taken = on_taken(query.take("on_conflict")?.as_deref())?;
    query.finish()?;
    let id: FolderId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let restored =
        to_the_end(async move { bring_back(&store, &workspace, id, &headers, on_taken).await });
    Ok(restored.await?.into_response())
}

/// Takes a folder out of the trash.
pub(crate) async fn bring_back(
    store: &Store,
    workspace: &WorkspaceId,
    id: FolderId,
    headers: &HeaderMap,
    on_taken: OnTaken,
) -> domain::Result<Outcome> {
    let still = |upwards: &[_]| answer::check_folder_if_match(headers, upwards);
    let changed = store.restore_folder(workspace, id, on_taken, still).await?;
    show(store, workspace, changed).await
}

/// Shows a changed folder and its job: 202 while the job goes on.
async fn show(store: &Store, workspace: &WorkspaceId, changed: Changed) -> domain::Result<Outcome> {
    let is_going_on = changed
        .job
        .as_ref()
        .is_some_and(|job| job.state == job::State::Running);
    let job = changed.job.map(JobView::from);
    let status = if is_going_on {
        StatusCode::ACCEPTED
    } else {
        StatusCode::OK
    };
    let (tag, folder) = match changed.folder {
        None => (None, None),
        Some(folder) => {
            let (tag, folder) = answer::folder(store, workspace, folder).await?;
            (Some(tag), Some(folder))
        }
    };
    Ok(Outcome {
        status,
        tag,
        view: ChangedView { folder, job },
    })
}
