//! `POST /v1/exports` and `DELETE /v1/exports/{id}`: archives of files.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::export::ExportView;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::job::Exported;
use domain::name::FolderPath;
use domain::principal::Role;
use domain::{Error, FileId, FolderId, JobId};
use serde::Deserialize;
use store::export::{MOST_FILES, NewExport};
use utoipa::ToSchema;

use crate::{State, answer};

/// What is to be in the archive: a folder with all it holds, or files by their ids. With none of them,
/// all there is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateExport {
    /// The path of a folder.
    #[schema(example = "/bills")]
    folder: Option<String>,
    /// A folder, by its id.
    folder_id: Option<uuid::Uuid>,
    /// Files, 500 at most. In the archive they have their whole paths.
    files: Option<Vec<uuid::Uuid>>,
    /// Whether the bytes of earlier versions are in it, too.
    #[serde(default)]
    versions: bool,
}

/// What is to be exported, where a folder is not looked up by its path yet.
enum Asked {
    At(FolderPath),
    Known(Exported),
}

impl CreateExport {
    fn read(&self) -> domain::Result<Asked> {
        match (&self.folder, self.folder_id, &self.files) {
            (None, None, None) => Ok(Asked::Known(Exported::Folder(FolderId::ROOT))),
            (Some(path), None, None) => Ok(Asked::At(path.parse()?)),
            (None, Some(id), None) => Ok(Asked::Known(Exported::Folder(FolderId::new(id)))),
            (None, None, Some(files)) => read_files(files).map(Asked::Known),
            (Some(_), Some(_), _) => Err(one_of("/folder_id")),
            (_, _, Some(_)) => Err(one_of("/files")),
        }
    }
}

fn one_of(pointer: &str) -> Error {
    Error::invalid(pointer, "give one of folder, folder_id and files")
}

fn read_files(files: &[uuid::Uuid]) -> domain::Result<Exported> {
    if files.is_empty() || files.len() > MOST_FILES {
        return Err(Error::invalid(
            "/files",
            format!("an export is of 1 to {MOST_FILES} files: of more, export their folder"),
        ));
    }
    let mut ids: Vec<FileId> = Vec::with_capacity(files.len());
    for (position, id) in files.iter().enumerate() {
        let id = FileId::new(*id);
        if ids.contains(&id) {
            return Err(Error::invalid(
                format!("/files/{position}"),
                "this file is named twice",
            ));
        }
        ids.push(id);
    }
    Ok(Exported::Files(ids))
}

/// Begins to make a ZIP archive of files, which a job goes on with.
///
/// `GET /v1/exports/{id}` says how far it is, and `GET /v1/exports/{id}/content` leads to the archive,
/// which is kept for a day.
///
/// Its last entry is a manifest with what Sheaf knows of each file, from which `POST /v1/imports` makes
/// the same files again. Whoever may read files may export them.
#[utoipa::path(
    post,
    path = "/v1/exports",
    tag = "organize",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request")),
    request_body = CreateExport,
    responses(
        (status = 202, description = "It is being made", body = ExportView, headers(("Location" = String, description = "Where it is read"))),
        (status = 404, description = "No such folder or file"),
        (status = 409, description = "in_trash: the folder is in the trash"),
        (status = 410, description = "A file has expired or was deleted"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<CreateExport>,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let asked = value.read()?;
    let repeatable = idempotency::repeatable(&headers, &principal, &[b"POST /v1/exports", &bytes])?;
    let owner = principal.identity.pseudonym();
    let (store, workspace) = (state.store, principal.workspace);
    let begun = to_the_end(async move {
        let what = match asked {
            Asked::Known(what) => what,
            Asked::At(path) => Exported::Folder(store.folder_at(&workspace, &path).await?),
        };
        let new = NewExport {
            what,
            versions: value.versions,
            owner,
            repeatable,
        };
        store.begin_export(&workspace, new).await
    });
    let (job, export) = begun.await?;
    let location = format!("/v1/exports/{}", job.id);
    Ok(answer::begun(location, ExportView::new(&export, job)))
}

/// Ends an export: its job, where that still runs, and its archive. This may be repeated.
///
/// A viewer ends only exports of their own.
#[utoipa::path(
    delete,
    path = "/v1/exports/{id}",
    tag = "organize",
    params(("id" = uuid::Uuid, Path, description = "The export")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such export"),
    )
)]
pub async fn delete(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<StatusCode> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let id: JobId = id.parse()?;
    let store = state.store;
    let removed = to_the_end(async move {
        let owner = principal.identity.pseudonym();
        let may = |export: &store::export::Export| {
            if export.owner == owner {
                return Ok(());
            }
            principal.require(Role::Editor)
        };
        store.remove_export(&principal.workspace, id, may).await
    });
    removed.await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> domain::Result<Asked> {
        let body: CreateExport = serde_json::from_str(body).unwrap();
        body.read()
    }

    #[test]
    fn bad_fields_are_named() {
        let id = "00000000-0000-4000-8000-000000000001";
        let twice = format!(r#"{{"files": ["{id}", "{id}"]}}"#);
        let both = format!(r#"{{"folder": "/", "folder_id": "{id}"}}"#);
        let files = format!(r#"{{"folder": "/", "files": ["{id}"]}}"#);
        for (body, pointer) in [
            (r#"{"files": []}"#, "/files"),
            (twice.as_str(), "/files/1"),
            (both.as_str(), "/folder_id"),
            (files.as_str(), "/files"),
            (r#"{"folder": "/../x"}"#, "/folder"),
        ] {
            let Err(error) = read(body) else {
                panic!("{body} is read");
            };
            assert!(
                matches!(&error, Error::Invalid { errors } if errors[0].pointer == pointer),
                "{body}: {error:?}"
            );
        }
    }
}
