//! What a workspace may store: reserved before bytes are accepted, returned when they go.
//!
//! What is available stands in a row of the workspace, the pool, and in rows of shards, each in a
//! partition of its own. A process reserves from one shard and gives back to it, so that many
//! writers do not meet on one row. A shard that has too little is refilled: from the pool, then
//! from other shards. Each transaction here keeps the sum, or stands beside a write that holds only
//! once; so nothing is given out twice, and nothing is lost wherever a process stops.
//!
//! What is available is stored, not what is used: a condition of DynamoDB can compare a number but
//! not add two.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

pub use domain::quota::Quota;
use domain::quota::{Amount, Available, Place, Refill, Room, SHARDS};
use domain::usage::{Resource, Usage};
use domain::{Error, Result, WorkspaceId};
use jiff::Timestamp;
use runtime::ids::Ids;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, due_usage};
use crate::table::{Expression, Rejected, Row, Write, busy, from_row, to_row};

/// How often a reservation is tried again that was refused and then would have held, and room is
/// looked for that someone else took.
const TRIES: u32 = 16;

/// How often the rows are read again that moved while they were read.
const READS: u32 = 4;

/// The shard that a process reserves from and gives back to. Clones share it.
#[derive(Clone, Debug)]
pub struct Shard(Arc<AtomicU8>);

impl Shard {
    /// The shard of this number.
    pub fn new(number: u8) -> Self {
        Self(Arc::new(AtomicU8::new(number % SHARDS)))
    }

    /// Any shard: of many processes, few come to the same.
    pub fn any(ids: Ids) -> Self {
        Self::new(random(ids))
    }

    fn number(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes to any other shard, because this one is taken by someone else now.
    fn move_on(&self, ids: Ids) -> u8 {
        let next = (self.number() + 1 + random(ids) % (SHARDS - 1)) % SHARDS;
        self.0.store(next, Ordering::Relaxed);
        next
    }
}

fn random(ids: Ids) -> u8 {
    ids.random().as_bytes()[15] % SHARDS
}

/// The row of the pool.
#[derive(Debug, Serialize, Deserialize)]
struct PoolItem {
    #[serde(flatten)]
    available: Amount,
    limit_bytes: u64,
    limit_files: u64,
    /// How often something moved between the pool and shards. Who reads all rows and finds that it
    /// has changed meanwhile may have missed what moved.
    #[serde(default)]
    moves: u64,
    /// The percentages that were reached when they were last looked at.
    #[serde(default)]
    alerted_bytes: u8,
    #[serde(default)]
    alerted_files: u8,
    /// How much more than this row says was found when the workspace was last counted anew.
    #[serde(default)]
    suspected_bytes: i64,
    #[serde(default)]
    suspected_files: i64,
    /// When the usage is to be counted, in the `due` index; none in rows from before there was one.
    due_pk: Option<String>,
    due_sk: Option<String>,
}

/// The row of a shard.
#[derive(Debug, Deserialize)]
struct ShardItem {
    #[serde(flatten)]
    available: Amount,
    /// How often something was reserved from it or given back. It only grows.
    #[serde(default)]
    changes: u64,
}

#[derive(Deserialize)]
struct Partition {
    pk: String,
}

/// How the quota of a workspace stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) limit: Quota,
    pub(crate) available: Available,
    /// What was moved between the rows.
    pub(crate) moves: u64,
    /// What was reserved and given back in each shard; none where there is no row.
    pub(crate) changes: [Option<u64>; SHARDS as usize],
    /// When the usage is to be counted, as in the `due` index.
    pub(crate) due_sk: Option<String>,
    /// How many bytes and files more were found when it was last counted anew.
    pub(crate) suspected: (i64, i64),
    alerted_bytes: u8,
    alerted_files: u8,
}

impl Standing {
    /// How that of a workspace stands which has stored nothing yet.
    fn new(limit: Quota) -> Self {
        Self {
            limit,
            available: Available {
                pool: Amount::new(limit.bytes, limit.files),
                ..Available::default()
            },
            moves: 0,
            changes: [None; SHARDS as usize],
            due_sk: None,
            suspected: (0, 0),
            alerted_bytes: 0,
            alerted_files: 0,
        }
    }

