//! Checking a receipt: whether it is what was signed, and whether what it lists is gone. Reads only,
//! and only what is of the receipt's workspace.

use std::collections::HashSet;

use domain::receipt::{Manifest, Reason, Receipt, RemovedVersion};
use domain::{Error, ReceiptId, Result, Sha256, WorkspaceId};
use futures::future::join_all;
use serde::Deserialize;

use crate::Store;
use crate::blob::ObjectKey;
use crate::content::ContentItem;
use crate::file::{Found, RowKind};
use crate::keys::Key;
use crate::table::from_row;

/// How many versions are looked for in one call.
const AT_ONCE: usize = 100;

/// How many objects are asked for at the same time.
const OBJECTS_AT_ONCE: usize = 20;

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureState {
    /// It is of the digest, by a key of this deployment.
    Valid,
    /// It is of something else.
    Invalid,
    /// Its key is none of this deployment.
    UnknownKey,
    /// There is none: the receipt is from before they were signed.
    Unsigned,
}

/// What a manifest is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestState {
    /// It is the one that the receipt names.
    Intact,
    /// It is another one.
    Altered,
    /// It is not there.
    Missing,
    /// The receipt names none: it is from before there were any.
    Unnamed,
}

/// What should be gone and is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remains {
    /// The file can be read.
    File,
    /// A version's row.
    Version,
    /// The row of its blob.
    Blob,
    /// Its bytes.
    Bytes,
    /// What was read from its bytes, although no version has the same.
    Reading,
}

/// Something that should be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Of which version; none where it is the whole file.
    pub version: Option<u32>,
    /// What it is.
    pub remains: Remains,
}

/// What checking a receipt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// Whether the digest is that of the fields.
    pub is_intact: bool,
    /// What the signature is worth.
    pub signature: SignatureState,
    /// What the manifest is worth.
    pub manifest: ManifestState,
    /// How many versions were looked for.
    pub checked: usize,
    /// What was found of them.
    pub leftovers: Vec<Leftover>,
    /// From which version on to go on, counted in the manifest; none at its end.
    pub next: Option<usize>,
}

