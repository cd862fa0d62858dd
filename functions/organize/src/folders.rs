//! `POST /v1/folders`: makes a folder.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::folder::FolderView;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::name::{FileName, FolderPath};
use domain::principal::Role;
use domain::{Error, FolderId, Kind, WorkspaceId};
use serde::Deserialize;
use store::Store;
use utoipa::ToSchema;

use crate::{State, answer};
use api::finish::to_the_end;

/// A folder to be made: by its path, or by its name and the folder it is to be in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFolder {
    /// Its path from the root. What is missing above it is made, too.
    #[schema(example = "/bills/2024")]
    path: Option<String>,
    /// Its name.
    #[schema(example = "2024")]
    name: Option<String>,
    /// The folder it is to be in, which must be there; the root by default.
    parent_id: Option<uuid::Uuid>,
}

/// Makes a folder. One that is there already is answered as it is, so this may be repeated.
#[utoipa::path(
    post,
    path = "/v1/folders",
    tag = "organize",
    request_body = CreateFolder,
    responses(
        (status = 201, description = "The folder, which is new", body = FolderView, headers(("Location" = String, description = "Where it is read"), ("ETag" = String, description = "For If-Match and If-None-Match"))),
        (status = 200, description = "The folder, which was there", body = FolderView, headers(("ETag" = String, description = "For If-Match and If-None-Match"))),
        (status = 404, description = "No such parent, or it was deleted"),
        (status = 409, description = "not_a_folder: a file has the name of it or of a folder above it; in_trash: the parent is in the trash"),
        (status = 410, description = "It was deleted while it was asked for"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Json { value, .. }: Json<CreateFolder>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let place = value.read()?;
    let (store, workspace) = (state.store, principal.workspace);
    Ok(to_the_end(make(store, workspace, place)).await?)
}

/// Where a folder is to be.
enum Place {
    At(FolderPath),
    In(FolderId, FileName),
}

impl CreateFolder {
    fn read(self) -> domain::Result<Place> {
        match (self.path, self.name) {
            (Some(path), None) if self.parent_id.is_none() => {
                let path: FolderPath = path.parse().map_err(|error| pointing_to("/path", error))?;
                if path == FolderPath::root() {
                    return Err(Error::invalid("/path", "the root is always there"));
                }
                Ok(Place::At(path))
            }
            (None, Some(name)) => {
                let parent = self.parent_id.map_or(FolderId::ROOT, FolderId::new);
                Ok(Place::In(parent, name.parse()?))
            }
            _ => Err(Error::invalid(
                "",
                "give either path, or name and, unless it is the root, parent_id",
            )),
        }
    }
}

/// A path's own errors point to `/folder`, which is what other routes call it.
fn pointing_to(pointer: &str, error: Error) -> Error {
    match error {
        Error::Invalid { mut errors } => {
            for error in &mut errors {
                pointer.clone_into(&mut error.pointer);
            }
            Error::Invalid { errors }
        }
        error => error,
    }
}

async fn make(store: Store, workspace: WorkspaceId, place: Place) -> domain::Result<Response> {
    let before = find(&store, &workspace, &place).await?;
    let id = match (before, &place) {
        (Some(id), _) => id,
        (None, Place::At(path)) => store.make_folders(&workspace, path).await?,
        (None, Place::In(parent, name)) => store.make_folder(&workspace, *parent, name).await?,
    };
    let folder = store.folder(&workspace, id).await?;
    let answer = answer::tagged(answer::folder(&store, &workspace, folder).await?);
    if before.is_some() {
        return Ok(answer);
    }
    let location = [(header::LOCATION, format!("/v1/folders/{id}"))];
    Ok((StatusCode::CREATED, location, answer).into_response())
}

/// Finds the folder when it is there already.
async fn find(
    store: &Store,
    workspace: &WorkspaceId,
    place: &Place,
) -> domain::Result<Option<FolderId>> {
    match place {
        Place::At(path) => match store.folder_at(workspace, path).await {
            Ok(id) => Ok(Some(id)),
            Err(Error::NotFound {
                kind: Kind::Folder, ..
            }) => Ok(None),
            Err(error) => Err(error),
        },
        Place::In(parent, name) => {
            let item = store.name(workspace, *parent, name).await?;
            Ok(item.and_then(|item| item.folder))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> domain::Result<Place> {
        serde_json::from_str::<CreateFolder>(body).unwrap().read()
    }

    #[test]
    fn a_folder_is_named_by_path_or_by_parent_and_name() {
        assert!(
            matches!(read(r#"{"path": "/a/b"}"#), Ok(Place::At(path)) if path.to_string() == "/a/b")
        );
        assert!(matches!(
            read(r#"{"name": "b"}"#),
            Ok(Place::In(FolderId::ROOT, _))
        ));
    }

    #[test]
    fn bad_requests_point_to_what_is_wrong() {
        for (body, pointer) in [
            ("{}", ""),
            (r#"{"path": "/a", "name": "b"}"#, ""),
            (r#"{"path": "/"}"#, "/path"),
            (r#"{"path": "/../a"}"#, "/path"),
            (r#"{"name": ".."}"#, "/name"),
        ] {
            let error = read(body).err().unwrap();
            assert!(
                matches!(&error, Error::Invalid { errors } if errors[0].pointer == pointer),
                "{body}: {error:?}"
            );
        }
    }
}
