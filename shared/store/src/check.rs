//! Checks: all rows and objects of a workspace held against each other, by a job, as far as nobody
//! looks at them otherwise. What is wrong is a finding: it is mended where that is safe, and listed.
//!
//! A check goes over the objects first, then over the rows. What one row must say because another
//! does is summed up (see [`ledger`]), and only where the sums do not come out are those rows looked
//! for, in two more walks. What people do meanwhile makes sums differ that are right. So nothing is a
//! finding before the rows themselves were read again and a transaction has held in which all of them
//! are as they were read: the very one that mends it, or when nothing is to be changed, its conditions
//! alone. Counts of references, which no such transaction can hold whole, are findings only when two
//! walks came to the same while nothing was stored or deleted in the workspace.
//!
//! The rows of a workspace are found by a scan of the table, which is read whole: half a unit of
//! reading for 4 KiB. Nothing that has lost its place could be found by an index.

mod ledger;
mod mend;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::file::{BlobRef, Failure, Status, Version};
use domain::finding::{Finding, Kind, Outcome};
use domain::job::{Job, Reason, Task};
use domain::{BlobId, Error, FileId, JobId, Result, Retry, Sha256, UploadId, WorkId, WorkspaceId};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::Store;
use crate::blob::{BLOBS_PREFIX, ObjectKey, PRESIGNED_PREFIX, STAGED_PREFIX, TEXT_PREFIX};
use crate::check::ledger::{Entry, Sums, bucket_of, entries};
use crate::check::mend::Verdict;
use crate::file::{Found, RowKind, VersionItem};
use crate::forget::Text;
use crate::idempotency::{self, Repeatable};
use crate::job::{JobItem, Next, Step};
use crate::keys::{self, FINDING_PREFIX, Key, MEMBERSHIP_PREFIX, SELF, VERSION_PREFIX};
use crate::recount::{Counting, charge_of};
use crate::table::{Expression, Query, Rejected, Row, Write, from_row, to_row};
use crate::walk::VERSION_AGE;

/// How long a step takes about.
const STEP: Duration = Duration::from_secs(4);

/// Rows that are read at once; a page has a mebibyte at most.
const PAGE_ROWS: i32 = 2_000;

/// How many rows or objects are looked at at once.
const AT_ONCE: usize = 16;

/// Age from which an object must have its row, as for the sweep.
const OBJECT_AGE: SignedDuration = SignedDuration::from_hours(1);

/// How long something may be due before a sweep must have come to it: six of them.
const OVERDUE: SignedDuration = SignedDuration::from_mins(30);

/// Most entries that are told apart in one walk, so that they fit the row of the job.
const MOST_ENTRIES: usize = 5_000;

/// Most entries that are named in one walk.
const MOST_NAMED: usize = 300;

/// How many entries are decided on in one step.
const DECIDED_AT_ONCE: usize = 50;

/// How often it is tried again to count what is used, where something happened meanwhile.
const MOST_COUNTS: u32 = 2;

/// How long findings can be asked about, as their job.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The prefixes of objects, in the order of the walk.
const PREFIXES: [&str; 4] = [BLOBS_PREFIX, PRESIGNED_PREFIX, STAGED_PREFIX, TEXT_PREFIX];

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

/// What was seen of a file's partition.
#[derive(Debug, Serialize, Deserialize)]
struct Inside {
    file: FileId,
    kind: Option<RowKind>,
    /// Which version must be there.
    current: Option<u32>,
    has_current: bool,
    /// Whether there was anything that must not be there without a file.
    has_parts: bool,
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

/// An object that no row names.
#[derive(Clone, Debug)]
pub enum Orphan {
    /// The bytes of nothing.
    Blob(WorkspaceId, BlobRef),
    /// Staged bytes that no open upload has.
    Staged(WorkspaceId, UploadId, BlobId),
    /// A text of bytes that no version has.
    Text(Text),
}

impl Orphan {
    /// Whose it is.
    pub const fn workspace(&self) -> &WorkspaceId {
        match self {
            Self::Blob(workspace, _) | Self::Staged(workspace, ..) => workspace,
            Self::Text(text) => &text.workspace,
        }
    }

