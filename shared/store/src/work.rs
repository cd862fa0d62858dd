//! Work still to be done (outbox). A row is written in the transaction that makes the work
//! necessary, a message is sent at once, and the row is deleted when the work is done. What was
//! not sent or was lost is sent again by the sweep.

use std::time::Duration;

use domain::message::{Task, Work};
use domain::{Error, Result, WorkId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use runtime::ids::Ids;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use crate::Store;
use crate::keys::{Due, Key};
use crate::table::{Expression, Rejected, Write};

/// How long after its last sending a row of work is thought lost: longer than SQS keeps a message
/// invisible to others while it is worked on.
const RESEND_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// How often the sweep sends the same work before it gives it up.
const MAX_SENDS: u32 = 10;

/// Names the space of work ids, for UUID version 5. Random, made once.
const WORK_NAMESPACE: Uuid = Uuid::from_u128(0x0b8f_6a7e_54d1_4e0c_8a1b_9c3d_77e2_405f);

/// A row of work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkItem {
    /// The work itself.
    #[serde(rename = "job")]
    pub work: Work,
    /// Names the last asking; a worker removes only what it has seen. Random and no count, because
    /// a count begins again with the row.
    pub asked: Uuid,
    /// How often the sweep has sent it again.
    #[serde(default)]
    pub sends: u32,
}

/// Makes the work of a task. The same task of a workspace is always the same row, so that asking
/// twice is asking once.
pub fn work_of(workspace: &WorkspaceId, task: Task) -> Work {
    let name = format!("{workspace}\n{task:?}");
    let id = WorkId::new(Uuid::new_v5(&WORK_NAMESPACE, name.as_bytes()));
    Work::new(id, workspace.clone(), task)
}

/// Asks for work, in the transaction that makes it necessary.
pub(crate) fn ask(work: &Work, now: Timestamp) -> Result<Write> {
    let due = Due::Work.key(lost_at(now), work.id.uuid());
    Ok(Write::Update {
        condition: None,
        key: Key::work(&work.workspace, work.id),
        change: Expression::new(
            "SET job = :job, asked = :asked, due_pk = :due_pk, due_sk = :due_sk",
        )
        .value(":job", work)?
        .text(":due_pk", due.pk)
        .text(":due_sk", due.sk)
        .text(":asked", Ids.random().to_string()),
    })
}

/// Removes work that is done, unless it was asked for again meanwhile.
pub(crate) fn done(item: &WorkItem) -> Write {
    Write::Delete {
        condition: Some(asked_as(item)),
        key: Key::work(&item.work.workspace, item.work.id),
    }
}

/// Holds while the work was not asked for again since it was read.
fn asked_as(item: &WorkItem) -> Expression {
    Expression::new("asked = :asked").text(":asked", item.asked.to_string())
}

fn lost_at(now: Timestamp) -> Timestamp {
    now.checked_add(RESEND_AFTER).unwrap_or(Timestamp::MAX)
}

impl Store {
    /// Sends work that was just asked for. A failure is not the caller's: the row is there, and
    /// the sweep sends it again.
    pub async fn send(&self, work: &Work) {
        self.send_after(work, Duration::ZERO).await;
    }

    /// Sends work to be done no sooner than after `delay`.
    pub async fn send_after(&self, work: &Work, delay: Duration) {
        if let Err(error) = self.try_send(work, delay).await {
            warn!(work.id = %work.id, %error, "work was not sent; the sweep will send it");
        }
    }

    async fn try_send(&self, work: &Work, delay: Duration) -> Result<()> {
        let body = serde_json::to_string(work)
            .map_err(|error| Error::corrupt(format!("work cannot be written: {error}")))?;
        self.queue.send(work.task.destination(), body, delay).await
    }

    /// Reads a row of work; none when it is done.
    pub async fn work(&self, workspace: &WorkspaceId, id: WorkId) -> Result<Option<WorkItem>> {
        self.table.get(Key::work(workspace, id)).await
    }

    /// Removes work that is done. When it was asked for again meanwhile it stays, and is sent.
    pub async fn finish(&self, item: &WorkItem) -> Result<()> {
        match self.table.transact(vec![done(item)]).await {
            Ok(()) => Ok(()),
            Err(Rejected::Conditions(_)) => {
                if let Some(again) = self.work(&item.work.workspace, item.work.id).await? {
                    self.send(&again.work).await;
                }
                Ok(())
            }
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Sends again the work of a row that was found due.
    ///
    /// Returns whether it was sent; work sent too often is given up and listed as a failure.
    pub async fn resend(&self, workspace: &WorkspaceId, id: WorkId) -> Result<bool> {
        let Some(item) = self.work(workspace, id).await? else {
            return Ok(false);
        };
        if item.sends >= MAX_SENDS {
            let failure = domain::file::Failure {
                stage: "queue".to_owned(),
                code: "gave_up".to_owned(),
                detail: format!("sent {MAX_SENDS} times without being finished: redrive it"),
            };
            self.give_up(&item, failure).await?;
            return Ok(false);
        }
        let due = Due::Work.key(lost_at(self.clock.now()), id.uuid());
        let again = Write::Update {
            condition: Some(asked_as(&item)),
            key: Key::work(workspace, id),
            change: Expression::new("SET due_sk = :due_sk ADD sends :one")
                .text(":due_sk", due.sk)
                .number(":one", 1),
        };
        match self.table.transact(vec![again]).await {
            Ok(()) => {
                self.send(&item.work).await;
                Ok(true)
            }
            // Finished, or asked for again and sent by whoever asked.
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
