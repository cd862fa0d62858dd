//! Deletion receipts.

use domain::receipt::Receipt;
use domain::{Error, Kind, ReceiptId, Result, WorkspaceId};

use crate::Store;
use crate::keys::Key;
use crate::table::{Write, to_row};

/// Writes a receipt. Its id was chosen when the deletion began, so writing it again is the same.
pub(crate) fn keep_receipt(workspace: &WorkspaceId, receipt: &Receipt) -> Result<Write> {
    Ok(Write::Put {
        condition: None,
        row: to_row(Key::receipt(workspace, receipt.id), receipt)?,
    })
}

impl Store {
    /// Returns a receipt.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn receipt(&self, workspace: &WorkspaceId, id: ReceiptId) -> Result<Receipt> {
        let receipt: Option<Receipt> = self.table.get(Key::receipt(workspace, id)).await?;
        receipt.ok_or_else(|| Error::not_found(Kind::Receipt, id))
    }
}
