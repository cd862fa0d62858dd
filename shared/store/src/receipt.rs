//! Deletion receipts. The versions that a deletion removes are written down in pages before the
//! first of them goes; when all are gone, the manifest that lists them is stored as an object, then
//! the receipt, signed, which names the manifest's hash.

use std::collections::HashSet;

use bytes::Bytes;
use domain::receipt::{Manifest, ManifestSummary, Reason, Receipt, RemovedVersion, Seal};
use domain::{Error, FileId, Kind, ReceiptId, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::blob::{Delivery, ObjectKey, SignedUrl};
use crate::keys::{Key, receipt_pages_partition, receipts_partition};
use crate::table::{Page, Query, Rejected, Write, to_row};

/// Versions of a page. They are some 250 bytes each, and DynamoDB keeps rows of 400 KB at most.
const PAGE_VERSIONS: usize = 500;

/// How many versions a receipt shows itself; its manifest lists all.
const SHOWN_VERSIONS: usize = 100;

/// The media type of a manifest.
pub const MANIFEST_TYPE: &str = "application/json";

/// The row of a receipt.
#[derive(Debug, Serialize, Deserialize)]
struct ReceiptItem {
    id: ReceiptId,
    file: FileId,
    reason: Reason,
    gone_at: Timestamp,
    removed_at: Timestamp,
    /// None in receipts from before there were manifests.
    #[serde(default)]
    manifest: Option<ManifestSummary>,
    digest: Sha256,
    /// None in receipts from before they were signed.
    #[serde(default)]
    seal: Option<Seal>,
    /// Those of the versions that are shown whose blob stays, because others refer to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<u32>,
}

impl ReceiptItem {
    fn into_receipt(self, workspace: &WorkspaceId, mut versions: Vec<RemovedVersion>) -> Receipt {
        let shared: HashSet<u32> = self.shared.into_iter().collect();
        for version in &mut versions {
            version.blob_removed = !shared.contains(&version.version);
        }
        Receipt {
            id: self.id,
            workspace: workspace.clone(),
            file: self.file,
            reason: self.reason,
            gone_at: self.gone_at,
            removed_at: self.removed_at,
            versions,
            manifest: self.manifest,
            digest: self.digest,
            seal: self.seal,
        }
    }
}

/// The row of a page.
#[derive(Debug, Serialize, Deserialize)]
struct PageItem {
    versions: Vec<RemovedVersion>,
}

/// Why something was removed, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Removal {
    pub(crate) receipt: ReceiptId,
    pub(crate) file: FileId,
    pub(crate) reason: Reason,
    pub(crate) gone_at: Timestamp,
    pub(crate) removed_at: Timestamp,
}

/// Writes a receipt, whose manifest is there. Its id was chosen when the deletion began, so writing
/// it again is the same.
pub(crate) fn keep_receipt(receipt: &Receipt) -> Result<Write> {
    let item = ReceiptItem {
        id: receipt.id,
        file: receipt.file,
        reason: receipt.reason,
        gone_at: receipt.gone_at,
        removed_at: receipt.removed_at,
        manifest: receipt.manifest,
        digest: receipt.digest,
        seal: receipt.seal.clone(),
        shared: receipt
            .versions
            .iter()
            .filter(|version| !version.blob_removed)
            .map(|version| version.version)
            .collect(),
    };
    Ok(Write::Put {
        condition: None,
        row: to_row(Key::receipt(&receipt.workspace, receipt.id), &item)?,
    })
}

/// Writes down, in the transaction that does it, what versions are removed of a file that stays.
pub(crate) fn keep_page(
    workspace: &WorkspaceId,
    id: ReceiptId,
    versions: &[RemovedVersion],
) -> Result<Write> {
    let page = PageItem {
        versions: versions.to_vec(),
    };
    Ok(Write::create(to_row(
        Key::receipt_page(workspace, id, 0),
        &page,
    )?))
}

