//! Hashing a version whose bytes are too many for one run: slice by slice, without a copy of them.
//! How far it has come is in the version's row, and each slice asks for the work of the next.

use domain::file::Version;
use domain::hashing::Hashing;
use domain::{Error, FileId, Result, Sha256};
use serde::Deserialize;

use crate::Store;
use crate::blob::{Blobs, ObjectKey};
use crate::content::sharing_blob;
use crate::file::{check_there, verify_version};
use crate::keys::Key;
use crate::reference::fetched_until;
use crate::table::{Expression, Rejected, Write, busy};
use crate::work::{self, WorkItem};

/// How often what was found is written again when the shared blob changes meanwhile.
const TRIES: u32 = 8;

/// What a version's row has only while it is being hashed.
#[derive(Debug, Deserialize)]
struct HashingItem {
    hashing: Option<String>,
}

impl Store {
    /// Hashes the next bytes of a version, `slice_bytes` at most. Returns the hash when these were
    /// the last; otherwise notes how far it has come, and asks for the same work again.
    ///
    /// Run twice and at once it goes on from the same place, and one of the two is noted.
    ///
    /// # Errors
    /// `NotFound` when the bytes are not there.
    pub async fn hash_version(
        &self,
        item: &WorkItem,
        file: FileId,
        version: &Version,
        slice_bytes: u64,
    ) -> Result<Option<Sha256>> {
        let workspace = &item.work.workspace;
        let row = Key::version(workspace, file, version.number);
        let kept: Option<HashingItem> = self.table.get(row.clone()).await?;
        let before = kept.and_then(|kept| kept.hashing);
        let mut hashing = before
            .as_deref()
            .and_then(Hashing::resume)
            .unwrap_or_default();
        let all = version.content.size_bytes;
        let until = all.min(hashing.hashed_bytes().saturating_add(slice_bytes));
        let key = ObjectKey::Blob(workspace.clone(), version.content.blob);
        self.blobs.hash_until(&key, &mut hashing, until).await?;
        if hashing.hashed_bytes() == all {
            return Ok(Some(hashing.finish()));
        }
        let as_read = match before {
            Some(before) => Expression::new("hashing = :before").text(":before", before),
            None => Expression::new("attribute_exists(pk) AND attribute_not_exists(hashing)"),
        };
        let again = work::anew(&item.work);
        let writes = vec![
            Write::Update {
                condition: Some(as_read),
                key: row,
                change: Expression::new("SET hashing = :now").text(":now", hashing.keep()),
            },
            work::ask(&again, self.clock.now())?,
        ];
        match self.table.transact(writes).await {
            Ok(()) => self.send(&again).await,
            // Another worker came as far and asked for the rest, or the version is gone.
            Err(Rejected::Conditions(_)) => {}
            Err(Rejected::Error(error)) => return Err(error),
        }
        Ok(None)
    }

    /// Writes what was found of a version that another has taken the place of: only its own row, and
    /// which blob it has.
    ///
    /// # Errors
    /// `Busy` when it was removed meanwhile.
    pub async fn settle_replaced(
        &self,
        file: FileId,
        version: &Version,
        finished: &WorkItem,
    ) -> Result<()> {
        let workspace = &finished.work.workspace;
        for _ in 0..TRIES {
            let before = self.version_read(workspace, file, version).await?;
            let own = before.content.blob;
            let sharing = self.sharing(workspace, own, &version.content).await?;
            let version = sharing_blob(version, &before, &sharing);
            let mut writes = vec![
                verify_version(workspace, file, &version, &before)?,
                // Whoever erases it has written down which blob goes with which version.
                check_there(workspace, file)?,
                work::done(finished),
            ];
            let others = writes.len();
            let due_at = fetched_until(self.clock.now());
            writes.extend(sharing.writes(workspace, own, due_at)?);
            match self.table.transact(writes).await {
                Ok(()) => return Ok(()),
                // The shared blob went, or there is one now: look again.
                Err(rejected) if rejected.only_from(others) => {}
                Err(rejected) => {
                    let what = "the version was changed while it was read";
                    return Err(rejected.into_error(what));
                }
            }
        }
        Err(busy("the same bytes are coming and going"))
    }
}

impl Blobs {
    /// Hashes the bytes of an object from where `hashing` has come to, until it has taken `until`.
    /// A body that breaks off ends it early: what was hashed by then is not lost.
    async fn hash_until(&self, key: &ObjectKey, hashing: &mut Hashing, until: u64) -> Result<()> {
        let from = hashing.hashed_bytes();
        if from >= until {
            return Ok(());
        }
        let Some(mut body) = self.open(key, Some(from..until)).await? else {
            return Err(too_short());
        };
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => hashing.update(&chunk),
                Err(_) if hashing.hashed_bytes() > from => return Ok(()),
                Err(error) => return Err(Error::dependency("reading a blob", error)),
            }
        }
        if hashing.hashed_bytes() == from {
            return Err(too_short());
        }
        Ok(())
    }
}

fn too_short() -> Error {
    Error::corrupt("an object is shorter than its version says")
}
