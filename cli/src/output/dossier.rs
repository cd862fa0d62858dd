//! Dossiers: a list of them, one in full with its figures.

use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::chart::bar;
use super::file::provenance;
use super::table::{Cell, Table};
use super::text::{WIDTH, clean, wrap};
use super::{Output, Paint, human};
use crate::views::{Document, Dossier, DossierSummary, Figures, Gap, Series};

/// Writes a line for each dossier.
pub(crate) fn list(dossiers: &[Dossier], output: &Output) -> String {
    let mut table = Table::new(&["TYPE", "TAGS", "STATUS", ">DOCUMENTS", "PERIOD", "ID"]);
    for dossier in dossiers {
        table.row(vec![
            Cell::new(&dossier.kind),
            Cell::new(dossier.tags.join(", ")),
            Cell::status(&dossier.status),
            Cell::new(dossier.document_count.to_string()),
            Cell::optional(period(dossier)),
            Cell::new(&dossier.id),
        ]);
    }
    table.render(output.paint)
}

/// Writes all there is to say of one dossier.
pub(crate) fn show(dossier: &Dossier, output: &Output) -> String {
    let mut text = head(dossier, output.paint);
    if let Some(summary) = &dossier.summary {
        if let Some(figures) = &summary.figures {
            text += &show_figures(figures, output.paint);
        }
        text += &show_summary(summary, output);
    }
    text += &show_documents(dossier, output.paint);
    text
}

/// Writes the table of documents alone, for when they come from a list of their own.
pub(crate) fn documents(documents: &[Document], paint: Paint) -> String {
    let with_amounts = documents.iter().any(|document| document.amount.is_some());
    let mut table = if with_amounts {
        Table::new(&["DATE", "NAME", ">AMOUNT", "", "ID"])
    } else {
        Table::new(&["DATE", "NAME", "ID"])
    }
    .indented("  ");
    for document in documents {
        let mut cells = vec![Cell::optional(document.date), Cell::new(&document.name)];
        if with_amounts {
            let amount = document.amount.as_ref();
            cells.push(Cell::optional(amount.map(|money| &money.amount)));
            cells.push(Cell::optional(amount.map(|money| &money.currency)));
        }
        cells.push(Cell::new(&document.id));
        table.row(cells);
    }
    table.render(paint)
}

fn head(dossier: &Dossier, paint: Paint) -> String {
    let title = format!("{}: {}", dossier.kind, dossier.tags.join(", "));
    let documents = human::count(dossier.document_count, "document", "documents");
    let period = period(dossier).map_or_else(String::new, |period| format!(", {period}"));
    let meaning = match dossier.status.as_str() {
        "pending" => " (no summary yet)",
        "outdated" => " (documents have changed since the summary)",
        "regenerating" => " (the summary is being written)",
        _ => "",
    };
    format!(
        "{}\n  {}{meaning}, {documents}{period}\n  {}\n",
        paint.bold(&clean(&title)),
        paint.status(&clean(&dossier.status)),
        paint.dim(&clean(&dossier.id)),
    )
}

fn period(dossier: &Dossier) -> Option<String> {
    match (dossier.first_document_date, dossier.last_document_date) {
        (Some(first), Some(last)) if first == last => Some(first.to_string()),
        (Some(first), Some(last)) => Some(format!("{first} to {last}")),
        (Some(only), None) | (None, Some(only)) => Some(only.to_string()),
        (None, None) => None,
    }
}

fn show_figures(figures: &Figures, paint: Paint) -> String {
    let all = || figures.currencies.iter().chain(&figures.quantities);
    let mut table = Table::new(&[
        "", ">COUNT", ">TOTAL", ">MEAN", ">MEDIAN", ">MINIMUM", ">MAXIMUM", ">CHANGE",
    ])
    .indented("  ");
    for (unit, series) in all() {
        table.row(vec![
            Cell::new(unit),
            Cell::new(series.count.to_string()),
            Cell::optional(series.total),
            Cell::optional(series.mean),
            Cell::optional(series.median),
            Cell::optional(series.minimum),
            Cell::optional(series.maximum),
            Cell::optional(
                series
                    .change_percent
                    .map(|percent| format!("{percent:+} %")),
            ),
        ]);
    }
    let table = table.render(paint);
    if table.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n{table}", paint.bold("Figures"));
    for (unit, series) in all() {
        text += &show_months(unit, series, paint);
        text += &show_years(unit, series, paint);
    }
    let findings: String = all()
        .map(|(unit, series)| show_findings(unit, series))
        .collect();
    if !findings.is_empty() {
        let _ = write!(text, "\n{}\n{findings}", paint.bold("Worth a look"));
    }
    text + &show_gaps(&figures.gaps)
}

/// One year alone is the total.
fn show_years(unit: &str, series: &Series, paint: Paint) -> String {
    if series.by_year.len() < 2 {
        return String::new();
    }
    let mut table = Table::new(&["", ">", ">"]).indented("  ");
    for year in &series.by_year {
        table.row(vec![
            Cell::new(year.name.to_string()),
            Cell::optional(year.total),
            Cell::new(format!("×{}", year.count)),
        ]);
    }
    let title = format!("{} by year", clean(unit));
    format!("\n{}\n{}", paint.bold(&title), table.render(paint))
}

