//! Checks: all rows and objects of a workspace held against each other, by a job, as far as nobody
//! looks at them otherwise. What is wrong is a finding: it is mended where that is safe, and listed.
//!
//! A check goes over the objects first, then over the rows. What one row must say because another
//! does is summed up (see `ledger`), and only where the sums do not come out are those rows looked
//! for, in two more walks. What people do meanwhile makes sums differ that are right. So nothing is a
//! finding before the rows themselves were read again and a transaction has held in which all of them
//! are as they were read: the very one that mends it, or when nothing is to be changed, its conditions
//! alone. Counts of references, which no such transaction can hold whole, are findings only when two
//! walks came to the same while nothing was stored or deleted in the workspace.
//!
//! The rows of a workspace are found by a scan of the table, which is read whole: half a unit of
//! reading for 4 KiB. Nothing that has lost its place could be found by an index.

mod count;
mod due;
mod finding;
mod ledger;
mod mend;
mod objects;
mod partition;
mod walks;

pub use self::finding::{Orphan, missing_object, tell};

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use domain::finding::{Finding, Kind, Outcome};
use domain::job::{Job, Reason, Task};
use domain::{Error, JobId, Result, Retry, Sha256, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::check::ledger::{Entry, Sums};
use crate::check::partition::Inside;
use crate::idempotency::{self, Repeatable};
use crate::job::{JobItem, Next, Step};
use crate::keys::{self, FINDING_PREFIX, Key};
use crate::recount::Counting;
use crate::table::{Query, Rejected, Write, to_row};

/// How long a step takes about.
const STEP: Duration = Duration::from_secs(4);

/// How long findings can be asked about, as their job.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Where a check goes on.
#[derive(Debug, Serialize, Deserialize)]
enum Place {
    /// Over the objects, behind one of them.
    Objects {
        prefix: usize,
        after: Option<String>,
    },
    /// Over all rows: each for itself, and their entries summed up.
    Sum { walk: Walk, sums: Sums },
    /// Over all rows: the entries of the buckets that do not come out, told apart.
    TellApart {
        walk: Walk,
        rounds: Rounds,
        amounts: BTreeMap<u64, Amounts>,
    },
    /// Over all rows: the entries that are not right, named.
    Name {
        walk: Walk,
        rounds: Rounds,
        wanted: BTreeMap<u64, Wanted>,
        /// Those whose turn is later.
        later: BTreeMap<u64, Amounts>,
        counting: Counting,
    },
    /// The entries that were named, one by one.
    Decide {
        rounds: Rounds,
        wanted: BTreeMap<u64, Wanted>,
        later: BTreeMap<u64, Amounts>,
        counting: Counting,
    },
}

/// A walk over all rows.
#[derive(Debug, Serialize, Deserialize)]
struct Walk {
    /// Behind which row it goes on; from the beginning where there is none.
    after: Option<Key>,
    /// What it counts of the quota.
    counting: Counting,
    /// The partition of a file it is in.
    inside: Option<Inside>,
}

/// Which buckets are to be looked at, and how many at once.
#[derive(Debug, Serialize, Deserialize)]
struct Rounds {
    now: Vec<usize>,
    later: Vec<usize>,
    at_once: usize,
    quota: QuotaIs,
}

/// What is known of the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum QuotaIs {
    /// It is right, or never to be known, because too much goes on.
    Done,
    /// In so many walks it could not be told, because something was stored or deleted.
    Unknown(u32),
    /// It differed by so many bytes and files in the walk before, which is to be confirmed.
    Wrong(i64, i64),
}

/// What the rows of one side and of the other say of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Amounts {
    should: i64,
    is: i64,
}

impl Amounts {
    fn add(&mut self, amount: i64) {
        if amount > 0 {
            self.should = self.should.saturating_add(amount);
        } else {
            self.is = self.is.saturating_sub(amount);
        }
    }

    const fn is_right(self) -> bool {
        self.should == self.is
    }
}

/// An entry that is looked for.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    before: Amounts,
    now: Amounts,
    entry: Option<Entry>,
}

/// The row of a finding.
#[derive(Debug, Serialize, Deserialize)]
struct FindingItem {
    finding: Finding,
    /// When DynamoDB may remove it, in seconds since 1970.
    forget_at: i64,
}

/// What a step has come to so far.
#[derive(Debug, Default)]
struct Seen {
    things: u64,
    findings: Vec<Finding>,
    undecided: u64,
}

/// A check that goes on.
struct Check<'a> {
    store: &'a Store,
    workspace: &'a WorkspaceId,
    dry_run: bool,
    until: Instant,
    seen: Seen,
}

impl Store {
    /// Asks for a check of a workspace.
    ///
    /// # Errors
    /// `Invalid` when the request's key was used for another one.
    pub async fn begin_check(
        &self,
        workspace: &WorkspaceId,
        dry_run: bool,
        repeatable: Option<&Repeatable>,
    ) -> Result<Job> {
        if let Some(repeatable) = repeatable
            && let Some(made) = self.made_already(workspace, repeatable).await?
        {
            return self.job(workspace, made).await;
        }
        let asked = self.new_job(workspace, Task::Check { dry_run })?;
        let mut writes = asked.writes;
        let now = self.clock.now();
        if let Some(repeatable) = repeatable {
            let made = asked.job.id;
            writes.push(idempotency::remember(workspace, repeatable, made, now)?);
        }
        match (self.table.transact(writes).await, repeatable) {
            (Ok(()), _) => {
                self.send(&asked.work).await;
                Ok(asked.job)
            }
            (Err(Rejected::Conditions(_)), Some(repeatable)) => {
                let made = self.made_before(workspace, repeatable).await?;
                self.job(workspace, made).await
            }
            (Err(rejected), _) => Err(rejected.into_error("the check was not begun")),
        }
    }

