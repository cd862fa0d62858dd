//! The shapes on the wire that this command reads.
//!
//! They read leniently: a field this version doesn't know is passed over, and one that an older
//! server doesn't send is absent. What is printed by `--json` is the API's own JSON, not these.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::output::Output;

/// Reads an answer as what it should be.
pub(crate) fn read<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| Error::Unexpected {
        what: what.to_owned(),
        detail: error.to_string(),
    })
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

impl<T: DeserializeOwned> Page<T> {
    pub(crate) fn read(what: &str, value: &Value) -> Result<Self> {
        read(what, value)
    }
}

impl<T> Page<T> {
    /// Says what is not in it: that there is nothing, or that there is more.
    pub(crate) fn tell_rest(&self, output: &Output, what: &str) {
        if self.next_cursor.is_some() {
            output.note(&format!("there are more {what}: --all lists them"));
        } else if self.items.is_empty() {
            output.note(&format!("no {what}"));
        }
    }
}

/// What went wrong, as RFC 9457 tells it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) title: String,
    pub(crate) status: u16,
    pub(crate) detail: Option<String>,
    /// The id of the request.
    pub(crate) instance: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) errors: Vec<FieldProblem>,
    /// From the header `Retry-After`.
    #[serde(skip)]
    pub(crate) retry_after: Option<Duration>,
    /// As it came.
    #[serde(skip)]
    pub(crate) raw: Value,
}

/// One field that breaks a rule.
#[derive(Debug, Deserialize)]
pub(crate) struct FieldProblem {
    #[serde(default)]
    pub(crate) pointer: String,
    #[serde(default)]
    pub(crate) detail: String,
}

impl Problem {
    /// Reads a problem; of one that is not well-formed, what can be read.
    pub(crate) fn read(raw: &Value) -> Self {
        let text = |name: &str| raw[name].as_str().map(str::to_owned);
        let mut problem = Self::deserialize(raw).unwrap_or_else(|_| Self {
            title: text("title").unwrap_or_default(),
            status: raw["status"]
                .as_u64()
                .and_then(|status| status.try_into().ok())
                .unwrap_or(0),
            detail: text("detail"),
            ..Self::default()
        });
        problem.raw = raw.clone();
        problem
    }

    /// Says whether a file of that name was in the way.
    pub(crate) fn is_name_taken(&self) -> bool {
        self.code.as_deref() == Some("name_taken")
    }
}

/// A file: a named thing in a folder with versions, tags, a type and a lifecycle.
#[derive(Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) path: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) status: String,
    pub(crate) size_bytes: u64,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) sha256: Option<String>,
    pub(crate) version: u32,
    #[serde(default)]
    pub(crate) origin: Option<String>,
    #[serde(default)]
    pub(crate) owner: Option<String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) purge_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) last_accessed_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) download_count: Option<u64>,
    #[serde(default)]
    pub(crate) document_date: Option<Date>,
    #[serde(default)]
    pub(crate) state: Option<String>,
    #[serde(default)]
    pub(crate) summary: Option<Summary>,
    #[serde(default)]
    pub(crate) summary_reason: Option<String>,
    #[serde(default)]
    pub(crate) failure: Option<Failure>,
}

impl File {
    /// Where it is, or its name when the server doesn't say.
    pub(crate) fn place(&self) -> &str {
        self.path.as_deref().unwrap_or(&self.name)
    }

    /// Says whether the document pipeline is through with it, well or not.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_completed() || self.is_failed()
    }

    /// Says whether the document pipeline came to its good end.
    pub(crate) fn is_completed(&self) -> bool {
        self.status == "completed"
    }

    /// Says whether the document pipeline gave up on it.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.status.as_str(), "failed" | "quarantined")
    }
}

/// A folder.
#[derive(Debug, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
pub(crate) struct Folder {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) file_count: u64,
    #[serde(default)]
    pub(crate) folder_count: u64,
    #[serde(default)]
    pub(crate) size_bytes: u64,
    #[serde(default)]
    pub(crate) purge_at: Option<Timestamp>,
}

/// Something that a check has found.
#[derive(Debug, Deserialize)]
pub(crate) struct Finding {
    pub(crate) kind: String,
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) since: Option<Timestamp>,
    pub(crate) outcome: String,
    #[serde(default)]
    pub(crate) detail: String,
}

/// Something that goes on by itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) progress: JobProgress,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

/// An archive that a job makes of files.
#[derive(Debug, Deserialize)]
pub(crate) struct Export {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) size_bytes: Option<u64>,
    pub(crate) job: Job,
}

