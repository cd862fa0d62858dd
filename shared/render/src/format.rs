//! The formats files are made in: one file for each, behind [`Syntax`].

mod csv;
mod html;
mod json;
mod markdown;
mod text;
mod yaml;

use std::fmt;
use std::io;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::Output;
use crate::table::Table;

/// A format a file can be made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Format {
    /// JSON, indented.
    Json,
    /// YAML 1.2 that YAML 1.1 readers understand alike.
    Yaml,
    /// Markdown with GitHub's tables and task lists.
    Markdown,
    /// CSV after RFC 4180, but with LF line ends; safe to open in a spreadsheet.
    Csv,
    /// One HTML page that needs nothing else.
    Html,
    /// Plain text in UTF-8.
    Text,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Json,
        Self::Yaml,
        Self::Markdown,
        Self::Csv,
        Self::Html,
        Self::Text,
    ];

    /// The name in requests and template manifests: `json`, `yaml`, `md`, `csv`, `html`, `txt`.
    pub fn name(self) -> &'static str {
        self.syntax().name
    }

    /// What a file name of this format ends with, without the dot.
    pub fn extension(self) -> &'static str {
        self.syntax().name
    }

    /// The media type, with the character set where the type has one.
    pub fn media_type(self) -> &'static str {
        self.syntax().media_type
    }

    /// What the file of this format says about it.
    pub(crate) const fn syntax(self) -> &'static Syntax {
        match self {
            Self::Json => &json::SYNTAX,
            Self::Yaml => &yaml::SYNTAX,
            Self::Markdown => &markdown::SYNTAX,
            Self::Csv => &csv::SYNTAX,
            Self::Html => &html::SYNTAX,
            Self::Text => &text::SYNTAX,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = domain::Error;

    /// Reads a name or a usual other spelling of it, in any case.
    fn from_str(text: &str) -> Result<Self, domain::Error> {
        let lower = text.to_ascii_lowercase();
        let is_called = |format: &Self| {
            let syntax = format.syntax();
            syntax.name == lower || syntax.aliases.contains(&lower.as_str())
        };
        Self::ALL.into_iter().find(is_called).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            domain::Error::invalid("/format", format!("a format is one of {names}"))
        })
    }
}

impl TryFrom<String> for Format {
    type Error = domain::Error;

    fn try_from(text: String) -> Result<Self, domain::Error> {
        text.parse()
    }
}

impl From<Format> for String {
    fn from(format: Format) -> Self {
        format.name().to_owned()
    }
}

/// What a format's file provides.
pub(crate) struct Syntax {
    /// The name, which is also the extension.
    name: &'static str,
    /// Other spellings people use for it.
    aliases: &'static [&'static str],
    media_type: &'static str,
    /// How its bytes come about.
    pub(crate) writing: Writing,
}

/// How the bytes of a format come about. Writers fail only when the output is full.
pub(crate) enum Writing {
    /// From any value.
    Value(fn(&Value, &mut Output) -> io::Result<()>),
    /// From rows and columns.
    Table(fn(&Table, &mut Output) -> io::Result<()>),
    /// From a body whose values are written by this markup.
    Body(Markup),
}

/// How a format for reading writes what comes from parameters, so that text stays text.
#[derive(Clone, Copy)]
pub(crate) struct Markup {
    /// Text within a line.
    pub(crate) inline: fn(&str) -> String,
    /// Text of several lines and paragraphs; every line but the first is indented by so much.
    pub(crate) prose: fn(&str, usize) -> String,
    /// A table, without a line break at its end.
    pub(crate) table: fn(&Table) -> String,
}

/// Widest column that cells are padded to, so that one long cell can't blow up the others.
const PADDED_WIDTH: usize = 48;

/// Appends text padded with spaces to a width, on the left when `right_aligned`.
fn push_padded(line: &mut String, text: &str, width: usize, right_aligned: bool) {
    let missing = width.saturating_sub(unicode_width::UnicodeWidthStr::width(text));
    let spaces = " ".repeat(missing);
    let (before, after) = if right_aligned {
        (&*spaces, "")
    } else {
        ("", &*spaces)
    };
    line.extend([before, text, after]);
}

/// The width of each column of texts, at least `minimum` and at most [`PADDED_WIDTH`].
fn column_widths(rows: &[Vec<String>], minimum: usize) -> Vec<usize> {
    let count = rows.first().map_or(0, Vec::len);
    let width_of = |index: usize| {
        let texts = rows.iter().filter_map(|row| row.get(index));
        let widest = texts
            .map(|text| unicode_width::UnicodeWidthStr::width(text.as_str()))
            .max();
        widest.unwrap_or(0).clamp(minimum, PADDED_WIDTH)
    };
    (0..count).map(width_of).collect()
}

/// The header and the cells of a table as texts made by `write`.
fn texts_of(table: &Table, write: fn(&str) -> String) -> Vec<Vec<String>> {
    let header = table.columns.iter().map(|name| write(name)).collect();
    let cells = table.rows.iter().map(|row| {
        let text = |cell| write(&crate::table::cell_text(cell));
        row.iter().map(text).collect()
    });
    std::iter::once(header).chain(cells).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_reads_back() {
        for format in Format::ALL {
            let syntax = format.syntax();
            for name in [&[syntax.name], syntax.aliases].concat() {
                assert_eq!(name.to_uppercase().parse::<Format>().unwrap(), format);
            }
        }
    }

    #[test]
    fn unknown_format_is_refused_with_the_known_ones() {
        let refused = "docx".parse::<Format>().unwrap_err();

        assert_eq!(
            refused.to_string(),
            "a format is one of json, yaml, md, csv, html, txt"
        );
    }
}
