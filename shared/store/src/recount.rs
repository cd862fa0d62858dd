//! Counting anew what workspaces use: from their versions, files and open uploads, beside the walk
//! over rows, and holding that against what their quotas say.
//!
//! The two are read at different times, so they may differ without being wrong. What is compared is
//! only of workspaces in which nothing happened from before the walk until its end: each reservation
//! and each return counts up a number of its shard, a version says when it was made, and a session
//! when it was closed. Where these say that all was at rest, a difference is one. It is mended when
//! two walks found the same, in a transaction that holds only if still nothing has happened.
//!
//! What each thing counts for is said in `charge_of`, and nowhere else: whoever reserves or returns
//! must leave rows of which it is true.

use std::collections::BTreeMap;

use domain::finding::{self, Finding, Outcome};
use domain::upload::{Upload, UploadState};
use domain::{Error, Result, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::file::{RowKind, VersionItem};
use crate::keys::{self, DUE_SHARDS, Due, Key};
use crate::quota::Standing;
use crate::table::{Expression, Rejected, Row, Write, from_row, to_row};
use crate::upload::UploadItem;

/// How many workspaces are counted in one walk: as many as fit a row that is written with each page.
const AT_ONCE: usize = 100;

/// How long before a walk a workspace must have been at rest: longer than the time that whoever
/// makes a version or closes a session looks at before writing it.
const REST: SignedDuration = SignedDuration::from_mins(15);

/// Rows of a page of workspaces.
const PAGE_ROWS: i32 = 500;

/// What a row counts for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    workspace: WorkspaceId,
    bytes: u64,
    files: u64,
    /// When it came to count for this, where the row says so; the end of time where nobody knows
    /// what it counts for.
    since: Option<Timestamp>,
}

/// Says what a row counts for; none for one that counts for nothing.
///
/// A version counts with its bytes; a file as one until its tombstone stands; an open upload as one
/// and with all it has reserved.
pub(crate) fn charge_of(key: &Key, row: &Row) -> Option<Charge> {
    let (workspace, kind) = keys::charged(key)?;
    let charge = |bytes, files, since| Charge {
        workspace: workspace.clone(),
        bytes,
        files,
        since,
    };
    let read = || -> Result<Charge> {
        Ok(match kind {
            keys::Charged::Version => {
                let item: VersionItem = from_row(row.clone())?;
                charge(item.content.size_bytes, 0, Some(item.created_at))
            }
            keys::Charged::File => {
                #[derive(Deserialize)]
                struct Kinded {
                    kind: RowKind,
                }
                match from_row::<Kinded>(row.clone())?.kind {
                    RowKind::File | RowKind::Erasing => charge(0, 1, None),
                    RowKind::Tombstone => charge(0, 0, None),
                }
            }
            keys::Charged::Upload => {
                let item: UploadItem = from_row(row.clone())?;
                match item.upload_state {
                    UploadState::Open => {
                        let reserved = Upload::from(item).reserved();
                        charge(reserved.bytes, reserved.files, None)
                    }
                    UploadState::Committed { .. } | UploadState::Aborted { .. } => {
                        charge(0, 0, item.closed_at())
                    }
                }
            }
        })
    };
    Some(read().unwrap_or_else(|_| charge(0, 0, Some(Timestamp::MAX))))
}

/// What was counted of a workspace so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    /// How its quota stood when the walk began.
    stood: Stood,
    bytes: u64,
    files: u64,
    /// Whether all of it was at rest before the walk began.
    is_at_rest: bool,
}

/// What changes whenever something is reserved or given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stood {
    changes: u64,
    used_bytes: u64,
    used_files: u64,
}

impl Stood {
    fn of(standing: &Standing) -> Self {
        let usage = standing.usage();
        Self {
            // Each only grows, so the sum stays only where all do.
            changes: standing.changes.iter().flatten().sum(),
            used_bytes: usage.used_bytes,
            used_files: usage.used_files,
        }
    }
}