/// How far a job has come.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct JobProgress {
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    pub(crate) failed: u64,
    pub(crate) reasons: Vec<FieldProblem>,
}

/// One immutable content of a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    #[serde(rename = "version", alias = "number")]
    pub(crate) number: u32,
    pub(crate) size_bytes: u64,
    #[serde(default)]
    pub(crate) sha256: Option<String>,
}

/// What a model made of a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Summary {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(crate) prompt_version: Option<String>,
    #[serde(default)]
    pub(crate) made_at: Option<Timestamp>,
}

/// Where the document pipeline gave up, and why.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) stage: String,
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: Option<String>,
}

/// Files that share a type and tags, kept together with what they add up to.
#[derive(Debug, Deserialize)]
pub(crate) struct Dossier {
    pub(crate) id: String,
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) document_count: u64,
    #[serde(default)]
    pub(crate) first_document_date: Option<Date>,
    #[serde(default)]
    pub(crate) last_document_date: Option<Date>,
    #[serde(default)]
    pub(crate) summary: Option<DossierSummary>,
    #[serde(default)]
    pub(crate) documents: Vec<Document>,
}

impl Dossier {
    /// Says whether its summary is that of the documents now in it.
    pub(crate) fn is_current(&self) -> bool {
        self.status == "generated"
    }
}

/// What the documents of a dossier add up to.
#[derive(Debug, Deserialize)]
pub(crate) struct DossierSummary {
    #[serde(default)]
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) figures: Option<Figures>,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) confidence: Option<Decimal>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(crate) prompt_version: Option<String>,
    #[serde(default)]
    pub(crate) made_at: Option<Timestamp>,
}

/// Computed by code from the documents, in decimal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Figures {
    pub(crate) currencies: BTreeMap<String, Series>,
    pub(crate) quantities: BTreeMap<String, Series>,
    pub(crate) gaps: Vec<Gap>,
}

/// A run of months without a document.
#[derive(Debug, Deserialize)]
pub(crate) struct Gap {
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) months: u64,
}

/// The figures of one currency or unit.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Series {
    pub(crate) count: u64,
    #[serde(deserialize_with = "decimal")]
    pub(crate) total: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub(crate) mean: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub(crate) median: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub(crate) minimum: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub(crate) maximum: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub(crate) change_percent: Option<Decimal>,
    pub(crate) by_month: Vec<Month>,
    pub(crate) by_year: Vec<Year>,
    pub(crate) anomalies: Excerpt<Anomaly>,
    pub(crate) repeated: Excerpt<Repeat>,
    pub(crate) rhythm: Option<Rhythm>,
}

/// The figures of one year.
#[derive(Debug, Deserialize)]
pub(crate) struct Year {
    #[serde(rename = "year")]
    pub(crate) name: i16,
    #[serde(default)]
    pub(crate) count: u64,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) total: Option<Decimal>,
}

/// The first of some findings, and how many there are.
#[derive(Debug, Deserialize)]
pub(crate) struct Excerpt<T> {
    pub(crate) count: u64,
    pub(crate) first: Vec<T>,
}

impl<T> Default for Excerpt<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}

/// A value far from the others.
#[derive(Debug, Deserialize)]
pub(crate) struct Anomaly {
    pub(crate) document_date: Date,
    pub(crate) file_id: String,
    pub(crate) direction: String,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) value: Option<Decimal>,
}

/// A value that several documents of one day have.
#[derive(Debug, Deserialize)]
pub(crate) struct Repeat {
    pub(crate) document_date: Date,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) value: Option<Decimal>,
    pub(crate) documents: Excerpt<String>,
}

/// How regularly values come, and where they do not.
#[derive(Debug, Deserialize)]
pub(crate) struct Rhythm {
    pub(crate) every: String,
    #[serde(default)]
    pub(crate) missed: Vec<Missed>,
}

/// Months in which a value is missing.
#[derive(Debug, Deserialize)]
pub(crate) struct Missed {
    pub(crate) first: String,
    pub(crate) last: String,
}

/// The figures of one month.
#[derive(Debug, Deserialize)]
pub(crate) struct Month {
    #[serde(rename = "month")]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) count: u64,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) total: Option<Decimal>,
}

/// Two dossiers side by side.
#[derive(Debug, Deserialize)]
pub(crate) struct Compared {
    pub(crate) comparison: Comparison,
}

/// The figures of two dossiers.
#[derive(Debug, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) count: Counts,
    pub(crate) currencies: BTreeMap<String, Sides>,
    pub(crate) quantities: BTreeMap<String, Sides>,
    pub(crate) only_first: Only,
    pub(crate) only_second: Only,
}

