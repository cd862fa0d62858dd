//! Where a figure comes from.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::FileId;

/// A document that a figure comes from. Sources are in order of date, then id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The date the document is about.
    pub document_date: Date,
    /// The file.
    #[serde(rename = "file_id")]
    pub file: FileId,
}

/// How many there are of something, and the first of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt<T> {
    /// How many there are.
    pub count: usize,
    /// The first ones, in the order that the list is said to have.
    pub first: Vec<T>,
}

impl<T> Excerpt<T> {
    /// Keeps the first of a list.
    pub(crate) fn of(all: impl IntoIterator<Item = T>, most: usize) -> Self {
        let mut first = Vec::new();
        let mut count = 0;
        for item in all {
            count += 1;
            if first.len() < most {
                first.push(item);
            }
        }
        Self { count, first }
    }
}

impl<T> Default for Excerpt<T> {
    fn default() -> Self {
        Self {
            count: 0,
            first: Vec::new(),
        }
    }
}
