//! Why a template could not be rendered.

use domain::error::FieldError;
use thiserror::Error;

use crate::format::Format;

/// Why a template could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The parameters break the template's schema.
    #[error("the parameters do not fit the template: {}", first_detail(.errors))]
    InvalidParameters {
        /// What is wrong, by JSON pointers that begin with `/parameters`.
        errors: Vec<FieldError>,
    },
    /// The template is not offered in this format.
    #[error("{template} is not offered as {}: ask for {}", .format.name(), names(.offered))]
    UnsupportedFormat {
        /// The template.
        template: String,
        /// The format that was asked for.
        format: Format,
        /// The formats it has.
        offered: Vec<Format>,
    },
    /// Rendering would take more than is allowed.
    #[error("{}", .bound.explain(*.allowed))]
    LimitExceeded {
        /// What there was too much of.
        bound: Bound,
        /// How much is allowed, in the unit of the bound.
        allowed: usize,
    },
    /// The template itself is at fault: it does not compile, or uses what it was not given.
    #[error("the template does not work{}: {detail}", .line.map(|n| format!(" (line {n})")).unwrap_or_default())]
    Template {
        /// What is wrong.
        detail: String,
        /// The line of the body, where known; the first is 1.
        line: Option<usize>,
    },
}

/// What rendering may take only so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Bytes of the parameters as compact JSON.
    ParameterBytes,
    /// Levels of lists and objects within each other.
    ParameterDepth,
    /// Bytes of the result.
    OutputBytes,
    /// Cells of one table.
    TableCells,
    /// Steps of the template engine.
    Steps,
}

impl Bound {
    /// Says what the limit is and what to do about it.
    fn explain(self, allowed: usize) -> String {
        match self {
            Self::ParameterBytes => {
                format!(
                    "the parameters are over {allowed} bytes as JSON: give fewer or shorter values"
                )
            }
            Self::ParameterDepth => {
                format!("the parameters are nested more than {allowed} levels deep: flatten them")
            }
            Self::OutputBytes => {
                format!(
                    "the file would be over {allowed} bytes: split the parameters over several files"
                )
            }
            Self::TableCells => {
                format!(
                    "a table would have over {allowed} cells: give fewer rows or name fewer columns"
                )
            }
            Self::Steps => {
                format!(
                    "rendering takes over {allowed} steps: split the parameters over several files"
                )
            }
        }
    }
}

impl From<RenderError> for domain::Error {
    fn from(error: RenderError) -> Self {
        let detail = error.to_string();
        match error {
            RenderError::InvalidParameters { errors } => Self::Invalid { errors },
            RenderError::UnsupportedFormat { .. } => Self::invalid("/format", detail),
            RenderError::LimitExceeded {
                bound: Bound::ParameterDepth,
                ..
            } => Self::invalid("/parameters", detail),
            RenderError::LimitExceeded {
                bound: Bound::ParameterBytes | Bound::OutputBytes | Bound::TableCells | Bound::Steps,
                ..
            } => Self::TooLarge { detail },
            RenderError::Template { .. } => Self::corrupt(detail),
        }
    }
}

fn first_detail(errors: &[FieldError]) -> &str {
    errors.first().map_or("no detail", |e| e.detail.as_str())
}

fn names(formats: &[Format]) -> String {
    let names: Vec<_> = formats.iter().map(|f| f.name()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