/// How many documents two dossiers have.
#[derive(Debug, Deserialize)]
pub(crate) struct Counts {
    pub(crate) first: u64,
    pub(crate) second: u64,
}

/// What two dossiers have in one currency or unit.
#[derive(Debug, Deserialize)]
pub(crate) struct Sides {
    pub(crate) total: Pair,
    pub(crate) mean: Pair,
}

/// Two values of the same kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Pair {
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) first: Option<Decimal>,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) second: Option<Decimal>,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) difference: Option<Decimal>,
    #[serde(default, deserialize_with = "decimal")]
    pub(crate) percent: Option<Decimal>,
}

/// What only one of two dossiers has.
#[derive(Debug, Deserialize)]
pub(crate) struct Only {
    pub(crate) currencies: Vec<String>,
    pub(crate) units: Vec<String>,
}

/// A file as a member of a dossier.
#[derive(Debug, Deserialize)]
pub(crate) struct Document {
    #[serde(alias = "file_id")]
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, rename = "document_date")]
    pub(crate) date: Option<Date>,
    #[serde(default)]
    pub(crate) amount: Option<Money>,
}

/// An amount in a currency.
#[derive(Debug, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: String,
    pub(crate) currency: String,
}

/// A named, versioned recipe for a file.
#[derive(Debug, Deserialize)]
pub(crate) struct Template {
    pub(crate) name: String,
    #[serde(default, deserialize_with = "text_or_number")]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) formats: Vec<String>,
    #[serde(default)]
    pub(crate) schema: Value,
    #[serde(default)]
    pub(crate) example: Value,
    #[serde(default)]
    pub(crate) built_in: bool,
}

/// A file just made from a template.
#[derive(Debug, Deserialize)]
pub(crate) struct Generation {
    pub(crate) file_id: String,
    pub(crate) file_name: String,
    #[serde(default)]
    pub(crate) download_url: Option<String>,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
}

/// A session that turns parts into a version.
#[derive(Debug, Deserialize)]
pub(crate) struct UploadSession {
    pub(crate) upload_id: String,
    /// `open`, `committed` or `aborted`.
    #[serde(default)]
    pub(crate) state: String,
    /// The file it became.
    #[serde(default)]
    pub(crate) file_id: Option<String>,
    pub(crate) part_size_bytes: u64,
    pub(crate) part_count: u32,
    #[serde(default)]
    pub(crate) parts: Vec<SignedPart>,
    #[serde(default)]
    pub(crate) arrived: Vec<ArrivedPart>,
}

/// A part that the object store has.
#[derive(Debug, Deserialize)]
pub(crate) struct ArrivedPart {
    pub(crate) number: u32,
    pub(crate) etag: String,
    #[serde(default)]
    pub(crate) size_bytes: u64,
}

/// Where one part goes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SignedPart {
    pub(crate) number: u32,
    pub(crate) url: String,
    /// To be sent as they are: they are signed, too.
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
}

/// Parts signed later or again.
#[derive(Debug, Deserialize)]
pub(crate) struct SignedParts {
    pub(crate) parts: Vec<SignedPart>,
}

/// A piece of work that gave up after its tries.
pub(crate) type FailedWork = Map<String, Value>;

/// Reads a decimal from text or a number, never by way of binary floating point.
fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = match Value::deserialize(deserializer)? {
        Value::Null => return Ok(None),
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            return Err(D::Error::custom("expected a decimal number"));
        }
    };
    let decimal = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
    decimal
        .map(Some)
        .map_err(|_| D::Error::custom(format!("{text:?} is no decimal number")))
}

/// Versions are numbers to some and names to others.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(D::Error::custom("expected text or a number"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_keep_every_digit_however_they_are_written() {
        let series: Series = read(
            "a test",
            &json!({"count": 2, "total": "1234567890123456789.01", "mean": 0.1, "median": null}),
        )
        .unwrap();

        assert_eq!(series.total.unwrap().to_string(), "1234567890123456789.01");
        assert_eq!(series.mean.unwrap().to_string(), "0.1");
        assert_eq!(series.median, None);
    }

    #[test]
    fn answer_of_another_shape_names_what_is_missing() {
        let error = read::<File>("GET /v1/files/x", &json!({"id": "x"})).unwrap_err();

        assert!(error.to_string().contains("GET /v1/files/x"));
        assert!(format!("{error:?}").contains("missing field"), "{error:?}");
    }

    #[test]
    fn broken_problem_still_says_its_title() {
        let problem = Problem::read(&json!({"title": "No", "status": 409, "errors": "what?"}));

        assert_eq!((problem.title.as_str(), problem.status), ("No", 409));
    }
}
