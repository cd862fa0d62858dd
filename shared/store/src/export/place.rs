//! Where the job of an export stands.

use archive::manifest;
use domain::file::{BlobRef, File};
use domain::name::FileName;
use domain::{FileId, FolderId, Sha256};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Numbers, most of which follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbers(Vec<(u64, u64)>);

impl Numbers {
    /// Adds a number behind all others.
    pub(super) fn push(&mut self, number: u64) {
        match self.0.last_mut() {
            Some((_, last)) if last.saturating_add(1) == number => *last = number,
            Some(_) | None => self.0.push((number, number)),
        }
    }

    /// Adds a number before some of the others.
    pub(super) fn insert(&mut self, number: u64) {
        let position = self.0.partition_point(|(first, _)| *first < number);
        self.0.insert(position, (number, number));
        let mut joined = Self::default();
        for (first, last) in std::mem::take(&mut self.0) {
            match joined.0.last_mut() {
                Some((_, before)) if before.saturating_add(1) == first => *before = last,
                Some(_) | None => joined.0.push((first, last)),
            }
        }
        *self = joined;
    }

    /// Takes away all numbers from `first` on.
    pub(super) fn cut(&mut self, first: u64) {
        self.0.retain(|(from, _)| *from < first);
        if let Some((_, last)) = self.0.last_mut() {
            *last = (*last).min(first.saturating_sub(1));
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let mut spans = self.0.iter();
        spans.any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// The first number that is `from` or behind it.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        let mut spans = self.0.iter();
        let (first, _) = spans.find(|(_, last)| *last >= from)?;
        Some(from.max(*first))
    }
}

/// Where an export stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    /// How many steps were begun: each writes objects and parts that no other writes.
    pub(super) claim: u64,
    /// The first number of a part that no step had yet.
    pub(super) next_part: u32,
    /// The numbers of the parts that are in the archive.
    pub(super) parts: Numbers,
    /// The bytes behind the last part, where they were kept for the next step.
    pub(super) rest: Option<Rest>,
    /// Where such bytes were kept that are in a part by now, to be removed.
    pub(super) obsolete: Vec<u64>,
    /// How many bytes of the archive are settled, with the rest.
    pub(super) offset: u64,
    /// How many entries it has.
    pub(super) entries: u64,
    /// The claims of the steps that wrote lines of the manifest and rows of the directory.
    pub(super) pieces: Numbers,
    pub(super) manifest_bytes: u64,
    pub(super) manifest_crc32: u32,
    pub(super) directory_bytes: u64,
    /// The folder of the archive that is the manifest's own.
    pub(super) own_folder: String,
    pub(super) walk: Walk,
    /// The file that is being written, with its versions.
    pub(super) file: Option<FileWay>,
    /// The bytes that are being written, where they are many.
    pub(super) large: Option<Box<Large>>,
    /// What is written once all files are.
    pub(super) closing: Option<Closing>,
}

/// Bytes that are kept for the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rest {
    /// The claim of the step that kept them.
    pub(super) claim: u64,
    pub(super) size_bytes: u64,
}

/// Where the walk over what is exported stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Walk {
    /// In these folders, the innermost last.
    Folders(Vec<Open>),
    /// Before the file at this position of those that were named.
    Files {
        next: usize,
        /// Short hashes of the paths so far: two files that were moved meanwhile may come to have
        /// one.
        paths: Vec<u32>,
    },
}

/// A folder that a walk is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) folder: FolderId,
    /// Its name; none of the one that is exported.
    pub(super) name: Option<FileName>,
    /// The last name passed.
    pub(super) after: Option<FileName>,
}

/// The way of a file into the archive: one version after the other, the current one last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct FileWay {
    pub(super) id: FileId,
    /// The folder in which the walk met it.
    pub(super) folder: FolderId,
    pub(super) path: Written,
    /// The number of the last earlier version that is done with.
    pub(super) after: u32,
}

/// A path as the archive has it, and its names where these are others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) path: String,
    pub(super) names: Option<Vec<String>>,
}

