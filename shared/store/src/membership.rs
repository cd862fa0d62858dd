//! Which files are in which dossiers.
//!
//! A file is posted under its type and each of its tags, a dossier under its type and first tag,
//! in the same partition. Whoever comes second finds the first: a file posts itself and then looks
//! for dossiers, a dossier posts itself and then looks for files, and both look at the table, not
//! at an index. So a file that lands while a dossier is being made is in it.

use std::collections::BTreeMap;

use domain::dossier::{Member, MemberSum, called_for};
use domain::file::{File, Posting, Status, SummaryReason};
use domain::message::{Task, Work};
use domain::tag::Tag;
use domain::{DossierId, FileId, Result, WorkspaceId};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::content::Reading;
use crate::dossier::{PostedDossier, member_row, summary_work, wanted_is};
use crate::file::{MembershipItem, change_file, check_file};
use crate::keys::{Key, POSTED_DOSSIER_PREFIX, posting_partition};
use crate::table::{Expression, Query, Rejected, Write, absent, busy, to_row};
use crate::work::{self, WorkItem, new_work};

/// How often a membership is tried again after losing a race.
const TRIES: u32 = 16;

/// A file posted under its type and one of its tags.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PostedFile {
    pub(crate) file: FileId,
}

/// The tags under which a posting stands: each tag, and none for the whole type.
fn posting_tags(posting: &Posting) -> impl Iterator<Item = Option<&Tag>> {
    posting
        .tags
        .as_slice()
        .iter()
        .filter(|tag| **tag != posting.document_type)
        .map(Some)
        .chain([None])
}

/// Where a file is posted that has this posting.
pub(crate) fn posting_keys(
    workspace: &WorkspaceId,
    file: FileId,
    posting: Option<&Posting>,
) -> Vec<Key> {
    posting
        .into_iter()
        .flat_map(|posting| {
            posting_tags(posting)
                .map(|tag| Key::posted_file(workspace, &posting.document_type, tag, file))
        })
        .collect()
}

/// The writes that move a file's postings from where they are to where they should be.
fn move_postings(
    workspace: &WorkspaceId,
    file: FileId,
    from: Option<&Posting>,
    to: Option<&Posting>,
) -> Result<Vec<Write>> {
    let keys = |posting: Option<&Posting>| -> BTreeMap<String, Key> {
        posting_keys(workspace, file, posting)
            .into_iter()
            .map(|key| (key.pk.clone(), key))
            .collect()
    };
    let (from, to) = (keys(from), keys(to));
    let mut writes = Vec::new();
    for (partition, key) in &to {
        if !from.contains_key(partition) {
            writes.push(Write::Put {
                condition: None,
                row: to_row(key.clone(), &PostedFile { file })?,
            });
        }
    }
    for (partition, key) in from {
        if !to.contains_key(&partition) {
            writes.push(Write::Delete {
                condition: None,
                key,
            });
        }
    }
    Ok(writes)
}

/// The work of placing a file.
pub fn place_work(workspace: &WorkspaceId, file: FileId) -> Work {
    new_work(workspace, Task::PlaceFile { file })
}

/// What a file counts for in its dossiers. Without a date of its own it is put at the day it was
/// made, in UTC.
pub fn member_of(file: &File) -> Member {
    let facts = file.known_facts();
    Member {
        file: file.id,
        version: file.version,
        document_date: facts
            .document_date
            .unwrap_or_else(|| day_of(file.created_at)),
        amount: facts.amount,
        quantities: facts.quantities,
    }
}

fn day_of(at: Timestamp) -> jiff::civil::Date {
    at.to_zoned(TimeZone::UTC).date()
}

impl Store {
    /// Posts a file where dossiers find it, puts it into those it belongs to, takes it out of those
    /// it does not, and lets it go on: to its summary, or to its end when there is no text.
    ///
    /// Safe to run twice and at once: each step has its condition, and starts from the file as it is.
    pub async fn place_file(
        &self,
        workspace: &WorkspaceId,
        item: &WorkItem,
        id: FileId,
    ) -> Result<()> {
        match self.place_living(workspace, id).await? {
            Some(file) => self.go_on(workspace, item, file).await,
            None => self.finish(item).await,
        }
    }

    /// Posts a file anew and puts it into the dossiers it belongs to, because what became of a
    /// folder above it has changed. One that was not read yet is placed once it is. False when it is
    /// not there.
    pub(crate) async fn place_again(&self, workspace: &WorkspaceId, id: FileId) -> Result<bool> {
        let Some(file) = self.file_if_living(workspace, id).await? else {
            return Ok(false);
        };
        let is_read = !matches!(file.status, Status::Pending | Status::Scanning);
        let is_sorted = file.posted.is_some() || file.posting().is_some();
        if is_sorted && (is_read || file.posted.is_some()) {
            return Ok(self.place_living(workspace, id).await?.is_some());
        }
        Ok(true)
    }

