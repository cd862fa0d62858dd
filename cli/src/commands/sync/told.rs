//! What a run of `sheaf sync` tells: a line for each thing it does, and a sum at the end.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::plan::Why;
use crate::commands::put::tell_skipped;
use crate::error::Result;
use crate::output::text::clean;
use crate::output::{Output, human};
use crate::tree::{Reason, Skipped};

/// Tells it to a person or a program.
#[derive(Debug)]
pub(super) struct Teller<'a> {
    pub(super) output: &'a Output,
    pub(super) is_dry: bool,
    pub(super) is_verbose: bool,
}

/// What was done in one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) stored: u64,
    pub(super) moved: u64,
    pub(super) trashed: u64,
    pub(super) same: u64,
    pub(super) failed: u64,
    pub(super) skipped: BTreeMap<Reason, u64>,
}

impl Counts {
    /// Says whether anything came of it.
    pub(super) fn is_nothing(&self) -> bool {
        self.stored + self.moved + self.trashed + self.failed == 0
    }
}

impl Teller<'_> {
    pub(super) fn stored(
        &self,
        path: &str,
        why: Why,
        size_bytes: u64,
        file: Option<&Value>,
    ) -> Result<()> {
        let (word, verb) = match (why, self.is_dry) {
            (Why::New, false) => ("new", "stored"),
            (Why::New, true) => ("new", "would store"),
            (Why::Changed, false) => ("changed", "stored a new version of"),
            (Why::Changed, true) => ("changed", "would store a new version of"),
        };
        self.line(
            json!({"action": "store", "path": path, "reason": word, "file": file}),
            &format!("{verb} {}  {}\n", clean(path), human::size(size_bytes)),
        )
    }

    pub(super) fn moved(&self, from: &str, to: &str, file_id: &str) -> Result<()> {
        let verb = if self.is_dry { "would move" } else { "moved" };
        self.line(
            json!({"action": "move", "from": from, "path": to, "file_id": file_id}),
            &format!("{verb} {} to {}\n", clean(from), clean(to)),
        )
    }

    pub(super) fn trashed(&self, path: &str, file_id: &str) -> Result<()> {
        let verb = if self.is_dry {
            "would move to the trash"
        } else {
            "moved to the trash"
        };
        self.line(
            json!({"action": "trash", "path": path, "file_id": file_id}),
            &format!("{verb} {}\n", clean(path)),
        )
    }

    /// Tells what is passed over, where that is asked for.
    pub(super) fn skipped(&self, skipped: &[Skipped]) -> Result<()> {
        if !self.is_verbose {
            return Ok(());
        }
        for one in skipped {
            self.line(
                json!({"action": "skip", "name": one.name, "reason": one.reason.word()}),
                &format!("passed over {}: {}\n", clean(&one.name), one.reason.text()),
            )?;
        }
        Ok(())
    }

    /// Tells that changes are waited for.
    pub(super) fn watching(&self, folder: &str) -> Result<()> {
        if self.output.json {
            return self.output.json_line(&json!({"action": "watch"}));
        }
        self.output.note(&format!("watching {folder} until Ctrl-C"));
        Ok(())
    }

    pub(super) fn sum(&self, counts: &Counts) -> Result<()> {
        if self.output.json {
            let skipped: BTreeMap<&str, u64> = counts
                .skipped
                .iter()
                .map(|(reason, count)| (reason.word(), *count))
                .collect();
            return self.output.json_line(&self.marked(json!({
                "action": "sum", "stored": counts.stored, "moved": counts.moved,
                "trashed": counts.trashed, "same": counts.same, "failed": counts.failed,
                "skipped": skipped,
            })));
        }
        self.output.note(&format!(
            "{}{} stored, {} moved, {} to the trash, {} the same",
            if self.is_dry { "would be: " } else { "" },
            counts.stored,
            counts.moved,
            counts.trashed,
            counts.same
        ));
        if let Some(told) = tell_skipped(&counts.skipped) {
            self.output.note(&told);
        }
        Ok(())
    }

    fn line(&self, value: Value, text: &str) -> Result<()> {
        if self.output.json {
            self.output.json_line(&self.marked(value))
        } else {
            self.output.text(text)
        }
    }

    fn marked(&self, mut value: Value) -> Value {
        if self.is_dry {
            value["dry_run"] = true.into();
        }
        value
    }
}
