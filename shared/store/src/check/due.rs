//! What has been due for longer than sweeps need.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::finding::{Kind, Outcome};
use domain::folder::FolderState;
use domain::job::State;
use domain::{BlobId, FileId, FolderId, Result, UploadId, WorkId};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::Check;
use crate::file::{self, Found};
use crate::folder;
use crate::keys::{self, Due, Key};
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
        let Some(due) = Due::of_partition(due) else {
            return Ok(());
        };
        let (kind, about, detail) = match due {
            Due::Expiry => {
                let (kind, detail) = of_file(row, self.store.clock.now())?;
                (kind, format!("file {id}"), detail)
            }
            Due::Trash => {
                let Some((kind, detail)) = self.of_folder(row).await? else {
                    return Ok(());
                };
                (kind, format!("folder {id}"), detail)
            }
            Due::Upload => (
                Kind::StaleUpload,
                format!("upload {id}"),
                "its session had run out: it is aborted",
            ),
            Due::Blob => (
                Kind::OverdueBlob,
                format!("blob {id}"),
                "nothing refers to it: its object is removed",
            ),
            Due::Work => (
                Kind::LostWork,
                format!("work {id}"),
                "its message was lost: it is sent again",
            ),
            Due::Usage | Due::Export => return Ok(()),
        };
        if !self.is_due_as(key, due_sk).await? {
            return Ok(());
        }
        let mut outcome = self.mended();
        if !self.dry_run {
            self.do_what_is_due(due, id).await?;
            if self.is_due_as(key, due_sk).await? {
                outcome = Outcome::Left;
            }
        }
        self.found(kind, about, Some(at), outcome, detail);
        Ok(())
    }

    /// What is wrong with a folder that has been due for long; none while a job removes it.
    async fn of_folder(&self, row: &Row) -> Result<Option<(Kind, &'static str)>> {
        let folder::Found::Folder(folder) = folder::read(row.clone())? else {
            return Ok(None);
        };
        if folder.state != FolderState::Erasing {
            let detail = "it was in the trash for long enough: it is deleted, with all it holds";
            return Ok(Some((Kind::OverdueTrash, detail)));
        }
        let job = self.store.job_if_kept(self.workspace, folder.job).await?;
        let goes_on = job.is_some_and(|job| job.state == State::Running);
        let detail = "its deletion had failed: it is begun again";
        Ok((!goes_on).then_some((Kind::StoppedErasing, detail)))
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
    async fn do_what_is_due(&self, due: Due, id: Uuid) -> Result<()> {
        let (store, workspace) = (self.store, self.workspace);
        match due {
            Due::Expiry => {
                store.erase_due(workspace, FileId::new(id)).await?;
            }
            Due::Trash => {
                store.purge_due(workspace, FolderId::new(id)).await?;
            }
            Due::Upload => {
                store.abort_due(workspace, UploadId::new(id)).await?;
            }
            Due::Blob => {
                store.remove_due_blob(workspace, BlobId::new(id)).await?;
            }
            Due::Work => {
                store.resend(workspace, WorkId::new(id)).await?;
            }
            Due::Usage | Due::Export => {}
        }
        Ok(())
    }
}

/// What is wrong with a file that has been due for long.
fn of_file(row: &Row, now: Timestamp) -> Result<(Kind, &'static str)> {
    Ok(match file::read(row.clone())? {
        Found::Gone(_) => (
            Kind::StoppedErasing,
            "its deletion had stopped half-way: it is finished, with a receipt",
        ),
        Found::File(file) if file.is_expired(now) => (
            Kind::Expired,
            "its time was up: it is removed, with a receipt",
        ),
        Found::File(_) => (
            Kind::OverdueTrash,
            "it was in the trash for long enough: it is removed, with a receipt",
        ),
    })
}
