//! Facts on the wire.

use domain::correction::{Correction, Corrections};
use domain::fact_sheet::{Fact, FactSheet, Party, Reference};
use domain::facts::{Facts, Money, Quantity};
use domain::file::File;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

/// What is known of a document: what people say of it, else what was read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Facts)]
pub struct FactsView {
    #[serde(flatten)]
    known: KnownView,
    /// Which of these a person has given.
    #[schema(example = json!(["amount"]))]
    corrected: Vec<&'static str>,
    /// What was read, and where. Empty until the version has been read.
    read: FactSheetView,
}

/// The facts that dossiers count.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KnownFacts)]
pub struct KnownView {
    /// The date it is about.
    #[schema(value_type = Option<String>, format = Date, example = "2024-11-15")]
    document_date: Option<Date>,
    /// Its amount.
    amount: Option<MoneyView>,
    /// What it measures.
    quantities: Vec<QuantityView>,
    /// Its language, as ISO 639-1.
    #[schema(example = "en")]
    language: Option<String>,
}

/// An amount of money.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneyView {
    /// How much, as a decimal string.
    #[schema(example = "245.67")]
    amount: String,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
}

/// A measured quantity.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quantity)]
pub struct QuantityView {
    /// How much, as a decimal string.
    #[schema(example = "850")]
    amount: String,
    /// The unit.
    #[schema(example = "kWh")]
    unit: String,
}

/// Someone whom a document names as one of its sides.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Party)]
pub struct PartyView {
    /// As the document writes it.
    name: String,
    /// issuer or recipient.
    role: &'static str,
}

/// A number by which a document names something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reference)]
pub struct ReferenceView {
    /// document, account, customer, order, contract, device, tax or other.
    kind: &'static str,
    /// As the document writes it.
    number: String,
}

/// A fact that was read, and where it comes from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Fact)]
pub struct FactView<T: ToSchema> {
    /// What was read.
    value: T,
    /// Why this was chosen: labelled, first, largest, stated, `table_total`, `table_sum`, `table_column` or statistics.
    #[schema(example = "labelled")]
    rule: &'static str,
    /// The words of the document that say what it is.
    #[schema(example = "Amount due")]
    label: Option<String>,
    /// The first byte of the text where it stands; null where it was computed.
    start: Option<u64>,
    /// The byte of the text after it.
    end: Option<u64>,
    /// The page, slide, sheet or attachment where that is.
    #[schema(example = "page 3")]
    part: Option<String>,
}

/// All that was read in a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FactSheet)]
pub struct FactSheetView {
    /// The date it is about.
    document_date: Option<FactView<String>>,
    /// Its amount: its labelled total, else the largest that is marked with a currency; of a table its total, else the sum of
    /// its amount column.
    amount: Option<FactView<MoneyView>>,
    /// The first 50 amounts that have a currency, with what they are for as label.
    amounts: Vec<FactView<MoneyView>>,
    /// Who made it and whom it is addressed to.
    parties: Vec<FactView<PartyView>>,
    /// The numbers it names itself and other things by. At most 50.
    references: Vec<FactView<ReferenceView>>,
    /// At most one quantity for each unit.
    quantities: Vec<FactView<QuantityView>>,
    /// Its language, as ISO 639-1.
    language: Option<FactView<String>>,
}

/// That someone corrected what is known of a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Correction)]
pub struct CorrectionView {
    /// The version of the file that it is about.
    version: u32,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who, by pseudonym.
    by: String,
    /// What was known before.
    before: KnownView,
    /// What is known since.
    after: KnownView,
}

impl FactsView {
    /// Shows what is known of a file, and what was read in it.
    pub fn new(file: &File, read: FactSheet) -> Self {
        Self {
            known: file.known_facts().into(),
            corrected: corrected(&file.corrections),
            read: read.into(),
        }
    }
}

fn corrected(corrections: &Corrections) -> Vec<&'static str> {
    let Corrections {
        document_date,
        amount,
        quantities,
        language,
    } = corrections;
    let given = [
        ("document_date", document_date.is_some()),
        ("amount", amount.is_some()),
        ("quantities", quantities.is_some()),
        ("language", language.is_some()),
    ];
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    given.map(|(name, _)| name).collect()
}

impl<T: ToSchema> FactView<T> {
    fn new<F>(fact: Fact<F>, show: impl FnOnce(F) -> T) -> Self {
        let place = fact.source.place;
        Self {
            value: show(fact.value),
            rule: fact.source.rule.as_str(),
            label: fact.source.label,
            start: place.map(|place| place.start),
            end: place.map(|place| place.end),
            part: fact.source.part,
        }
    }
}

impl From<FactSheet> for FactSheetView {
    fn from(sheet: FactSheet) -> Self {
        fn all<F, T: ToSchema>(facts: Vec<Fact<F>>, show: impl Fn(F) -> T) -> Vec<FactView<T>> {
            let facts = facts.into_iter();
            facts.map(|fact| FactView::new(fact, &show)).collect()
        }
        Self {
            document_date: sheet
                .document_date
                .map(|fact| FactView::new(fact, |date| date.to_string())),
            amount: sheet
                .amount
                .map(|fact| FactView::new(fact, MoneyView::from)),
            amounts: all(sheet.amounts, MoneyView::from),
            parties: all(sheet.parties, PartyView::from),
            references: all(sheet.references, ReferenceView::from),
            quantities: all(sheet.quantities, QuantityView::from),
            language: sheet
                .language
                .map(|fact| FactView::new(fact, |language| language)),
        }
    }
}

impl From<Facts> for KnownView {
    fn from(facts: Facts) -> Self {
        Self {
            document_date: facts.document_date,
            amount: facts.amount.map(MoneyView::from),
            quantities: facts
                .quantities
                .into_iter()
                .map(QuantityView::from)
                .collect(),
            language: facts.language,
        }
    }
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount.to_string(),
            currency: money.currency.to_string(),
        }
    }
}

impl From<Quantity> for QuantityView {
    fn from(quantity: Quantity) -> Self {
        Self {
            amount: quantity.amount.to_string(),
            unit: quantity.unit,
        }
    }
}

impl From<Party> for PartyView {
    fn from(party: Party) -> Self {
        Self {
            name: party.name,
            role: party.role.as_str(),
        }
    }
}

impl From<Reference> for ReferenceView {
    fn from(reference: Reference) -> Self {
        Self {
            kind: reference.kind.as_str(),
            number: reference.number,
        }
    }
}

impl From<Correction> for CorrectionView {
    fn from(correction: Correction) -> Self {
        Self {
            version: correction.version,
            at: correction.at,
            by: correction.by,
            before: correction.before.into(),
            after: correction.after.into(),
        }
    }
}
