//! `GET /v1/dossiers/{id}/export`: a dossier as a file, with the figures of exactly the documents in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use api::auth::Caller;
use api::dossier::all_documents;
use api::problem::Result;
use api::request::Query;
use api::view::dossier::{DocumentView, DossierView};
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use domain::dossier::{Dossier, Member};
use domain::figures::{Figures, Series};
use domain::file::File;
use domain::principal::Role;
use domain::tag::Tag;
use domain::{DossierId, Error};
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;
use crate::dossier_comparison::entries;

/// Most documents of an export: their rows are read in one request, and its answer is not to pass what a function can give.
pub const MOST_DOCUMENTS: u64 = 5_000;

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
    let documents = all_documents(store, workspace, &dossier, MOST_DOCUMENTS).await?;
    let figures = Figures::compute(&entries(&documents))?;
    let name = file_name(&dossier, format);
    let body = match format {
        Format::Csv => csv(&documents),
        Format::Markdown => markdown(&dossier, &figures, &documents),
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

/// A row for each document, a column for each unit.
fn csv(documents: &[(Member, File)]) -> String {
    let units: BTreeSet<&str> = documents
        .iter()
        .flat_map(|(member, _)| &member.quantities)
        .map(|quantity| quantity.unit.as_str())
        .collect();
    let mut out = String::from("document_date,name,file_id,amount,currency");
    for unit in &units {
        out.push(',');
        out.push_str(&cell(unit));
    }
    out.push_str("\r\n");
    for (member, file) in documents {
        let amount = member.amount.as_ref();
        let cells = [
            member.document_date.to_string(),
            cell(file.name.as_str()),
            member.file.to_string(),
            amount
                .map(|money| money.amount.to_string())
                .unwrap_or_default(),
            amount
                .map(|money| money.currency.to_string())
                .unwrap_or_default(),
        ];
        out.push_str(&cells.join(","));
        for unit in &units {
            let mut quantities = member.quantities.iter();
            let quantity = quantities.find(|quantity| quantity.unit == *unit);
            out.push(',');
            if let Some(quantity) = quantity {
                let _ = write!(out, "{}", quantity.amount);
            }
        }
        out.push_str("\r\n");
    }
    out
}

/// A text as a cell that no spreadsheet takes for a formula. Source: RFC 4180; OWASP, CSV injection.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{guard}{}\"", text.replace('"', "\"\""));
    }
    format!("{guard}{text}")
}

/// Figures, prose and documents to read.
fn markdown(dossier: &Dossier, figures: &Figures, documents: &[(Member, File)]) -> String {
    let tags: Vec<&str> = dossier.signature.tags().iter().map(Tag::as_str).collect();
    let mut out = format!(
        "# {}: {}\n\n{} documents",
        escape(dossier.signature.document_type().as_str()),
        escape(&tags.join(", ")),
        figures.count,
    );
    if let Some((first, last)) = period(documents) {
        let _ = write!(out, ", {first} to {last}");
    }
    out.push_str(".\n");
    let series: Vec<(String, &Series)> = figures
        .currencies
        .iter()
        .map(|(currency, series)| (currency.to_string(), series))
        .chain(
            figures
                .quantities
                .iter()
                .map(|(unit, series)| (unit.clone(), series)),
        )
        .collect();
    if !series.is_empty() {
        out.push_str("\n## Figures\n\n| | Count | Total | Mean | Median | Minimum | Maximum | Change |\n|---|--:|--:|--:|--:|--:|--:|--:|\n");
    }
    for (unit, series) in &series {
        let change = series
            .change_percent
            .map(|percent| format!("{percent} %"))
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {change} |",
            escape(unit),
            series.count,
            series.total,
            series.mean,
            series.median,
            series.minimum,
            series.maximum,
        );
    }
    for (unit, series) in &series {
        let _ = write!(
            out,
            "\n## {} by month\n\n| Month | Count | Total |\n|---|--:|--:|\n",
            escape(unit)
        );
        for period in &series.by_month {
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                period.month, period.count, period.total
            );
        }
    }
    if let Some(summary) = &dossier.summary {
        let stale = if dossier.is_stale() {
            " (documents have changed since)"
        } else {
            ""
        };
        let _ = write!(
            out,
            "\n## Summary\n\n{}\n\nBy {}, {}{stale}.\n",
            escape(&summary.text),
            escape(&summary.model),
            summary.made_at,
        );
    }
    out.push_str("\n## Documents\n\n| Date | Name | Amount | Quantities |\n|---|---|--:|---|\n");
    for (member, file) in documents {
        let amount = member.amount.as_ref();
        let amount = amount.map(|money| format!("{} {}", money.amount, money.currency));
        let quantities: Vec<String> = member
            .quantities
            .iter()
            .map(|quantity| format!("{} {}", quantity.amount, quantity.unit))
            .collect();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            member.document_date,
            escape(file.name.as_str()),
            amount.unwrap_or_default(),
            escape(&quantities.join(", ")),
        );
    }
    out
}

/// A text that Markdown shows as it is, also in a cell.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '|' | '*' | '_' | '`' | '<' | '>' | '[' | ']' | '#' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell("May.pdf"), "May.pdf");
        assert_eq!(cell("a,\"b\".pdf"), "\"a,\"\"b\"\".pdf\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("@x,y"), "\"'@x,y\"");
    }

    #[test]
    fn markup_of_names_is_shown_as_it_is() {
        assert_eq!(escape("a|b*<img>\n"), "a\\|b\\*\\<img\\> ");
    }
}
