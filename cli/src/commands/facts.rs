//! `sheaf facts`: shows what is known of a document and where it comes from, and corrects it.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::locate;
use crate::output::facts::{history, show};
use crate::views::{self, Money, Page};

/// Shows what is known of a document, and where each fact comes from; or corrects it
///
/// What is said here stands before whatever is read in the document, now and later, and the history keeps who said it.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Its id, or its path such as /bills/january.pdf
    file: String,
    /// The date it is about, such as 2025-01-31
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Says that it has no date
    #[arg(long, conflicts_with = "date")]
    no_date: bool,
    /// Its amount with the currency, such as "245.67 USD"
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: Option<String>,
    /// Says that it has no amount
    #[arg(long, conflicts_with = "amount")]
    no_amount: bool,
    /// What it measures with the unit, such as "850 kWh"; all that it measures when repeated
    #[arg(
        long = "quantity",
        value_name = "QUANTITY",
        id = "quantities",
        allow_hyphen_values = true
    )]
    quantities: Vec<String>,
    /// Says that it measures nothing
    #[arg(long, conflicts_with = "quantities")]
    no_quantities: bool,
    /// Its language as two letters, such as en
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
    /// Takes back what was said of a fact: it is as it was read again
    #[arg(long, value_name = "FACT", value_enum)]
    withdraw: Vec<Withdrawn>,
    /// Lists what was said before, the newest first
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    page: PageArguments,
}

/// A fact that can be taken back.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Withdrawn {
    Date,
    Amount,
    Quantities,
    Language,
}

impl Withdrawn {
    /// As the API spells it.
    const fn name(self) -> &'static str {
        match self {
            Self::Date => "document_date",
            Self::Amount => "amount",
            Self::Quantities => "quantities",
            Self::Language => "language",
        }
    }
}

/// What is known of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) document_date: Option<String>,
    pub(crate) amount: Option<Money>,
    #[serde(default)]
    pub(crate) quantities: Vec<Quantity>,
    pub(crate) language: Option<String>,
}

/// What is known of a document, and what was read in it.
#[derive(Debug, Deserialize)]
pub(crate) struct Facts {
    #[serde(flatten)]
    pub(crate) known: Known,
    #[serde(default)]
    pub(crate) corrected: Vec<String>,
    #[serde(default)]
    pub(crate) read: Read,
}

/// What was read in a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Read {
    pub(crate) document_date: Option<Fact<String>>,
    pub(crate) amount: Option<Fact<Money>>,
    pub(crate) amounts: Vec<Fact<Money>>,
    pub(crate) parties: Vec<Fact<Party>>,
    pub(crate) references: Vec<Fact<Reference>>,
    pub(crate) quantities: Vec<Fact<Quantity>>,
    pub(crate) language: Option<Fact<String>>,
}

/// A fact and where it comes from.
#[derive(Debug, Deserialize)]
pub(crate) struct Fact<T> {
    pub(crate) value: T,
    pub(crate) rule: String,
    #[serde(default)]
    pub(crate) label: Option<String>,
    #[serde(default)]
    pub(crate) start: Option<u64>,
    #[serde(default)]
    pub(crate) part: Option<String>,
}

/// A measured quantity.
#[derive(Debug, Deserialize)]
pub(crate) struct Quantity {
    pub(crate) amount: String,
    pub(crate) unit: String,
}

/// A side of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Party {
    pub(crate) name: String,
    pub(crate) role: String,
}

/// A number by which a document names something.
#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    pub(crate) kind: String,
    pub(crate) number: String,
}

/// What someone said of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Correction {
    pub(crate) version: u32,
    pub(crate) at: Timestamp,
    pub(crate) by: String,
    pub(crate) before: Known,
    pub(crate) after: Known,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let fields = arguments.fields()?;
    if arguments.history && !fields.is_empty() {
        return Err(Error::Usage(
            "either correct the facts or list their history".to_owned(),
        ));
    }
    let client = context.client()?;
    let (_, file) = locate::file(&client, &arguments.file).await?;
    let output = context.output;
    if arguments.history {
        let call = Call::get(&["files", &file.id, "facts", "history"])
            .query("limit", arguments.page.size());
        let what = call.describe();
        let list = client.list(call, arguments.page.all).await?;
        if output.json {
            return output.json(&list);
        }
        let page: Page<Correction> = Page::read(&what, &list)?;
        output.text(&history(&page.items, output))?;
        page.tell_rest(output, "corrections");
        return Ok(());
    }
    let path = ["files", file.id.as_str(), "facts"];
    let call = if fields.is_empty() {
        Call::get(&path)
    } else {
        Call::patch(&path).json(Value::Object(fields))
    };
    let what = call.describe();
    let value = client.json(call).await?;
    if output.json {
        return output.json(&value);
    }
    let facts: Facts = views::read(&what, &value)?;
    output.text(&show(&facts, output.paint))
}

impl Arguments {
    /// What is said, as the API takes it.
    fn fields(&self) -> Result<Map<String, Value>> {
        let mut fields = Map::new();
        let mut set = |field: &str, value: Value| {
            fields.insert(field.to_owned(), value);
        };
        if self.no_date || self.date.is_some() {
            set("document_date", json!(self.date));
        }
        if self.no_amount {
            set("amount", Value::Null);
        } else if let Some(amount) = &self.amount {
            let (amount, currency) = two("--amount", amount, "245.67 USD")?;
            set(
                "amount",
                json!({"amount": amount, "currency": currency.to_uppercase()}),
            );
        }
        if self.no_quantities || !self.quantities.is_empty() {
            let quantities = self.quantities.iter().map(|quantity| {
                let (amount, unit) = two("--quantity", quantity, "850 kWh")?;
                Ok(json!({"amount": amount, "unit": unit}))
            });
            set(
                "quantities",
                Value::Array(quantities.collect::<Result<_>>()?),
            );
        }
        if let Some(language) = &self.language {
            set("language", language.as_str().into());
        }
        if !self.withdraw.is_empty() {
            let names = self.withdraw.iter().map(|fact| fact.name());
            set("withdraw", names.collect());
        }
        Ok(fields)
    }
}

/// A number and what it is of.
fn two<'a>(flag: &str, text: &'a str, example: &str) -> Result<(&'a str, &'a str)> {
    let text = text.trim();
    text.split_once(' ')
        .map(|(number, of)| (number, of.trim()))
        .filter(|(_, of)| !of.is_empty())
        .ok_or_else(|| {
            Error::Usage(format!(
                "{flag} takes a number and what it is of: {flag} \"{example}\""
            ))
        })
}