    /// What is used of it.
    pub(crate) fn usage(&self) -> Usage {
        let limit = Amount::new(self.limit.bytes, self.limit.files);
        let available = self.available.sum();
        let used = |limit: i64, available: i64| {
            let used = i128::from(limit) - i128::from(available);
            u64::try_from(used.max(0)).unwrap_or(u64::MAX)
        };
        Usage {
            used_bytes: used(limit.bytes, available.bytes),
            used_files: used(limit.files, available.files),
            limit: self.limit,
        }
    }

    /// The percentage of a resource that was reached when it was last looked at.
    pub(crate) const fn alerted(&self, resource: Resource) -> u8 {
        match resource {
            Resource::Bytes => self.alerted_bytes,
            Resource::Files => self.alerted_files,
        }
    }

    /// Says whether the usage should be looked at sooner than it is due: a percentage was reached
    /// that nobody was told.
    fn is_news(&self, now: Timestamp) -> bool {
        let until = crate::keys::due_until(now);
        let is_due = self.due_sk.as_ref().is_some_and(|due| *due <= until);
        let usage = self.usage();
        let has_grown =
            |resource| usage.level(resource).unwrap_or_default() > self.alerted(resource);
        self.due_sk.is_none() || (!is_due && Resource::ALL.into_iter().any(has_grown))
    }

    /// The answer to who wants more than there is.
    fn exceeded(&self, wanted: Amount) -> Error {
        let left = self.available.sum();
        let detail = if left.files < wanted.files {
            format!(
                "the workspace holds {} of its {} files, and {} more do not fit: delete some or ask \
                 for more",
                self.usage().used_files,
                self.limit.files,
                wanted.files
            )
        } else {
            format!(
                "{} bytes do not fit: {} of {} bytes are left in this workspace",
                wanted.bytes,
                left.bytes.max(0),
                self.limit.bytes
            )
        };
        Error::QuotaExceeded { detail }
    }
}

/// Takes from what is available in a shard; holds only when there is enough.
fn reserve(workspace: &WorkspaceId, shard: u8, wanted: Amount) -> Write {
    Write::Update {
        condition: Some(has(wanted)),
        key: Key::quota_shard(workspace, shard),
        change: Expression::new(
            "SET available_bytes = available_bytes - :bytes, \
             available_files = available_files - :files ADD changes :one",
        )
        .number(":one", 1),
    }
}

/// Gives back what was taken. Always beside a write whose condition holds only once.
pub(crate) fn give_back(workspace: &WorkspaceId, shard: &Shard, bytes: u64, files: u64) -> Write {
    Write::Update {
        condition: None,
        key: Key::quota_shard(workspace, shard.number()),
        change: add(Amount::new(bytes, files), ", changes :one").number(":one", 1),
    }
}

/// Holds where there is at least this; what is not wanted need not be there.
fn has(amount: Amount) -> Expression {
    let text = match (amount.bytes, amount.files) {
        (0, _) => "available_files >= :files AND :bytes = :bytes",
        (_, 0) => "available_bytes >= :bytes AND :files = :files",
        _ => "available_bytes >= :bytes AND available_files >= :files",
    };
    Expression::new(text)
        .number(":bytes", amount.bytes)
        .number(":files", amount.files)
}

/// Adds an amount, and what else is to be added.
fn add(amount: Amount, more: &str) -> Expression {
    Expression::new(format!(
        "ADD available_bytes :add_bytes, available_files :add_files{more}"
    ))
    .number(":add_bytes", amount.bytes)
    .number(":add_files", amount.files)
}

impl Store {
    /// Does all writes or none, with a reservation beside them. Positions of conditions that do not
    /// hold are those of the writes.
    ///
    /// A reservation that finds too little in its shard is tried again once there is more, and one
    /// that meets another writer goes to another shard.
    ///
    /// # Errors
    /// `QuotaExceeded` when there is too little in the whole workspace.
    pub(crate) async fn transact_reserving(
        &self,
        workspace: &WorkspaceId,
        bytes: u64,
        files: u64,
        beside: &[Write],
    ) -> Result<(), Rejected> {
        let wanted = Amount::new(bytes, files);
        if wanted.is_zero() {
            return self.table.transact(beside.to_vec()).await;
        }
        let reservation = beside.len();
        for _ in 0..TRIES {
            let mut shard = self.shard.number();
            let done = self.table.transact_anew(|conflicts| {
                if conflicts.contains(&reservation) {
                    shard = self.shard.move_on(self.ids);
                }
                let reserve = reserve(workspace, shard, wanted);
                beside.iter().cloned().chain([reserve]).collect()
            });
            match done.await {
                Err(Rejected::Conditions(broken)) if broken == [reservation] => self
                    .make_room(workspace, shard, wanted)
                    .await
                    .map_err(Rejected::Error)?,
                Err(Rejected::Conditions(mut broken)) => {
                    broken.retain(|position| *position != reservation);
                    return Err(Rejected::Conditions(broken));
                }
                done => return done,
            }
        }
        Err(Rejected::Error(busy(
            "many writers want the last of this workspace's quota",
        )))
    }

