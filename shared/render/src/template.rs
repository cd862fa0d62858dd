//! A template: what it is called, what it takes, how it is rendered.

use std::io;

use serde::Deserialize;
use serde_json::Value;

use crate::body;
use crate::error::{Bound, RenderError};
use crate::format::{Format, Writing};
use crate::limits::{Limits, Output};
use crate::schema::Schema;
use crate::table::{Column, Table, project};

/// A named, versioned recipe for files.
#[derive(Debug)]
pub struct Template {
    manifest: Manifest,
    schema: Schema,
    example: Value,
    bodies: &'static [(&'static str, &'static str)],
}

/// A rendered file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The content.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub media_type: &'static str,
    /// What its name should end with, without the dot.
    pub extension: &'static str,
    /// What its name should begin with; the caller adds what makes it unique, such as a date.
    pub file_name_stem: String,
}

impl Template {
    /// Returns the name: lower-case words joined by `_`.
    pub fn name(&self) -> &str {
        &self.manifest.name
    }

    /// Returns the version. It grows when the same parameters would give other bytes.
    pub const fn version(&self) -> u32 {
        self.manifest.version
    }

    /// Says in a sentence what the template is for.
    pub fn description(&self) -> &str {
        &self.manifest.description
    }

    /// Returns the formats it is offered in, the most usual first.
    pub fn formats(&self) -> &[Format] {
        &self.manifest.formats
    }

    /// Returns the JSON Schema (2020-12) of the parameters.
    pub const fn schema(&self) -> &Value {
        self.schema.document()
    }

    /// Returns parameters that render.
    pub const fn example(&self) -> &Value {
        &self.example
    }

    /// Renders a file. The same parameters always give the same bytes.
    ///
    /// # Errors
    /// Parameters that break the schema or a limit, a format that is not offered.
    pub fn render(
        &self,
        parameters: &Value,
        format: Format,
        limits: &Limits,
    ) -> Result<Rendered, RenderError> {
        if !self.formats().contains(&format) {
            return Err(RenderError::UnsupportedFormat {
                template: self.name().to_owned(),
                format,
                offered: self.formats().to_vec(),
            });
        }
        limits.check(parameters)?;
        self.schema.check(parameters)?;
        Ok(Rendered {
            bytes: self.write(parameters, format, limits)?,
            media_type: format.media_type(),
            extension: format.extension(),
            file_name_stem: self.name().to_owned(),
        })
    }

    fn write(
        &self,
        parameters: &Value,
        format: Format,
        limits: &Limits,
    ) -> Result<Vec<u8>, RenderError> {
        let mut output = Output::new(Bound::OutputBytes, limits.output_bytes);
        let written = match format.syntax().writing {
            Writing::Value(write) => write(&self.manifest.document(parameters), &mut output),
            Writing::Table(write) => {
                let table = self.manifest.table(parameters, limits.table_cells)?;
                write(&table, &mut output)
            }
            Writing::Body(markup) => {
                let source = self.body(format)?;
                return body::fill(source, format, markup, parameters, limits);
            }
        };
        if !output.is_over() {
            written.map_err(|error: io::Error| fault(error.to_string()))?;
        }
        output.finish()
    }

    fn body(&self, format: Format) -> Result<&'static str, RenderError> {
        let body = self.bodies.iter().find(|(name, _)| *name == format.name());
        body.map(|(_, source)| *source)
            .ok_or_else(|| fault(format!("{} has no {format} body", self.name())))
    }
}

/// The files a template is read from.
pub(crate) struct Source {
    pub(crate) manifest: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) example: &'static str,
    /// By format name.
    pub(crate) bodies: &'static [(&'static str, &'static str)],
}

impl Template {
    /// Reads a template and checks that every format it offers can be made.
    pub(crate) fn read(source: &Source) -> Result<Self, RenderError> {
        let manifest: Manifest = read_json(source.manifest)?;
        let template = Self {
            schema: Schema::new(read_json(source.schema)?),
            example: read_json(source.example)?,
            bodies: source.bodies,
            manifest,
        };
        for format in template.formats() {
            match format.syntax().writing {
                Writing::Value(_) => {}
                Writing::Table(_) if template.manifest.table.is_some() => {}
                Writing::Table(_) => {
                    return Err(fault(format!("{} has no table", template.name())));
                }
                Writing::Body(_) => drop(template.body(*format)?),
            }
        }
        Ok(template)
    }
}

/// `template.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    version: u32,
    description: String,
    formats: Vec<Format>,
    /// What JSON and YAML hold.
    #[serde(default)]
    document: Document,
    /// What CSV holds.
    table: Option<TableSource>,
}

/// What of the parameters becomes the document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Document {
    /// The value at this JSON pointer; the empty one is all parameters.
    Pointer(String),
    /// The rows of the table, each as an object.
    Records,
}

impl Default for Document {
    fn default() -> Self {
        Self::Pointer(String::new())
    }
}

/// Where the rows and columns of the table come from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableSource {
    /// JSON pointer to a list of objects in the parameters.
    rows: String,
    columns: Columns,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Columns {
    /// These, always.
    Fixed(Vec<String>),
    /// Those the parameters list at this JSON pointer, else every field there is.
    ChosenAt(String),
}

impl TableSource {
    fn records<'p>(&self, parameters: &'p Value) -> &'p [Value] {
        let rows = parameters.pointer(&self.rows).and_then(Value::as_array);
        rows.map_or(&[], Vec::as_slice)
    }

    fn columns(&self, parameters: &Value) -> Option<Vec<String>> {
        match &self.columns {
            Columns::Fixed(names) => Some(names.clone()),
            Columns::ChosenAt(pointer) => {
                let names = parameters.pointer(pointer)?.as_array()?;
                Some(
                    names
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                )
            }
        }
    }
}

impl Manifest {
    fn document(&self, parameters: &Value) -> Value {
        match (&self.document, &self.table) {
            (Document::Records, Some(table)) => {
                let records = table.records(parameters);
                match table.columns(parameters) {
                    Some(fields) => project(records, &fields),
                    None => records.into(),
                }
            }
            (Document::Records, None) => Value::Null,
            (Document::Pointer(pointer), _) => {
                parameters.pointer(pointer).cloned().unwrap_or_default()
            }
        }
    }

    fn table(&self, parameters: &Value, cells_allowed: usize) -> Result<Table, RenderError> {
        let Some(source) = &self.table else {
            return Ok(Table::default());
        };
        let columns = source.columns(parameters);
        let columns = columns.map(|names| names.iter().map(|n| Column::from(n.as_str())).collect());
        Table::of_records(source.records(parameters), columns, cells_allowed)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, RenderError> {
    serde_json::from_str(text).map_err(|error| RenderError::Template {
        detail: error.to_string(),
        line: Some(error.line()),
    })
}

const fn fault(detail: String) -> RenderError {
    RenderError::Template { detail, line: None }
}