    fn key(&self) -> ObjectKey {
        match self.clone() {
            Self::Blob(workspace, blob) => ObjectKey::Blob(workspace, blob),
            Self::Staged(workspace, upload, id) => ObjectKey::Staged(workspace, upload, id),
            Self::Text(text) => ObjectKey::Text(text.workspace, text.content, text.id),
        }
    }

    /// Tells it as a finding.
    pub fn finding(&self, written_at: Option<Timestamp>, outcome: Outcome) -> Finding {
        Finding {
            kind: Kind::OrphanObject,
            about: format!("object {}", self.key().path()),
            since: written_at,
            outcome,
            detail: "no row names it: it is removed".to_owned(),
        }
    }
}

/// Tells of a version whose object is missing as a finding.
pub fn missing_object(file: FileId, version: &Version, outcome: Outcome) -> Finding {
    Finding {
        kind: Kind::MissingObject,
        about: format!("file {file}, version {}", version.number),
        since: Some(version.created_at),
        outcome,
        detail: "its bytes are no longer in store: bring them back to where they were and retry \
                 the file, store it again, or delete the version"
            .to_owned(),
    }
}

/// Logs a finding: `template.yaml` counts these lines by kind. What it is about has no names in it that
/// people gave.
pub fn tell(workspace: &WorkspaceId, finding: &Finding) {
    warn!(
        event = "finding",
        workspace = %workspace,
        kind = finding.kind.as_str(),
        about = finding.about,
        outcome = finding.outcome.as_str(),
        "something is not as it should be"
    );
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

    /// Says whether an object is there that was listed and that no row names: it may have gone since,
    /// and its row after it.
    pub async fn is_there(&self, orphan: &Orphan) -> Result<bool> {
        Ok(self.blobs.head(&orphan.key()).await?.is_some())
    }

    /// Removes an object that no row names. A text that has come to be needed since stays.
    pub async fn remove_orphan(&self, orphan: &Orphan) -> Result<()> {
        match orphan {
            Orphan::Blob(..) | Orphan::Staged(..) => self.blobs.delete(&orphan.key()).await,
            Orphan::Text(text) => self.forget_text(text).await,
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

    async fn look_at_objects(
        &mut self,
        mut prefix: usize,
        mut after: Option<String>,
    ) -> Result<Next> {
        while let Some(kind) = PREFIXES.get(prefix) {
            let path = format!("{kind}{}/", self.workspace);
            let page = self.store.blobs.list(&path, after.as_deref()).await?;
            let now = self.store.clock.now();
            let last = page.objects.last().map(|object| object.path.clone());
            let count = u64::try_from(page.objects.len()).unwrap_or_default();
            self.seen.things += count;
            let old: Vec<_> = page
                .objects
                .into_iter()
                .filter(|object| now.duration_since(object.written_at) > OBJECT_AGE)
                .collect();
            self.look_for_orphans(&old).await?;
            (prefix, after) = match last {
                Some(last) if page.more => (prefix, Some(last)),
                Some(_) | None => (prefix + 1, None),
            };
            if Instant::now() >= self.until {
                return Next::go(&Place::Objects { prefix, after });
            }
        }
        let walk = self.begin_walk().await?;
        let sums = Sums::new();
        Next::go(&Place::Sum { walk, sums })
    }

    /// Finds those of some objects that no row names.
    async fn look_for_orphans(&mut self, objects: &[crate::blob::ListedObject]) -> Result<()> {
        let (mut blobs, mut staged, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        let mut since = BTreeMap::new();
        for object in objects {
            since.insert(object.path.clone(), object.written_at);
            match ObjectKey::parse(&object.path) {
                Some(ObjectKey::Blob(workspace, blob)) => blobs.push((workspace, blob)),
                Some(ObjectKey::Staged(workspace, upload, id)) => {
                    staged.push((workspace, upload, id));
                }
                Some(ObjectKey::Text(workspace, content, id)) => texts.push(Text {
                    workspace,
                    content,
                    id,
                }),
                // Those of exports go with them, by the sweep; others are none of ours.
                Some(
                    ObjectKey::Export(..)
                    | ObjectKey::Inbox(..)
                    | ObjectKey::Receipt(..)
                    | ObjectKey::ReceiptKey(_),
                )
                | None => {}
            }
        }
        let blobs = self.store.orphans(blobs).await?;
        let staged = self.store.unneeded_staged(staged).await?;
        let (texts, unreadable) = self.store.unneeded_texts(texts).await?;
        for error in unreadable {
            self.unreadable("what is known of some bytes".to_owned(), &error);
        }
        let orphans = blobs
            .into_iter()
            .map(|(workspace, blob)| Orphan::Blob(workspace, blob))
            .chain(
                staged
                    .into_iter()
                    .map(|(workspace, upload, id)| Orphan::Staged(workspace, upload, id)),
            )
            .chain(texts.into_iter().map(Orphan::Text));
        for orphan in orphans {
            if self.store.is_there(&orphan).await? {
                if !self.dry_run {
                    self.store.remove_orphan(&orphan).await?;
                }
                let written_at = since.get(&orphan.key().path()).copied();
                self.seen
                    .findings
                    .push(orphan.finding(written_at, self.mended()));
            }
        }
        Ok(())
    }

    async fn begin_walk(&self) -> Result<Walk> {
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
    async fn sum(&mut self, mut walk: Walk, mut sums: Sums) -> Result<Next> {
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

    async fn tell_apart(
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

    async fn name(
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
    async fn decide(
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

    /// Follows the walk through the partitions of files. Returns one that is left and in which
    /// something is missing.
    fn step_into(&self, walk: &mut Walk, key: &Key, row: &Row) -> Option<Inside> {
        let file = keys::kind_and_id(self.workspace, &key.pk)
            .filter(|(kind, _)| *kind == "F")
            .and_then(|(_, id)| id.parse::<FileId>().ok());
        let is_same = walk.inside.as_ref().map(|inside| inside.file) == file;
        let left = if is_same { None } else { walk.inside.take() };
        if let Some(file) = file {
            let inside = walk.inside.get_or_insert(Inside {
                file,
                kind: None,
                current: None,
                has_current: false,
                has_parts: false,
            });
            if key.sk == SELF {
                #[derive(Deserialize)]
                struct Head {
                    kind: RowKind,
                    current_version: Option<u32>,
                }
                if let Ok(head) = from_row::<Head>(row.clone()) {
                    inside.kind = Some(head.kind);
                    inside.current = head.current_version;
                }
            } else if key.sk.starts_with(VERSION_PREFIX) {
                inside.has_parts = true;
                let version = inside
                    .current
                    .map(|number| Key::version(self.workspace, file, number));
                inside.has_current |= version.is_some_and(|version| version.sk == key.sk);
            } else {
                inside.has_parts |= key.sk.starts_with(MEMBERSHIP_PREFIX);
            }
        }
        left.filter(|left| match left.kind {
            Some(RowKind::File) => !left.has_current,
            Some(RowKind::Erasing) => false,
            Some(RowKind::Tombstone) | None => left.has_parts,
        })
    }

    /// Looks at a file of which something seems to be missing.
    async fn look_at_file(&mut self, inside: &Inside) -> Result<()> {
        let (store, workspace, id) = (self.store, self.workspace, inside.file);
        // Versions before the file and after it: each comes with the file and goes before it does.
        let before = store.versions(workspace, id).await?;
        let found = store.found(workspace, id).await?;
        let after = store.versions(workspace, id).await?;
        let about = format!("file {id}");
        match found {
            Some(Found::File(file)) => {
                let has = |versions: &[Version]| {
                    versions
                        .iter()
                        .any(|version| version.number == file.version)
                };
                let again = store.found(workspace, id).await?;
                let is_same =
                    matches!(&again, Some(Found::File(again)) if again.revision == file.revision);
                if is_same && !has(&before) && !has(&after) {
                    self.found(
                        Kind::OrphanRow,
                        about,
                        None,
                        Outcome::Left,
                        "the row of its current version is missing: restore the row from a backup, \
                         store a new version of it, or delete the file",
                    );
                }
            }
            Some(Found::Gone(item)) if item.kind == RowKind::Tombstone => {
                for version in after {
                    if !self.dry_run {
                        let removed = domain::receipt::RemovedVersion {
                            version: version.number,
                            blob: version.content.blob,
                            sha256: version.content.sha256,
                            size_bytes: version.content.size_bytes,
                            blob_removed: true,
                        };
                        store.remove_version(workspace, id, &removed).await?;
                    }
                    self.found(
                        Kind::OrphanRow,
                        format!("{about}, version {}", version.number),
                        Some(version.created_at),
                        self.mended(),
                        "it was left of a file that was deleted: it is removed",
                    );
                }
            }
            None if !before.is_empty() && !after.is_empty() => self.found(
                Kind::OrphanRow,
                about,
                None,
                Outcome::Left,
                "there are versions and no file: restore the row of the file from a backup",
            ),
            Some(Found::Gone(_)) | None => {}
        }
        Ok(())
    }

    /// Looks whether a row has been due for longer than sweeps need.
    async fn look_at_due(&mut self, key: &Key, row: &Row) -> Result<()> {
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

    /// Looks whether the objects of versions are there.
    async fn look_at_objects_of(&mut self, versions: Vec<(FileId, Version)>) -> Result<()> {
        let now = self.store.clock.now();
        let old: Vec<_> = versions
            .into_iter()
            .filter(|(_, version)| now.duration_since(version.created_at) > VERSION_AGE)
            .collect();
        for some in old.chunks(AT_ONCE) {
            let missing = some
                .iter()
                .map(|(file, version)| self.is_lost(*file, version));
            let missing = join_all(missing).await;
            for ((file, version), is_lost) in some.iter().zip(missing) {
                let looked = match is_lost {
                    Ok(true) => self.lost(*file, version).await,
                    is_lost => is_lost.map(|_| ()),
                };
                self.or_pass_over(looked, || format!("file {file}"))?;
            }
        }
        Ok(())
    }

    /// Says whether the bytes of a version are gone while the file is there.
    async fn is_lost(&self, file: FileId, version: &Version) -> Result<bool> {
        let (store, workspace) = (self.store, self.workspace);
        if !store.is_missing(workspace, version).await? {
            return Ok(false);
        }
        // After the look at the bytes: who removes them marks the file, or removes the version, first.
        // A version that shares another's blob by now is another row.
        let Some(found) = store.file_if_living(workspace, file).await? else {
            return Ok(false);
        };
        let is_being_read = found.version == version.number
            && matches!(found.status, Status::Pending | Status::Scanning);
        let item = store.version_item(workspace, file, version.number).await?;
        let is_same = item.is_some_and(|item| item.content.blob == version.content.blob);
        Ok(is_same && !is_being_read)
    }

    async fn lost(&mut self, file: FileId, version: &Version) -> Result<()> {
        let known = version
            .failure
            .as_ref()
            .is_some_and(Failure::is_of_missing_bytes);
        if !self.dry_run && !known {
            self.store
                .fail_if_missing(self.workspace, file, version)
                .await?;
        }
        let outcome = if self.dry_run {
            Outcome::Found
        } else {
            Outcome::Left
        };
        self.seen
            .findings
            .push(missing_object(file, version, outcome));
        Ok(())
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
