//! Why a file could not be read, and what its owner can do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Failure {
    /// Which kind, for programs.
    pub code: Code,
    /// What happened and what to do, for people. Never quotes the file.
    pub detail: String,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A password is needed to open it.
    Encrypted,
    /// Its bytes do not follow its format, or it ends early.
    Corrupt,
    /// It unpacks to more than its size warrants: more pages, members or bytes than are allowed.
    TooLargeInside,
    /// Reading it took more memory than a file may have.
    LimitMemory,
    /// Reading it took more time than a file may have.
    LimitTime,
    /// Its text is longer than a file's text may be.
    LimitOutput,
    /// The reader ended abnormally.
    Crashed,
    /// The reader could not be started or reached. Nothing is known about the file.
    Unavailable,
}

impl Failure {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// The file needs a password.
    pub(crate) fn encrypted() -> Self {
        Self::new(
            Code::Encrypted,
            "The file is protected by a password. Remove the password and upload it again.",
        )
    }

    /// The file is damaged. `what` names its format: `PDF`, `Word document`.
    pub(crate) fn corrupt(what: &str) -> Self {
        Self::new(
            Code::Corrupt,
            format!(
                "The file is damaged or cut short and cannot be read as a {what}. \
                 Open it where it was made, save it again and upload the new copy."
            ),
        )
    }

    /// The text is longer than `limit_bytes`.
    pub(crate) fn too_much_text(limit_bytes: u64) -> Self {
        Self::new(
            Code::LimitOutput,
            format!(
                "The file has more than {limit_bytes} bytes of text. Split it into smaller files."
            ),
        )
    }

    /// Whether trying again may help: true only when the file is not to blame.
    pub fn retry(&self) -> bool {
        self.code == Code::Unavailable
    }
}

impl Code {
    /// The code as the API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Corrupt => "corrupt",
            Self::TooLargeInside => "too_large_inside",
            Self::LimitMemory => "limit_memory",
            Self::LimitTime => "limit_time",
            Self::LimitOutput => "limit_output",
            Self::Crashed => "crashed",
            Self::Unavailable => "unavailable",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
