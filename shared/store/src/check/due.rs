//! What has been due for longer than sweeps need.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::finding::{Kind, Outcome};
use domain::{BlobId, FileId, Result, UploadId, WorkId};
use jiff::SignedDuration;
use serde::Deserialize;

use super::Check;
use crate::keys::{self, Key};
use crate::table::Row;

/// How long something may be due before a sweep must have come to it: six of them.
const OVERDUE: SignedDuration = SignedDuration::from_mins(30);

impl Check<'_> {
    /// Looks whether a row has been due for longer than sweeps need.
    pub(super) async fn look_at_due(&mut self, key: &Key, row: &Row) -> Result<()> {
        let text = |name: &str| match row.get(name) {
            Some(AttributeValue::S(text)) => Some(text.as_str()),
            _ => None,
        };
        let (Some(due), Some(due_sk)) = (text("due_pk"), text("due_sk")) else {
            return Ok(());
        };
        let Some(at) = keys::due_at(due_sk) else {
            return Ok(());
        };
        if self.store.clock.now().duration_since(at) <= OVERDUE {
            return Ok(());
        }
        let Some((_, id)) = keys::owner_and_id(&key.pk) else {
            return Ok(());
        };
        let kind = match due.split('#').next().unwrap_or_default() {
            "expiry" if text("kind") == Some("file") => Kind::Expired,
            "expiry" => Kind::StoppedErasing,
            "upload" => Kind::StaleUpload,
            "blob" => Kind::OverdueBlob,
            "work" => Kind::LostWork,
            _ => return Ok(()),
        };
        let still = self.is_due_as(key, due_sk).await?;
        if !still {
            return Ok(());
        }
        let (about, detail) = match kind {
            Kind::Expired => (
                format!("file {id}"),
                "its time was up: it is removed, with a receipt",
            ),
            Kind::StoppedErasing => (
                format!("file {id}"),
                "its deletion had stopped half-way: it is finished, with a receipt",
            ),
            Kind::StaleUpload => (
                format!("upload {id}"),
                "its session had run out: it is aborted",
            ),
            Kind::OverdueBlob => (
                format!("blob {id}"),
                "nothing refers to it: its object is removed",
            ),
            _ => (
                format!("work {id}"),
                "its message was lost: it is sent again",
            ),
        };
        let mut outcome = self.mended();
        if !self.dry_run {
            self.do_what_is_due(kind, id).await?;
            if self.is_due_as(key, due_sk).await? {
                outcome = Outcome::Left;
            }
        }
        self.found(kind, about, Some(at), outcome, detail);
        Ok(())
    }

    /// Says whether a row is still due as it was read.
    async fn is_due_as(&self, key: &Key, due_sk: &str) -> Result<bool> {
        #[derive(Deserialize)]
        struct DueRow {
            due_sk: Option<String>,
        }
        let row: Option<DueRow> = self.store.table.get(key.clone()).await?;
        Ok(row.is_some_and(|row| row.due_sk.as_deref() == Some(due_sk)))
    }

    /// Does what the sweep would do.
    async fn do_what_is_due(&self, kind: Kind, id: uuid::Uuid) -> Result<()> {
        let (store, workspace) = (self.store, self.workspace);
        match kind {
            Kind::Expired | Kind::StoppedErasing => {
                store.erase_due(workspace, FileId::new(id)).await?;
            }
            Kind::StaleUpload => {
                store.abort_due(workspace, UploadId::new(id)).await?;
            }
            Kind::OverdueBlob => {
                store.remove_due_blob(workspace, BlobId::new(id)).await?;
            }
            Kind::LostWork => {
                store.resend(workspace, WorkId::new(id)).await?;
            }
            Kind::OrphanObject
            | Kind::MissingObject
            | Kind::OrphanRow
            | Kind::WrongReferenceCount
            | Kind::WrongCounter
            | Kind::LeakedReservation
            | Kind::WrongQuota
            | Kind::UnreadableRow => {}
        }
        Ok(())
    }
}