/// Bytes to be written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    pub(super) blob: BlobRef,
    pub(super) size_bytes: u64,
    /// Their hash, where it is known.
    pub(super) sha256: Option<Sha256>,
    pub(super) modified_at: Timestamp,
    pub(super) path: String,
    pub(super) line: Line,
}

/// The line of the manifest, but for the hash.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    File(Box<manifest::File>),
    Version(Box<manifest::Version>),
}

/// Bytes that are written over several steps. What stands in front of them says their CRC-32, so it is
/// written last, in a part whose number was kept for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Large {
    pub(super) source: Source,
    /// The number of the part with the rest before it, its header and its first bytes.
    pub(super) head_part: u32,
    /// How many of its bytes are in that part.
    pub(super) head_bytes: u64,
    /// How many of its bytes were hashed, and those behind the head are in parts.
    pub(super) done_bytes: u64,
    pub(super) crc32: u32,
    /// How far its hash has come.
    pub(super) hashing: Option<String>,
}

/// What is written behind the files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Closing {
    pub(super) part: ClosingPart,
    /// The claim of the next piece.
    pub(super) next: u64,
    /// Where the manifest's entry begins.
    pub(super) manifest_at: u64,
    /// Where the directory begins.
    pub(super) directory_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClosingPart {
    /// All lines of the manifest are counted.
    Begin,
    Manifest,
    Directory,
    /// All is in parts.
    Complete,
}

impl Source {
    /// The current bytes of a file.
    pub(super) fn of_file(file: &File, at: Written) -> Self {
        let content = &file.content;
        let line = manifest::File {
            path: at.path.clone(),
            names: at.names,
            id: file.id,
            version: file.version,
            size_bytes: content.size_bytes,
            sha256: UNKNOWN,
            content_type: content.content_type.clone(),
            document_type: file.document_type.clone(),
            tags: file.tags.clone(),
            document_date: file.document_date(),
            corrections: file.corrections.clone(),
            given_date: None,
            created_at: file.created_at,
            updated_at: file.updated_at,
            expires_at: file.expires_at,
            favorite: file.favorite,
            archived: file.archived,
        };
        Self {
            blob: content.blob,
            size_bytes: content.size_bytes,
            sha256: content.sha256,
            modified_at: file.updated_at,
            path: at.path,
            line: Line::File(Box::new(line)),
        }
    }

    /// The file, and the version of it when it is an earlier one.
    pub(super) const fn of(&self) -> (FileId, Option<u32>) {
        match &self.line {
            Line::File(file) => (file.id, None),
            Line::Version(version) => (version.id, Some(version.number)),
        }
    }
}

impl Line {
    /// The line, once the hash is known.
    pub(super) fn hashed(self, sha256: Sha256) -> manifest::Line {
        match self {
            Self::File(file) => manifest::Line::File(Box::new(manifest::File { sha256, ..*file })),
            Self::Version(version) => {
                manifest::Line::Version(manifest::Version { sha256, ..*version })
            }
        }
    }
}

/// The hash of nothing that is known: the bytes are hashed as they are written.
pub(super) const UNKNOWN: Sha256 = Sha256::new([0; 32]);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_a_set(
            pushed in prop::collection::btree_set(0..60_u64, 0..20),
            inserted in prop::collection::btree_set(0..60_u64, 0..6),
            cut in 0..70_u64,
        ) {
            let mut numbers = Numbers::default();
            let mut expected = BTreeSet::new();
            for number in &pushed {
                numbers.push(*number);
                expected.insert(*number);
            }
            for number in inserted {
                if expected.insert(number) {
                    numbers.insert(number);
                }
            }
            numbers.cut(cut);
            expected.retain(|number| *number < cut);
            for number in 0..70 {
                prop_assert_eq!(numbers.contains(number), expected.contains(&number));
                prop_assert_eq!(numbers.next(number), expected.range(number..).next().copied());
            }
        }
    }
}
