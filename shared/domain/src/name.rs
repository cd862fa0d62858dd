//! Names of files and folders, and paths made of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::error::Error;

/// The name of a file or folder: NFC, 1 to 255 bytes, no `/`, no control character, not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName(String);

impl FileName {
    /// Longest name in bytes of UTF-8. Source: the limit of the common file systems (ext4, APFS, NTFS).
    pub const MAX_BYTES: usize = 255;

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what follows the last dot, lower-cased; nothing for `.profile` and `README`.
    pub fn extension(&self) -> Option<String> {
        match self.0.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !extension.is_empty() => {
                Some(extension.to_lowercase())
            }
            _ => None,
        }
    }

    /// Returns this name with ` (number)` before its extension, shortened to fit.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let (stem, extension) = match self.0.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => (stem, format!(".{extension}")),
            _ => (self.0.as_str(), String::new()),
        };
        let suffix = format!(" ({number}){extension}");
        // An "extension" may be nearly the whole name; then it is cut like any other text.
        let (stem, suffix) = if suffix.len() < Self::MAX_BYTES {
            (stem, suffix)
        } else {
            (self.0.as_str(), format!(" ({number})"))
        };
        let mut end = stem.len().min(Self::MAX_BYTES - suffix.len());
        while !stem.is_char_boundary(end) {
            end -= 1;
        }
        Self(format!("{}{suffix}", &stem[..end]))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FileName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let name: String = text.nfc().collect();
        let problem = if name.is_empty() {
            "a name is not empty"
        } else if name.len() > Self::MAX_BYTES {
            "a name is at most 255 bytes of UTF-8"
        } else if name.contains('/') {
            "a name holds no /; give the folder apart from the name"
        } else if name.chars().any(char::is_control) {
            "a name holds no control characters"
        } else if name == "." || name == ".." {
            "a name is neither . nor .."
        } else {
            return Ok(Self(name));
        };
        Err(Error::invalid("/name", problem))
    }
}

impl TryFrom<String> for FileName {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(name: FileName) -> Self {
        name.0
    }
}

/// The path of a folder from the root: `/` or `/bills/2024`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(Vec<FileName>);

impl FolderPath {
    /// Deepest nesting of folders, so that a move can check every ancestor in one transaction.
    pub const MAX_DEPTH: usize = 32;

    /// The root folder, `/`.
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// The path of these names, from the root down.
    pub const fn of(names: Vec<FileName>) -> Self {
        Self(names)
    }

    /// Returns the names from the root down; empty for the root.
    pub fn segments(&self) -> &[FileName] {
        &self.0
    }

    /// Returns the path of something in this folder.
    pub fn join(&self, name: &FileName) -> String {
        let mut path = String::new();
        for segment in &self.0 {
            path.push('/');
            path.push_str(segment.as_str());
        }
        path.push('/');
        path.push_str(name.as_str());
        path
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        for segment in &self.0 {
            write!(f, "/{segment}")?;
        }
        Ok(())
    }
}

impl FromStr for FolderPath {
    type Err = Error;

    /// Reads `/a/b`, `a/b` and `/a/b/` alike; `//` and `..` are refused.
    fn from_str(text: &str) -> Result<Self, Error> {
        let inner = text.strip_prefix('/').unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.is_empty() {
            return if text.len() <= 1 {
                Ok(Self::root())
            } else {
                Err(invalid_path("a path has no empty names"))
            };
        }
        let segments: Vec<FileName> = inner
            .split('/')
            .map(|segment| {
                segment.parse().map_err(|_| {
                    invalid_path(
                        "each name of a path is 1 to 255 bytes without control characters and neither . nor ..",
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        if segments.len() > Self::MAX_DEPTH {
            return Err(invalid_path("folders are at most 32 deep"));
        }
        Ok(Self(segments))
    }
}

fn invalid_path(detail: &str) -> Error {
    Error::invalid("/folder", detail)
}

impl TryFrom<String> for FolderPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<FolderPath> for String {
    fn from(path: FolderPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bad_names_are_refused_with_the_field() {
        for bad in ["", ".", "..", "a/b", "a\u{0}b", "a\nb", &"x".repeat(256)] {
            let error = bad.parse::<FileName>().unwrap_err();
            assert!(
                matches!(error, Error::Invalid { ref errors } if errors[0].pointer == "/name"),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn names_are_composed() {
        let name: FileName = "z\u{306}ółw.pdf".parse().unwrap();
        assert_eq!(name.as_str(), "z\u{306}ółw.pdf".nfc().collect::<String>());
    }

    #[test]
    fn a_numbered_name_keeps_its_extension() {
        let name: FileName = "report.final.pdf".parse().unwrap();
        assert_eq!(name.numbered(2).as_str(), "report.final (2).pdf");
        let hidden: FileName = ".profile".parse().unwrap();
        assert_eq!(hidden.numbered(2).as_str(), ".profile (2)");
    }

    #[test]
    fn paths_are_read_with_or_without_outer_slashes() {
        for text in ["/a/b", "a/b", "/a/b/"] {
            assert_eq!(text.parse::<FolderPath>().unwrap().to_string(), "/a/b");
        }
        assert_eq!("/".parse::<FolderPath>().unwrap(), FolderPath::root());
        for bad in ["//", "a//b", "/../x", "a/./b"] {
            assert!(bad.parse::<FolderPath>().is_err(), "{bad}");
        }
        assert!("x/".repeat(33).parse::<FolderPath>().is_err());
    }

    proptest! {
        #[test]
        fn a_numbered_name_is_a_name(text in "\\PC{1,255}", number in 2_u32..10_000) {
            if let Ok(name) = text.parse::<FileName>() {
                let numbered = name.numbered(number);
                prop_assert!(numbered.as_str().len() <= FileName::MAX_BYTES);
                prop_assert_eq!(numbered.as_str().contains(&format!(" ({number})")), true);
            }
        }

        #[test]
        fn a_path_reads_back(segments in proptest::collection::vec("[^/\\x00-\\x1f\\x7f-\\x9f]{1,20}", 0..32)) {
            let text = format!("/{}", segments.join("/"));
            if let Ok(path) = text.parse::<FolderPath>() {
                prop_assert_eq!(path.to_string().parse::<FolderPath>().unwrap(), path);
            }
        }
    }
}
