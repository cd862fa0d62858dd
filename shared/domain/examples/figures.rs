//! The figures of dossiers on standard input, for `tests/oracle/run`: of each line, which is a JSON
//! list of members, a line with its figures and its comparison with the line before.
//!
//! The figures are those of a ledger that was written and read back. Those of the members as they
//! come have to be the same, or it ends with an error.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

use domain::comparison::Comparison;
use domain::dossier::Member;
use domain::figures::{Entry, Figures};
use domain::ledger::Ledger;
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = stdout().lock();
    let mut before: Vec<Entry> = Vec::new();
    for line in stdin().lock().lines() {
        let members: Vec<Member> = serde_json::from_str(&line?)?;
        let entries: Vec<Entry> = members.iter().map(Entry::from).collect();
        let ledger = Ledger::decode(&Ledger::of(members, 0)?.encode())?;
        let figures = ledger.figures()?;
        if figures != Figures::compute(&entries)? {
            return Err("the figures of a ledger are not those of its members".into());
        }
        let comparison = Comparison::of(&before, &entries)?;
        let answer = json!({"figures": figures, "comparison": comparison});
        writeln!(output, "{answer}")?;
        before = entries;
    }
    Ok(())
}
