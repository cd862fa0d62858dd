//! `PATCH /v1/files/{id}/facts`: corrects what is known of a document.

use std::collections::BTreeSet;

use api::auth::Caller;
use api::etag;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::facts::FactsView;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::correction::{FactName, Given};
use domain::facts::{Money, Quantity};
use domain::principal::Role;
use domain::{Error, FileId};
use rust_decimal::Decimal;
use serde::Deserialize;
use store::correction::CorrectionChange;
use store::organize::{Edit, FileChange};
use utoipa::ToSchema;

use crate::body::edit;
use crate::change::read_date;
use crate::{State, answer};
use api::finish::to_the_end;

/// What a person says of a document; what is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CorrectFacts {
    /// The date it is about; null says that it has none.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<String>, format = Date, example = "2024-11-15")]
    document_date: Edit<String>,
    /// Its amount; null says that it has none.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<GivenMoney>)]
    amount: Edit<GivenMoney>,
    /// All it measures, at most one quantity for each unit; null says that it measures nothing.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<Vec<GivenQuantity>>)]
    quantities: Edit<Vec<GivenQuantity>>,
    /// Its language as ISO 639-1; null says that it has none.
    #[serde(default, deserialize_with = "edit")]
    #[schema(value_type = Option<String>, example = "en")]
    language: Edit<String>,
    /// Facts of which nothing is said any more: they are as they were read again.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["amount"]))]
    withdraw: BTreeSet<FactName>,
}

/// An amount of money as a person gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "an amount is a number and its currency: {\"amount\": \"245.67\", \"currency\": \"USD\"}"
)]
pub struct GivenMoney {
    /// How much, as a decimal string; negative for a credit.
    #[schema(example = "245.67")]
    amount: String,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: String,
}

/// A quantity as a person gives it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(
    deny_unknown_fields,
    expecting = "a quantity is a number and its unit: {\"amount\": \"850\", \"unit\": \"kWh\"}"
)]
pub struct GivenQuantity {
    /// How much, as a decimal string.
    #[schema(example = "850")]
    amount: String,
    /// The unit.
    #[schema(example = "kWh")]
    unit: String,
}

impl CorrectFacts {
    /// Reads what is said.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    fn read(self) -> domain::Result<CorrectionChange> {
        let mut change = CorrectionChange {
            document_date: said(self.document_date.try_map(|text| read_date(&text))?),
            amount: said(self.amount.try_map(GivenMoney::read)?),
            quantities: match self.quantities.try_map(read_quantities)? {
                Edit::Clear => Edit::Set(Vec::new()),
                said => said,
            },
            language: said(self.language),
        };
        for name in self.withdraw {
            let is_said = match name {
                FactName::DocumentDate => withdraw(&mut change.document_date),
                FactName::Amount => withdraw(&mut change.amount),
                FactName::Quantities => withdraw(&mut change.quantities),
                FactName::Language => withdraw(&mut change.language),
            };
            if is_said {
                return Err(Error::invalid(
                    "/withdraw",
                    "a fact is either given or withdrawn, not both",
                ));
            }
        }
        change.check()?;
        Ok(change)
    }
}

/// What a person says of a fact: that it is this, or that there is none.
fn said<T>(edit: Edit<T>) -> Edit<Given<T>> {
    match edit {
        Edit::Keep => Edit::Keep,
        Edit::Clear => Edit::Set(Given::Nothing),
        Edit::Set(value) => Edit::Set(Given::Value(value)),
    }
}

/// Takes back what was said of a fact. True where something is said of it at the same time.
fn withdraw<T: PartialEq>(edit: &mut Edit<T>) -> bool {
    std::mem::replace(edit, Edit::Clear) != Edit::Keep
}

impl GivenMoney {
    fn read(self) -> domain::Result<Money> {
        let currency = self.currency.parse().map_err(|_| {
            Error::invalid(
                "/amount/currency",
                "a currency is three upper-case letters, such as USD",
            )
        })?;
        Ok(Money {
            amount: read_decimal(&self.amount, "/amount/amount")?,
            currency,
        })
    }
}

