//! Summaries of single documents, made once for equal bytes.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::Sha256;

/// Version of what reads documents. It grows when the text or facts of an unchanged file change.
pub const PIPELINE_VERSION: u32 = 2;

/// What a summary is made from and by: for each of these there is at most one committed summary.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SummaryKey {
    /// The bytes.
    pub content: Sha256,
    /// What read them; see [`PIPELINE_VERSION`].
    pub pipeline_version: u32,
    /// What the model was told.
    pub prompt_version: String,
    /// Which model.
    pub model: String,
}

impl fmt::Display for SummaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}",
            self.content, self.pipeline_version, self.prompt_version, self.model
        )
    }
}

/// The committed summary of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The summary.
    pub text: String,
    /// Which model made it.
    pub model: String,
    /// By which version of the prompt.
    pub prompt_version: String,
    /// When.
    pub made_at: Timestamp,
}