    /// Brings postings and memberships of a file up to date with what it is and where it is. None
    /// when it is not there.
    ///
    /// The folders above it can go into the trash or come out of it meanwhile, without a change of
    /// the file. So where it is is looked at again when all is written: whoever comes last has seen
    /// what it was last.
    async fn place_living(&self, workspace: &WorkspaceId, id: FileId) -> Result<Option<File>> {
        for _ in 0..TRIES {
            let Some(mut file) = self.file_if_living(workspace, id).await? else {
                return Ok(None);
            };
            let is_active = self.place_of(workspace, file.folder).await?.is_active();
            let posting = file.posting().filter(|_| is_active);
            self.post_file(workspace, &mut file, posting.clone())
                .await?;
            self.join_dossiers(workspace, &file, posting.as_ref())
                .await?;
            let place = self.place_of(workspace, file.folder).await?;
            if file.posting().is_none() || place.is_active() == is_active {
                return Ok(Some(file));
            }
        }
        Err(busy("the folders above the file are being changed"))
    }

    /// Brings the postings of a file up to date with its type, tags, state and place.
    async fn post_file(
        &self,
        workspace: &WorkspaceId,
        file: &mut File,
        to: Option<Posting>,
    ) -> Result<()> {
        if file.posted == to {
            return Ok(());
        }
        let mut writes = move_postings(workspace, file.id, file.posted.as_ref(), to.as_ref())?;
        file.posted = to;
        writes.push(change_file(workspace, file, self.clock.now())?);
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the file was changed by someone else"))
    }

    /// Puts a file into the dossiers it belongs to and takes it out of the others.
    async fn join_dossiers(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        posting: Option<&Posting>,
    ) -> Result<()> {
        let wanted = self.dossiers_of(workspace, posting).await?;
        for membership in self.memberships(workspace, file.id).await? {
            if !wanted.contains(&membership.dossier) {
                self.leave_dossier(workspace, file.id, membership.dossier, Some(file))
                    .await?;
            }
        }
        for dossier in wanted {
            self.join_dossier(workspace, file, dossier).await?;
        }
        Ok(())
    }

    /// Finds the dossiers a file belongs to, and makes the ones it calls for.
    async fn dossiers_of(
        &self,
        workspace: &WorkspaceId,
        posting: Option<&Posting>,
    ) -> Result<Vec<DossierId>> {
        let Some(posting) = posting else {
            return Ok(Vec::new());
        };
        for signature in called_for(Some(&posting.document_type), &posting.tags) {
            if let Some(fill) = self.define_dossier(workspace, &signature).await? {
                self.send(&fill).await;
            }
        }
        let mut dossiers = Vec::new();
        for tag in posting_tags(posting) {
            let partition = posting_partition(workspace, &posting.document_type, tag);
            let posted: Vec<PostedDossier> = self
                .table
                .query_all(Query::prefix(partition, POSTED_DOSSIER_PREFIX))
                .await?;
            dossiers.extend(
                posted
                    .into_iter()
                    .filter(|posted| {
                        posted
                            .signature
                            .matches(Some(&posting.document_type), &posting.tags)
                    })
                    .map(|posted| posted.dossier),
            );
        }
        Ok(dossiers)
    }

    /// Puts a file into a dossier, or changes what it counts for there.
    pub(crate) async fn join_dossier(
        &self,
        workspace: &WorkspaceId,
        file: &File,
        dossier: DossierId,
    ) -> Result<()> {
        let member = member_of(file);
        for _ in 0..TRIES {
            let still = check_file(workspace, file);
            let changed = self
                .change_member(workspace, file.id, dossier, Some(&member), Some(still))
                .await?;
            if changed {
                return Ok(());
            }
            // When the file itself changed, its own work goes on from what it is now.
            if self.has_changed(workspace, file).await? {
                break;
            }
        }
        Err(busy("the file or its dossier is being changed"))
    }

