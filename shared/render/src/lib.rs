//! Makes files from templates: parameters in, bytes out.
//!
//! A [`Template`] is a named, versioned recipe with a JSON Schema for its parameters. It is
//! rendered into one of the [`Format`]s it offers:
//!
//! - JSON, YAML and CSV are serialised from values, never filled in as text, so they are
//!   well-formed whatever the parameters hold;
//! - Markdown, HTML and plain text fill a body in which every value is escaped for its format.
//!
//! The same template version with the same parameters gives the same bytes: there is no clock, no
//! randomness, no file and no network here. Work, memory and size are bounded by [`Limits`].
//!
//! Numbers are written as JSON reads them, in binary floating point: `89.50` comes out as `89.5`.
//! Give money and other exact decimals as strings.

#![warn(missing_docs)]

mod body;
mod catalog;
mod error;
mod format;
mod limits;
mod lines;
mod schema;
mod settings;
mod table;
mod template;

pub use catalog::Catalog;
pub use error::{Bound, RenderError};
pub use format::Format;
pub use limits::Limits;
pub use template::{Rendered, Template};
