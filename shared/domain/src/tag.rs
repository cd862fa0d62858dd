//! Tags and document types: how files are sorted, and how dossiers find them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::Error;

/// A tag or document type: trimmed, lower-cased, NFC, 1 to 64 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// Longest tag in characters: a label, not a sentence, and twenty of them stay far below a
    /// key's 1,024 bytes.
    pub const MAX_CHARS: usize = 64;

    /// Returns the tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // Lower-casing can undo composition, so NFC comes last.
        let tag: String = text.trim().to_lowercase().nfc().collect();
        if tag.is_empty()
            || tag.chars().count() > Self::MAX_CHARS
            || tag.chars().any(char::is_control)
        {
            return Err(Error::invalid(
                "/tags",
                "a tag or type is 1 to 64 characters without control characters",
            ));
        }
        Ok(Self(tag))
    }
}

impl TryFrom<String> for Tag {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

/// The tags of a file, as given and without repetition: their order matters, the first that is not
/// the type itself is the primary tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Tag>", into = "Vec<Tag>")]
pub struct Tags(Vec<Tag>);

impl Tags {
    /// Most tags a file may have.
    pub const MAX: usize = 20;

    /// Reads tags as a client gives them.
    ///
    /// # Errors
    /// `Invalid` with a pointer to the tag that is none, or when there are too many.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, Error> {
        let tags = texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                text.as_ref().parse().map_err(|_| {
                    Error::invalid(
                        format!("/tags/{index}"),
                        "a tag is 1 to 64 characters without control characters",
                    )
                })
            })
            .collect::<Result<Vec<Tag>, _>>()?;
        Self::try_from(tags)
    }

    /// Returns the tags in the order given.
    pub fn as_slice(&self) -> &[Tag] {
        &self.0
    }

    /// Says whether a tag is among these.
    pub fn contains(&self, tag: &Tag) -> bool {
        self.0.contains(tag)
    }

    /// Returns the first tag that is not the type itself.
    pub fn primary(&self, document_type: &Tag) -> Option<&Tag> {
        self.0.iter().find(|tag| *tag != document_type)
    }
}

impl TryFrom<Vec<Tag>> for Tags {
    type Error = Error;

    fn try_from(tags: Vec<Tag>) -> Result<Self, Error> {
        let mut unique: Vec<Tag> = Vec::with_capacity(tags.len());
        for tag in tags {
            if unique.contains(&tag) {
                continue;
            }
            // In the loop: a list of any length costs no more than twenty tags do.
            if unique.len() == Self::MAX {
                return Err(Error::invalid("/tags", "a file has at most 20 tags"));
            }
            unique.push(tag);
        }
        Ok(Self(unique))
    }
}

impl From<Tags> for Vec<Tag> {
    fn from(tags: Tags) -> Self {
        tags.0
    }
}
