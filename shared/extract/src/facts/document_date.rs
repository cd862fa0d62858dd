//! The date a document is about: a labelled one, else the first in the text, never a due date.

use std::sync::LazyLock;

use domain::fact_sheet::{Fact, Place, Rule};
use jiff::civil::Date;

use super::dates::{Found, Order, Value};
use super::labels::{Hit, Labels};
use super::lines::Line;

/// How far a label may be from its date.
const REACH_BYTES: usize = 48;

/// What a label says about the date it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Not the document's: when it is due, when it ends, what comes next.
    Other,
    /// No label.
    Unlabelled,
    /// `Date` alone.
    Plain,
    /// When the document was made or its service done: `Invoice date`.
    Issued,
}

/// A label: what it says, and whether it must stand right before its date because it is also a word
/// of prose.
type Label = (Rank, bool);

static LABELS: LazyLock<Labels<Label>> = LazyLock::new(|| {
    Labels::new(&[
        ((Rank::Issued, false), ISSUED),
        ((Rank::Plain, false), PLAIN),
        ((Rank::Plain, true), PLAIN_NEAR),
        ((Rank::Other, false), OTHER),
        ((Rank::Other, true), OTHER_NEAR),
    ])
});

const ISSUED: &[&str] = &[
    "invoice date",
    "date of invoice",
    "bill date",
    "billing date",
    "date of bill",
    "statement date",
    "statement issued",
    "receipt date",
    "document date",
    "issue date",
    "date issued",
    "date of issue",
    "issued",
    "issued on",
    "service date",
    "date of service",
    "service performed",
    "transaction date",
    "purchase date",
    "date of purchase",
    "payment date",
    "date paid",
    "date of payment",
    "paid on",
    "report date",
    "letter date",
    "rechnungsdatum",
    "belegdatum",
    "ausstellungsdatum",
    "leistungsdatum",
    "date de facture",
    "date de facturation",
    "date d'émission",
    "fecha de factura",
    "fecha de emisión",
    "fecha factura",
    "data fattura",
    "data emissione",
    "data di emissione",
    "data de emissão",
    "factuurdatum",
    "data wystawienia",
    "data faktury",
    "data sprzedaży",
    "datum vystavení",
    "fakturadatum",
];
const PLAIN: &[&str] = &["date", "dated", "datum", "fecha", "date of"];
const PLAIN_NEAR: &[&str] = &["data", "dato", "dnia", "le"];
const OTHER: &[&str] = &[
    "due",
    "due date",
    "date due",
    "payment due",
    "payment due date",
    "pay by",
    "autopay date",
    "expires",
    "expiry",
    "expiry date",
    "expiration date",
    "expiration",
    "valid until",
    "valid through",
    "valid to",
    "valid thru",
    "end date",
    "period end",
    "ending",
    "ends",
    "next service",
    "next",
    "next bill",
    "next bill date",
    "next statement date",
    "next meter reading",
    "next reading date",
    "renewal date",
    "renews",
    "date of birth",
    "birth date",
    "birthday",
    "dob",
    "born",
    "member since",
    "customer since",
    "since",
    "delivery date",
    "print date",
    "printed",
    "printed on",
    "previous",
    "last payment",
    "last bill",
    "last statement",
    "deadline",
    "reply by",
    "fällig",
    "fällig am",
    "fälligkeitsdatum",
    "zahlbar bis",
    "zahlungsziel",
    "gültig bis",
    "geburtsdatum",
    "échéance",
    "date d'échéance",
    "date limite",
    "vencimiento",
    "fecha de vencimiento",
    "scadenza",
    "data di scadenza",
    "vencimento",
    "data de vencimento",
    "vervaldatum",
    "termin płatności",
    "data płatności do",
    "data urodzenia",
    "datum splatnosti",
    "förfallodatum",
];
const OTHER_NEAR: &[&str] = &[
    "by", "before", "until", "till", "to", "through", "thru", "after", "bis", "do", "jusqu'au",
    "au", "hasta", "al", "fino al", "até", "tot",
];

/// Gathers candidates line by line.
#[derive(Default)]
pub(super) struct DocumentDate {
    best: Option<Candidate>,
    /// Labels whose dates stand on the next line, as in columns.
    waiting: Vec<(Rank, String)>,
}

