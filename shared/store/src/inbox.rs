//! Objects of the inbox: those that were refused are listed among what was given up, and those whose
//! event may be lost are asked for.

use domain::file::Failure;
use domain::message::{Task, Work};
use domain::{Result, WorkspaceId};
use jiff::{SignedDuration, Timestamp};

use crate::Store;
use crate::failure::{FailureItem, record};
use crate::keys::Key;
use crate::stand::Stand;
use crate::table::Write;
use crate::work::{self, work_of};

fn take_in(workspace: &WorkspaceId, path: &str) -> Work {
    let path = path.to_owned();
    work_of(workspace, Task::TakeIn { path })
}

impl Store {
    /// Lists an object that was refused, as work that was given up: redriving it has it looked at
    /// again.
    pub async fn refuse_object(
        &self,
        workspace: &WorkspaceId,
        path: &str,
        failure: &Failure,
    ) -> Result<()> {
        let listed = record(&take_in(workspace, path), failure, self.clock.now())?;
        self.table
            .transact(vec![listed])
            .await
            .map_err(|rejected| rejected.into_error("the refusal was not listed"))
    }

    /// Takes an object off the list, because it was taken in.
    pub async fn forget_refusal(&self, workspace: &WorkspaceId, path: &str) -> Result<()> {
        let off = Write::Delete {
            condition: None,
            key: Key::failure(workspace, take_in(workspace, path).id),
        };
        self.table
            .transact(vec![off])
            .await
            .map_err(|rejected| rejected.into_error("the refusal is still listed"))
    }

    /// Asks for an object to be taken in, unless it was asked for before or, as it is, refused. Says
    /// whether it was asked for.
    pub async fn ask_for_object(
        &self,
        workspace: &WorkspaceId,
        path: &str,
        written_at: Timestamp,
    ) -> Result<bool> {
        let work = take_in(workspace, path);
        if self.work(workspace, work.id).await?.is_some() {
            return Ok(false);
        }
        let refused: Option<FailureItem> = self.table.get(Key::failure(workspace, work.id)).await?;
        if refused.is_some_and(|refused| refused.failed_at >= written_at) {
            return Ok(false);
        }
        self.table
            .transact(vec![work::ask(&work, self.clock.now())?])
            .await
            .map_err(|rejected| rejected.into_error("the object was not asked for"))?;
        self.send(&work).await;
        Ok(true)
    }

    /// Returns where the walk over the inbox stands: behind which key. It does not rest, so that what is
    /// lost is found soon.
    pub async fn stand_of_inbox(&self) -> Result<Stand<String>> {
        self.stand_of(Key::inbox(), SignedDuration::ZERO).await
    }

    /// Notes the key of the last object of the inbox that was looked at; none at the end of a walk.
    pub async fn note_inbox_walked(&self, last: Option<String>) -> Result<()> {
        self.note_stand(Key::inbox(), last).await
    }
}
