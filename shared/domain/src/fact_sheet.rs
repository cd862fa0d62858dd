//! All that was found in a document, each fact with where it comes from.
//!
//! A [`FactSheet`] is for people and programs who ask what is known and why. What a dossier counts, [`Facts`], is the short
//! of it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::facts::{Facts, Money, Quantity};

/// A fact and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<T> {
    /// What is the case.
    pub value: T,
    /// Where it comes from.
    pub source: Source,
}

/// Where a fact comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Why this was chosen.
    pub rule: Rule,
    /// The words of the document that say what it is, such as `Amount due`, or the header of its column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Where it stands in the text; none where it was computed of many places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The page, slide, sheet or attachment where that is, such as `page 3`; none where the text has no such parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
}

/// Bytes of the text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The first byte.
    pub start: u64,
    /// The byte after the last.
    pub end: u64,
}

/// Why a fact was chosen among those that a document offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A label stands before it.
    Labelled,
    /// It is the first in the text, and none is labelled.
    First,
    /// It is the largest that is marked with a currency, and none is labelled as the total.
    Largest,
    /// It is in the text.
    Stated,
    /// A row of the table says that it is the total.
    TableTotal,
    /// It is the sum of a column of the table.
    TableSum,
    /// It is the first date of a column of the table.
    TableColumn,
    /// By how often letters follow each other in the text.
    Statistics,
}

impl Rule {
    /// The rule as the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Labelled => "labelled",
            Self::First => "first",
            Self::Largest => "largest",
            Self::Stated => "stated",
            Self::TableTotal => "table_total",
            Self::TableSum => "table_sum",
            Self::TableColumn => "table_column",
            Self::Statistics => "statistics",
        }
    }
}

/// Someone whom a document names as one of its sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// As the document writes it.
    pub name: String,
    /// Which side.
    pub role: PartyRole,
}

/// Which side of a document a party is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyRole {
    /// Made it: the seller, the supplier, the sender.
    Issuer,
    /// It is addressed to: the buyer, the customer.
    Recipient,
}

impl PartyRole {
    /// The role as the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Recipient => "recipient",
        }
    }
}

/// A number by which a document names something: itself, an account, an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// What it names.
    pub kind: ReferenceKind,
    /// As the document writes it.
    pub number: String,
}

/// What a number of a document names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// The document itself: an invoice, a bill, a receipt.
    Document,
    /// An account, also of a bank.
    Account,
    /// A customer or member.
    Customer,
    /// An order.
    Order,
    /// A contract or policy.
    Contract,
    /// A meter, vehicle or device.
    Device,
    /// A payer or payee to the tax office.
    Tax,
    /// What the document calls a reference and no more.
    Other,
}

impl ReferenceKind {
    /// The kind as the API spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Account => "account",
            Self::Customer => "customer",
            Self::Order => "order",
            Self::Contract => "contract",
            Self::Device => "device",
            Self::Tax => "tax",
            Self::Other => "other",
        }
    }
}

/// All that was found in a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactSheet {
    /// The date it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_date: Option<Fact<Date>>,
    /// Its amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Fact<Money>>,
    /// The amounts in it that have a currency, in order, with what they are for as label: the first
    /// [`FactSheet::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<Fact<Money>>,
    /// Who made it and whom it is addressed to, in order. At most one of each role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<Fact<Party>>,
    /// The numbers it names itself and other things by, in order. At most [`FactSheet::MOST`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Fact<Reference>>,
    /// At most one quantity for each unit, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quantities: Vec<Fact<Quantity>>,
    /// ISO 639-1 code of the language, when it is certain enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Fact<String>>,
}

impl FactSheet {
    /// Most facts of one kind: what a person still reads, and a row of a table can hold.
    pub const MOST: usize = 50;

    /// Returns what a dossier counts of it.
    pub fn facts(&self) -> Facts {
        Facts {
            document_date: self.document_date.as_ref().map(|fact| fact.value),
            amount: self.amount.as_ref().map(|fact| fact.value),
            quantities: self
                .quantities
                .iter()
                .map(|fact| fact.value.clone())
                .collect(),
            language: self.language.as_ref().map(|fact| fact.value.clone()),
        }
    }

    /// Notes of each fact in which part of the text it stands, as `name` says of a byte.
    pub fn note_parts(&mut self, name: impl Fn(u64) -> Option<String>) {
        for source in self.sources() {
            source.part = source
                .place
                .and_then(|place| name(place.start))
                .map(shortened);
        }
    }

    fn sources(&mut self) -> impl Iterator<Item = &mut Source> {
        fn of<'a, T: 'a>(
            facts: impl IntoIterator<Item = &'a mut Fact<T>>,
        ) -> impl Iterator<Item = &'a mut Source> {
            facts.into_iter().map(|fact| &mut fact.source)
        }
        of(&mut self.document_date)
            .chain(of(&mut self.amount))
            .chain(of(&mut self.amounts))
            .chain(of(&mut self.parties))
            .chain(of(&mut self.references))
            .chain(of(&mut self.quantities))
    }
}

/// Most characters of a label and of the name of a part: the header of a column can be as long as its file.
const LONGEST: usize = 100;

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

impl<T> Fact<T> {
    /// A fact that a rule found. Of a label that is very long, the beginning is kept.
    pub fn new(value: T, rule: Rule, label: Option<String>, place: Option<Place>) -> Self {
        let label = label.map(shortened);
        Self {
            value,
            source: Source {
                rule,
                label,
                place,
                part: None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_labels_and_names_of_parts_are_cut_between_characters() {
        let place = Place { start: 0, end: 1 };
        let money = Money {
            amount: 1.into(),
            currency: "USD".parse().unwrap(),
        };
        let label = Some("ż".repeat(420_000));
        let mut sheet = FactSheet {
            amount: Some(Fact::new(money, Rule::TableSum, label, Some(place))),
            ..FactSheet::default()
        };
        sheet.note_parts(|_| Some("sheet ".repeat(1_000)));
        let source = sheet.amount.unwrap().source;
        assert_eq!(source.label.unwrap(), "ż".repeat(100));
        assert_eq!(source.part.unwrap().chars().count(), 100);
    }
}
