//! Language models behind one trait: Amazon Bedrock, and the built-in extractive one that needs no
//! network and is the default without AWS.
//!
//! A model writes words, never figures: what it says about a dossier is checked against the figures
//! that code has computed ([`DossierInput::check`]), and a mismatch fails the summary.
//! Nothing in here reads the environment, the clock or a random number, but for the jitter of the
//! AWS SDK's retries.

#![warn(missing_docs)]

use async_trait::async_trait;
use domain::facts::Facts;
use domain::figures::{Entry, Figures};
use rust_decimal::Decimal;

mod bedrock;
mod budget;
mod check;
mod config;
mod error;
mod extractive;
mod prompt;

pub use bedrock::{Bedrock, Limits};
pub use config::Config;
pub use error::ModelError;
pub use extractive::Extractive;

/// Writes summaries.
#[async_trait]
pub trait LanguageModel: Send + Sync {
    /// Returns the model's id, as it is stored with what the model writes.
    fn id(&self) -> &str;

    /// Returns the version of the instructions for a task. It changes whenever the same input may
    /// give another answer, so together with the model it says how a summary came about.
    fn prompt_version(&self, task: Task) -> &'static str;

    /// Summarizes one document.
    ///
    /// # Errors
    /// See [`ModelError`]; [`ModelError::NoText`] when the text is blank.
    async fn summarize_document(&self, input: &DocumentInput) -> Result<Completion, ModelError>;

    /// Summarizes a dossier. The answer quotes computed figures only.
    ///
    /// # Errors
    /// See [`ModelError`]; [`ModelError::Misquoted`] when the model insists on a number of its own.
    async fn summarize_dossier(&self, input: &DossierInput) -> Result<Completion, ModelError>;
}

/// What a model can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Task {
    /// Summarize one document.
    Document,
    /// Summarize a dossier.
    Dossier,
}

/// A document to summarize.
///
/// It holds only what follows from the document's bytes. Files with equal bytes share one summary,
/// so nothing by which they may differ, such as a name or tags, belongs in here.
#[derive(Clone, Debug, Default)]
pub struct DocumentInput {
    /// The whole text; a model may read a part of a long one.
    pub text: String,
    /// What was found in it without a model.
    pub facts: Facts,
}

/// A dossier to summarize.
#[derive(Clone, Debug, Default)]
pub struct DossierInput {
    /// The type all its documents have.
    pub document_type: String,
    /// The tags all its documents have.
    pub tags: Vec<String>,
    /// Its figures, computed from the entries of `documents`.
    pub figures: Figures,
    /// Its documents, in date order.
    pub documents: Vec<DossierDocument>,
}

/// One document of a dossier.
#[derive(Clone, Debug)]
pub struct DossierDocument {
    /// The name of the file.
    pub name: String,
    /// Its own summary, where it has one.
    pub summary: Option<String>,
    /// What it brings to the figures.
    pub entry: Entry,
}

/// What a model wrote, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The summary.
    pub text: String,
    /// The model that wrote it.
    pub model: String,
    /// The version of the instructions it followed.
    pub prompt_version: &'static str,
    /// Tokens read, where the model counts them; of all calls it took.
    pub input_tokens: Option<u64>,
    /// Tokens written, where the model counts them; of all calls it took.
    pub output_tokens: Option<u64>,
    /// The share of the input that the model has read, from 0 to 1 with two decimals: of a long
    /// document a part, of a dossier the documents that have a summary or an amount.
    pub confidence: Option<Decimal>,
}

/// Returns a share as a number from 0 to 1 with two decimals, rounded down so that only all is 1.
fn share(part: usize, whole: usize) -> Option<Decimal> {
    let hundredths = part.min(whole).checked_mul(100)?.checked_div(whole)?;
    Some(Decimal::new(i64::try_from(hundredths).ok()?, 2))
}
