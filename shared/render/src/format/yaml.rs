//! YAML in block style, keys in the order given.
//!
//! Written here and not by a serialiser crate, because those write `yes`, `on` and `2025-10-29`
//! without quotes, which readers of YAML 1.1 (most in use) take for booleans and dates. A string is
//! plain only when no reader can take it for anything else; text of several lines is a literal
//! block where it survives one; everything else is in double quotes.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::{Syntax, Writing};
use crate::limits::Output;

pub(super) const SYNTAX: Syntax = Syntax {
    name: "yaml",
    aliases: &["yml"],
    // Source: RFC 9512.
    media_type: "application/yaml",
    writing: Writing::Value(write),
};

/// Longest key written before its colon. Source: YAML 1.2, 7.4.2: an implicit key has at most 1024
/// characters.
const IMPLICIT_KEY_MAX: usize = 1000;

/// Words that YAML 1.1 or 1.2 reads as a boolean, null or number. Source: YAML 1.1 type repository.
const RESERVED: [&str; 10] = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
];

/// What a node is written after.
#[derive(Clone, Copy, PartialEq)]
enum After {
    /// Nothing: it is the document.
    Start,
    /// The colon of a key.
    Key,
    /// The dash of an item.
    Dash,
}

fn write(value: &Value, output: &mut Output) -> io::Result<()> {
    node(value, 0, After::Start, output)
}

/// Writes a node and its line end; `indent` is where its own lines begin.
fn node(value: &Value, indent: usize, after: After, output: &mut Output) -> io::Result<()> {
    match value {
        Value::Array(items) if !items.is_empty() => sequence(items, indent, after, output),
        Value::Object(fields) if !fields.is_empty() => mapping(fields, indent, after, output),
        Value::String(text) if after != After::Start && is_literal(text) => {
            literal(text, indent, output)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            let space = if after == After::Start { "" } else { " " };
            writeln!(output, "{space}{}", scalar(value))
        }
    }
}

fn sequence(items: &[Value], indent: usize, after: After, output: &mut Output) -> io::Result<()> {
    for (index, item) in items.iter().enumerate() {
        begin_line(index, indent, after, output)?;
        output.write_all(b"-")?;
        node(item, indent + 2, After::Dash, output)?;
    }
    Ok(())
}

fn mapping(
    fields: &Map<String, Value>,
    indent: usize,
    after: After,
    output: &mut Output,
) -> io::Result<()> {
    for (index, (key, value)) in fields.iter().enumerate() {
        begin_line(index, indent, after, output)?;
        let key = string(key);
        if key.len() > IMPLICIT_KEY_MAX {
            write!(output, "? {key}\n{:indent$}:", "")?;
        } else {
            write!(output, "{key}:")?;
        }
        node(value, indent + 2, After::Key, output)?;
    }
    Ok(())
}

/// Begins a line of a collection. The first stands on the line of the dash it comes after.
fn begin_line(index: usize, indent: usize, after: After, output: &mut Output) -> io::Result<()> {
    match (index, after) {
        (0, After::Dash) => output.write_all(b" "),
        (0, After::Key) => write!(output, "\n{:indent$}", ""),
        _ => write!(output, "{:indent$}", ""),
    }
}

/// Whether text of several lines comes back unchanged from a literal block.
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    let keeps = |line: &str| line.is_empty() || !line.trim().is_empty();
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.split('\n').all(keeps)
        && text.chars().all(|c| c == '\n' || is_printable(c))
}

fn literal(text: &str, indent: usize, output: &mut Output) -> io::Result<()> {
    let body = text.strip_suffix('\n');
    let marker = if body.is_some() { " |" } else { " |-" };
    writeln!(output, "{marker}")?;
    for line in body.unwrap_or(text).split('\n') {
        let indent = if line.is_empty() { 0 } else { indent };
        writeln!(output, "{:indent$}{line}", "")?;
    }
    Ok(())
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        // Empty collections are written as in JSON, which is YAML too.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

fn string(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Whether no reader takes the bare text for anything but itself: it begins with a letter, goes on
/// with letters, digits and few signs, and is no reserved word.
fn is_plain(text: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || " _-./+()".contains(c);
    text.starts_with(char::is_alphabetic)
        && !text.ends_with(' ')
        && text.chars().all(allowed)
        && !RESERVED.contains(&text.to_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if is_printable(c) => quoted.push(c),
            c => quoted.push_str(&escape(u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

fn escape(code: u32) -> String {
    match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }
}

/// Whether a character may stand for itself: printable after YAML 1.2, 5.1, and neither a line
/// break elsewhere nor a mark that turns the direction of what follows.
fn is_printable(c: char) -> bool {
    let is_mark = matches!(
        c,
        '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    );
    let is_outside = c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    !is_mark && !is_outside
}