    /// Lists a page of what a check has found, by kind, from behind `after`, and where the next page
    /// begins.
    ///
    /// # Errors
    /// `NotFound` when there is no such job.
    pub async fn findings(
        &self,
        workspace: &WorkspaceId,
        job: JobId,
        after: Option<String>,
        limit: i32,
    ) -> Result<(Vec<Finding>, Option<String>)> {
        #[derive(Deserialize)]
        struct Placed {
            sk: String,
            finding: Finding,
        }
        self.job(workspace, job).await?;
        let partition = keys::job_partition(workspace, job);
        let start = after.map(|sk| {
            let pk = partition.clone();
            Key { pk, sk }.attributes()
        });
        let page = self
            .table
            .query::<Placed>(Query {
                limit,
                start,
                ..Query::prefix(partition, FINDING_PREFIX)
            })
            .await?;
        let next = page.next.and(page.rows.last().map(|row| row.sk.clone()));
        let findings = page.rows.into_iter().map(|row| row.finding);
        Ok((findings.collect(), next))
    }

    /// Takes a check a step further.
    pub(crate) async fn check_step(
        &self,
        workspace: &WorkspaceId,
        job: JobId,
        dry_run: bool,
        kept: &JobItem,
    ) -> Result<Step> {
        let place = kept.place()?.unwrap_or(Place::Objects {
            prefix: 0,
            after: None,
        });
        let mut check = Check {
            store: self,
            workspace,
            dry_run,
            until: Instant::now() + STEP,
            seen: Seen::default(),
        };
        // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
        let next = Box::pin(check.go_on(place)).await;
        // What was done before something failed is done, and told.
        let Seen {
            things,
            findings,
            undecided,
        } = check.seen;
        self.keep_findings(workspace, job, &findings).await?;
        let failed = (0..undecided).map(|_| undecided_reason()).collect();
        Ok(Step {
            done: things,
            failed,
            next: next?,
        })
    }

    async fn keep_findings(
        &self,
        workspace: &WorkspaceId,
        job: JobId,
        findings: &[Finding],
    ) -> Result<()> {
        let forget_at = self.clock.now().checked_add(REMEMBERED_FOR);
        let forget_at = forget_at.unwrap_or(Timestamp::MAX).as_second();
        for finding in findings {
            tell(workspace, finding);
            let what = Sha256::of(finding.about.as_bytes());
            let key = Key::finding(workspace, job, finding.kind.as_str(), what);
            let item = FindingItem {
                finding: finding.clone(),
                forget_at,
            };
            let write = Write::Put {
                condition: None,
                row: to_row(key, &item)?,
            };
            self.table
                .transact(vec![write])
                .await
                .map_err(|rejected| rejected.into_error("a finding was not kept"))?;
        }
        Ok(())
    }
}

fn undecided_reason() -> Reason {
    Reason {
        file: None,
        code: "undecided".to_owned(),
        detail: "something seemed wrong, but the workspace was being changed: check it again when \
                 less is going on"
            .to_owned(),
    }
}

impl Check<'_> {
    /// Goes on from a place for the time of a step.
    async fn go_on(&mut self, place: Place) -> Result<Next> {
        match place {
            Place::Objects { prefix, after } => self.look_at_objects(prefix, after).await,
            Place::Sum { walk, sums } => self.sum(walk, sums).await,
            Place::TellApart {
                walk,
                rounds,
                amounts,
            } => self.tell_apart(walk, rounds, amounts).await,
            Place::Name {
                walk,
                rounds,
                wanted,
                later,
                counting,
            } => self.name(walk, rounds, wanted, later, counting).await,
            Place::Decide {
                rounds,
                wanted,
                later,
                counting,
            } => self.decide(rounds, wanted, later, counting).await,
        }
    }

    /// Notes something that was found.
    fn found(
        &mut self,
        kind: Kind,
        about: String,
        since: Option<Timestamp>,
        outcome: Outcome,
        detail: impl Into<String>,
    ) {
        self.seen.findings.push(Finding {
            kind,
            about,
            since,
            outcome,
            detail: detail.into(),
        });
    }

    /// What mending comes to when it is done.
    const fn mended(&self) -> Outcome {
        if self.dry_run {
            Outcome::Found
        } else {
            Outcome::Mended
        }
    }

    /// Passes over what cannot be looked at whenever that is tried, and tells of it.
    fn or_pass_over(&mut self, looked: Result<()>, about: impl FnOnce() -> String) -> Result<()> {
        match looked {
            Err(error) if error.retry() == Retry::Never => {
                self.unreadable(about(), &error);
                Ok(())
            }
            looked => looked,
        }
    }

    fn unreadable(&mut self, about: String, error: &Error) {
        self.found(
            Kind::UnreadableRow,
            about,
            None,
            Outcome::Left,
            format!(
                "{}: restore the row from a backup, or remove it when it is of nothing",
                error.for_log()
            ),
        );
    }
}
