//! Plain text: values on one line, prose as it was given, tables in columns.

use super::{Markup, Syntax, Writing, column_widths, push_padded, texts_of};
use crate::lines::{one_line, paragraphs};
use crate::table::Table;

pub(super) const SYNTAX: Syntax = Syntax {
    name: "txt",
    aliases: &["text"],
    media_type: "text/plain; charset=utf-8",
    writing: Writing::Body(Markup {
        inline: one_line,
        prose,
        table,
    }),
};

fn prose(text: &str, indent: usize) -> String {
    let between = format!("\n{:indent$}", "");
    let paragraphs: Vec<_> = paragraphs(text)
        .iter()
        .map(|lines| lines.join(&between))
        .collect();
    paragraphs.join(&format!("\n{between}"))
}

fn table(table: &Table) -> String {
    let texts = texts_of(table, one_line);
    let widths = column_widths(&texts, 1);
    let numeric = table.numeric_columns();
    let mut lines: Vec<_> = table.caption.iter().map(|c| one_line(c)).collect();
    for (index, row) in texts.iter().enumerate() {
        let mut line = String::new();
        for ((text, width), right_aligned) in row.iter().zip(&widths).zip(&numeric) {
            push_padded(&mut line, text, *width, *right_aligned);
            line.push_str("  ");
        }
        lines.push(line.trim_end().to_owned());
        if index == 0 {
            let rules: Vec<_> = widths.iter().map(|width| "-".repeat(*width)).collect();
            lines.push(rules.join("  "));
        }
    }
    lines.join("\n")
}