/// A date that the document may be about.
struct Candidate {
    rank: Rank,
    value: Value,
    rule: Rule,
    label: Option<String>,
    place: Option<Place>,
}

impl DocumentDate {
    /// Takes in the next line of the document with the dates in it.
    pub(super) fn line(&mut self, line: Line<'_>, dates: &[Found]) {
        let hits = LABELS.hits(line.text);
        if dates.is_empty() {
            self.wait(line.text, &hits);
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        let in_columns = dates.len() == waiting.len();
        let mut from = 0;
        for (index, found) in dates.iter().enumerate() {
            let labelled = label_before(line.text, &hits, from, found.start)
                .map(|hit| (hit.rank.0, line.text[hit.start..hit.end].to_owned()))
                .or_else(|| {
                    ends_a_range(line.text, from, found.start).then(|| (Rank::Other, String::new()))
                })
                .or_else(|| waiting.get(index).cloned().filter(|_| in_columns));
            let (rank, label) = labelled.unzip();
            self.offer(Candidate {
                rank: rank.unwrap_or(Rank::Unlabelled),
                value: found.value,
                rule: rank.map_or(Rule::First, |_| Rule::Labelled),
                label,
                place: Some(line.place(found.start, found.end)),
            });
            from = found.end;
        }
    }

    /// Takes in the first date of a column of a table.
    pub(super) fn column(&mut self, header: &str, first: Date) {
        if let Some(rank) = label_of_column(header) {
            self.offer(Candidate {
                rank,
                value: Value::Sure(first),
                rule: Rule::TableColumn,
                label: Some(header.to_owned()),
                place: None,
            });
        }
    }

    /// The first of the highest rank wins.
    fn offer(&mut self, candidate: Candidate) {
        let best = self.best.as_ref().map(|best| best.rank);
        if candidate.rank >= Rank::Unlabelled && best.is_none_or(|best| candidate.rank > best) {
            self.best = Some(candidate);
        }
    }

    pub(super) fn into_date(self, order: Order) -> Option<Fact<Date>> {
        let best = self.best?;
        let date = best.value.date(order);
        Some(Fact::new(date, best.rule, best.label, best.place))
    }

    /// Remembers the labels of a line without dates: those of a column's head, or one label alone.
    fn wait(&mut self, line: &str, hits: &[Hit<Label>]) {
        let labels: Vec<&Hit<Label>> = hits
            .iter()
            .filter(|hit| hit.rank != (Rank::Other, true))
            .collect();
        let ends_with_label = labels
            .last()
            .is_some_and(|last| !line[last.end..].contains(char::is_alphanumeric));
        let heads = ends_with_label || line.contains('\t') || line.contains("  ");
        self.waiting = labels
            .iter()
            .filter(|_| heads)
            .map(|hit| (hit.rank.0, line[hit.start..hit.end].to_owned()))
            .collect();
    }
}

/// What a column's header says about the dates in it. One that says both, `date due`, is about when
/// something is due.
fn label_of_column(header: &str) -> Option<Rank> {
    let ranks: Vec<Rank> = LABELS.hits(header).iter().map(|hit| hit.rank.0).collect();
    if ranks.contains(&Rank::Other) {
        return Some(Rank::Other);
    }
    ranks.into_iter().max()
}

/// The label of a date: the last one between the date before it and itself, not too far away and
/// with no sentence between.
fn label_before<'a>(
    line: &str,
    hits: &'a [Hit<Label>],
    from: usize,
    start: usize,
) -> Option<&'a Hit<Label>> {
    let mut before = hits
        .iter()
        .rev()
        .filter(|hit| hit.start >= from && hit.end <= start);
    before.find(|hit| {
        let gap = &line[hit.end..start];
        let (_, must_be_near) = hit.rank;
        let near = !gap.contains(char::is_alphanumeric);
        near || !(must_be_near
            || gap.len() > REACH_BYTES
            || gap.contains(". ")
            || gap.contains('\t'))
    })
}

/// Whether only a dash stands between the date before and this one.
fn ends_a_range(line: &str, from: usize, start: usize) -> bool {
    let gap = line[from..start].trim();
    from > 0 && !gap.is_empty() && gap.chars().all(|c| "-\u{2013}\u{2014}\u{2192}".contains(c))
}