fn read_quantities(given: Vec<GivenQuantity>) -> domain::Result<Vec<Quantity>> {
    let given = given.into_iter().enumerate();
    given
        .map(|(index, quantity)| {
            Ok(Quantity {
                amount: read_decimal(&quantity.amount, &format!("/quantities/{index}/amount"))?,
                unit: quantity.unit.trim().to_owned(),
            })
        })
        .collect()
}

fn read_decimal(text: &str, pointer: &str) -> domain::Result<Decimal> {
    text.parse().map_err(|_| {
        Error::invalid(
            pointer,
            "a number is written with a decimal point and without grouping: 1234.56",
        )
    })
}

/// Corrects what is known of a file's current version. It stands before whatever is read in it, now and later, and the
/// history keeps who said it.
///
/// Dossiers follow soon after.
#[utoipa::path(
    patch,
    path = "/v1/files/{id}/facts",
    tag = "organize",
    params(
        ("id" = uuid::Uuid, Path, description = "The file"),
        ("If-Match" = Option<String>, Header, description = "Only when the file is still as under this ETag"),
    ),
    request_body = CorrectFacts,
    responses(
        (status = 200, description = "What is known now", body = FactsView, headers(("ETag" = String, description = "The file's"))),
        (status = 404, description = "No such file"),
        (status = 410, description = "It has expired or was deleted"),
        (status = 412, description = "It has changed since"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn correct(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Query,
    Json { value, .. }: Json<CorrectFacts>,
) -> Result<Response> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: FileId = id.parse()?;
    let correction = value.read()?;
    let change = FileChange {
        correction: Some((correction, principal.identity.pseudonym())),
        ..FileChange::default()
    };
    let (store, workspace) = (state.store, principal.workspace);
    let corrected = to_the_end(async move {
        let still = |file: &_| answer::check_if_match(&headers, file);
        let file = store.change_file(&workspace, id, &change, still).await?;
        let read = store.fact_sheet(&workspace, &file).await?;
        let place = store.place_of(&workspace, file.folder).await?;
        let tag = etag::header_value(&etag::of_file_at(&file, &place));
        domain::Result::Ok((tag, FactsView::new(&file, read)))
    });
    Ok(answer::tagged(corrected.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> domain::Result<CorrectionChange> {
        serde_json::from_str::<CorrectFacts>(body).unwrap().read()
    }

    #[test]
    fn what_is_absent_stays_what_is_null_is_not_there_and_what_is_withdrawn_is_as_it_was_read() {
        assert_eq!(read("{}").unwrap(), CorrectionChange::default());
        let change =
            read(r#"{"document_date": null, "quantities": null, "withdraw": ["amount"]}"#).unwrap();
        assert_eq!(change.document_date, Edit::Set(Given::Nothing));
        assert_eq!(change.quantities, Edit::Set(Vec::new()));
        assert_eq!(change.amount, Edit::Clear);
        assert_eq!(change.language, Edit::Keep);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        let cases = [
            (r#"{"document_date": "15.11.2024"}"#, "/document_date"),
            (
                r#"{"amount": {"amount": "12,50", "currency": "USD"}}"#,
                "/amount/amount",
            ),
            (
                r#"{"amount": {"amount": "1e400", "currency": "USD"}}"#,
                "/amount/amount",
            ),
            (
                r#"{"amount": {"amount": "1000000000000000", "currency": "USD"}}"#,
                "/amount/amount",
            ),
            (
                r#"{"amount": {"amount": "0.0000000001", "currency": "USD"}}"#,
                "/amount/amount",
            ),
            (
                r#"{"amount": {"amount": "12", "currency": "dollar"}}"#,
                "/amount/currency",
            ),
            (
                r#"{"quantities": [{"amount": "1", "unit": " "}]}"#,
                "/quantities/0/unit",
            ),
            (
                r#"{"quantities": [{"amount": "1", "unit": "kWh"}, {"amount": "2", "unit": "kWh"}]}"#,
                "/quantities/1/unit",
            ),
            (
                r#"{"quantities": [{"amount": "x", "unit": "L"}]}"#,
                "/quantities/0/amount",
            ),
            (r#"{"language": "English"}"#, "/language"),
            (
                r#"{"language": "en", "withdraw": ["language"]}"#,
                "/withdraw",
            ),
        ];
        for (body, expected) in cases {
            match read(body) {
                Err(Error::Invalid { errors }) => assert_eq!(errors[0].pointer, expected, "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }
}
