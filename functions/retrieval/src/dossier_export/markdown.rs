//! A dossier as Markdown: figures, prose and documents to read.

use std::fmt::Write as _;

use domain::dossier::{Dossier, Member};
use domain::figures::{Figures, Series};
use domain::file::File;
use domain::tag::Tag;

use super::period;

/// Writes the whole of it.
pub(super) fn text(dossier: &Dossier, figures: &Figures, documents: &[(Member, File)]) -> String {
    let mut out = heading(dossier, documents);
    let currencies = figures.currencies.iter();
    let series: Vec<(String, &Series)> = currencies
        .map(|(currency, series)| (currency.to_string(), series))
        .chain(
            figures
                .quantities
                .iter()
                .map(|(unit, series)| (escape(unit), series)),
        )
        .collect();
    out += &totals(&series);
    for (unit, series) in &series {
        out += &months(unit, series);
    }
    out += &prose(dossier);
    out += &table(documents);
    out
}

fn heading(dossier: &Dossier, documents: &[(Member, File)]) -> String {
    let tags = dossier.signature.tags().iter().map(Tag::as_str);
    let tags: Vec<&str> = tags.collect();
    let (kind, tags) = (dossier.signature.document_type().as_str(), tags.join(", "));
    let documents_are = if documents.len() == 1 {
        "document"
    } else {
        "documents"
    };
    let dates = period(documents).map(|(first, last)| format!(", {first} to {last}"));
    format!(
        "# {}: {}\n\n{} {documents_are}{}.\n",
        escape(kind),
        escape(&tags),
        documents.len(),
        dates.unwrap_or_default(),
    )
}

fn totals(series: &[(String, &Series)]) -> String {
    if series.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "\n## Figures\n\n| | Count | Total | Mean | Median | Minimum | Maximum | Change |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (unit, series) in series {
        let change = series.change_percent;
        let change = change.map(|percent| format!("{percent} %"));
        let _ = writeln!(
            out,
            "| {unit} | {} | {} | {} | {} | {} | {} | {} |",
            series.count,
            series.total,
            series.mean,
            series.median,
            series.minimum,
            series.maximum,
            change.unwrap_or_default(),
        );
    }
    out
}

fn months(unit: &str, series: &Series) -> String {
    let mut out = format!("\n## {unit} by month\n\n| Month | Count | Total |\n|---|--:|--:|\n");
    for period in &series.by_month {
        let _ = writeln!(
            out,
            "| {} | {} | {} |",
            period.month, period.count, period.total
        );
    }
    out
}

fn prose(dossier: &Dossier) -> String {
    let Some(summary) = &dossier.summary else {
        return String::new();
    };
    let stale = if dossier.is_stale() {
        " (documents have changed since)"
    } else {
        ""
    };
    format!(
        "\n## Summary\n\n{}\n\nBy {}, {}{stale}.\n",
        escape(&summary.text),
        escape(&summary.model),
        summary.made_at,
    )
}

fn table(documents: &[(Member, File)]) -> String {
    let mut out = String::from(
        "\n## Documents\n\n| Date | Name | Amount | Quantities |\n|---|---|--:|---|\n",
    );
    for (member, file) in documents {
        let amount = member.amount.as_ref();
        let amount = amount.map(|money| format!("{} {}", money.amount, money.currency));
        let quantities = member.quantities.iter();
        let quantities: Vec<String> = quantities
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
    use super::escape;

    #[test]
    fn markup_of_names_is_shown_as_it_is() {
        assert_eq!(escape("a|b*<img>\n"), "a\\|b\\*\\<img\\> ");
    }
}
