//! The figures of dossiers on standard input, for `tests/oracle/run`: of each line, which is a JSON
//! list of members, a line with its figures and its comparison with the line before.

use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

use domain::comparison::Comparison;
use domain::dossier::Member;
use domain::figures::{Entry, Figures};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut output = stdout().lock();
    let mut before: Vec<Entry> = Vec::new();
    for line in stdin().lock().lines() {
        let members: Vec<Member> = serde_json::from_str(&line?)?;
        let entries: Vec<Entry> = members.iter().map(Entry::from).collect();
        let figures = Figures::compute(&entries)?;
        let comparison = Comparison::of(&before, &entries)?;
        let answer = json!({"figures": figures, "comparison": comparison});
        writeln!(output, "{answer}")?;
        before = entries;
    }
    Ok(())
}