/// A recount that goes on beside a walk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recount {
    began_at: Timestamp,
    /// How far the walk has come that is counted.
    last: Option<Key>,
    /// How many pages were counted. Of two that count the same page, one writes.
    step: u64,
    counts: BTreeMap<WorkspaceId, Count>,
    /// Into how many parts workspaces are divided, of which each walk counts one.
    parts: u32,
    /// Which walk this is.
    turn: u32,
}

/// A workspace whose quota says something else than its rows add up to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which.
    pub workspace: WorkspaceId,
    /// How many bytes more there are than the quota says.
    pub bytes: i64,
    /// How many files more there are.
    pub files: i64,
    /// Whether it was mended.
    pub is_mended: bool,
}

impl Difference {
    /// Tells it as a finding.
    pub fn finding(&self, outcome: Outcome) -> Finding {
        let (bytes, files) = (self.bytes, self.files);
        Finding {
            kind: if bytes < 0 || files < 0 {
                finding::Kind::LeakedReservation
            } else {
                finding::Kind::WrongQuota
            },
            about: "quota".to_owned(),
            since: None,
            outcome,
            detail: format!(
                "there are {bytes:+} bytes and {files:+} files against what it says is used"
            ),
        }
    }
}

/// What stands, unless others move it all the time.
fn unless_busy<T>(standing: Result<Option<T>>) -> Result<Option<T>> {
    match standing {
        Err(Error::Busy { .. }) => Ok(None),
        standing => standing,
    }
}

impl Store {
    /// Returns the recount that goes with a walk that has come to `last`; a new one at its beginning.
    /// None when they are not in step, as after a crash: the next walk begins anew.
    pub async fn recount(&self, last: Option<&Key>) -> Result<Option<Recount>> {
        let before: Option<Recount> = self.table.get(Key::recount()).await?;
        match last {
            None => self.begin_recount(before).await.map(Some),
            Some(_) => Ok(before.filter(|recount| recount.last.as_ref() == last)),
        }
    }

