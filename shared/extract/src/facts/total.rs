//! The amount a document is about: its labelled total, else the largest amount with a currency mark.

use std::collections::VecDeque;
use std::sync::LazyLock;

use domain::fact_sheet::{Fact, FactSheet, Place, Rule};
use domain::facts::{Currency, Money};
use rust_decimal::Decimal;

use super::amounts::Amount;
use super::currencies::{Mark, Signs, named_in};
use super::labels::{Hit, Labels};
use super::lines::Line;
use super::purpose::purpose;

/// How far a label may be from its amount. Farther apart they belong to different statements.
const REACH_BYTES: usize = 80;

/// How many labels in a row may wait for their amounts.
const MOST_WAITING: usize = 32;

/// What a label says about the amount it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// A sum of parts, or another document's total: subtotal, previous balance.
    Subtotal,
    /// A part of the total: tax, tip.
    Part,
    /// `Total` of something that is named in between: `Total labor`.
    TotalOf,
    /// `Total` and nothing more.
    Total,
    /// What is to be paid or was paid in the end.
    Grand,
}

static LABELS: LazyLock<Labels<Rank>> = LazyLock::new(|| {
    Labels::new(&[
        (Rank::Grand, GRAND),
        (Rank::Total, TOTAL),
        (Rank::Part, PART),
        (Rank::Subtotal, SUBTOTAL),
    ])
});

/// English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Czech and Swedish.
const GRAND: &[&str] = &[
    "grand total",
    "total amount",
    "total amount due",
    "total due",
    "amount due",
    "balance due",
    "total paid",
    "amount paid",
    "total payable",
    "amount payable",
    "total to pay",
    "amount to pay",
    "pay this amount",
    "please pay",
    "invoice total",
    "order total",
    "total charged",
    "amount charged",
    "total incl vat",
    "total including vat",
    "total including tax",
    "total inc vat",
    "total with tax",
    "total payment",
    "total cost",
    "gesamtbetrag",
    "gesamtsumme",
    "rechnungsbetrag",
    "endbetrag",
    "zahlbetrag",
    "zu zahlen",
    "zu zahlender betrag",
    "gesamt brutto",
    "summe brutto",
    "bruttobetrag",
    "montant total",
    "total ttc",
    "net à payer",
    "montant à payer",
    "total à payer",
    "montant dû",
    "total a pagar",
    "importe total",
    "importe a pagar",
    "monto total",
    "totale da pagare",
    "importo totale",
    "totale fattura",
    "totale dovuto",
    "valor total",
    "valor a pagar",
    "te betalen",
    "totaal te betalen",
    "totaalbedrag",
    "do zapłaty",
    "razem do zapłaty",
    "kwota do zapłaty",
    "suma do zapłaty",
    "razem brutto",
    "wartość brutto razem",
    "zapłacono",
    "celkem k úhradě",
    "k úhradě",
    "att betala",
    "summa att betala",
];
const TOTAL: &[&str] = &[
    "total",
    "totals",
    "suma",
    "razem",
    "ogółem",
    "łącznie",
    "summe",
    "gesamt",
    "insgesamt",
    "totale",
    "totaal",
    "celkem",
    "summa",
    "totalt",
    "i alt",
    "合計",
];
const PART: &[&str] = &[
    "tax",
    "sales tax",
    "vat",
    "gst",
    "tip",
    "discount",
    "deposit",
    "mwst",
    "ust",
    "tva",
    "iva",
    "btw",
    "kwota vat",
    "dph",
    "moms",
    "amount tendered",
    "cash tendered",
    "change due",
];
const SUBTOTAL: &[&str] = &[
    "subtotal",
    "sub total",
    "total before tax",
    "total excluding",
    "total excl",
    "total ex",
    "total net",
    "net total",
    "total tax",
    "total vat",
    "total sales tax",
    "total gst",
    "total discount",
    "total discounts",
    "total savings",
    "total saved",
    "total credits",
    "total usage",
    "total units",
    "total hours",
    "total items",
    "total quantity",
    "total qty",
    "total pages",
    "total points",
    "total this year",
    "total year to date",
    "year to date",
    "ytd total",
    "total ytd",
    "previous total",
    "previous balance",
    "prior balance",
    "balance forward",
    "opening balance",
    "closing balance",
    "previous amount",
    "payment received",
    "payments received",
    "last payment",
    "minimum payment",
    "minimum payment due",
    "minimum amount due",
    "minimum due",
    "past due",
    "past due amount",
    "amount due after",
    "total due after",
    "total amount due after",
    "amount due if paid after",
    "if paid after",
    "zwischensumme",
    "summe netto",
    "gesamt netto",
    "nettobetrag",
    "sous total",
    "total ht",
    "montant ht",
    "base imponible",
    "imponibile",
    "totale imponibile",
    "subtotaal",
    "razem netto",
    "suma netto",
    "kwota netto",
    "wartość netto",
    "mezisoučet",
    "delsumma",
];

