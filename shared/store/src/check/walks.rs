//! The walks over the rows of a workspace: each row for itself, and what rows must say because others do.

use std::collections::BTreeMap;
use std::time::Instant;

use domain::file::Version;
use domain::{Result, Retry, WorkspaceId};

use super::ledger::{Sums, bucket_of, entries};
use super::mend::Verdict;
use super::{Amounts, Check, Place, QuotaIs, Rounds, Walk, Wanted};
use crate::file::VersionItem;
use crate::job::Next;
use crate::keys::{self, Key};
use crate::recount::{Counting, charge_of};
use crate::table::{Expression, Row, from_row};

/// Rows that are read at once; a page has a mebibyte at most.
const PAGE_ROWS: i32 = 2_000;

/// Most entries that are told apart in one walk, so that they fit the row of the job.
const MOST_ENTRIES: usize = 5_000;

/// Most entries that are named in one walk.
const MOST_NAMED: usize = 300;

/// How many entries are decided on in one step.
const DECIDED_AT_ONCE: usize = 50;

/// How often it is tried again to count what is used, where something happened meanwhile.
const MOST_COUNTS: u32 = 2;

impl Check<'_> {
    pub(super) async fn begin_walk(&self) -> Result<Walk> {
        Ok(Walk {
            after: None,
            counting: self.store.begin_counting(self.workspace).await?,
            inside: None,
        })
    }

    /// Reads the next page of rows of the workspace. None when there was one before that was the last.
    async fn next_page(&mut self, walk: &mut Walk) -> Result<(Vec<(Key, Row)>, bool)> {
        let prefix = keys::workspace_prefix(self.workspace);
        let filter = Expression::new("begins_with(pk, :workspace)").text(":workspace", prefix);
        let table = &self.store.table;
        let page = table
            .scan_rows(filter, PAGE_ROWS, walk.after.take())
            .await?;
        walk.after = page.next.map(from_row).transpose()?;
        self.seen.things += u64::try_from(page.rows.len()).unwrap_or_default();
        let mut rows = Vec::with_capacity(page.rows.len());
        for row in page.rows {
            let key: Key = from_row(row.clone())?;
            if let Some(charge) = charge_of(&key, &row) {
                walk.counting.add(&charge);
            }
            rows.push((key, row));
        }
        Ok((rows, walk.after.is_none()))
    }

    /// Looks at each row for itself, and sums up what others must say.
    pub(super) async fn sum(&mut self, mut walk: Walk, mut sums: Sums) -> Result<Next> {
        loop {
            let (rows, is_last) = self.next_page(&mut walk).await?;
            let mut versions = Vec::new();
            for (key, row) in rows {
                match entries(self.workspace, &key, &row) {
                    Ok(entries) => {
                        for (entry, amount) in entries {
                            sums.add(entry.hash()?, amount);
                        }
                    }
                    Err(error) => self.unreadable(named(self.workspace, &key), &error),
                }
                if let Some(left) = self.step_into(&mut walk, &key, &row) {
                    let looked = self.look_at_file(&left).await;
                    self.or_pass_over(looked, || format!("file {}", left.file))?;
                }
                let looked = self.look_at_due(&key, &row).await;
                let workspace = self.workspace;
                self.or_pass_over(looked, || named(workspace, &key))?;
                if let Some((_, file)) = keys::file_of_version(&key)
                    && let Ok(item) = from_row::<VersionItem>(row)
                {
                    versions.push((file, Version::from(item)));
                }
            }
            self.look_at_objects_of(versions).await?;
            if is_last {
                break;
            }
            if Instant::now() >= self.until {
                return Next::go(&Place::Sum { walk, sums });
            }
        }
        if let Some(left) = walk.inside.take() {
            let looked = self.look_at_file(&left).await;
            self.or_pass_over(looked, || format!("file {}", left.file))?;
        }
        let quota = self
            .look_at_quota(QuotaIs::Unknown(0), &walk.counting)
            .await?;
        let rounds = Rounds {
            now: Vec::new(),
            later: sums.unbalanced(),
            at_once: sums.at_once(MOST_ENTRIES),
            quota,
        };
        self.next_round(rounds).await
    }

    /// Takes the next buckets; at the end when there are none.
    async fn next_round(&mut self, mut rounds: Rounds) -> Result<Next> {
        if rounds.later.is_empty() && rounds.quota == QuotaIs::Done {
            return Ok(Next::End);
        }
        let rest = rounds
            .later
            .split_off(rounds.at_once.min(rounds.later.len()));
        rounds.now = std::mem::replace(&mut rounds.later, rest);
        Next::go(&Place::TellApart {
            walk: self.begin_walk().await?,
            rounds,
            amounts: BTreeMap::new(),
        })
    }

    pub(super) async fn tell_apart(
        &mut self,
        mut walk: Walk,
        mut rounds: Rounds,
        mut amounts: BTreeMap<u64, Amounts>,
    ) -> Result<Next> {
        loop {
            let (rows, is_last) = self.next_page(&mut walk).await?;
            for (key, row) in rows {
                // What does not read back was told in the walk before.
                for (entry, amount) in entries(self.workspace, &key, &row).unwrap_or_default() {
                    let hash = entry.hash()?;
                    if rounds.now.contains(&bucket_of(hash)) {
                        amounts.entry(hash).or_default().add(amount);
                    }
                }
            }
            if is_last {
                break;
            }
            if Instant::now() >= self.until {
                return Next::go(&Place::TellApart {
                    walk,
                    rounds,
                    amounts,
                });
            }
        }
        // Last of all, because mending it makes it differ from what was counted before.
        if rounds.now.is_empty() {
            rounds.quota = self.look_at_quota(rounds.quota, &walk.counting).await?;
        }
        amounts.retain(|_, amounts| !amounts.is_right());
        self.next_names(rounds, amounts, walk.counting).await
    }

    /// Has the next entries named; with none left, goes on to the next buckets.
    async fn next_names(
        &mut self,
        rounds: Rounds,
        mut amounts: BTreeMap<u64, Amounts>,
        counting: Counting,
    ) -> Result<Next> {
        let Some(first) = amounts.keys().nth(MOST_NAMED.min(amounts.len())).copied() else {
            if amounts.is_empty() {
                return self.next_round(rounds).await;
            }
            return self
                .begin_naming(rounds, amounts, BTreeMap::new(), counting)
                .await;
        };
        let later = amounts.split_off(&first);
        self.begin_naming(rounds, amounts, later, counting).await
    }

    async fn begin_naming(
        &mut self,
        rounds: Rounds,
        amounts: BTreeMap<u64, Amounts>,
        later: BTreeMap<u64, Amounts>,
        counting: Counting,
    ) -> Result<Next> {
        let wanted = amounts.into_iter().map(|(hash, before)| {
            let wanted = Wanted {
                before,
                now: Amounts::default(),
                entry: None,
            };
            (hash, wanted)
        });
        Next::go(&Place::Name {
            walk: self.begin_walk().await?,
            rounds,
            wanted: wanted.collect(),
            later,
            counting,
        })
    }

    pub(super) async fn name(
        &mut self,
        mut walk: Walk,
        rounds: Rounds,
        mut wanted: BTreeMap<u64, Wanted>,
        later: BTreeMap<u64, Amounts>,
        counting: Counting,
    ) -> Result<Next> {
        loop {
            let (rows, is_last) = self.next_page(&mut walk).await?;
            for (key, row) in rows {
                for (entry, amount) in entries(self.workspace, &key, &row).unwrap_or_default() {
                    if let Some(wanted) = wanted.get_mut(&entry.hash()?) {
                        wanted.now.add(amount);
                        wanted.entry = Some(entry);
                    }
                }
            }
            if is_last {
                break;
            }
            if Instant::now() >= self.until {
                return Next::go(&Place::Name {
                    walk,
                    rounds,
                    wanted,
                    later,
                    counting,
                });
            }
        }
        // What came out this time was only being changed.
        wanted.retain(|_, wanted| !wanted.now.is_right());
        Next::go(&Place::Decide {
            rounds,
            wanted,
            later,
            counting,
        })
    }

    /// Looks at the entries that were named, those first on which others depend.
    pub(super) async fn decide(
        &mut self,
        rounds: Rounds,
        wanted: BTreeMap<u64, Wanted>,
        later: BTreeMap<u64, Amounts>,
        counting: Counting,
    ) -> Result<Next> {
        let mut wanted: Vec<(u64, Wanted)> = wanted.into_iter().collect();
        wanted.sort_by(|(_, a), (_, b)| a.entry.cmp(&b.entry));
        let mut left = BTreeMap::new();
        for (position, (hash, wanted)) in wanted.into_iter().enumerate() {
            if position >= DECIDED_AT_ONCE || Instant::now() >= self.until {
                left.insert(hash, wanted);
                continue;
            }
            let is_same = wanted.before == wanted.now;
            let Some(entry) = &wanted.entry else { continue };
            match self.verdict(entry, wanted.now, is_same, &counting).await {
                Ok(Verdict::Right) => {}
                Ok(Verdict::Undecided) => self.seen.undecided += 1,
                Ok(Verdict::Wrong(finding)) => self.seen.findings.push(finding),
                // A row does not read back, which was told when it was walked over.
                Err(error) if error.retry() == Retry::Never => self.seen.undecided += 1,
                Err(error) => return Err(error),
            }
        }
        if left.is_empty() {
            return self.next_names(rounds, later, counting).await;
        }
        Next::go(&Place::Decide {
            rounds,
            wanted: left,
            later,
            counting,
        })
    }

    /// Holds the quota against what a walk has counted. What is wrong in two walks is mended.
    async fn look_at_quota(&mut self, before: QuotaIs, counting: &Counting) -> Result<QuotaIs> {
        let counted = self.store.counted(self.workspace, counting).await?;
        let now = counted
            .as_ref()
            .map(|(_, difference)| (difference.bytes, difference.files));
        match (before, now) {
            (QuotaIs::Unknown(walks), None) if walks < MOST_COUNTS => {
                Ok(QuotaIs::Unknown(walks + 1))
            }
            (QuotaIs::Done, _) | (QuotaIs::Unknown(_), None | Some((0, 0))) => Ok(QuotaIs::Done),
            (QuotaIs::Unknown(_), Some((bytes, files))) => Ok(QuotaIs::Wrong(bytes, files)),
            (QuotaIs::Wrong(bytes, files), now) => {
                let is_same = now == Some((bytes, files));
                if let Some((standing, difference)) = counted.filter(|_| is_same)
                    && (self.dry_run || self.store.mend_counted(&standing, &difference).await?)
                {
                    self.seen.findings.push(difference.finding(self.mended()));
                } else {
                    self.seen.undecided += u64::from(now != Some((0, 0)));
                }
                Ok(QuotaIs::Done)
            }
        }
    }
}

/// Names a row without names that people gave.
fn named(workspace: &WorkspaceId, key: &Key) -> String {
    match keys::kind_and_id(workspace, &key.pk) {
        Some(("F", id)) => format!("file {id}"),
        Some(("N", id)) => format!("a name in folder {id}"),
        Some(("D", id)) => format!("folder {id}"),
        Some(("U", id)) => format!("upload {id}"),
        Some(("B", id)) => format!("blob {id}"),
        Some(("H", id)) => format!("what is known of bytes {id}"),
        Some(("S", id)) => format!("dossier {id}"),
        Some((kind, _)) => format!("a row of kind {kind}"),
        None => "a row".to_owned(),
    }
}
