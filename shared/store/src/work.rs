//! Work still to be done (outbox). A row is written in the transaction that makes the work
//! necessary, a message is sent at once, and the row is deleted when the work is done. What was
//! not sent or was lost is sent again by the sweep, as long as the row is there: waiting is no
//! failure. Only who tries gives up. A worker that fails to the end lists the work as a failure
//! itself; for one that breaks off in its last try, the row says so, and the sweep does it.

use std::time::Duration;

use domain::file::Failure;
use domain::message::{Task, Work};
use domain::{Error, Result, WorkId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use runtime::ids::Ids;
use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use crate::Store;
use crate::keys::{Due, Key, due_until};
use crate::table::{Expression, Rejected, Write};

/// How long after its last sending a row of work is thought lost: longer than SQS keeps a message
/// invisible to others while it is worked on.
const RESEND_AFTER: SignedDuration = SignedDuration::from_mins(15);

/// How often that time is doubled, to four hours at most: work that waits behind a long queue is
/// not to make it longer with every sweep.
const MOST_DOUBLINGS: u32 = 4;

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
    /// When it is thought lost, as in the `due` index.
    due_sk: String,
    /// How often the sweep has sent it again since it was asked for.
    #[serde(default)]
    resends: u32,
    /// Whether a worker has begun its last try. A row that is still there when it is due then is of
    /// a worker that broke off.
    #[serde(default)]
    last_try: bool,
}

impl WorkItem {
    /// Says whether a message was sent for this asking, and not for an earlier one whose tries are
    /// none of this one's.
    pub fn is_asked_by(&self, message: &Work) -> bool {
        message.asked.is_none_or(|asked| asked == self.asked)
    }
}

/// Makes the work of a task. The same task of a workspace is always the same row, so that asking
/// twice is asking once.
pub fn work_of(workspace: &WorkspaceId, task: Task) -> Work {
    let name = format!("{workspace}\n{task:?}");
    let id = WorkId::new(Uuid::new_v5(&WORK_NAMESPACE, name.as_bytes()));
    Work::new(id, workspace.clone(), task)
}

/// Makes the work of a task, to be asked for and sent.
pub(crate) fn new_work(workspace: &WorkspaceId, task: Task) -> Work {
    anew(&work_of(workspace, task))
}

/// The same work, to be asked for once more and sent: under a new name, which its message and its
/// row share.
pub(crate) fn anew(work: &Work) -> Work {
    Work {
        asked: Some(Ids.random()),
        ..work.clone()
    }
}

/// Asks for work, in the transaction that makes it necessary. Work that is asked for again begins
/// with all its tries.
pub(crate) fn ask(work: &Work, now: Timestamp) -> Result<Write> {
    asking(work, None, now)
}

/// Asks for work once more under a new name, unless someone else has asked for it since it was read.
pub(crate) fn ask_again(item: &WorkItem, again: &Work, now: Timestamp) -> Result<Write> {
    asking(again, Some(asked_as(item)), now)
}

fn asking(work: &Work, condition: Option<Expression>, now: Timestamp) -> Result<Write> {
    let due = Due::Work.key(lost_at(now, 0), work.id.uuid());
    let asked = work.asked.unwrap_or_else(|| Ids.random());
    Ok(Write::Update {
        condition,
        key: Key::work(&work.workspace, work.id),
        change: Expression::new(
            "SET job = :job, asked = :new, due_pk = :due_pk, due_sk = :due_sk REMOVE resends, last_try",
        )
        .value(":job", work)?
        .text(":due_pk", due.pk)
        .text(":due_sk", due.sk)
        .text(":new", asked.to_string()),
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

/// When work is thought lost that is sent now, after it was sent again so often.
fn lost_at(now: Timestamp, resends: u32) -> Timestamp {
    let after = RESEND_AFTER * (1 << resends.min(MOST_DOUBLINGS));
    now.checked_add(after).unwrap_or(Timestamp::MAX)
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

    /// Reads the row of work whose message was received, to begin a try; none when it is done.
    ///
    /// `is_last` says that the message does not come again: this is noted first, so that a worker
    /// that breaks off leaves word of it. Work that was asked for again since has a message of its
    /// own, which comes again.
    pub async fn begin_work(&self, message: &Work, is_last: bool) -> Result<Option<WorkItem>> {
        let (workspace, id) = (&message.workspace, message.id);
        let Some(item) = self.work(workspace, id).await? else {
            return Ok(None);
        };
        if !is_last || !item.is_asked_by(message) {
            return Ok(Some(item));
        }
        let due = Due::Work.key(lost_at(self.clock.now(), 0), id.uuid());
        let last = Write::Update {
            condition: Some(asked_as(&item)),
            key: Key::work(workspace, id),
            change: Expression::new("SET last_try = :yes, due_sk = :due_sk")
                .flag(":yes", true)
                .text(":due_sk", due.sk),
        };
        match self.table.transact(vec![last]).await {
            Ok(()) => Ok(Some(WorkItem {
                last_try: true,
                ..item
            })),
            // Done meanwhile, or asked for again, which is more tries.
            Err(Rejected::Conditions(_)) => self.work(workspace, id).await,
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Has work looked at again after `delay`, because someone else is doing it at the moment.
    /// Waiting is no try: there is another, even where this was to be the last.
    pub async fn wait_for_other(&self, item: &WorkItem, delay: Duration) -> Result<()> {
        if item.last_try {
            let not_last = Write::Update {
                condition: Some(asked_as(item)),
                key: Key::work(&item.work.workspace, item.work.id),
                change: Expression::new("REMOVE last_try"),
            };
            match self.table.transact(vec![not_last]).await {
                Ok(()) | Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        self.send_after(&item.work, delay).await;
        Ok(())
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

    /// Sends again the work of a row that was found due, or gives it up when a worker broke off in
    /// its last try.
    ///
    /// Returns whether it was sent. Of sweeps at once, one sends it.
    pub async fn resend(&self, workspace: &WorkspaceId, id: WorkId) -> Result<bool> {
        let now = self.clock.now();
        let item = self.work(workspace, id).await?;
        // The index may lag behind another sweep.
        let Some(item) = item.filter(|item| item.due_sk <= due_until(now)) else {
            return Ok(false);
        };
        if item.last_try {
            self.give_up(&item, broke_off()).await?;
            return Ok(false);
        }
        let due = Due::Work.key(lost_at(now, item.resends.saturating_add(1)), id.uuid());
        let again = Write::Update {
            condition: Some(
                Expression::new("asked = :asked AND due_sk = :seen")
                    .text(":asked", item.asked.to_string())
                    .text(":seen", item.due_sk),
            ),
            key: Key::work(workspace, id),
            change: Expression::new("SET due_sk = :due_sk ADD resends :one")
                .text(":due_sk", due.sk)
                .number(":one", 1),
        };
        match self.table.transact(vec![again]).await {
            Ok(()) => {
                self.send(&item.work).await;
                Ok(true)
            }
            // Finished, asked for again and sent by whoever asked, or sent by another sweep.
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}

/// Why work is given up that its workers could not give up themselves.
fn broke_off() -> Failure {
    Failure {
        stage: "queue".to_owned(),
        code: "gave_up".to_owned(),
        detail: "each try ended without a result, the last one too: redrive it".to_owned(),
    }
}
