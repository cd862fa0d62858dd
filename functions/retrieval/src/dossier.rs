//! `GET /v1/dossiers/{id}` and its documents.

use api::auth::Caller;
use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::Query;
use api::view::dossier::{DocumentView, DossierView};
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::dossier::Member;
use domain::principal::Role;
use domain::{DossierId, FileId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{State, answer};

/// Shows one dossier with its summary, its figures and its first 50 documents.
///
/// This only looks: it never has a summary written. POST to the dossier asks for that.
#[utoipa::path(
    get,
    path = "/v1/dossiers/{id}",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The dossier"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the dossier still looks as under this ETag"),
    ),
    responses(
        (status = 200, description = "The dossier", body = DossierView, headers(("ETag" = String, description = "Changes with anything that is shown"))),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such dossier"),
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
    let id: DossierId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let kept = store.dossier(workspace, id).await?;
    let view = api::dossier::show(store, workspace, kept.dossier).await?;
    Ok(answer::hashed(&headers, &view)?)
}

/// Where a list of documents goes on: after this one.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct After {
    #[serde(rename = "d")]
    date: Date,
    #[serde(rename = "f")]
    file: FileId,
}

impl From<After> for Member {
    /// A member in the place the cursor names; its figures play no part in that.
    fn from(after: After) -> Self {
        Self {
            file: after.file,
            version: 0,
            document_date: after.date,
            amount: None,
            quantities: Vec::new(),
        }
    }
}

/// Lists the documents of a dossier in the order of their own dates.
///
/// A page may hold fewer documents than asked for, where files have expired since; go on until
/// `next_cursor` is null.
#[utoipa::path(
    get,
    path = "/v1/dossiers/{id}/documents",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The dossier"),
        ("limit" = Option<usize>, Query, description = "Most documents of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses(
        (status = 200, description = "A page of documents", body = Page<DocumentView>),
        (status = 404, description = "No such dossier"),
    )
)]
pub async fn documents(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<Page<DocumentView>>> {
    principal.require(Role::Viewer)?;
    let asked: Asked<After> = Asked::from_query(&mut query)?;
    query.finish()?;
    let id: DossierId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    store.dossier(workspace, id).await?;
    let after = asked.cursor.map(Member::from);
    let rows = rows_for(asked.limit);
    let page = store.members(workspace, id, after.as_ref(), rows).await?;
    let (members, more) = cut(page, asked.limit);
    let last = members.last().filter(|_| more);
    let next_cursor = last
        .map(|last| {
            encode(&After {
                date: last.document_date,
                file: last.file,
            })
        })
        .transpose()?;
    let items = api::dossier::documents(store, workspace, members).await?;
    Ok(axum::Json(Page { items, next_cursor }))
}
