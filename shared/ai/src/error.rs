//! Why a model gave no usable answer.

use std::time::Duration;

use domain::Retry;
use domain::quotation::Mismatch;
use thiserror::Error as ThisError;

/// Why a model gave no usable answer. The messages are for people and name no content.
#[derive(Debug, ThisError)]
pub enum ModelError {
    /// The model takes no more requests for now, also after several tries.
    #[error("the model is busy: too many requests for now")]
    Throttled {
        /// After how long to try again, where the model says so.
        retry_after: Option<Duration>,
    },
    /// The model did not answer in time.
    #[error("the model did not answer in time")]
    Timeout,
    /// The model cannot be reached, or fails on its side.
    #[error("the model cannot be reached or failed on its side")]
    Unavailable {
        /// What was seen, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The credentials don't allow calling this model.
    #[error(
        "access to the model was denied: allow bedrock:InvokeModel and enable the model in this \
         account and region"
    )]
    AccessDenied {
        /// What was seen, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model, or its id, does not take such a request.
    #[error("the model rejected the request: check that its id exists in this region")]
    Rejected {
        /// What was seen, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The content was filtered, by the model or by a guardrail.
    #[error("the model refused the content: {reason}")]
    Refused {
        /// Which filter acted.
        reason: &'static str,
    },
    /// The model answered, but with nothing that can be used.
    #[error("the model's answer cannot be used: {detail}")]
    InvalidAnswer {
        /// What is wrong with it.
        detail: &'static str,
    },
    /// The answer has a number that is not among the computed figures.
    #[error("the model's answer cannot be used: {0}")]
    Misquoted(#[from] Mismatch),
    /// There is nothing to summarize.
    #[error("there is no text to summarize")]
    NoText,
}

impl ModelError {
    /// Says whether the same request may succeed when it is made again.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Throttled { .. } | Self::Timeout | Self::Unavailable { .. } => Retry::Later,
            Self::AccessDenied { .. }
            | Self::Rejected { .. }
            | Self::Refused { .. }
            | Self::InvalidAnswer { .. }
            | Self::Misquoted(_)
            | Self::NoText => Retry::Never,
        }
    }

    /// Returns a word for this error that programs can switch on.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "model_throttled",
            Self::Timeout => "model_timeout",
            Self::Unavailable { .. } => "model_unavailable",
            Self::AccessDenied { .. } => "model_access_denied",
            Self::Rejected { .. } => "model_rejected",
            Self::Refused { .. } => "model_refused",
            Self::InvalidAnswer { .. } => "model_answer_invalid",
            Self::Misquoted(_) => "model_misquoted",
            Self::NoText => "no_text",
        }
    }
}

impl From<ModelError> for domain::Error {
    fn from(error: ModelError) -> Self {
        Self::Dependency {
            action: "asking the language model",
            retry: error.retry(),
            source: Box::new(error),
        }
    }
}
