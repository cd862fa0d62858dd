//! The manifest of an archive of ours: a line of JSON for each entry, in their order, behind a line
//! that says what it is. It is the archive's last entry.
//!
//! ```text
//! {"format":"sheaf-export","format_version":1,"folder":".sheaf","exported_at":"2026-01-02T…"}
//! {"kind":"folder","path":"bills/2025/"}
//! {"kind":"version","path":".sheaf/versions/…/1","of":"bills/may.pdf","number":1,"sha256":"…",…}
//! {"kind":"file","path":"bills/may.pdf","id":"…","version":2,"sha256":"…","type":"bill",…}
//! {"kind":"left_out","path":"bills/june.pdf","id":"…","code":"not_verified","detail":"…"}
//! ```

use domain::correction::Corrections;
use domain::tag::{Tag, Tags};
use domain::{FileId, Sha256};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What the first line of every manifest calls itself.
pub const FORMAT: &str = "sheaf-export";
/// The version of the format that is written here, and the newest that is read.
pub const FORMAT_VERSION: u32 = 1;
/// The name of the folder that the manifest is in, where nothing else is called so.
pub const FOLDER: &str = ".sheaf";
/// Its own name.
pub const NAME: &str = "manifest.jsonl";
/// Longest line that is read: the longest path twice over, escaped, and all the rest.
pub const MAX_LINE_BYTES: usize = 256 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// [`FORMAT`].
    pub format: String,
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The folder of the archive that is the manifest's own and no file's.
    pub folder: String,
    /// When the export was asked for.
    pub exported_at: Timestamp,
}

impl Heading {
    /// That of an archive that is written now.
    pub fn new(folder: String, exported_at: Timestamp) -> Self {
        Self {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            folder,
            exported_at,
        }
    }
}

/// Any other line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Line {
    /// A folder.
    Folder(Folder),
    /// A file, with the bytes of its current version.
    File(Box<File>),
    /// The bytes of an earlier version of the file that follows.
    Version(Version),
    /// Something that is not in the archive.
    LeftOut(LeftOut),
}

impl Line {
    /// The path of its entry; none where there is no entry.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Folder(folder) => Some(&folder.path),
            Self::File(file) => Some(&file.path),
            Self::Version(version) => Some(&version.path),
            Self::LeftOut(_) => None,
        }
    }
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folder {
    /// Its path in the archive, with a `/` at its end.
    pub path: String,
    /// Its names, where the path has another for one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its path in the archive.
    pub path: String,
    /// The names of its folders and its own, where the path has another for one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// Its id.
    pub id: FileId,
    /// The number of its current version.
    pub version: u32,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Their hash.
    pub sha256: Sha256,
    /// What they are.
    pub content_type: String,
    /// What the document is.
    #[serde(rename = "type")]
    pub document_type: Option<Tag>,
    /// Its tags.
    pub tags: Tags,
    /// The date of the document.
    pub document_date: Option<Date>,
    /// What people said of the document; the rest is read from it.
    #[serde(default, skip_serializing_if = "Corrections::is_empty")]
    pub corrections: Corrections,
    /// The date that a person gave, in archives of before there were other corrections.
    #[serde(default, skip_serializing)]
    pub given_date: Option<Date>,
    /// When the file was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// From when on it is gone.
    pub expires_at: Option<Timestamp>,
    /// Whether it is a favorite.
    #[serde(default)]
    pub favorite: bool,
    /// Whether it is archived.
    #[serde(default)]
    pub archived: bool,
}

/// An earlier version of the file whose line follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its path in the archive.
    pub path: String,
    /// The file.
    pub id: FileId,
    /// Its number.
    pub number: u32,
    /// The path of the file's own entry.
    pub of: String,
    /// The names of the file's folders and its own, where the path has another for one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// Their hash.
    pub sha256: Sha256,
    /// What they are.
    pub content_type: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on the file is gone.
    pub expires_at: Option<Timestamp>,
}

/// What is not in the archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Where it would be.
    pub path: String,
    /// Its id.
    pub id: Option<FileId>,
    /// The version, where it is an earlier one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// A word to switch on.
    pub code: String,
    /// Why.
    pub detail: String,
}
