//! Objects held against rows, and versions against objects.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::file::{Failure, Status, Version};
use domain::finding::Outcome;
use domain::{FileId, Result};
use futures::future::join_all;
use jiff::SignedDuration;

use super::finding::{Orphan, missing_object};
use super::ledger::Sums;
use super::{Check, Place};
use crate::blob::{
    BLOBS_PREFIX, ListedObject, ObjectKey, PRESIGNED_PREFIX, STAGED_PREFIX, TEXT_PREFIX,
};
use crate::forget::Text;
use crate::job::Next;
use crate::walk::VERSION_AGE;

/// How many rows or objects are looked at at once.
const AT_ONCE: usize = 16;

/// Age from which an object must have its row, as for the sweep.
const OBJECT_AGE: SignedDuration = SignedDuration::from_hours(1);

/// The prefixes of objects, in the order of the walk.
const PREFIXES: [&str; 4] = [BLOBS_PREFIX, PRESIGNED_PREFIX, STAGED_PREFIX, TEXT_PREFIX];

impl Check<'_> {
    pub(super) async fn look_at_objects(
        &mut self,
        mut prefix: usize,
        mut after: Option<String>,
    ) -> Result<Next> {
        while let Some(kind) = PREFIXES.get(prefix) {
            let path = format!("{kind}{}/", self.workspace);
            let page = self.store.blobs.list(&path, after.as_deref()).await?;
            let now = self.store.clock.now();
            let last = page.objects.last().map(|object| object.path.clone());
            let count = u64::try_from(page.objects.len()).unwrap_or_default();
            self.seen.things += count;
            let old: Vec<_> = page
                .objects
                .into_iter()
                .filter(|object| now.duration_since(object.written_at) > OBJECT_AGE)
                .collect();
            self.look_for_orphans(&old).await?;
            (prefix, after) = match last {
                Some(last) if page.more => (prefix, Some(last)),
                Some(_) | None => (prefix + 1, None),
            };
            if Instant::now() >= self.until {
                return Next::go(&Place::Objects { prefix, after });
            }
        }
        let walk = self.begin_walk().await?;
        let sums = Sums::new();
        Next::go(&Place::Sum { walk, sums })
    }

    /// Finds those of some objects that no row names.
    async fn look_for_orphans(&mut self, objects: &[ListedObject]) -> Result<()> {
        let (mut blobs, mut staged, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut since = BTreeMap::new();
        for object in objects {
            since.insert(object.path.clone(), object.written_at);
            match ObjectKey::parse(&object.path) {
                Some(ObjectKey::Blob(workspace, blob)) => blobs.push((workspace, blob)),
                Some(ObjectKey::Staged(workspace, upload, id)) => {
                    staged.push((workspace, upload, id));
                }
                Some(ObjectKey::Text(workspace, content, id)) => texts.push(Text {
                    workspace,
                    content,
                    id,
                }),
                // Those of exports go with them, by the sweep; others are none of ours.
                Some(
                    ObjectKey::Export(..)
                    | ObjectKey::Inbox(..)
                    | ObjectKey::Receipt(..)
                    | ObjectKey::ReceiptKey(_),
                )
                | None => {}
            }
        }
        let blobs = self.store.orphans(blobs).await?;
        let staged = self.store.unneeded_staged(staged).await?;
        let (texts, unreadable) = self.store.unneeded_texts(texts).await?;
        for error in unreadable {
            self.unreadable("what is known of some bytes".to_owned(), &error);
        }
        let orphans = blobs
            .into_iter()
            .map(|(workspace, blob)| Orphan::Blob(workspace, blob))
            .chain(
                staged
                    .into_iter()
                    .map(|(workspace, upload, id)| Orphan::Staged(workspace, upload, id)),
            )
            .chain(texts.into_iter().map(Orphan::Text));
        for orphan in orphans {
            if self.store.is_there(&orphan).await? {
                if !self.dry_run {
                    self.store.remove_orphan(&orphan).await?;
                }
                let written_at = since.get(&orphan.key().path()).copied();
                self.seen
                    .findings
                    .push(orphan.finding(written_at, self.mended()));
            }
        }
        Ok(())
    }

    /// Looks whether the objects of versions are there.
    pub(super) async fn look_at_objects_of(
        &mut self,
        versions: Vec<(FileId, Version)>,
    ) -> Result<()> {
        let now = self.store.clock.now();
        let old: Vec<_> = versions
            .into_iter()
            .filter(|(_, version)| now.duration_since(version.created_at) > VERSION_AGE)
            .collect();
        for some in old.chunks(AT_ONCE) {
            let missing = some
                .iter()
                .map(|(file, version)| self.is_lost(*file, version));
            let missing = join_all(missing).await;
            for ((file, version), is_lost) in some.iter().zip(missing) {
                let looked = match is_lost {
                    Ok(true) => self.lost(*file, version).await,
                    is_lost => is_lost.map(|_| ()),
                };
                self.or_pass_over(looked, || format!("file {file}"))?;
            }
        }
        Ok(())
    }

    /// Says whether the bytes of a version are gone while the file is there.
    async fn is_lost(&self, file: FileId, version: &Version) -> Result<bool> {
        let (store, workspace) = (self.store, self.workspace);
        if !store.is_missing(workspace, version).await? {
            return Ok(false);
        }
        // After the look at the bytes: who removes them marks the file, or removes the version, first.
        // A version that shares another's blob by now is another row.
        let Some(found) = store.file_if_living(workspace, file).await? else {
            return Ok(false);
        };
        let is_being_read = found.version == version.number
            && matches!(found.status, Status::Pending | Status::Scanning);
        let item = store.version_item(workspace, file, version.number).await?;
        let is_same = item.is_some_and(|item| item.content.blob == version.content.blob);
        Ok(is_same && !is_being_read)
    }

    async fn lost(&mut self, file: FileId, version: &Version) -> Result<()> {
        let known = version
            .failure
            .as_ref()
            .is_some_and(Failure::is_of_missing_bytes);
        if !self.dry_run && !known {
            self.store
                .fail_if_missing(self.workspace, file, version)
                .await?;
        }
        let outcome = if self.dry_run {
            Outcome::Found
        } else {
            Outcome::Left
        };
        self.seen
            .findings
            .push(missing_object(file, version, outcome));
        Ok(())
    }
}
