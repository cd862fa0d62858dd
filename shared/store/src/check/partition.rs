//! The partition of a file: whether its current version is there, and nothing that was left of one.

use domain::FileId;
use domain::Result;
use domain::file::Version;
use domain::finding::{Kind, Outcome};
use serde::{Deserialize, Serialize};

use super::{Check, Walk};
use crate::file::{Found, RowKind};
use crate::keys::{self, Key, MEMBERSHIP_PREFIX, SELF, VERSION_PREFIX};
use crate::table::{Row, from_row};

/// What was seen of a file's partition.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inside {
    pub(super) file: FileId,
    kind: Option<RowKind>,
    /// Which version must be there.
    current: Option<u32>,
    has_current: bool,
    /// Whether there was anything that must not be there without a file.
    has_parts: bool,
}

impl Check<'_> {
    /// Follows the walk through the partitions of files. Returns one that is left and in which
    /// something is missing.
    pub(super) fn step_into(&self, walk: &mut Walk, key: &Key, row: &Row) -> Option<Inside> {
        let file = keys::kind_and_id(self.workspace, &key.pk)
            .filter(|(kind, _)| *kind == "F")
            .and_then(|(_, id)| id.parse::<FileId>().ok());
        let is_same = walk.inside.as_ref().map(|inside| inside.file) == file;
        let left = if is_same { None } else { walk.inside.take() };
        if let Some(file) = file {
            let inside = walk.inside.get_or_insert(Inside {
                file,
                kind: None,
                current: None,
                has_current: false,
                has_parts: false,
            });
            if key.sk == SELF {
                #[derive(Deserialize)]
                struct Head {
                    kind: RowKind,
                    current_version: Option<u32>,
                }
                if let Ok(head) = from_row::<Head>(row.clone()) {
                    inside.kind = Some(head.kind);
                    inside.current = head.current_version;
                }
            } else if key.sk.starts_with(VERSION_PREFIX) {
                inside.has_parts = true;
                let version = inside
                    .current
                    .map(|number| Key::version(self.workspace, file, number));
                inside.has_current |= version.is_some_and(|version| version.sk == key.sk);
            } else {
                inside.has_parts |= key.sk.starts_with(MEMBERSHIP_PREFIX);
            }
        }
        left.filter(|left| match left.kind {
            Some(RowKind::File) => !left.has_current,
            Some(RowKind::Erasing) => false,
            Some(RowKind::Tombstone) | None => left.has_parts,
        })
    }

    /// Looks at a file of which something seems to be missing.
    pub(super) async fn look_at_file(&mut self, inside: &Inside) -> Result<()> {
        let (store, workspace, id) = (self.store, self.workspace, inside.file);
        // Versions before the file and after it: each comes with the file and goes before it does.
        let before = store.versions(workspace, id).await?;
        let found = store.found(workspace, id).await?;
        let after = store.versions(workspace, id).await?;
        let about = format!("file {id}");
        match found {
            Some(Found::File(file)) => {
                let has = |versions: &[Version]| {
                    versions
                        .iter()
                        .any(|version| version.number == file.version)
                };
                let again = store.found(workspace, id).await?;
                let is_same =
                    matches!(&again, Some(Found::File(again)) if again.revision == file.revision);
                if is_same && !has(&before) && !has(&after) {
                    self.found(
                        Kind::OrphanRow,
                        about,
                        None,
                        Outcome::Left,
                        "the row of its current version is missing: restore the row from a backup, \
                         store a new version of it, or delete the file",
                    );
                }
            }
            Some(Found::Gone(item)) if item.kind == RowKind::Tombstone => {
                for version in after {
                    if !self.dry_run {
                        let removed = domain::receipt::RemovedVersion {
                            version: version.number,
                            blob: version.content.blob,
                            sha256: version.content.sha256,
                            size_bytes: version.content.size_bytes,
                            blob_removed: true,
                        };
                        store.remove_version(workspace, id, &removed).await?;
                    }
                    self.found(
                        Kind::OrphanRow,
                        format!("{about}, version {}", version.number),
                        Some(version.created_at),
                        self.mended(),
                        "it was left of a file that was deleted: it is removed",
                    );
                }
            }
            None if !before.is_empty() && !after.is_empty() => self.found(
                Kind::OrphanRow,
                about,
                None,
                Outcome::Left,
                "there are versions and no file: restore the row of the file from a backup",
            ),
            Some(Found::Gone(_)) | None => {}
        }
        Ok(())
    }
}