/// Values far from the others, those that stand twice, and those that are missing.
fn show_findings(unit: &str, series: &Series) -> String {
    let unit = clean(unit);
    let value = |value: Option<Decimal>| {
        let value = value.map(|value| value.to_string()).unwrap_or_default();
        format!("{value} {unit}")
    };
    let mut text = String::new();
    for anomaly in &series.anomalies.first {
        let _ = writeln!(
            text,
            "  {} of {} is unusually {}: {}",
            value(anomaly.value),
            anomaly.document_date,
            clean(&anomaly.direction),
            clean(&anomaly.file_id),
        );
    }
    for repeat in &series.repeated.first {
        let documents: Vec<String> = repeat.documents.first.iter().map(|id| clean(id)).collect();
        let _ = writeln!(
            text,
            "  {} of {} stands in {} documents: {}",
            value(repeat.value),
            repeat.document_date,
            repeat.documents.count,
            documents.join(", "),
        );
    }
    let found = series.anomalies.first.len() + series.repeated.first.len();
    let all = series.anomalies.count + series.repeated.count;
    let more = all.saturating_sub(u64::try_from(found).unwrap_or(u64::MAX));
    if more > 0 {
        let _ = writeln!(text, "  … and {more} more of {unit}");
    }
    let rhythm = series.rhythm.iter();
    for (missed, every) in rhythm.flat_map(|rhythm| {
        let missed = rhythm.missed.iter();
        missed.map(|missed| (missed, &rhythm.every))
    }) {
        let (first, last) = (clean(&missed.first), clean(&missed.last));
        let when = if first == last {
            first
        } else {
            format!("{first} to {last}")
        };
        let _ = writeln!(
            text,
            "  {unit} comes every {} and is missing in {when}",
            clean(every)
        );
    }
    text
}

/// Draws a bar for each month; one month alone has nothing to be compared with.
fn show_months(unit: &str, series: &Series, paint: Paint) -> String {
    if series.by_month.len() < 2 {
        return String::new();
    }
    let totals = series.by_month.iter().filter_map(|month| month.total);
    let largest = totals.max().unwrap_or(Decimal::ZERO);
    let mut table = Table::new(&["", ">", ">", ""]).indented("  ");
    for month in &series.by_month {
        table.row(vec![
            Cell::new(&month.name),
            Cell::optional(month.total),
            Cell::new(format!("×{}", month.count)),
            Cell::new(bar(month.total.unwrap_or_default(), largest)),
        ]);
    }
    let title = format!("{} by month", clean(unit));
    format!("\n{}\n{}", paint.bold(&title), table.render(paint))
}

fn show_gaps(gaps: &[Gap]) -> String {
    let mut text = String::new();
    for gap in gaps {
        let (first, last) = (clean(&gap.first), clean(&gap.last));
        let _ = if first == last {
            writeln!(text, "  no documents in {first}")
        } else {
            let months = human::count(gap.months, "month", "months");
            writeln!(text, "  no documents from {first} to {last} ({months})")
        };
    }
    if text.is_empty() {
        text
    } else {
        format!("\n{text}")
    }
}

fn show_summary(summary: &DossierSummary, output: &Output) -> String {
    let mut made = provenance(
        summary.model.as_ref(),
        summary.prompt_version.as_ref(),
        summary.made_at,
        output,
    );
    if let Some(confidence) = summary.confidence {
        let _ = write!(made, ", confidence {confidence}");
    }
    format!(
        "\n{} {}\n{}",
        output.paint.bold("Summary"),
        output.paint.dim(&made),
        wrap(&summary.text, WIDTH, "  ")
    )
}

fn show_documents(dossier: &Dossier, paint: Paint) -> String {
    let table = documents(&dossier.documents, paint);
    if table.is_empty() {
        return String::new();
    }
    let shown = u64::try_from(dossier.documents.len()).unwrap_or(u64::MAX);
    let rest = match dossier.document_count.saturating_sub(shown) {
        0 => String::new(),
        more => format!("  … and {more} more: --documents lists all\n"),
    };
    format!("\n{}\n{table}{}", paint.bold("Documents"), paint.dim(&rest))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::tests::plain_output;
    use crate::views::read;

    fn dossier(change: impl FnOnce(&mut Value)) -> Dossier {
        let mut value =
            serde_json::from_str(include_str!("../../tests/fixtures/dossier.json")).unwrap();
        change(&mut value);
        read("a fixture", &value).unwrap()
    }

    #[test]
    fn dossier_reads_well() {
        insta::assert_snapshot!(show(&dossier(|_| ()), &plain_output()));
    }

    #[test]
    fn pending_dossier_says_there_is_no_summary_yet() {
        let pending = dossier(|value| {
            value["status"] = json!("pending");
            value["summary"] = json!(null);
            value["documents"] = json!([]);
            value["document_count"] = json!(0);
            value["first_document_date"] = json!(null);
            value["last_document_date"] = json!(null);
        });

        insta::assert_snapshot!(show(&pending, &plain_output()));
    }

    #[test]
    fn dossier_of_letters_has_no_figures_and_no_amounts() {
        let letters = dossier(|value| {
            value["type"] = json!("letter");
            value["summary"]["figures"] = json!({"count": 0, "currencies": {}, "quantities": {}});
            for document in value["documents"].as_array_mut().unwrap() {
                document["amount"] = json!(null);
            }
        });

        insta::assert_snapshot!(show(&letters, &plain_output()));
    }

    #[test]
    fn gap_of_one_month_names_it_once() {
        let gap = |first: &str, last: &str, months| Gap {
            first: first.to_owned(),
            last: last.to_owned(),
            months,
        };

        assert_eq!(
            show_gaps(&[gap("2024-02", "2024-02", 1), gap("2024-04", "2024-05", 2)]),
            "\n  no documents in 2024-02\n  no documents from 2024-04 to 2024-05 (2 months)\n"
        );
    }

    #[test]
    fn list_lines_up() {
        let dossiers = [
            dossier(|_| ()),
            dossier(|value| value["status"] = json!("outdated")),
        ];

        insta::assert_snapshot!(list(&dossiers, &plain_output()));
    }
}
