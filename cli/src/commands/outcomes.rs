//! Doing the same to several things: one that fails is told and doesn't hold up the others.

use crate::error::{Error, Result};
use crate::output::Output;

/// How it went so far.
#[derive(Debug)]
pub(super) struct Outcomes<'a> {
    output: &'a Output,
    total: usize,
    failed: usize,
    /// Kept when there is but one thing, so that its error is told once, as itself.
    only: Option<Error>,
}

impl<'a> Outcomes<'a> {
    pub(super) const fn of(total: usize, output: &'a Output) -> Self {
        Self {
            output,
            total,
            failed: 0,
            only: None,
        }
    }

    /// Notes that it failed for one, and says so.
    pub(super) fn fail(&mut self, subject: &str, error: Error) {
        self.failed += 1;
        if self.total == 1 {
            self.only = Some(error);
        } else {
            self.output.report(Some(subject), &error);
        }
    }

    /// Fails if it failed for any.
    pub(super) fn finish(self) -> Result<()> {
        match (self.failed, self.only) {
            (0, _) => Ok(()),
            (_, Some(error)) => Err(error),
            (failed, None) => Err(Error::failed(
                format!("{failed} of {} failed", self.total),
                "Each is told above; the others are done.",
            )),
        }
    }
}
