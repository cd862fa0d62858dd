//! Why a summary was not written, what a person can do about it, and whether trying again may help.

use ai::ModelError;
use domain::file::Failure;
use domain::{Error, Retry};
use runtime::telemetry::chain_of;
use store::worker::Setback;
use thiserror::Error as ThisError;

/// Why work on a summary stopped.
#[derive(Debug, ThisError)]
pub(crate) enum Stop {
    /// The model gave no usable answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The table or the bucket did not do its part.
    #[error(transparent)]
    Store(#[from] Error),
    /// The figures of a dossier cannot be computed.
    #[error("the figures of the dossier cannot be computed: {0}")]
    Figures(#[source] Error),
    /// What was read from the file is not there any more.
    #[error("the text of the file is no longer there")]
    TextMissing,
    /// The work is another function's.
    #[error("a task of another queue came to the summarize queue")]
    Misrouted,
}

impl From<Stop> for Setback {
    fn from(stop: Stop) -> Self {
        Self {
            retry: stop.retry(),
            lost_race: matches!(stop, Stop::Store(Error::Busy { .. })),
            failure: stop.failure(),
            cause: stop.for_log(),
        }
    }
}

impl Stop {
    /// Says whether the same work may succeed when it is tried again.
    const fn retry(&self) -> Retry {
        match self {
            Self::Model(error) => error.retry(),
            Self::Store(error) => error.retry(),
            Self::Figures(_) | Self::TextMissing => Retry::Never,
            // For whoever looks through the messages that were set aside.
            Self::Misrouted => Retry::Later,
        }
    }

    /// Writes it for a log, which quotes neither names nor documents.
    fn for_log(&self) -> String {
        match self {
            Self::Store(error) | Self::Figures(error) => error.for_log(),
            Self::Model(ModelError::Misquoted(_)) => self.code().to_owned(),
            Self::Model(_) | Self::TextMissing | Self::Misrouted => chain_of(self),
        }
    }

    /// Returns a word that programs can switch on.
    const fn code(&self) -> &'static str {
        match self {
            Self::Model(error) => error.code(),
            Self::Store(Error::Busy { .. }) => "busy",
            Self::Store(Error::Dependency { .. }) => "unavailable",
            Self::Store(_) => "internal",
            Self::Figures(_) => "figures",
            Self::TextMissing => "text_missing",
            Self::Misrouted => "misrouted",
        }
    }

    /// Returns the failure as it is listed; none for work that is not this function's to give up.
    fn failure(&self) -> Option<Failure> {
        Some(Failure {
            stage: "summarize".to_owned(),
            code: self.code().to_owned(),
            detail: format!("{self}: {}", self.advice()?),
        })
    }

    /// Says what a person can do.
    const fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Model(
                ModelError::Throttled { .. } | ModelError::Timeout | ModelError::Unavailable { .. },
            ) => "redrive it when the model answers again",
            Self::Model(ModelError::AccessDenied { .. } | ModelError::Rejected { .. }) => {
                "redrive it when that is mended"
            }
            Self::Model(ModelError::Refused { .. }) => {
                "the content stays readable; choose another model and redrive it"
            }
            Self::Model(ModelError::InvalidAnswer { .. } | ModelError::Misquoted(_)) => {
                "redrive it, or choose another model first"
            }
            Self::Model(ModelError::NoText) => "nothing can be done",
            Self::Store(_) => "redrive it",
            Self::Figures(_) => {
                "look for an amount that was read wrongly, or take its document out of the dossier"
            }
            Self::TextMissing => "redrive it, and the file is read again",
            Self::Misrouted => return None,
        })
    }
}
