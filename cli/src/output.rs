//! Puts results before a person or a program.
//!
//! Results go to standard output, everything else to standard error. Colors are for terminals.

pub(crate) mod chart;
pub(crate) mod comparison;
pub(crate) mod dossier;
pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod folder;
pub(crate) mod human;
pub(crate) mod paint;
pub(crate) mod record;
pub(crate) mod table;
pub(crate) mod template;
pub(crate) mod text;

use std::io::{IsTerminal as _, Write as _};

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::error::{Error, Result};
pub(crate) use paint::Paint;

/// How this process puts things out.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Whether the reader is a program.
    pub(crate) json: bool,
    /// Colors of standard output.
    pub(crate) paint: Paint,
    /// Where the reader is.
    pub(crate) zone: TimeZone,
}

impl Output {
    /// Reads from the process where its output goes.
    pub(crate) fn for_this_process(json: bool) -> Self {
        Self {
            json,
            paint: Paint::of(std::io::stdout().is_terminal()),
            zone: TimeZone::system(),
        }
    }

    /// Prints text, complete with its line ends.
    #[expect(clippy::unused_self, reason = "belongs with the other ways out")]
    pub(crate) fn text(&self, text: &str) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(Error::Output)
    }

    /// Prints JSON over several lines.
    pub(crate) fn json(&self, value: &Value) -> Result<()> {
        self.text(&format!("{value:#}\n"))
    }

    /// Prints JSON on one line, for one of several results.
    pub(crate) fn json_line(&self, value: &Value) -> Result<()> {
        self.text(&format!("{value}\n"))
    }

    /// Tells what happened, but for a program.
    pub(crate) fn note(&self, message: &str) {
        if !self.json {
            self.complain(&format!("{}\n", text::clean(message)));
        }
    }

    /// Tells an error, and which of several things it happened to.
    pub(crate) fn report(&self, subject: Option<&str>, error: &Error) {
        if self.json {
            self.complain(&format!("{}\n", error.to_json(subject)));
        } else {
            let paint = Paint::of(std::io::stderr().is_terminal());
            self.complain(&error.to_text(subject, paint));
        }
    }

    /// Writes to standard error; when even that is gone there is nobody left to tell.
    #[expect(clippy::unused_self, reason = "belongs with the other ways out")]
    fn complain(&self, text: &str) {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Output as to a file, in UTC.
    pub(crate) fn plain_output() -> Output {
        Output {
            json: false,
            paint: Paint::PLAIN,
            zone: TimeZone::UTC,
        }
    }
}