    /// Takes a file out of a dossier. `as_read` is the file that does not belong there: when it
    /// has changed since, it may belong there again. None for one that is being erased.
    pub(crate) async fn leave_dossier(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        dossier: DossierId,
        as_read: Option<&File>,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let still = as_read.map(|file| check_file(workspace, file));
            if self
                .change_member(workspace, id, dossier, None, still)
                .await?
            {
                return Ok(());
            }
            if let Some(file) = as_read
                && self.has_changed(workspace, file).await?
            {
                break;
            }
        }
        Err(busy("the dossier is being changed"))
    }

    /// Makes `member` the membership of a file, and changes the dossier's sums by just that, in one
    /// transaction. When the dossier's summary is wanted, asks for it. False when a race was lost.
    async fn change_member(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        dossier: DossierId,
        member: Option<&Member>,
        still: Option<Write>,
    ) -> Result<bool> {
        let before: Option<MembershipItem> = self
            .table
            .get(Key::membership(workspace, file, dossier))
            .await?;
        let before = before.map(|membership| membership.member);
        if before.as_ref() == member {
            return Ok(true);
        }
        let wanted = self.dossier(workspace, dossier).await?.dossier.wanted;
        let summarize = wanted.then(|| summary_work(workspace, dossier));
        let mut writes =
            self.member_writes(workspace, file, dossier, before.as_ref(), member, wanted)?;
        if let Some(summarize) = &summarize {
            writes.push(work::ask(summarize, self.clock.now())?);
        }
        writes.extend(still);
        match self.table.transact(writes).await {
            Ok(()) => {
                if let Some(summarize) = &summarize {
                    self.send_after(summarize, DEBOUNCE).await;
                }
                Ok(true)
            }
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Removes the postings of a file that is going.
    pub(crate) async fn remove_postings(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        posted: Option<&Posting>,
    ) -> Result<()> {
        let writes = move_postings(workspace, file, posted, None)?;
        if writes.is_empty() {
            return Ok(());
        }
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the file is being changed"))
    }

    async fn has_changed(&self, workspace: &WorkspaceId, file: &File) -> Result<bool> {
        let now = self.file_if_living(workspace, file.id).await?;
        Ok(now.is_none_or(|now| now.revision != file.revision))
    }

    fn member_writes(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        dossier: DossierId,
        before: Option<&Member>,
        after: Option<&Member>,
        wanted: bool,
    ) -> Result<Vec<Write>> {
        let now = self.clock.now();
        let seen = match before {
            Some(before) => Expression::new("counted_as = :before").value(":before", before)?,
            None => absent(),
        };
        let key = Key::membership(workspace, file, dossier);
        let mut writes = vec![match after {
            Some(after) => Write::Put {
                condition: Some(seen),
                row: to_row(
                    key,
                    &MembershipItem {
                        dossier,
                        member: after.clone(),
                    },
                )?,
            },
            None => Write::Delete {
                condition: Some(seen),
                key,
            },
        }];
        let moved = before
            .filter(|before| after.is_none_or(|after| after.document_date != before.document_date));
        if let Some(before) = moved {
            writes.push(Write::Delete {
                condition: None,
                key: Key::member(workspace, dossier, before.document_date, file),
            });
        }
        if let Some(after) = after {
            writes.push(Write::Put {
                condition: None,
                row: member_row(workspace, dossier, after)?,
            });
        }
        let change = MemberSum::replacing(before.map(Member::element), after.map(Member::element));
        let count = i32::from(after.is_some()) - i32::from(before.is_some());
        writes.push(Write::Update {
            condition: Some(wanted_is(wanted)),
            key: Key::dossier(workspace, dossier),
            change: Expression::new(
                "SET updated_at = :now ADD document_count :count, \
                 member_sum_a :a, member_sum_b :b, member_sum_c :c, member_sum_d :d",
            )
            .text(":now", now.to_string())
            .number(":count", count)
            .number(":a", change.0[0])
            .number(":b", change.0[1])
            .number(":c", change.0[2])
            .number(":d", change.0[3]),
        });
        Ok(writes)
    }

    /// Lets a placed file go on: to its summary when it has text, else to its end.
    async fn go_on(&self, workspace: &WorkspaceId, item: &WorkItem, mut file: File) -> Result<()> {
        if file.status != Status::Extracted {
            return self.finish(item).await;
        }
        let reading = match file.content.sha256 {
            Some(content) => self.content(workspace, content).await?,
            None => None,
        };
        let now = self.clock.now();
        let (mut next, mut failed) = (None, None);
        match reading.map(|content| content.reading) {
            Some(Reading::Text { .. }) => {
                file.status = Status::Classified;
                next = Some(new_work(
                    workspace,
                    Task::SummarizeVersion {
                        file: file.id,
                        version: file.version,
                    },
                ));
            }
            Some(Reading::NoText) => {
                file.status = Status::Completed;
                file.summary_reason = Some(SummaryReason::NoText);
            }
            Some(Reading::Unsupported) => {
                file.status = Status::Completed;
                file.summary_reason = Some(SummaryReason::Unsupported);
            }
            Some(Reading::Failed { failure }) => {
                file.status = Status::Failed;
                file.failure = Some(failure.clone());
                let read = crate::upload::read_version(workspace, file.id, file.version);
                failed = Some(crate::failure::record(&read, &failure, now)?);
            }
            // Forgotten since, with an upgrade of the pipeline: it is to be read again.
            None => {
                file.status = Status::Pending;
                next = Some(crate::upload::read_version(
                    workspace,
                    file.id,
                    file.version,
                ));
            }
        }
        let mut writes = vec![change_file(workspace, &mut file, now)?, work::done(item)];
        writes.extend(failed);
        if let Some(next) = &next {
            writes.push(work::ask(next, now)?);
        }
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the file was changed by someone else"))?;
        if let Some(next) = &next {
            self.send(next).await;
        }
        Ok(())
    }
}

/// How long a dossier waits for more of its documents before its summary is written again.
const DEBOUNCE: std::time::Duration = std::time::Duration::from_secs(1);
