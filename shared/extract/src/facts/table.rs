//! What is kept of a table: its columns, and sums over every row, however many there are.

use domain::fact_sheet::{Fact, Rule};
use domain::facts::{Currency, Money};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::amounts::amounts;
use super::currencies::{Mark, Signs, code, named_in};
use super::dates::{Order, Value, dates};
use super::numbers::{Style, parse};
use super::total::{Rank, label_of_cell};
use super::votes::Votes;

/// Columns that are kept. Wider tables are data dumps, whose first columns say what they are.
const MOST_COLUMNS: usize = 256;

/// Most characters that are kept of a header. A longer one is no name.
const LONGEST_HEADER: usize = 200;

/// A table, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// Rows under the header, without totals.
    pub row_count: u64,
    /// The amount in a row labelled as the total, if there is one.
    pub total: Option<Decimal>,
    /// The currency of that amount, where it is marked.
    pub total_currency: Option<Currency>,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// What its header says; empty without a header.
    pub name: String,
    /// Sum of its numbers. None without numbers, or when they are in several currencies.
    pub sum: Option<Decimal>,
    /// The currency of its header or its cells, or, of a column of codes, that code.
    pub currency: Option<Currency>,
    /// The first date in it.
    pub first_date: Option<Date>,
}

impl Table {
    /// The table's amount: its labelled total, else the sum of its amount column.
    pub(super) fn money(&self, usual: Option<Currency>) -> Option<Fact<Money>> {
        let column = self.amount_column();
        let label = column
            .map(|column| column.name.clone())
            .filter(|name| !name.is_empty());
        let currency = column
            .and_then(|column| column.currency)
            .or_else(|| self.currency_column())
            .or(usual);
        if let Some(amount) = self.total {
            let currency = self.total_currency.or(currency)?;
            let money = Money { amount, currency };
            return Some(Fact::new(money, Rule::TableTotal, label, None));
        }
        let money = Money {
            amount: column?.sum?,
            currency: currency?,
        };
        Some(Fact::new(money, Rule::TableSum, label, None))
    }

    /// Whether the table has a total or amounts to sum.
    pub(crate) fn has_amount(&self) -> bool {
        self.total.is_some() || self.amount_column().is_some()
    }

    /// The column whose header best says that it holds amounts, else the only one whose cells have
    /// currency marks.
    fn amount_column(&self) -> Option<&Column> {
        let summed = || self.columns.iter().filter(|column| column.sum.is_some());
        let best = summed().map(|column| amount_header(&column.name)).max()?;
        if best > 0 {
            return summed().find(|column| amount_header(&column.name) == best);
        }
        let mut marked = summed().filter(|column| column.currency.is_some());
        marked.next().filter(|_| marked.next().is_none())
    }

    fn currency_column(&self) -> Option<Currency> {
        self.columns
            .iter()
            .filter(|column| column.sum.is_none())
            .find_map(|column| column.currency)
    }
}

/// How well a header says that its column holds amounts: 0 is not at all.
fn amount_header(name: &str) -> u8 {
    const NEVER: &[&str] = &[
        "unit", "per", "rate", "tax", "vat", "balance", "saldo", "tip", "discount", "qty",
        "quantity", "subtotal", "net", "netto", "id", "number", "no", "count", "kwh", "hours",
        "each",
    ];
    const WORDS: &[(u8, &[&str])] = &[
        (3, &["total", "gross", "brutto", "ttc", "razem", "gesamt"]),
        (
            2,
            &[
                "amount",
                "amt",
                "betrag",
                "kwota",
                "wartość",
                "montant",
                "importe",
                "importo",
                "valor",
                "bedrag",
                "suma",
            ],
        ),
        (
            1,
            &[
                "cost", "price", "charge", "charges", "paid", "payment", "fee", "sum", "value",
                "spent", "debit", "preis", "prix", "precio", "prezzo", "prijs", "cena", "koszt",
                "kosten", "summe",
            ],
        ),
    ];
    let name = name.to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    if words.iter().any(|word| NEVER.contains(word)) {
        return 0;
    }
    let ranks = WORDS
        .iter()
        .filter(|(_, known)| words.iter().any(|word| known.contains(word)));
    ranks.map(|(rank, _)| *rank).max().unwrap_or(0)
}

