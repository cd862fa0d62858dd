//! JSON, indented by two spaces, keys in the order given.

use std::io::{self, Write};

use serde_json::Value;

use super::{Syntax, Writing};
use crate::limits::Output;

pub(super) const SYNTAX: Syntax = Syntax {
    name: "json",
    aliases: &[],
    media_type: "application/json",
    writing: Writing::Value(write),
};

fn write(value: &Value, output: &mut Output) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *output, value)?;
    output.write_all(b"\n")
}