impl Store {
    /// Checks a receipt, and looks for versions that it lists, from the one at `from` on.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn verify_receipt(
        &self,
        workspace: &WorkspaceId,
        id: ReceiptId,
        from: usize,
    ) -> Result<Verification> {
        let receipt = self.receipt(workspace, id).await?;
        let (manifest, versions) = self.listed_versions(&receipt).await?;
        let some: Vec<RemovedVersion> = versions.iter().skip(from).take(AT_ONCE).cloned().collect();
        let mut leftovers = Vec::new();
        if from == 0 && !self.is_gone(&receipt).await? {
            leftovers.push(Leftover {
                version: None,
                remains: Remains::File,
            });
        }
        leftovers.extend(self.leftovers(&receipt, &some).await?);
        let end = from.saturating_add(some.len());
        Ok(Verification {
            is_intact: receipt.is_intact(),
            signature: self.signature_state(&receipt).await?,
            manifest,
            checked: some.len(),
            leftovers,
            next: (end < versions.len()).then_some(end),
        })
    }

    async fn signature_state(&self, receipt: &Receipt) -> Result<SignatureState> {
        let Some(seal) = &receipt.seal else {
            return Ok(SignatureState::Unsigned);
        };
        Ok(match self.receipt_key(&seal.key_id).await? {
            None => SignatureState::UnknownKey,
            Some(key) if key.checks(receipt, seal) => SignatureState::Valid,
            Some(_) => SignatureState::Invalid,
        })
    }

    /// Reads what a receipt lists: from its manifest where that is the one it names, else from what
    /// was planned.
    async fn listed_versions(
        &self,
        receipt: &Receipt,
    ) -> Result<(ManifestState, Vec<RemovedVersion>)> {
        let planned = self.planned_versions(&receipt.workspace, receipt.id);
        let Some(summary) = receipt.manifest else {
            return Ok((ManifestState::Unnamed, planned.await?));
        };
        let key = ObjectKey::Receipt(receipt.workspace.clone(), receipt.id);
        let bytes = match self.blobs.read(&key).await {
            Ok(bytes) => bytes,
            Err(Error::NotFound { .. }) => return Ok((ManifestState::Missing, planned.await?)),
            Err(error) => return Err(error),
        };
        if Sha256::of(&bytes) != summary.sha256 {
            return Ok((ManifestState::Altered, planned.await?));
        }
        Ok((ManifestState::Intact, Manifest::from_json(&bytes)?.versions))
    }

    async fn is_gone(&self, receipt: &Receipt) -> Result<bool> {
        if receipt.reason == Reason::Pruned {
            // Only versions of it went.
            return Ok(true);
        }
        Ok(match self.found(&receipt.workspace, receipt.file).await? {
            None => true,
            Some(Found::Gone(item)) => item.kind == RowKind::Tombstone,
            Some(Found::File(_)) => false,
        })
    }

    /// Looks for what is left of versions.
    async fn leftovers(
        &self,
        receipt: &Receipt,
        versions: &[RemovedVersion],
    ) -> Result<Vec<Leftover>> {
        let workspace = &receipt.workspace;
        let of_version =
            |removed: &RemovedVersion| Key::version(workspace, receipt.file, removed.version);
        let of_blob = |removed: &RemovedVersion| Key::blob(workspace, removed.blob.id);
        let rows = versions.iter().map(of_version);
        let there = self
            .rows_there(rows.chain(versions.iter().map(of_blob)))
            .await?;
        let unneeded = self.unneeded_readings(workspace, versions).await?;
        let mut leftovers = Vec::new();
        for some in versions.chunks(OBJECTS_AT_ONCE) {
            let heads = join_all(
                some.iter()
                    .map(|removed| self.has_bytes(workspace, removed)),
            );
            for (removed, has_bytes) in some.iter().zip(heads.await) {
                let found = [
                    (Remains::Version, there.contains(&of_version(removed))),
                    // Those that other versions had stay with them.
                    (
                        Remains::Blob,
                        removed.blob_removed && there.contains(&of_blob(removed)),
                    ),
                    (Remains::Bytes, has_bytes?),
                    (
                        Remains::Reading,
                        removed.sha256.is_some_and(|hash| unneeded.contains(&hash)),
                    ),
                ];
                let found = found.into_iter().filter(|(_, is_there)| *is_there);
                leftovers.extend(found.map(|(remains, _)| Leftover {
                    version: Some(removed.version),
                    remains,
                }));
            }
        }
        Ok(leftovers)
    }

    async fn has_bytes(&self, workspace: &WorkspaceId, removed: &RemovedVersion) -> Result<bool> {
        if !removed.blob_removed {
            return Ok(false);
        }
        let key = ObjectKey::Blob(workspace.clone(), removed.blob);
        Ok(self.blobs.head(&key).await?.is_some())
    }

    /// Returns those of the keys under which there are rows.
    async fn rows_there(&self, keys: impl Iterator<Item = Key>) -> Result<HashSet<Key>> {
        // One of each: DynamoDB refuses to be asked twice.
        let keys: HashSet<Key> = keys.collect();
        let rows = self.table.get_rows(keys.into_iter().collect()).await?;
        rows.into_iter().map(from_row).collect()
    }

    /// Returns the hashes of bytes of which something is known although no version refers to them.
    async fn unneeded_readings(
        &self,
        workspace: &WorkspaceId,
        versions: &[RemovedVersion],
    ) -> Result<HashSet<Sha256>> {
        #[derive(Deserialize)]
        struct Partition {
            pk: String,
        }
        let hashes: HashSet<Sha256> = versions
            .iter()
            .filter_map(|removed| removed.sha256)
            .collect();
        let keys = hashes.iter().map(|hash| Key::content(workspace, *hash));
        let mut unneeded = HashSet::new();
        for row in self.table.get_rows(keys.collect()).await? {
            let Partition { pk } = from_row(row.clone())?;
            let item: ContentItem = from_row(row)?;
            let of_row = hashes
                .iter()
                .find(|hash| Key::content(workspace, **hash).pk == pk);
            unneeded.extend(of_row.filter(|_| item.refs == 0));
        }
        Ok(unneeded)
    }
}
