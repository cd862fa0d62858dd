//! Deletion receipts. The versions that a deletion removes are written down in pages before the
//! first of them goes; the receipt itself is written when all are gone, and makes the pages known.

use std::collections::HashSet;

use domain::receipt::{Reason, Receipt, RemovedVersion};
use domain::{Error, FileId, Kind, ReceiptId, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, receipt_pages_partition};
use crate::table::{Query, Rejected, Write, to_row};

/// Versions of a page. They are some 250 bytes each, and DynamoDB keeps rows of 400 KB at most.
const PAGE_VERSIONS: usize = 500;

/// The row of a receipt.
#[derive(Debug, Serialize, Deserialize)]
struct ReceiptItem {
    id: ReceiptId,
    file: FileId,
    reason: Reason,
    gone_at: Timestamp,
    removed_at: Timestamp,
    digest: Sha256,
    /// The versions whose blob stays, because other versions refer to it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    shared: Vec<u32>,
}

/// The row of a page.
#[derive(Debug, Serialize, Deserialize)]
struct PageItem {
    versions: Vec<RemovedVersion>,
}

/// Writes a receipt, whose pages are there. Its id was chosen when the deletion began, so writing
/// it again is the same.
pub(crate) fn keep_receipt(workspace: &WorkspaceId, receipt: &Receipt) -> Result<Write> {
    let item = ReceiptItem {
        id: receipt.id,
        file: receipt.file,
        reason: receipt.reason,
        gone_at: receipt.gone_at,
        removed_at: receipt.removed_at,
        digest: receipt.digest,
        shared: receipt
            .versions
            .iter()
            .filter(|version| !version.blob_removed)
            .map(|version| version.version)
            .collect(),
    };
    Ok(Write::Put {
        condition: None,
        row: to_row(Key::receipt(workspace, receipt.id), &item)?,
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
        let shared: HashSet<u32> = item.shared.into_iter().collect();
        let mut versions = self.planned_versions(workspace, id).await?;
        for version in &mut versions {
            version.blob_removed = !shared.contains(&version.version);
        }
        Ok(Receipt {
            id: item.id,
            file: item.file,
            reason: item.reason,
            gone_at: item.gone_at,
            removed_at: item.removed_at,
            versions,
            digest: item.digest,
        })
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
