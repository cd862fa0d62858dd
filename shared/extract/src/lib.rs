//! Bytes in, text and facts out.
//!
//! [`Extractor`] reads a file's text in a child process of its own, under limits of time and memory,
//! because a parser that meets hostile bytes may loop, allocate without end or abort. What the bytes
//! are, [`media`] has said. [`facts::fact_sheet`] finds the document's date, amount, quantities and
//! language in that text; it is deterministic, and no model takes part.
//!
//! | format | what is read | parts |
//! |---|---|---|
//! | PDF | the text of each page | pages |
//! | DOCX | headers, body, tables, notes, footers | |
//! | PPTX, ODP | slides with their tables and notes | slides |
//! | ODT | headers, body, tables, notes, footers | |
//! | XLSX, XLSB, XLS, ODS | visible sheets | sheets |
//! | CSV, TSV | rows | |
//! | EML | headers, body, attached files | message, attachments and their parts |
//! | HTML, Markdown | the text without markup | |
//! | text and source code | as it is | |
//!
//! Pictures and scanned pages are read by [`Tesseract`], when the extractor has it.
//!
//! A program that extracts must call [`child::run_if_child`] as the first thing in `main`, before it
//! starts a runtime or a client: the child is that same program, started again.

#![warn(missing_docs)]

pub mod child;
pub mod confine;
mod container;
mod csv;
mod docx;
mod email;
mod extraction;
mod extractor;
pub mod facts;
mod failure;
mod html;
mod limits;
mod lines;
mod markdown;
mod office_text;
mod opendocument;
mod parts;
mod pdf;
mod pictures;
mod plain;
mod pptx;
mod process;
mod reader;
mod recognition;
mod scan;
mod sheet;
mod source;
mod tesseract;
mod tidy;
mod xml;

pub use extraction::{Extraction, Outcome};
pub use extractor::Extractor;
pub use facts::{Column, Table};
pub use failure::{Code, Failure};
pub use limits::Limits;
pub use parts::{Part, PartKind};
pub use tesseract::Tesseract;