/// Gathers labelled and marked amounts line by line.
#[derive(Default)]
pub(super) struct Totals {
    labelled: Option<(Rank, Found)>,
    largest: Option<Found>,
    /// Labels whose amounts stand on a later line, as in columns.
    waiting: VecDeque<(Rank, String)>,
    /// The amounts with a mark or a label, the first of them.
    all: Vec<Found>,
}

#[derive(Clone)]
struct Found {
    value: Decimal,
    mark: Option<Mark>,
    label: Option<String>,
    place: Place,
}

impl Found {
    fn new(line: Line<'_>, amount: &Amount, label: Option<String>) -> Self {
        Self {
            value: amount.value,
            mark: amount.mark,
            label,
            place: line.place(amount.start, amount.end),
        }
    }

    /// The amount, where its currency is known. `usual` is that of most amounts.
    fn into_fact(self, rule: Rule, signs: Signs, usual: Option<Currency>) -> Option<Fact<Money>> {
        let marked = self.mark.and_then(|mark| signs.resolve(mark));
        let money = Money {
            amount: self.value,
            currency: marked.or(usual)?,
        };
        Some(Fact::new(money, rule, self.label, Some(self.place)))
    }
}

impl Totals {
    /// Takes in the next line of the document with the amounts in it.
    pub(super) fn line(&mut self, line: Line<'_>, amounts: &[Amount]) {
        self.mind_marked(line, amounts);
        let hits = LABELS.hits(line.text);
        if hits.is_empty() {
            self.meet_waiting(line, amounts);
            return;
        }
        if !amounts.is_empty() {
            self.waiting.clear();
        }
        let named = !amounts.is_empty() && named_in(line.text).is_some();
        for (index, hit) in hits.iter().enumerate() {
            let end = hits
                .get(index + 1)
                .map_or(line.text.len(), |next| next.start);
            let after = amounts
                .iter()
                .filter(|amount| amount.start >= hit.end && amount.end <= end);
            let label = &line.text[hit.start..hit.end];
            match chosen(line.text, named, hit, after) {
                Some((rank, amount)) => self.offer(rank, label, line, amount),
                None if amounts.is_empty() && is_separation(&line.text[hit.end..end]) => {
                    self.wait(hit.rank, label);
                }
                None => {}
            }
        }
    }

    /// The document's amount, and all that were found. `usual` is the currency that most of its amounts are marked with.
    pub(super) fn into_money(
        self,
        signs: Signs,
        usual: Option<Currency>,
    ) -> (Option<Fact<Money>>, Vec<Fact<Money>>) {
        let of = |found: Found, rule| found.into_fact(rule, signs, usual);
        let labelled = self
            .labelled
            .and_then(|(_, found)| of(found, Rule::Labelled));
        let amount = labelled.or_else(|| self.largest.and_then(|found| of(found, Rule::Largest)));
        let all = self.all.into_iter().filter_map(|found| {
            let rule = found
                .label
                .as_ref()
                .map_or(Rule::Stated, |_| Rule::Labelled);
            of(found, rule)
        });
        (amount, all.collect())
    }

