//! Instructions for language models, kept as versioned texts in `prompts/`.
//!
//! What a text says between its `{{placeholders}}` never changes within a version. Documents are
//! put between tags whose name is a hash of the content, so no document can close its own.

use std::fmt::Write;

use domain::Sha256;
use domain::facts::{Facts, Money, Quantity};
use domain::figures::Figures;

use crate::{DocumentInput, DossierDocument, DossierInput, budget};

/// Version of the instructions for one document.
pub(crate) const DOCUMENT_VERSION: &str = "document-1";
const DOCUMENT: &str = include_str!("prompts/document_summary.v1.md");

/// Version of the instructions for a dossier.
pub(crate) const DOSSIER_VERSION: &str = "dossier-1";
const DOSSIER: &str = include_str!("prompts/dossier_summary.v1.md");

/// The latest months of a series that a model is shown. The totals cover all.
const MONTHS: usize = 24;
/// The findings of each kind that it is shown of a series.
const FINDINGS: usize = 5;
/// Tokens of a document's own summary that its dossier's model is shown.
const SUMMARY_TOKENS: usize = 120;

/// Instructions and data for one call.
#[derive(Debug)]
pub(crate) struct Prompt {
    pub(crate) version: &'static str,
    /// What the model is to do.
    pub(crate) system: String,
    /// What it is to do it with.
    pub(crate) user: String,
}

/// Asks for the summary of a document, of whose text at most some tokens are shown.
pub(crate) fn document(input: &DocumentInput, tokens: usize) -> Prompt {
    let text = budget::fit(&input.text, tokens);
    let language = input.facts.language.as_deref().map_or_else(
        || "the language of the document".to_owned(),
        |code| format!("the language of the document (ISO 639-1: {code})"),
    );
    let fence = fence(&text);
    let values = [
        ("language", language.as_str()),
        ("fence", &fence),
        ("facts", &facts(&input.facts)),
        ("text", text.trim()),
    ];
    Prompt {
        version: DOCUMENT_VERSION,
        system: render(part(DOCUMENT, 0), &values),
        user: render(part(DOCUMENT, 1), &values),
    }
}

/// Asks for the summary of a dossier, of whose documents at most some tokens are shown.
pub(crate) fn dossier(input: &DossierInput, tokens: usize) -> Prompt {
    let figures = figures(&input.figures);
    let documents = documents(&input.documents, tokens);
    let fence = fence(&format!("{figures}{documents}"));
    let values = [
        ("fence", fence.as_str()),
        ("type", &line(&input.document_type)),
        ("tags", &line(&input.tags.join(", "))),
        ("figures", &figures),
        ("documents", &documents),
    ];
    Prompt {
        version: DOSSIER_VERSION,
        system: render(part(DOSSIER, 0), &values),
        user: render(part(DOSSIER, 1), &values),
    }
}

/// Asks for another summary of a dossier, because of a number that is not among its figures.
pub(crate) fn correction(number: &str) -> String {
    render(part(DOSSIER, 2), &[("number", number)])
}

/// Returns one of the parts of a template, which are set apart by lines of `---`.
fn part(template: &'static str, index: usize) -> &'static str {
    template
        .split("\n---\n")
        .nth(index)
        .unwrap_or_default()
        .trim()
}

/// Replaces the placeholders in one pass, so that values are never searched for more of them.
fn render(template: &str, values: &[(&str, &str)]) -> String {
    let mut rendered = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        rendered.push_str(before);
        rendered.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    rendered + rest
}

/// Names the tags around some content, so that the content cannot know them.
fn fence(content: &str) -> String {
    let hash = Sha256::of(content.as_bytes()).to_string();
    format!("data-{}", hash.get(..16).unwrap_or_default())
}

fn facts(facts: &Facts) -> String {
    let date = facts.document_date.map(|date| format!("date {date}"));
    let amount = facts.amount.map(|money| format!("amount {}", shown(money)));
    let found: Vec<String> = [date, amount]
        .into_iter()
        .flatten()
        .chain(facts.quantities.iter().map(measured))
        .collect();
    if found.is_empty() {
        "nothing".to_owned()
    } else {
        found.join(", ")
    }
}

fn figures(figures: &Figures) -> String {
    let shown = figures.clone().abridged(MONTHS, FINDINGS);
    // Figures are plain data: writing them as JSON cannot fail.
    serde_json::to_string(&shown).unwrap_or_default()
}

/// Lists documents: all when they fit, else the first and, with more room, the last.
fn documents(documents: &[DossierDocument], tokens: usize) -> String {
    let mut left = tokens.saturating_mul(4);
    let mut fits = |line: &String| {
        let rest = left.checked_sub(line.len());
        left = rest.unwrap_or_default();
        rest.is_some()
    };
    let lines: Vec<String> = documents.iter().map(document_line).collect();
    let mut last: Vec<&str> = Vec::new();
    let mut first: Vec<&str> = Vec::new();
    let (mut front, mut back) = (lines.iter(), lines.iter().rev());
    for turn in 0..lines.len() {
        let (side, next) = if turn % 4 == 3 {
            (&mut first, front.next())
        } else {
            (&mut last, back.next())
        };
        let Some(line) = next.filter(|line| fits(line)) else {
            first.push("(documents are left out here; the figures include them)");
            break;
        };
        side.push(line);
    }
    first
        .into_iter()
        .chain(last.into_iter().rev())
        .collect::<Vec<_>>()
        .join("\n")
}

fn document_line(document: &DossierDocument) -> String {
    let entry = &document.entry;
    let mut written = format!("{} | {}", entry.document_date, line(&document.name));
    let amount = entry.amount.map(shown).unwrap_or_default();
    let quantities: Vec<String> = entry.quantities.iter().map(measured).collect();
    let summary = document.summary.as_deref().unwrap_or_default();
    let summary = line(budget::head(summary, SUMMARY_TOKENS));
    // Writing to a String cannot fail.
    let _ = write!(
        written,
        " | {amount} | {} | {summary}",
        quantities.join(", ")
    );
    written
}

fn shown(money: Money) -> String {
    format!("{} {}", money.currency, money.amount)
}

fn measured(quantity: &Quantity) -> String {
    format!("{} {}", quantity.amount, quantity.unit)
}

/// Writes a text as one line.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
