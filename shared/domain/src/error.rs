//! What can go wrong, said without regard to how it travels. `api::problem` turns it into HTTP.

use std::error::Error as _;
use std::time::Duration;

use thiserror::Error as ThisError;

/// A result of this domain.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The kinds of thing an error can be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An API key.
    ApiKey,
    /// The bytes of a version.
    Blob,
    /// A dossier.
    Dossier,
    /// An archive that was made of files.
    Export,
    /// A failed piece of work.
    Failure,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// An invitation to a workspace.
    Invitation,
    /// A job.
    Job,
    /// A membership of a workspace.
    Member,
    /// A part of a multipart upload.
    Part,
    /// A deletion receipt.
    Receipt,
    /// A route of the API.
    Route,
    /// A template.
    Template,
    /// The text of a file.
    Text,
    /// An upload session.
    Upload,
    /// A version of a file.
    Version,
    /// A row of work still to be done.
    Work,
}

impl Kind {
    /// The word for this kind in messages.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::ApiKey => "API key",
            Self::Blob => "blob",
            Self::Dossier => "dossier",
            Self::Export => "export",
            Self::Failure => "failure",
            Self::File => "file",
            Self::Folder => "folder",
            Self::Invitation => "invitation",
            Self::Job => "job",
            Self::Member => "member",
            Self::Part => "part",
            Self::Receipt => "receipt",
            Self::Route => "route",
            Self::Template => "template",
            Self::Text => "text",
            Self::Upload => "upload",
            Self::Version => "version",
            Self::Work => "work",
        }
    }
}

