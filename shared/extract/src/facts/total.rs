//! The amount a document is about: its labelled total, else the largest amount with a currency mark.

use std::collections::VecDeque;
use std::sync::LazyLock;

use domain::facts::{Currency, Money};
use rust_decimal::Decimal;

use super::amounts::Amount;
use super::currencies::{Mark, Signs, named_in};
use super::labels::{Hit, Labels};

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
    waiting: VecDeque<Rank>,
}

#[derive(Clone, Copy)]
struct Found {
    value: Decimal,
    mark: Option<Mark>,
}

impl Totals {
    /// Takes in the next line of the document with the amounts in it.
    pub(super) fn line(&mut self, line: &str, amounts: &[Amount]) {
        for amount in amounts {
            self.mind_largest(amount);
        }
        let hits = LABELS.hits(line);
        if hits.is_empty() {
            self.meet_waiting(line, amounts);
            return;
        }
        if !amounts.is_empty() {
            self.waiting.clear();
        }
        let named = !amounts.is_empty() && named_in(line).is_some();
        for (index, hit) in hits.iter().enumerate() {
            let end = hits.get(index + 1).map_or(line.len(), |next| next.start);
            let after = amounts
                .iter()
                .filter(|amount| amount.start >= hit.end && amount.end <= end);
            match chosen(line, named, hit, after) {
                Some((rank, amount)) => self.offer(rank, amount),
                None if amounts.is_empty() && is_separation(&line[hit.end..end]) => {
                    self.wait(hit.rank);
                }
                None => {}
            }
        }
    }

    /// The document's amount. `usual` is the currency that most of its amounts are marked with.
    pub(super) fn money(&self, signs: Signs, usual: Option<Currency>) -> Option<Money> {
        let of = |found: Found| {
            let marked = found.mark.and_then(|mark| signs.resolve(mark));
            Some(Money {
                amount: found.value,
                currency: marked.or(usual)?,
            })
        };
        let labelled = self.labelled.and_then(|(_, found)| of(found));
        labelled.or_else(|| self.largest.and_then(of))
    }

    /// A column longer than this is none.
    fn wait(&mut self, rank: Rank) {
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.clear();
        }
        self.waiting.push_back(rank);
    }

    /// Amounts on a line of their own belong to the labels that wait, in the same order.
    fn meet_waiting(&mut self, line: &str, amounts: &[Amount]) {
        let alone = !amounts.is_empty()
            && amounts.len() <= self.waiting.len()
            && is_only_amounts(line, amounts);
        if !alone {
            self.waiting.clear();
            return;
        }
        for amount in amounts {
            let Some(rank) = self.waiting.pop_front() else {
                return;
            };
            if amount.has_cents || amount.mark.is_some() {
                self.offer(rank, amount);
            }
        }
    }

    /// The last of the highest rank wins. Nothing due is no amount: it means that all was paid.
    fn offer(&mut self, rank: Rank, amount: &Amount) {
        let current = self.labelled.map(|(rank, _)| rank);
        if rank > Rank::Part
            && !amount.value.is_zero()
            && current.is_none_or(|current| rank >= current)
        {
            self.labelled = Some((
                rank,
                Found {
                    value: amount.value,
                    mark: amount.mark,
                },
            ));
        }
    }

    fn mind_largest(&mut self, amount: &Amount) {
        let larger = self
            .largest
            .is_none_or(|largest| amount.value > largest.value);
        if amount.mark.is_some() && !amount.per_unit && larger {
            self.largest = Some(Found {
                value: amount.value,
                mark: amount.mark,
            });
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