impl Store {
    /// Returns a receipt.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn receipt(&self, workspace: &WorkspaceId, id: ReceiptId) -> Result<Receipt> {
        let item: Option<ReceiptItem> = self.table.get(Key::receipt(workspace, id)).await?;
        let item = item.ok_or_else(|| Error::not_found(Kind::Receipt, id))?;
        let versions = match item.manifest {
            Some(summary) if summary.version_count == 0 => Vec::new(),
            Some(_) => shown(self.planned_page(workspace, id, 0).await?),
            None => self.planned_versions(workspace, id).await?,
        };
        Ok(item.into_receipt(workspace, versions))
    }

    /// Lists a page of a workspace's receipts, the newest first, without their versions.
    pub async fn receipts(
        &self,
        workspace: &WorkspaceId,
        before: Option<ReceiptId>,
        limit: i32,
    ) -> Result<Page<Receipt>> {
        let start = before.map(|id| Key::receipt(workspace, id).attributes());
        let page = self
            .table
            .query::<ReceiptItem>(Query {
                descending: true,
                limit,
                start,
                ..Query::prefix(receipts_partition(workspace), "")
            })
            .await?;
        let receipts = page.rows.into_iter();
        Ok(Page {
            rows: receipts
                .map(|item| item.into_receipt(workspace, Vec::new()))
                .collect(),
            next: page.next,
        })
    }

    /// Signs a URL to a receipt's manifest.
    pub async fn sign_manifest(
        &self,
        workspace: &WorkspaceId,
        id: ReceiptId,
        delivery: &Delivery,
    ) -> Result<SignedUrl> {
        let key = ObjectKey::Receipt(workspace.clone(), id);
        self.blobs.sign_get(&key, delivery).await
    }

    /// Stores the manifest of a deletion, and signs its receipt.
    ///
    /// A manifest that is there stays: whoever stored it may have signed its receipt already, and has
    /// removed the same versions.
    pub(crate) async fn sign_receipt(
        &self,
        workspace: &WorkspaceId,
        removal: Removal,
        removed: Vec<RemovedVersion>,
    ) -> Result<Receipt> {
        let manifest = Manifest {
            format: Manifest::FORMAT,
            workspace: workspace.clone(),
            receipt: removal.receipt,
            file: removal.file,
            versions: removed,
        };
        let object = ObjectKey::Receipt(workspace.clone(), removal.receipt);
        let bytes = Bytes::from(manifest.to_json()?);
        self.blobs.create(&object, bytes, MANIFEST_TYPE).await?;
        let bytes = self.blobs.read(&object).await?;
        let manifest = Manifest::from_json(&bytes)?;
        let summary = ManifestSummary::of(&manifest.versions, &bytes);
        let mut receipt = Receipt {
            id: removal.receipt,
            workspace: workspace.clone(),
            file: removal.file,
            reason: removal.reason,
            gone_at: removal.gone_at,
            removed_at: removal.removed_at,
            versions: shown(manifest.versions),
            manifest: Some(summary),
            digest: Sha256::new([0; 32]),
            seal: None,
        };
        receipt.digest = receipt.compute_digest();
        receipt.seal = Some(self.seal(receipt.digest).await?);
        Ok(receipt)
    }

    /// Removes the manifest of a deletion that did not take place.
    pub(crate) async fn drop_manifest(&self, receipt: &Receipt) {
        let object = ObjectKey::Receipt(receipt.workspace.clone(), receipt.id);
        if let Err(error) = self.blobs.delete(&object).await {
            tracing::warn!(
                error = error.for_log(),
                "a manifest of no receipt was not removed"
            );
        }
    }

    /// Writes down what a deletion removes, and returns on how many pages.
    ///
    /// A page that is there stays as it is: it was written before anything was removed, and whoever
    /// comes later may not find all of it any more.
    pub(crate) async fn plan_receipt(
        &self,
        workspace: &WorkspaceId,
        id: ReceiptId,
        versions: &[RemovedVersion],
    ) -> Result<u32> {
        let mut pages = 0;
        for versions in versions.chunks(PAGE_VERSIONS) {
            let page = PageItem {
                versions: versions.to_vec(),
            };
            let write = Write::create(to_row(Key::receipt_page(workspace, id, pages), &page)?);
            match self.table.transact(vec![write]).await {
                Ok(()) | Err(Rejected::Conditions(_)) => pages += 1,
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Ok(pages)
    }

    /// Returns a page of what a deletion removes.
    pub(crate) async fn planned_page(
        &self,
        workspace: &WorkspaceId,
        id: ReceiptId,
        page: u32,
    ) -> Result<Vec<RemovedVersion>> {
        let item: Option<PageItem> = self
            .table
            .get(Key::receipt_page(workspace, id, page))
            .await?;
        item.map(|item| item.versions)
            .ok_or_else(|| Error::corrupt(format!("page {page} of receipt {id} is not there")))
    }

    /// Returns all that a deletion removes.
    pub(crate) async fn planned_versions(
        &self,
        workspace: &WorkspaceId,
        id: ReceiptId,
    ) -> Result<Vec<RemovedVersion>> {
        let pages: Vec<PageItem> = self
            .table
            .query_all(Query::prefix(receipt_pages_partition(workspace, id), ""))
            .await?;
        Ok(pages.into_iter().flat_map(|page| page.versions).collect())
    }
}

fn shown(mut versions: Vec<RemovedVersion>) -> Vec<RemovedVersion> {
    versions.truncate(SHOWN_VERSIONS);
    versions
}