/// Sums up a table row by row.
pub(crate) struct TableBuilder {
    style: Style,
    columns: Vec<Sums>,
    has_header: bool,
    row_count: u64,
    total: Option<(Rank, Decimal, Option<Mark>)>,
    votes: Votes,
}

#[derive(Default)]
struct Sums {
    name: String,
    sum: Option<Decimal>,
    mark: Option<Mark>,
    has_marks_of_several: bool,
    overflowed: bool,
    first_date: Option<Value>,
}

impl TableBuilder {
    /// Starts a table whose numbers are written in this style.
    pub(crate) fn new(style: Style) -> Self {
        Self {
            style,
            columns: Vec::new(),
            has_header: false,
            row_count: 0,
            total: None,
            votes: Votes::default(),
        }
    }

    /// Takes in the next row.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: &[S]) {
        let cells: Vec<&str> = cells
            .iter()
            .take(MOST_COLUMNS)
            .map(|cell| cell.as_ref().trim())
            .collect();
        if cells.iter().all(|cell| cell.is_empty()) || self.take_header(&cells) {
            return;
        }
        match cells.iter().find_map(|cell| label_of_cell(cell)) {
            Some(Rank::Subtotal) => {}
            Some(rank) if rank > Rank::Part => self.take_total(rank, &cells),
            _ => self.take_values(&cells),
        }
    }

    /// Ends the table. Shared currency signs mean what the document's text says.
    pub(crate) fn finish(self, text: &str) -> Table {
        let signs = Signs::stated_in(text);
        let resolve = |mark: Option<Mark>| mark.and_then(|mark| signs.resolve(mark));
        let usual = self.columns.iter().find_map(|column| resolve(column.mark));
        let order = self.votes.order(usual);
        let (total, total_currency) = match self.total {
            Some((_, amount, mark)) => (Some(amount), resolve(mark)),
            None => (None, None),
        };
        let columns = self
            .columns
            .into_iter()
            .map(|column| column.finish(resolve, order))
            .collect();
        Table {
            columns,
            row_count: self.row_count,
            total,
            total_currency,
        }
    }

    /// Takes the row as header when it is one: the first of several cells that are all words, or a
    /// later one of that kind that names amounts, since sheets begin with a letterhead.
    fn take_header(&mut self, cells: &[&str]) -> bool {
        let filled = cells.iter().filter(|cell| !cell.is_empty());
        let all_words = filled
            .clone()
            .all(|cell| self.value(cell).is_none() && dates(cell).is_empty());
        if !all_words || filled.count() < 2 {
            return false;
        }
        let names_amounts = |names: &mut dyn Iterator<Item = &str>| {
            let mut names = names.peekable();
            names.peek().is_some() && names.any(|name| amount_header(name) > 0)
        };
        let is_first = !self.has_header && self.row_count == 0;
        let is_better = names_amounts(&mut cells.iter().copied())
            && !names_amounts(&mut self.columns.iter().map(|column| column.name.as_str()));
        if !is_first && !is_better {
            return false;
        }
        let named = |name: &&str| Sums {
            name: name.chars().take(LONGEST_HEADER).collect(),
            mark: named_in(name),
            ..Sums::default()
        };
        self.columns = cells.iter().map(named).collect();
        self.has_header = true;
        self.row_count = 0;
        true
    }

    fn take_values(&mut self, cells: &[&str]) {
        self.row_count += 1;
        if self.columns.len() < cells.len() {
            self.columns.resize_with(cells.len(), Sums::default);
        }
        for (index, cell) in cells.iter().enumerate() {
            if cell.is_empty() {
                continue;
            }
            let found = dates(cell);
            let date = found
                .first()
                .filter(|date| date.start == 0)
                .map(|date| date.value);
            for date in &found {
                self.votes.date(date.value);
            }
            let value = if date.is_some() {
                None
            } else {
                self.value(cell)
            };
            let column = &mut self.columns[index];
            column.first_date = column.first_date.or(date);
            match value {
                Some((value, mark)) => column.add(value, mark),
                None => column.mind_code(cell),
            }
        }
    }

    /// The last amount of a row that is labelled as total. The last row of the highest rank wins.
    fn take_total(&mut self, rank: Rank, cells: &[&str]) {
        let value = cells.iter().rev().find_map(|cell| self.value(cell));
        if let Some((value, mark)) = value
            && self.total.is_none_or(|(best, _, _)| rank >= best)
        {
            self.total = Some((rank, value, mark));
        }
    }

    /// A cell that is a number or an amount and nothing else.
    fn value(&self, cell: &str) -> Option<(Decimal, Option<Mark>)> {
        if let Some(value) = parse(cell, self.style) {
            return Some((value, None));
        }
        let found = amounts(cell, self.style, &[]);
        let only = found.first().filter(|_| found.len() == 1)?;
        (only.start == 0 && only.end == cell.len()).then_some((only.value, only.mark))
    }
}

