//! The built-in model. It needs no network, costs nothing and never invents: of a document it
//! repeats the sentences or lines that say most, and about a dossier it writes what code computed.
//!
//! The same input always gives the same summary. What it costs is bounded: of a long document only
//! the beginning and the end are read.

use async_trait::async_trait;

use crate::{Completion, DocumentInput, DossierInput, LanguageModel, ModelError, Task, share};

mod document;
mod dossier;
mod passages;
mod words;

/// Version of how sentences are chosen and dossiers are worded.
const VERSION: &str = "extractive-1";

/// The built-in extractive model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extractive;

impl Extractive {
    /// The id of this model.
    pub const ID: &'static str = "extractive";
}

#[async_trait]
impl LanguageModel for Extractive {
    fn id(&self) -> &str {
        Self::ID
    }

    fn prompt_version(&self, _task: Task) -> &'static str {
        VERSION
    }

    /// Every line of the summary is a run of sentences, or a line, of the document, with white
    /// space made single spaces.
    async fn summarize_document(&self, input: &DocumentInput) -> Result<Completion, ModelError> {
        let read = passages::sample(&input.text);
        let text = document::summarize(&read, &input.facts).ok_or(ModelError::NoText)?;
        let part = read.iter().map(|text| text.len()).sum();
        Ok(completion(text, (part, input.text.len())))
    }

    async fn summarize_dossier(&self, input: &DossierInput) -> Result<Completion, ModelError> {
        Ok(completion(dossier::describe(input), input.known()))
    }
}

fn completion(text: String, (part, whole): (usize, usize)) -> Completion {
    Completion {
        text,
        model: Extractive::ID.to_owned(),
        prompt_version: VERSION,
        input_tokens: None,
        output_tokens: None,
        confidence: share(part, whole),
    }
}

#[cfg(test)]
mod tests;
