//! `PATCH /v1/files/{id}`: changes what a file is called, where it is, how it is sorted.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::file::FileView;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use domain::correction::Given;
use domain::principal::Role;
use domain::tag::Tags;
use domain::upload::expires_in;
use domain::{Error, FileId, WorkspaceId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use store::Store;
use store::correction::CorrectionChange;
use store::organize::{Edit, FileChange};
use utoipa::ToSchema;

use crate::body::{document_type, edit};
use crate::folder::Target;
use crate::{State, answer};
use api::finish::to_the_end;

/// What is to be changed of a file; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeFile {
    /// What it is to be called.
    #[schema(example = "2024-11 electricity.pdf")]
    pub(crate) name: Option<String>,
    /// The path of the folder it is to be in, created when missing.
    #[schema(example = "/bills/2024")]
    pub(crate) folder: Option<String>,
    /// The folder it is to be in, by its id, which must be there.
    pub(crate) folder_id: Option<uuid::Uuid>,
    /// What the document is; null takes the type away.
    #[serde(rename = "type", default, deserialize_with = "edit")]
    #[schema(value_type = Option<String>, example = "bill")]
    pub(crate) document_type: Edit<String>,
    /// Its tags, in the place of those it has.
    pub(crate) tags: Option<Vec<String>>,
    /// The date the document is about, in the place of the one that was read from it. A new version
    /// is read anew.
    #[schema(value_type = Option<String>, format = Date, example = "2024-11-15")]
    pub(crate) document_date: Option<String>,
    /// Whether it is marked.
    pub(crate) favorite: Option<bool>,
    /// Whether it is put away.
    pub(crate) archived: Option<bool>,
    /// Seconds it is to live from now on; null lets it live for ever.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<i64>, example = 604_800)]
    pub(crate) expires_in_s: Edit<i64>,
}

/// A change that was read. The folder of its target is found or made when it is carried out.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    change: FileChange,
    target: Option<Target>,
}

impl ChangeFile {
    /// Reads what is to be changed by someone, whose pseudonym is given.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    pub(crate) fn read(self, now: Timestamp, by: &str) -> domain::Result<Asked> {
        let target = Target::read(self.folder.as_deref(), self.folder_id)?;
        let change = FileChange {
            name: self.name.as_deref().map(str::parse).transpose()?,
            folder: None,
            document_type: self.document_type.try_map(|text| document_type(&text))?,
            tags: self.tags.as_deref().map(Tags::parse).transpose()?,
            correction: self
                .document_date
                .as_deref()
                .map(|text| read_correction(text, by))
                .transpose()?,
            favorite: self.favorite,
            archived: self.archived,
            expires_at: self.expires_in_s.try_map(|seconds| after(now, seconds))?,
        };
        Ok(Asked { change, target })
    }
}

fn read_correction(text: &str, by: &str) -> domain::Result<(CorrectionChange, String)> {
    let change = CorrectionChange {
        document_date: Edit::Set(Given::Value(read_date(text)?)),
        ..CorrectionChange::default()
    };
    Ok((change, by.to_owned()))
}

/// Reads a date.
///
/// # Errors
/// `Invalid`, pointing to `/document_date`.
pub(crate) fn read_date(text: &str) -> domain::Result<Date> {
    text.parse()
        .map_err(|_| Error::invalid("/document_date", "a date is year-month-day: 2024-11-15"))
}

fn after(now: Timestamp, seconds: i64) -> domain::Result<Timestamp> {
    now.checked_add(expires_in(seconds)?)
        .map_err(|_| Error::invalid("/expires_in_s", "that is past the end of time"))
}

/// Changes a file: its name, folder, type, tags, date, marks, or when it expires.
///
/// Dossiers follow a change of type, tags or date soon after.
#[utoipa::path(
    patch,
    path = "/v1/files/{id}",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    request_body = ChangeFile,
    responses(
        (status = 200, description = "The file as it is now", body = FileView, headers(("ETag" = String, description = "Its revision"))),
        (status = 404, description = "No such file, or no such folder"),
        (status = 409, description = "name_taken: the name is taken in that folder; not_a_folder: a file has a name of the path; in_trash: the folder is in the trash"),
        (status = 410, description = "It has expired or was deleted"),
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
    Json { value, .. }: Json<ChangeFile>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let asked = value.read(state.store.clock.now(), &principal.identity.pseudonym())?;
    let (store, workspace) = (state.store, principal.workspace);
    let changed =
        to_the_end(async move { carry_out(&store, &workspace, id, &headers, asked).await });
    Ok(answer::tagged(changed.await?))
}

/// Changes a file, and shows it with its entity tag.
pub(crate) async fn carry_out(
    store: &Store,
    workspace: &WorkspaceId,
    id: FileId,
    headers: &HeaderMap,
    Asked { mut change, target }: Asked,
) -> domain::Result<(HeaderValue, FileView)> {
    let still = |file: &_| answer::check_if_match(headers, file);
    if let Some(target) = target {
        // Before folders are made for a file that is not there or no longer as expected.
        still(&store.file(workspace, id).await?)?;
        change.folder = Some(target.find(store, workspace).await?);
    }
    let file = store.change_file(workspace, id, &change, still).await?;
    answer::placed(store, workspace, file).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> domain::Result<FileChange> {
        let body: ChangeFile = serde_json::from_str(body).unwrap();
        body.read("2026-01-01T00:00:00Z".parse().unwrap(), "user-1")
            .map(|asked| asked.change)
    }

    #[test]
    fn what_is_absent_stays_and_what_is_null_is_cleared() {
        assert_eq!(read("{}").unwrap(), FileChange::default());

        let cleared = read(r#"{"type": null, "expires_in_s": null}"#).unwrap();
        assert_eq!(cleared.document_type, Edit::Clear);
        assert_eq!(cleared.expires_at, Edit::Clear);
    }

    #[test]
    fn each_field_is_read_into_its_change() {
        let change = read(
            r#"{"name": "a.pdf", "type": "Bill", "tags": ["Home"], "document_date": "2024-11-15",
                "favorite": true, "archived": false, "expires_in_s": 60}"#,
        )
        .unwrap();

        assert_eq!(change.name.unwrap().as_str(), "a.pdf");
        assert_eq!(change.document_type, Edit::Set("bill".parse().unwrap()));
        assert_eq!(change.tags.unwrap().as_slice().len(), 1);
        let (correction, by) = change.correction.unwrap();
        let date = Given::Value("2024-11-15".parse().unwrap());
        assert_eq!(correction.document_date, Edit::Set(date));
        assert_eq!(by, "user-1");
        assert_eq!(
            (change.favorite, change.archived),
            (Some(true), Some(false))
        );
        let in_a_minute = "2026-01-01T00:01:00Z".parse().unwrap();
        assert_eq!(change.expires_at, Edit::Set(in_a_minute));
    }

    #[test]
    fn bad_fields_are_named() {
        for (body, pointer) in [
            (r#"{"name": "a/b"}"#, "/name"),
            (r#"{"type": ""}"#, "/type"),
            (r#"{"tags": ["a", ""]}"#, "/tags/1"),
            (r#"{"document_date": "2024-13-01"}"#, "/document_date"),
            (r#"{"expires_in_s": 0}"#, "/expires_in_s"),
        ] {
            let error = read(body).unwrap_err();
            assert!(
                matches!(&error, Error::Invalid { errors } if errors[0].pointer == pointer),
                "{body}: {error:?}"
            );
        }
    }
}
