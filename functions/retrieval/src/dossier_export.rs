//! `GET /v1/dossiers/{id}/export`: a dossier as a file, with the figures of exactly the documents in it.

mod csv;
mod markdown;

use api::auth::Caller;
use api::dossier::{all_documents, entries};
use api::problem::Result;
use api::request::Query;
use api::view::dossier::{DocumentView, DossierView};
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::dossier::{Dossier, Member};
use domain::figures::Figures;
use domain::file::File;
use domain::principal::Role;
use domain::{DossierId, Error};
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// What a dossier is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// A row for each document.
    Csv,
    /// Figures, prose and documents to read.
    Markdown,
    /// All there is.
    Json,
}

impl Format {
    fn parse(text: Option<&str>) -> domain::Result<Self> {
        match text {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some("md") => Ok(Self::Markdown),
            Some(_) => Err(Error::invalid("/format", "format is csv, md or json")),
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Json => "json",
        }
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

/// A dossier as JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierExport)]
pub struct ExportView {
    /// The dossier with its summary.
    dossier: DossierView,
    /// The figures of exactly the documents below. Those of the summary are of when it was written.
    #[schema(value_type = Object)]
    figures: Figures,
    /// All its documents in date order.
    documents: Vec<DocumentView>,
}

/// Gives a dossier as a file: its documents as CSV, to read as Markdown, or all there is as JSON.
///
/// The figures are computed from exactly the documents in it, so they add up. Cells of CSV that a spreadsheet would take for
/// a formula begin with an apostrophe.
#[utoipa::path(
    get,
    path = "/v1/dossiers/{id}/export",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The dossier"),
        ("format" = Option<String>, Query, description = "csv, md or json, which is the default"),
    ),
    responses(
        (status = 200, description = "The dossier", content(
            (ExportView = "application/json"), (String = "text/csv"), (String = "text/markdown"),
        ), headers(("Content-Disposition" = String, description = "A name for the file"))),
        (status = 404, description = "No such dossier"),
        (status = 409, description = "too_many_documents: it has more than 5,000"),
    )
)]
pub async fn export(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    let format = Format::parse(query.take("format")?.as_deref())?;
    query.finish()?;
    let id: DossierId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let dossier = store.dossier(workspace, id).await?.dossier;
    let documents = all_documents(store, workspace, &dossier).await?;
    let figures = Figures::compute(&entries(&documents))?;
    let name = file_name(&dossier, format);
    let body = match format {
        Format::Csv => csv::table(&documents),
        Format::Markdown => markdown::text(&dossier, &figures, &documents),
        Format::Json => {
            let period = period(&documents);
            let view = ExportView {
                dossier: DossierView::new(dossier, period, None, store.clock.now()),
                figures,
                documents: documents
                    .into_iter()
                    .map(|(member, file)| DocumentView::new(&member, file))
                    .collect(),
            };
            serde_json::to_string(&view)
                .map_err(|error| Error::corrupt(format!("an export cannot be written: {error}")))?
        }
    };
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .map_err(|_| Error::corrupt("the name of an export does not fit into a header"))?;
    let content_type = HeaderValue::from_static(format.content_type());
    Ok((
        [
            (header::CONTENT_TYPE, content_type),
            (header::CONTENT_DISPOSITION, disposition),
        ],
        body,
    )
        .into_response())
}

/// Of the first and the last document.
fn period(documents: &[(Member, File)]) -> api::view::dossier::Period {
    let date = |document: Option<&(Member, File)>| document.map(|(member, _)| member.document_date);
    date(documents.first()).zip(date(documents.last()))
}

/// A name in ASCII: the type and the tags.
fn file_name(dossier: &Dossier, format: Format) -> String {
    const LONGEST: usize = 80;
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let name: String = dossier
        .signature
        .to_string()
        .chars()
        .map(plain)
        .take(LONGEST)
        .collect();
    let name = name.trim_matches(['-', '.']);
    let name = if name.is_empty() { "dossier" } else { name };
    format!("{name}.{}", format.extension())
}
