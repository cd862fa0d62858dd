//! What people say of a document where it was read wrong. It stands before whatever is read, now and later.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::facts::{Facts, Money, Quantity};

/// What a person says of one fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given<T> {
    /// It is this.
    Value(T),
    /// There is none.
    Nothing,
}

impl<T> Given<T> {
    /// What a person says: a value, or that there is none.
    pub fn from_option(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }

    /// The value, where there is one.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Nothing => None,
        }
    }
}

/// What people have said of the current version of a file. What none has spoken of is as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Corrections {
    /// The date it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_date: Option<Given<Date>>,
    /// Its amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Given<Money>>,
    /// All it measures; an empty list says that it measures nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantities: Option<Vec<Quantity>>,
    /// Its language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Given<String>>,
}

impl Corrections {
    /// Most quantities that a person can give: as many units as one document speaks of.
    pub const MOST_QUANTITIES: usize = 20;

    /// Longest unit, in characters.
    pub const LONGEST_UNIT: usize = 32;

    /// Checks that it is what a row can hold and figures can be computed of without a loss.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(Given::Value(money)) = &self.amount {
            check_number(money.amount, "/amount/amount")?;
        }
        if let Some(Given::Value(language)) = &self.language {
            let is_code =
                language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
            if !is_code {
                return Err(Error::invalid(
                    "/language",
                    "a language is its two letters of ISO 639-1, such as en",
                ));
            }
        }
        self.quantities.as_deref().map_or(Ok(()), check_quantities)
    }

    /// Takes in a date that a person gave before anything else could be given, where none is given here.
    #[must_use]
    pub fn or_date(mut self, given: Option<Date>) -> Self {
        self.document_date = self.document_date.or(given.map(Given::Value));
        self
    }

    /// Says whether nobody has said anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the facts that hold: what people say, else what was read.
    pub fn over(&self, read: &Facts) -> Facts {
        fn first<T: Clone>(given: Option<&Given<T>>, read: Option<&T>) -> Option<T> {
            given.map_or(read, Given::value).cloned()
        }
        Facts {
            document_date: first(self.document_date.as_ref(), read.document_date.as_ref()),
            amount: first(self.amount.as_ref(), read.amount.as_ref()),
            quantities: self
                .quantities
                .clone()
                .unwrap_or_else(|| read.quantities.clone()),
            language: first(self.language.as_ref(), read.language.as_ref()),
        }
    }
}

fn check_quantities(quantities: &[Quantity]) -> Result<(), Error> {
    let most = Corrections::MOST_QUANTITIES;
    if quantities.len() > most {
        return Err(Error::invalid(
            "/quantities",
            format!("a document measures at most {most} quantities"),
        ));
    }
    let longest = Corrections::LONGEST_UNIT;
    let mut units = BTreeSet::new();
    for (index, quantity) in quantities.iter().enumerate() {
        let unit = quantity.unit.as_str();
        let is_unit = (1..=longest).contains(&unit.chars().count())
            && unit.trim() == unit
            && !unit.contains(char::is_control);
        if !is_unit {
            return Err(Error::invalid(
                format!("/quantities/{index}/unit"),
                format!("a unit is 1 to {longest} characters, such as kWh"),
            ));
        }
        if !units.insert(unit) {
            return Err(Error::invalid(
                format!("/quantities/{index}/unit"),
                "there is at most one quantity for each unit",
            ));
        }
        check_number(quantity.amount, &format!("/quantities/{index}/amount"))?;
    }
    Ok(())
}

/// Most digits before the point and after it of a number that a person gives.
const MOST_DIGITS: u32 = 15;
const MOST_DECIMALS: u32 = 9;

fn check_number(number: Decimal, pointer: &str) -> Result<(), Error> {
    let most = Decimal::from(10_u64.pow(MOST_DIGITS));
    if number.abs() < most && number.scale() <= MOST_DECIMALS {
        return Ok(());
    }
    Err(Error::invalid(
        pointer,
        format!("a number has at most {MOST_DIGITS} digits and {MOST_DECIMALS} decimals"),
    ))
}

/// The facts that can be corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// The date.
    DocumentDate,
    /// The amount.
    Amount,
    /// The quantities.
    Quantities,
    /// The language.
    Language,
}

/// That someone corrected a document, as it is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The version of the file.
    pub version: u32,
    /// The revision that the file got by it.
    pub revision: u64,
    /// When.
    pub at: Timestamp,
    /// Who, by pseudonym.
    pub by: String,
    /// The facts that held before.
    pub before: Facts,
    /// The facts that hold since.
    pub after: Facts,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Facts {
        Facts {
            document_date: Some("2024-01-15".parse().unwrap()),
            amount: Some(Money {
                amount: "89.50".parse().unwrap(),
                currency: "USD".parse().unwrap(),
            }),
            quantities: vec![Quantity {
                amount: "5".parse().unwrap(),
                unit: "L".to_owned(),
            }],
            language: Some("en".to_owned()),
        }
    }

    #[test]
    fn what_nobody_spoke_of_is_as_it_was_read() {
        assert_eq!(Corrections::default().over(&read()), read());
    }

    #[test]
    fn what_no_row_can_hold_is_refused_with_its_place() {
        let quantity = |amount: &str, unit: &str| Quantity {
            amount: amount.parse().unwrap(),
            unit: unit.to_owned(),
        };
        let twice = vec![quantity("1", "kWh"), quantity("2", "kWh")];
        let many = (0..21).map(|unit| quantity("1", &format!("u{unit}")));
        let cases = [
            (
                vec![quantity("1000000000000000", "L")],
                "/quantities/0/amount",
            ),
            (vec![quantity("0.0000000001", "L")], "/quantities/0/amount"),
            (vec![quantity("1", "")], "/quantities/0/unit"),
            (vec![quantity("1", &"x".repeat(33))], "/quantities/0/unit"),
            (twice, "/quantities/1/unit"),
            (many.collect(), "/quantities"),
        ];
        for (quantities, expected) in cases {
            let said = Corrections {
                quantities: Some(quantities),
                ..Corrections::default()
            };
            match said.check() {
                Err(Error::Invalid { errors }) => assert_eq!(errors[0].pointer, expected),
                other => panic!("{expected}: {other:?}"),
            }
        }
        assert!(Corrections::default().check().is_ok());
    }

    #[test]
    fn what_a_person_says_stands_also_that_there_is_none() {
        let corrections = Corrections {
            document_date: Some(Given::Value("2024-01-16".parse().unwrap())),
            amount: Some(Given::Nothing),
            quantities: Some(Vec::new()),
            language: None,
        };
        let facts = corrections.over(&read());
        assert_eq!(facts.document_date, Some("2024-01-16".parse().unwrap()));
        assert_eq!(facts.amount, None);
        assert!(facts.quantities.is_empty());
        assert_eq!(facts.language.as_deref(), Some("en"));
        // Whatever is read later, it stands.
        assert_eq!(corrections.over(&Facts::default()).amount, None);
    }
}