    /// A column longer than this is none.
    fn wait(&mut self, rank: Rank, label: &str) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.clear();
        }
        self.waiting.push_back((rank, label.to_owned()));
    }

    /// Amounts on a line of their own belong to the labels that wait, in the same order.
    fn meet_waiting(&mut self, line: Line<'_>, amounts: &[Amount]) {
        let alone = !amounts.is_empty()
            && amounts.len() <= self.waiting.len()
            && is_only_amounts(line.text, amounts);
        if !alone {
            self.waiting.clear();
            return;
        }
        for amount in amounts {
            let Some((rank, label)) = self.waiting.pop_front() else {
                return;
            };
            if amount.has_cents || amount.mark.is_some() {
                self.offer(rank, &label, line, amount);
            }
        }
    }

    /// The last of the highest rank wins. Nothing due is no amount: it means that all was paid.
    fn offer(&mut self, rank: Rank, label: &str, line: Line<'_>, amount: &Amount) {
        let found = Found::new(line, amount, Some(label.to_owned()));
        self.list(found.clone());
        let current = self.labelled.as_ref().map(|(rank, _)| *rank);
        if rank > Rank::Part
            && !amount.value.is_zero()
            && current.is_none_or(|current| rank >= current)
        {
            self.labelled = Some((rank, found));
        }
    }

    /// Takes in the amounts that have a mark, each with what stands before it since the last one, where something does.
    fn mind_marked(&mut self, line: Line<'_>, amounts: &[Amount]) {
        let (mut from, mut label) = (0, None);
        let marked = amounts
            .iter()
            .filter(|amount| amount.mark.is_some() && !amount.per_unit);
        for amount in marked {
            label = purpose(&line.text[from..amount.start.max(from)]).or(label);
            from = amount.end;
            let found = Found::new(line, amount, label.clone());
            let largest = self.largest.as_ref().map(|largest| largest.value);
            if largest.is_none_or(|largest| amount.value > largest) {
                self.largest = Some(found.clone());
            }
            self.list(found);
        }
    }

    /// Lists an amount. What its label says of it is more than what stands before it.
    fn list(&mut self, found: Found) {
        let mut listed = self.all.iter_mut().rev();
        if let Some(known) = listed.find(|known| known.place == found.place) {
            known.label = found.label;
        } else if self.all.len() < FactSheet::MOST {
            self.all.push(found);
        }
    }
}

/// What a cell says when it is a label and nothing else.
pub(super) fn label_of_cell(cell: &str) -> Option<Rank> {
    LABELS.exact(cell)
}

/// The amount that a label names, among those after it: the last of the first row of amounts, since
/// a row of a table ends with its sum. A count in between, as in `Total 3 items $45.00`, is not one.
/// `named` says that the line names a currency, so that a whole number can be an amount.
fn chosen<'a>(
    line: &str,
    named: bool,
    hit: &Hit<Rank>,
    after: impl Iterator<Item = &'a Amount>,
) -> Option<(Rank, &'a Amount)> {
    let mut row: Option<&Amount> = None;
    let mut rank = hit.rank;
    for amount in after {
        let whole = amount.mark.is_none() && !amount.has_cents;
        match row {
            None => {
                let gap = &line[hit.end..amount.start];
                if gap.len() > REACH_BYTES || gap.contains(". ") {
                    return None;
                }
                let direct = is_separation(gap);
                let counts = line[amount.end..]
                    .trim_start()
                    .starts_with(char::is_alphabetic);
                let sure = direct && !counts && (named || gap.contains([':', '\t', '=']));
                if amount.per_unit || (whole && !sure) {
                    continue;
                }
                if !direct && hit.rank == Rank::Total {
                    rank = Rank::TotalOf;
                }
                row = Some(amount);
            }
            Some(previous) if whole || !is_wordless(&line[previous.end..amount.start]) => break,
            Some(_) => row = Some(amount),
        }
    }
    row.map(|amount| (rank, amount))
}

/// Whether the text between a label and an amount is only marks, a currency or an aside in
/// parentheses.
fn is_separation(gap: &str) -> bool {
    let mut depth = 0_u32;
    let mut outside = String::new();
    for character in gap.chars() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => outside.push(character),
            _ => {}
        }
    }
    is_wordless(&outside)
}

/// Whether a text has no words but the names of currencies.
fn is_wordless(text: &str) -> bool {
    let mut words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.all(|word| named_in(word).is_some() || word.eq_ignore_ascii_case("in"))
}

/// Whether a line holds amounts and nothing that reads.
fn is_only_amounts(line: &str, amounts: &[Amount]) -> bool {
    let mut at = 0;
    for amount in amounts {
        if !is_wordless(&line[at..amount.start.max(at)]) {
            return false;
        }
        at = amount.end;
    }
    is_wordless(&line[at..])
}