/// One field of a request that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field, or `/name` of a query parameter.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// Everything that can go wrong, by what it is.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The request cannot be read at all: broken JSON, a bad header.
    #[error("{detail}")]
    Malformed {
        /// What could not be read.
        detail: String,
    },
    /// The request can be read, but fields break a rule.
    #[error("{}", .errors.first().map_or("the request is invalid", |e| e.detail.as_str()))]
    Invalid {
        /// Every field found wrong.
        errors: Vec<FieldError>,
    },
    /// No credentials, or ones that don't hold.
    #[error("{detail}")]
    Unauthenticated {
        /// What is wrong with the credentials, without repeating them.
        detail: &'static str,
    },
    /// The principal is known but its role does not allow this.
    #[error("{detail}")]
    Forbidden {
        /// What is needed.
        detail: String,
    },
    /// There is no such thing in this workspace; also the answer for another workspace's ids.
    #[error("there is no {} {id} in this workspace", .kind.noun())]
    NotFound {
        /// What was looked for.
        kind: Kind,
        /// As the client named it.
        id: String,
    },
    /// The file has content but no text could be read from it.
    #[error("no text could be read from file {id}")]
    NoText {
        /// The file.
        id: String,
    },
    /// The thing was there and has expired or was deleted.
    #[error("the {} {id} is gone: {reason}", .kind.noun())]
    Gone {
        /// What was looked for.
        kind: Kind,
        /// As the client named it.
        id: String,
        /// Why it is gone.
        reason: &'static str,
    },
    /// The request is fine but collides with the state of things.
    #[error("{detail}")]
    Conflict {
        /// A word clients can switch on, such as `name_taken`.
        code: &'static str,
        /// What collides and what to do.
        detail: String,
    },
    /// `If-Match` named another state than the current one.
    #[error("the {} has changed since: fetch it again and repeat", .kind.noun())]
    PreconditionFailed {
        /// What was to be changed.
        kind: Kind,
    },
    /// The bytes are more than allowed.
    #[error("{detail}")]
    TooLarge {
        /// The limit and what to do.
        detail: String,
    },
    /// The media type is refused.
    #[error("files of type {media_type} are refused in this workspace")]
    RefusedType {
        /// What the bytes are.
        media_type: String,
    },
    /// The quota of the workspace does not allow this.
    #[error("{detail}")]
    QuotaExceeded {
        /// What is used, what is allowed.
        detail: String,
    },
    /// Something else holds this for now.
    #[error("{detail}")]
    Busy {
        /// What to wait for.
        detail: String,
        /// After how long to try again.
        retry_after: Duration,
    },
    /// A service this one stands on did not do its part.
    #[error("{action} failed")]
    Dependency {
        /// What was being done, such as `storing a blob`.
        action: &'static str,
        /// Whether the same call may succeed later.
        retry: Retry,
        /// The error below, for the log and never for the client.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A stored row does not read back: a defect of ours.
    #[error("stored data is not what it should be: {detail}")]
    Corrupt {
        /// What was read and what was expected.
        detail: String,
    },
    /// Code of ours broke off in the middle: a defect.
    #[error("{action} broke off")]
    Panicked {
        /// What was being done, such as `making a change`.
        action: &'static str,
        /// The panic, for the log and never for the client.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Whether the same call may succeed when it is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It may: throttling, a timeout, a lost race.
    Later,
    /// It will not.
    Never,
}

impl Error {
    /// There is no such thing here.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "most ids are Copy, and a call without & reads better"
    )]
    pub fn not_found(kind: Kind, id: impl ToString) -> Self {
        Self::NotFound {
            kind,
            id: id.to_string(),
        }
    }

    /// One field breaks a rule.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid {
            errors: vec![FieldError {
                pointer: pointer.into(),
                detail: detail.into(),
            }],
        }
    }

    /// The request cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::Malformed {
            detail: detail.into(),
        }
    }

    /// A stored row does not read back.
    pub fn corrupt(detail: impl Into<String>) -> Self {
        Self::Corrupt {
            detail: detail.into(),
        }
    }

    /// A service below failed and may work later.
    pub fn dependency(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Dependency {
            action,
            retry: Retry::Later,
            source: source.into(),
        }
    }

    /// Code of ours broke off in the middle.
    pub fn panicked(
        action: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Panicked {
            action,
            source: source.into(),
        }
    }

    /// Writes the error for a log, with all errors below it. A log holds no names, so what quotes
    /// the client is left out.
    pub fn for_log(&self) -> String {
        match self {
            Self::Malformed { .. } => "the request is malformed".to_owned(),
            Self::Invalid { errors } => {
                let fields: Vec<&str> = errors.iter().map(|e| e.pointer.as_str()).collect();
                format!("invalid: {}", fields.join(", "))
            }
            Self::NotFound { kind, .. } => format!("there is no such {}", kind.noun()),
            Self::Gone { kind, reason, .. } => format!("the {} is gone: {reason}", kind.noun()),
            Self::Conflict { code, .. } => (*code).to_owned(),
            Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::NoText { .. }
            | Self::PreconditionFailed { .. }
            | Self::TooLarge { .. }
            | Self::RefusedType { .. }
            | Self::QuotaExceeded { .. }
            | Self::Busy { .. }
            | Self::Dependency { .. }
            | Self::Corrupt { .. }
            | Self::Panicked { .. } => {
                let mut text = self.to_string();
                for below in std::iter::successors(self.source(), |error| (*error).source()) {
                    text.push_str(": ");
                    text.push_str(&below.to_string());
                }
                text
            }
        }
    }

    /// Says whether the same call may succeed when it is made again.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Busy { .. } => Retry::Later,
            Self::Dependency { retry, .. } => *retry,
            Self::Malformed { .. }
            | Self::Invalid { .. }
            | Self::Unauthenticated { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NoText { .. }
            | Self::Gone { .. }
            | Self::Conflict { .. }
            | Self::PreconditionFailed { .. }
            | Self::TooLarge { .. }
            | Self::RefusedType { .. }
            | Self::QuotaExceeded { .. }
            | Self::Corrupt { .. }
            | Self::Panicked { .. } => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_of_an_error_quotes_no_client() {
        let name = "Severance Jane Doe.pdf";
        let quoting = [
            Error::malformed(name),
            Error::invalid("/name", name),
            Error::not_found(Kind::Blob, format!("inbox/acme/{name}")),
            Error::Gone {
                kind: Kind::File,
                id: name.to_owned(),
                reason: "it was deleted",
            },
            Error::Conflict {
                code: "name_taken",
                detail: format!("{name} is taken"),
            },
        ];
        for error in quoting {
            let logged = error.for_log();
            assert!(!logged.is_empty() && !logged.contains("Jane"), "{logged}");
        }
    }

    #[test]
    fn what_is_logged_of_a_failed_dependency_says_why() {
        let error = Error::dependency("storing a blob", "the disk is full");
        assert_eq!(error.for_log(), "storing a blob failed: the disk is full");
    }
}