    /// Sees to it that a shard has an amount. Someone else may take it before it is reserved.
    ///
    /// # Errors
    /// `QuotaExceeded` when all shards and the pool together have too little.
    async fn make_room(&self, workspace: &WorkspaceId, shard: u8, wanted: Amount) -> Result<()> {
        for _ in 0..TRIES {
            let found = self.standing(workspace).await?;
            let is_new = found.is_none();
            let standing = found.unwrap_or_else(|| Standing::new(self.quota));
            let writes = match standing.available.room(shard, wanted) {
                Room::Enough => return Ok(()),
                Room::After(refill) if is_new => self.open(workspace, shard, Some(refill))?,
                Room::After(refill) => self.refill(workspace, &standing, shard, &refill),
                Room::TooLittle if is_new => self.open(workspace, shard, None)?,
                Room::TooLittle if self.has_moved(workspace, &standing).await? => continue,
                Room::TooLittle => {
                    self.count_soon(workspace, &standing).await?;
                    return Err(standing.exceeded(wanted));
                }
            };
            match self.table.transact(writes).await {
                Ok(()) if is_new => {}
                Ok(()) => return Ok(()),
                // Someone else took some of it, or opened the quota: look again.
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("many writers want the last of this workspace's quota"))
    }

    /// Gives a workspace its quota, and a shard its first block.
    fn open(
        &self,
        workspace: &WorkspaceId,
        shard: u8,
        refill: Option<Refill>,
    ) -> Result<Vec<Write>> {
        let block = refill.map(|refill| refill.sum()).unwrap_or_default();
        let due = due_usage(self.clock.now(), workspace);
        let pool = PoolItem {
            available: Amount::new(self.quota.bytes, self.quota.files).minus(block),
            limit_bytes: self.quota.bytes,
            limit_files: self.quota.files,
            moves: 0,
            alerted_bytes: 0,
            alerted_files: 0,
            suspected_bytes: 0,
            suspected_files: 0,
            due_pk: Some(due.pk),
            due_sk: Some(due.sk),
        };
        Ok(vec![
            Write::create(to_row(Key::quota(workspace), &pool)?),
            Write::Update {
                condition: None,
                key: Key::quota_shard(workspace, shard),
                change: add(block, ""),
            },
        ])
    }

    /// Moves what a shard takes, and has the usage counted soon where that is news.
    fn refill(
        &self,
        workspace: &WorkspaceId,
        standing: &Standing,
        shard: u8,
        refill: &Refill,
    ) -> Vec<Write> {
        let from_pool = refill
            .takes
            .iter()
            .find(|(place, _)| *place == Place::Pool)
            .map(|(_, taken)| *taken)
            .unwrap_or_default();
        let now = self.clock.now();
        let mut of_pool = add(Amount::default().minus(from_pool), ", moves :one").number(":one", 1);
        if standing.is_news(now) {
            let due = due_usage(now, workspace);
            of_pool = of_pool
                .and_set("due_pk = :due_pk, due_sk = :due_sk")
                .text(":due_pk", due.pk)
                .text(":due_sk", due.sk);
        }
        let mut writes = vec![
            Write::Update {
                condition: (!from_pool.is_zero()).then(|| has(from_pool)),
                key: Key::quota(workspace),
                change: of_pool,
            },
            Write::Update {
                condition: None,
                key: Key::quota_shard(workspace, shard),
                change: add(refill.sum(), ""),
            },
        ];
        writes.extend(refill.takes.iter().filter_map(|(place, taken)| {
            let Place::Shard(other) = place else {
                return None;
            };
            Some(Write::Update {
                condition: Some(has(*taken)),
                key: Key::quota_shard(workspace, *other),
                change: add(Amount::default().minus(*taken), ""),
            })
        }));
        writes
    }

    /// Has the usage of a workspace counted by the next sweep where that is news.
    async fn count_soon(&self, workspace: &WorkspaceId, standing: &Standing) -> Result<()> {
        let now = self.clock.now();
        if !standing.is_news(now) {
            return Ok(());
        }
        let due = due_usage(now, workspace);
        let write = Write::Update {
            condition: Some(crate::table::present()),
            key: Key::quota(workspace),
            change: Expression::new("SET due_pk = :due_pk, due_sk = :due_sk")
                .text(":due_pk", due.pk)
                .text(":due_sk", due.sk),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Says whether something moved between the rows since they were read, so that some of it may
    /// have been missed.
    async fn has_moved(&self, workspace: &WorkspaceId, standing: &Standing) -> Result<bool> {
        let pool: Option<PoolItem> = self.table.get(Key::quota(workspace)).await?;
        Ok(pool.is_none_or(|pool| pool.moves != standing.moves))
    }

    /// Reads how the quota of a workspace stands, so that nothing is missed that moved meanwhile;
    /// none for one that has stored nothing yet.
    ///
    /// # Errors
    /// `Busy` when something moves all the time.
    pub(crate) async fn settled_standing(
        &self,
        workspace: &WorkspaceId,
    ) -> Result<Option<Standing>> {
        match self.closest_standing(workspace).await? {
            Some((_, false)) => Err(busy("the quota of this workspace is being moved about")),
            standing => Ok(standing.map(|(standing, _)| standing)),
        }
    }

    /// The same as well as can be had: says whether nothing was missed. Where something moves all the
    /// time, a few blocks may be.
    pub(crate) async fn closest_standing(
        &self,
        workspace: &WorkspaceId,
    ) -> Result<Option<(Standing, bool)>> {
        let mut reads = 0;
        loop {
            let Some(standing) = self.standing(workspace).await? else {
                return Ok(None);
            };
            reads += 1;
            let is_settled = !self.has_moved(workspace, &standing).await?;
            if is_settled || reads == READS {
                return Ok(Some((standing, is_settled)));
            }
        }
    }

    /// Reads how the quota of a workspace stands, row by row.
    async fn standing(&self, workspace: &WorkspaceId) -> Result<Option<Standing>> {
        let keys: Vec<Key> = (0..SHARDS)
            .map(|shard| Key::quota_shard(workspace, shard))
            .collect();
        let pool_pk = Key::quota(workspace).pk;
        let mut pool: Option<PoolItem> = None;
        let mut shards: Vec<(usize, ShardItem)> = Vec::new();
        let asked = keys
            .iter()
            .cloned()
            .chain([Key::quota(workspace)])
            .collect();
        for row in self.table.get_rows(asked).await? {
            let Partition { pk } = from_row(Row::clone(&row))?;
            if pk == pool_pk {
                pool = Some(from_row(row)?);
            } else if let Some(shard) = keys.iter().position(|key| key.pk == pk) {
                shards.push((shard, from_row(row)?));
            }
        }
        Ok(pool.map(|pool| {
            let mut standing = Standing {
                limit: Quota {
                    bytes: pool.limit_bytes,
                    files: pool.limit_files,
                },
                available: Available {
                    pool: pool.available,
                    ..Available::default()
                },
                moves: pool.moves,
                changes: [None; SHARDS as usize],
                due_sk: pool.due_sk,
                suspected: (pool.suspected_bytes, pool.suspected_files),
                alerted_bytes: pool.alerted_bytes,
                alerted_files: pool.alerted_files,
            };
            for (shard, item) in shards {
                standing.available.shards[shard] = item.available;
                standing.changes[shard] = Some(item.changes);
            }
            standing
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_meets_another_writer_goes_to_another_shard_and_comes_to_all() {
        let shard = Shard::new(5);
        let clone = shard.clone();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            let before = shard.number();
            let after = shard.move_on(Ids);
            assert_ne!(before, after);
            assert!(after < SHARDS);
            assert_eq!(clone.number(), after);
            seen.insert(after);
        }
        assert_eq!(seen.len(), usize::from(SHARDS));
    }
}