    async fn begin_recount(&self, before: Option<Recount>) -> Result<Recount> {
        let (parts, turn) =
            before.map_or((1, 0), |before| (before.parts, before.turn.wrapping_add(1)));
        let mut recount = Recount {
            began_at: self.clock.now(),
            last: None,
            step: 0,
            counts: BTreeMap::new(),
            parts,
            turn,
        };
        for workspace in self.workspaces_in_turn(&mut recount).await? {
            // One that is never at rest is not counted, and holds up nobody.
            if let Some(standing) = unless_busy(self.settled_standing(&workspace).await)? {
                let count = Count {
                    stood: Stood::of(&standing),
                    bytes: 0,
                    files: 0,
                    is_at_rest: true,
                };
                recount.counts.insert(workspace, count);
            }
        }
        let write = Write::Put {
            condition: None,
            row: to_row(Key::recount(), &recount)?,
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the recount was not begun"))?;
        Ok(recount)
    }

    /// Returns the workspaces whose turn it is. Where they are too many, there are more turns.
    async fn workspaces_in_turn(&self, recount: &mut Recount) -> Result<Vec<WorkspaceId>> {
        let mut workspaces = Vec::new();
        for shard in 0..DUE_SHARDS {
            let mut start = None;
            loop {
                let page = self
                    .due(Due::Usage, shard, Timestamp::MAX, PAGE_ROWS, start)
                    .await?;
                workspaces.extend(page.rows.into_iter().map(|found| found.workspace));
                workspaces.retain(|workspace| has_turn(workspace, recount.parts, recount.turn));
                while workspaces.len() > AT_ONCE {
                    recount.parts = recount.parts.saturating_mul(2);
                    workspaces.retain(|workspace| has_turn(workspace, recount.parts, recount.turn));
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(workspaces)
    }

    /// Counts a page of the walk, and returns the recount as it is then; none when someone else has
    /// counted it.
    pub async fn count_page(
        &self,
        mut recount: Recount,
        charges: &Charges,
        last: Option<&Key>,
    ) -> Result<Option<Recount>> {
        let step = recount.step;
        recount.step += 1;
        recount.last = last.cloned();
        for charge in &charges.0 {
            let Some(count) = recount.counts.get_mut(&charge.workspace) else {
                continue;
            };
            count.bytes = count.bytes.saturating_add(charge.bytes);
            count.files = count.files.saturating_add(charge.files);
            let was_at_rest = |since| recount.began_at.duration_since(since) > REST;
            count.is_at_rest &= charge.since.is_none_or(was_at_rest);
        }
        // What moves is not looked at again.
        recount.counts.retain(|_, count| count.is_at_rest);
        let write = Write::Put {
            condition: Some(
                Expression::new("began_at = :began_at AND step = :step")
                    .text(":began_at", recount.began_at.to_string())
                    .number(":step", step),
            ),
            row: to_row(Key::recount(), &recount)?,
        };
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(Some(recount)),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Compares what was counted in a walk that has come to its end with what the quotas say.
    pub async fn end_recount(&self, recount: Recount) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for (workspace, count) in recount.counts {
            differences.extend(self.compare(&workspace, &count).await?);
        }
        Ok(differences)
    }

    /// Holds what was counted of a workspace against its quota. None where something has happened
    /// there.
    async fn measure(
        &self,
        workspace: &WorkspaceId,
        count: &Count,
    ) -> Result<Option<(Standing, Difference)>> {
        let Some(standing) = unless_busy(self.settled_standing(workspace).await)? else {
            return Ok(None);
        };
        if Stood::of(&standing) != count.stood {
            return Ok(None);
        }
        let more = |counted: u64, used: u64| {
            let more = i128::from(counted) - i128::from(used);
            i64::try_from(more).unwrap_or(if more < 0 { i64::MIN } else { i64::MAX })
        };
        let difference = Difference {
            workspace: workspace.clone(),
            bytes: more(count.bytes, count.stood.used_bytes),
            files: more(count.files, count.stood.used_files),
            is_mended: false,
        };
        Ok(Some((standing, difference)))
    }

    async fn compare(&self, workspace: &WorkspaceId, count: &Count) -> Result<Option<Difference>> {
        let Some((standing, mut difference)) = self.measure(workspace, count).await? else {
            return Ok(None);
        };
        let found = (difference.bytes, difference.files);
        let suspected = standing.suspected;
        if found == (0, 0) {
            if suspected != found {
                self.suspect(workspace, found).await?;
            }
            return Ok(None);
        }
        if suspected == found {
            difference.is_mended = self.mend(&standing, &difference).await?;
        } else {
            self.suspect(workspace, found).await?;
        }
        Ok(Some(difference))
    }

    /// Notes what a walk has found, for the next one to find again.
    async fn suspect(&self, workspace: &WorkspaceId, found: (i64, i64)) -> Result<()> {
        let write = Write::Update {
            condition: Some(crate::table::present()),
            key: Key::quota(workspace),
            change: Expression::new("SET suspected_bytes = :bytes, suspected_files = :files")
                .number(":bytes", found.0)
                .number(":files", found.1),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Makes a quota say what its workspace's rows add up to, if still nothing has happened there.
    async fn mend(&self, standing: &Standing, difference: &Difference) -> Result<bool> {
        let workspace = &difference.workspace;
        let mut writes = vec![Write::Update {
            condition: Some(
                // Each mending counts as a move, so that of two that found the same one mends it.
                Expression::new(
                    "suspected_bytes = :bytes AND suspected_files = :files AND \
                     (attribute_not_exists(moves) OR moves = :moves)",
                )
                .number(":bytes", difference.bytes)
                .number(":files", difference.files)
                .number(":moves", standing.moves),
            ),
            key: Key::quota(workspace),
            change: Expression::new(
                "SET suspected_bytes = :none, suspected_files = :none \
                 ADD available_bytes :back_bytes, available_files :back_files, moves :one",
            )
            .number(":none", 0)
            .number(":one", 1)
            .number(":back_bytes", difference.bytes.saturating_neg())
            .number(":back_files", difference.files.saturating_neg()),
        }];
        writes.extend(nothing_happened(workspace, standing));
        match self.table.transact(writes).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}

/// Hold while nothing was reserved or given back since the quota was read.
pub(crate) fn nothing_happened(workspace: &WorkspaceId, standing: &Standing) -> Vec<Write> {
    let shards = (0_u8..).zip(standing.changes);
    shards
        .map(|(shard, changes)| Write::Check {
            condition: match changes {
                None | Some(0) => Expression::new("attribute_not_exists(changes)"),
                Some(changes) => Expression::new("changes = :changes").number(":changes", changes),
            },
            key: Key::quota_shard(workspace, shard),
        })
        .collect()
}

/// What a walk over the rows of one workspace counts of what it uses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Counting {
    began_at: Timestamp,
    /// None where nothing was ever stored, or the quota never stands still.
    count: Option<Count>,
}

impl Counting {
    /// Counts what a row counts for.
    pub(crate) fn add(&mut self, charge: &Charge) {
        let began_at = self.began_at;
        if let Some(count) = &mut self.count {
            count.bytes = count.bytes.saturating_add(charge.bytes);
            count.files = count.files.saturating_add(charge.files);
            let was_at_rest = |since| began_at.duration_since(since) > REST;
            count.is_at_rest &= charge.since.is_none_or(was_at_rest);
        }
    }
}

impl Store {
    /// Begins to count what a workspace uses.
    pub(crate) async fn begin_counting(&self, workspace: &WorkspaceId) -> Result<Counting> {
        let standing = unless_busy(self.settled_standing(workspace).await)?;
        Ok(Counting {
            began_at: self.clock.now(),
            count: standing.map(|standing| Count {
                stood: Stood::of(&standing),
                bytes: 0,
                files: 0,
                is_at_rest: true,
            }),
        })
    }

    /// Returns how the quota stands, if nothing was reserved or given back since a count began.
    pub(crate) async fn unmoved_since(
        &self,
        workspace: &WorkspaceId,
        counting: &Counting,
    ) -> Result<Option<Standing>> {
        let Some(count) = &counting.count else {
            return Ok(None);
        };
        let measured = self.measure(workspace, count).await?;
        Ok(measured.map(|(standing, _)| standing))
    }

    /// Returns by how much what was counted is more than what the quota says. None where that cannot
    /// be said, because the workspace was not at rest.
    pub(crate) async fn counted(
        &self,
        workspace: &WorkspaceId,
        counting: &Counting,
    ) -> Result<Option<(Standing, Difference)>> {
        match &counting.count {
            Some(count) if count.is_at_rest => self.measure(workspace, count).await,
            Some(_) | None => Ok(None),
        }
    }

    /// Makes a quota say what was counted twice, if still nothing has happened. Says whether it did.
    pub(crate) async fn mend_counted(
        &self,
        standing: &Standing,
        difference: &Difference,
    ) -> Result<bool> {
        let found = (difference.bytes, difference.files);
        self.suspect(&difference.workspace, found).await?;
        self.mend(standing, difference).await
    }
}

/// What the rows of a page count for.
#[derive(Clone, Debug, Default)]
pub struct Charges(pub(crate) Vec<Charge>);

/// Says whether it is a workspace's turn to be counted.
fn has_turn(workspace: &WorkspaceId, parts: u32, turn: u32) -> bool {
    let hash = Sha256::of(workspace.as_str().as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_be_bytes([a, b, c, d]) % parts == turn % parts
}