impl Sums {
    fn add(&mut self, value: Decimal, mark: Option<Mark>) {
        let sum = self.sum.unwrap_or_default().checked_add(value);
        self.overflowed |= sum.is_none();
        self.sum = sum;
        self.mind_mark(mark);
    }

    /// Cells of a currency column are codes.
    fn mind_code(&mut self, cell: &str) {
        self.mind_mark(code(cell));
    }

    fn mind_mark(&mut self, mark: Option<Mark>) {
        self.has_marks_of_several |= mark.is_some() && self.mark.is_some() && mark != self.mark;
        self.mark = self.mark.or(mark);
    }

    fn finish(self, resolve: impl Fn(Option<Mark>) -> Option<Currency>, order: Order) -> Column {
        let one = !self.has_marks_of_several;
        Column {
            name: self.name,
            sum: self.sum.filter(|_| one && !self.overflowed),
            currency: resolve(self.mark).filter(|_| one),
            first_date: self.first_date.map(|value| value.date(order)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(rows: &[&[&str]]) -> Option<String> {
        let mut builder = TableBuilder::new(Style::Point);
        for row in rows {
            builder.row(row);
        }
        let money = builder.finish("").money(None)?.value;
        Some(format!("{} {}", money.amount, money.currency))
    }

    #[test]
    fn amount_column_is_summed_in_the_currency_of_its_header_column_or_cells() {
        assert_eq!(
            money(&[&["item", "amount_usd"], &["a", "1.10"], &["b", "2.20"]]).as_deref(),
            Some("3.30 USD")
        );
        assert_eq!(
            money(&[
                &["item", "unit price", "price", "currency"],
                &["a", "9", "1.10", "EUR"],
                &["b", "9", "2.20", "EUR"]
            ])
            .as_deref(),
            Some("3.30 EUR")
        );
        assert_eq!(
            money(&[&["item", "cost"], &["a", "$1.10"], &["b", "($0.10)"]]).as_deref(),
            Some("1.00 USD")
        );
        assert_eq!(
            money(&[&["x", "y"], &["a", "£1.10"], &["b", "£2.00"]]).as_deref(),
            Some("3.10 GBP")
        );
    }

    #[test]
    fn total_and_subtotal_rows_are_not_added_up() {
        let rows: &[&[&str]] = &[
            &["Pine Grove Electric"],
            &["Statement date", "2024-10-30"],
            &["Charge", "Basis", "Amount (USD)"],
            &["Energy", "2", "10.00"],
            &["Subtotal", "", "10.00"],
            &["Tax", "5%", "0.50"],
        ];
        assert_eq!(money(rows).as_deref(), Some("10.50 USD"));
        let with_total = [rows, &[&["Total amount due", "", "11.50"]]].concat();
        assert_eq!(money(&with_total).as_deref(), Some("11.50 USD"));
    }

    #[test]
    fn several_currencies_and_no_currency_make_no_amount() {
        assert_eq!(money(&[&["a", "amount"], &["x", "$1"], &["y", "€2"]]), None);
        assert_eq!(
            money(&[
                &["a", "amount", "currency"],
                &["x", "1", "EUR"],
                &["y", "2", "USD"]
            ]),
            None
        );
        assert_eq!(money(&[&["a", "amount"], &["x", "1"]]), None);
    }

    #[test]
    fn rows_without_header_count_as_rows() {
        let mut builder = TableBuilder::new(Style::Point);
        builder.row(&["2024-01-15", "oil", "$5.00"]);
        builder.row(&["2024-01-16", "tire", "$6.00"]);
        let table = builder.finish("");
        assert_eq!(table.row_count, 2);
        assert_eq!(table.columns[2].sum, Some(Decimal::new(1100, 2)));
        assert_eq!(
            table.columns[0].first_date,
            Some(Date::constant(2024, 1, 15))
        );
    }
}
