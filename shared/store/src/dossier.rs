//! Dossiers: their rows, their members in date order, the right to write their summaries.

use domain::dossier::{Dossier, DossierSummary, Lease, Member, MemberSum, Signature};
use domain::message::{Task, Work};
use domain::{DossierId, Error, FileId, Kind, Result, WorkspaceId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{self, Key, MEMBER_PREFIX, dossier_partition};
use crate::lease::{Holders, Run, WRITING};
use crate::table::{Expression, Query, Rejected, Row, Write, absent, to_row};
use crate::work::{self, new_work};

#[derive(Debug, Serialize, Deserialize)]
struct DossierItem {
    id: DossierId,
    signature: Signature,
    document_count: i64,
    /// Four attributes, because `DynamoDB` adds to numbers and not to lists.
    member_sum_a: i64,
    member_sum_b: i64,
    member_sum_c: i64,
    member_sum_d: i64,
    wanted: bool,
    /// Whether the files that were there before it have been put in.
    filled: bool,
    /// The last of these files that was looked at; none before the first and when all were.
    filled_to: Option<FileId>,
    /// Whether someone asked for the summary to be written though nothing has changed.
    #[serde(default)]
    forced: bool,
    fence: u64,
    lease_until_us: i64,
    #[serde(default)]
    lease_run: Option<Run>,
    summary: Option<DossierSummary>,
    created_at: Timestamp,
    updated_at: Timestamp,
    list_pk: String,
    list_sk: String,
}

/// A dossier and what only its keepers need to know.
#[derive(Debug)]
pub struct KeptDossier {
    /// The dossier.
    pub dossier: Dossier,
    /// Whether the files that were there before it have been put in.
    pub filled: bool,
    /// The last of these files that was looked at; none before the first and when all were.
    pub filled_to: Option<FileId>,
    /// Whether someone asked for the summary to be written though nothing has changed.
    pub forced: bool,
}

impl DossierItem {
    fn into_kept(self, holders: Holders) -> KeptDossier {
        let item = self;
        let until = holders.holds_until(item.lease_until_us, item.lease_run);
        KeptDossier {
            filled: item.filled,
            filled_to: item.filled_to,
            forced: item.forced,
            dossier: Dossier {
                id: item.id,
                signature: item.signature,
                document_count: u64::try_from(item.document_count).unwrap_or_default(),
                members: MemberSum([
                    item.member_sum_a,
                    item.member_sum_b,
                    item.member_sum_c,
                    item.member_sum_d,
                ]),
                wanted: item.wanted,
                lease: (item.fence > 0).then_some(Lease {
                    token: item.fence,
                    until,
                }),
                summary: item.summary,
                created_at: item.created_at,
                updated_at: item.updated_at,
            },
        }
    }
}

/// A member's row in the partition of its dossier.
pub(crate) fn member_row(
    workspace: &WorkspaceId,
    dossier: DossierId,
    member: &Member,
) -> Result<Row> {
    to_row(
        Key::member(workspace, dossier, member.document_date, member.file),
        member,
    )
}

impl Store {
    /// Returns a dossier.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn dossier(&self, workspace: &WorkspaceId, id: DossierId) -> Result<KeptDossier> {
        let item: Option<DossierItem> = self.table.get(Key::dossier(workspace, id)).await?;
        item.map(|item| item.into_kept(self.holders))
            .ok_or_else(|| Error::not_found(Kind::Dossier, id))
    }

    /// Makes the dossier of a signature, if there is none, and asks for it to be filled.
    ///
    /// Returns the work of filling it, when it is new.
    pub async fn define_dossier(
        &self,
        workspace: &WorkspaceId,
        signature: &Signature,
    ) -> Result<Option<Work>> {
        let id = signature.dossier_id(workspace);
        let now = self.clock.now();
        let item = DossierItem {
            id,
            signature: signature.clone(),
            document_count: 0,
            member_sum_a: 0,
            member_sum_b: 0,
            member_sum_c: 0,
            member_sum_d: 0,
            wanted: false,
            filled: false,
            filled_to: None,
            forced: false,
            fence: 0,
            lease_until_us: 0,
            lease_run: None,
            summary: None,
            created_at: now,
            updated_at: now,
            list_pk: keys::listed_dossiers(workspace),
            list_sk: list_position(signature, id),
        };
        let fill = new_work(workspace, Task::FillDossier { dossier: id });
        let posted = PostedDossier {
            dossier: id,
            signature: signature.clone(),
        };
        let writes = vec![
            Write::Put {
                condition: Some(absent()),
                row: to_row(Key::dossier(workspace, id), &item)?,
            },
            Write::Put {
                condition: None,
                row: to_row(Key::posted_dossier(workspace, signature, id), &posted)?,
            },
            work::ask(&fill, now)?,
        ];
        match self.table.transact(writes).await {
            Ok(()) => Ok(Some(fill)),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Notes that someone wants a dossier's summary, and asks for it to be written.
    ///
    /// With `again`, it is written even if its members have not changed.
    pub async fn want_dossier(
        &self,
        workspace: &WorkspaceId,
        id: DossierId,
        again: bool,
    ) -> Result<KeptDossier> {
        let kept = self.dossier(workspace, id).await?;
        if kept.dossier.wanted && !kept.dossier.is_stale() && !again {
            return Ok(kept);
        }
        let now = self.clock.now();
        let summarize = summary_work(workspace, id);
        let forced = if again {
            "SET wanted = :yes, forced = :yes"
        } else {
            "SET wanted = :yes"
        };
        let writes = vec![
            Write::Update {
                condition: Some(crate::table::present()),
                key: Key::dossier(workspace, id),
                change: Expression::new(forced).flag(":yes", true),
            },
            work::ask(&summarize, now)?,
        ];
        self.table
            .transact(writes)
            .await
            .map_err(|rejected| rejected.into_error("the dossier is being changed"))?;
        self.send(&summarize).await;
        self.dossier(workspace, id).await
    }

    /// Returns a page of a dossier's members in date order, from after `after`.
    pub async fn members(
        &self,
        workspace: &WorkspaceId,
        dossier: DossierId,
        after: Option<&Member>,
        limit: i32,
    ) -> Result<crate::table::Page<Member>> {
        let start = after.map(|member| {
            Key::member(workspace, dossier, member.document_date, member.file).attributes()
        });
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(dossier_partition(workspace, dossier), MEMBER_PREFIX)
            })
            .await
    }

    /// Returns the dates of a dossier's first and last members; none when it has none.
    pub async fn period(
        &self,
        workspace: &WorkspaceId,
        dossier: DossierId,
    ) -> Result<Option<(Date, Date)>> {
        let end = |descending| {
            // On the heap: two queries at once make a large future.
            Box::pin(self.table.query::<Member>(Query {
                descending,
                limit: 1,
                ..Query::prefix(dossier_partition(workspace, dossier), MEMBER_PREFIX)
            }))
        };
        let (first, last) = futures::future::try_join(end(false), end(true)).await?;
        let date =
            |page: crate::table::Page<Member>| page.rows.first().map(|member| member.document_date);
        Ok(date(first).zip(date(last)))
    }

    /// Returns all members of a dossier in date order. Off the request path.
    pub async fn all_members(
        &self,
        workspace: &WorkspaceId,
        dossier: DossierId,
    ) -> Result<Vec<Member>> {
        self.table
            .query_all(Query::prefix(
                dossier_partition(workspace, dossier),
                MEMBER_PREFIX,
            ))
            .await
    }

    /// Lists a page of a workspace's dossiers in the order of their signatures.
    ///
    /// Returns where the next page begins.
    pub async fn list_dossiers(
        &self,
        workspace: &WorkspaceId,
        after: Option<&str>,
        limit: i32,
    ) -> Result<(Vec<KeptDossier>, Option<String>)> {
        #[derive(Deserialize)]
        struct Listed {
            id: DossierId,
            list_sk: String,
        }
        let page = self
            .table
            .query::<Listed>(Query {
                index: Some("list"),
                partition: keys::listed_dossiers(workspace),
                range: after.map(|after| Expression::new("{sk} > :after").text(":after", after)),
                descending: false,
                limit,
                start: None,
            })
            .await?;
        let next = page
            .next
            .and(page.rows.last())
            .map(|last| last.list_sk.clone());
        let keys = page
            .rows
            .iter()
            .map(|listed| Key::dossier(workspace, listed.id))
            .collect();
        let items: Vec<DossierItem> = self.table.get_many(keys).await?;
        let mut dossiers: Vec<KeptDossier> = items
            .into_iter()
            .map(|item| item.into_kept(self.holders))
            .collect();
        dossiers.sort_by_cached_key(|kept| list_position(&kept.dossier.signature, kept.dossier.id));
        Ok((dossiers, next))
    }

    /// Asks for the right to write a dossier's summary; none when someone else has it.
    pub async fn claim_dossier(
        &self,
        workspace: &WorkspaceId,
        dossier: &Dossier,
    ) -> Result<Option<Lease>> {
        let now = self.clock.now();
        if dossier.lease.is_some_and(|lease| lease.until > now) {
            return Ok(None);
        }
        let until = now.checked_add(WRITING).unwrap_or(Timestamp::MAX);
        let seen = dossier.lease.map_or(0, |lease| lease.token);
        let write = Write::Update {
            // Whoever claims it makes the token larger.
            condition: Some(Expression::new("fence = :seen").number(":seen", seen)),
            key: Key::dossier(workspace, dossier.id),
            change: Expression::new("SET lease_until_us = :until, lease_run = :run ADD fence :one")
                .number(":until", until.as_microsecond())
                .value(":run", &self.holders.run())?
                .number(":one", 1),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(Some(Lease {
                token: seen + 1,
                until,
            })),
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Gives the right to write a dossier's summary back.
    pub async fn release_dossier(
        &self,
        workspace: &WorkspaceId,
        id: DossierId,
        lease: Lease,
    ) -> Result<()> {
        let write = Write::Update {
            condition: Some(holds(lease)),
            key: Key::dossier(workspace, id),
            change: Expression::new("SET lease_until_us = :zero").number(":zero", 0),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) | Err(Rejected::Conditions(_)) => Ok(()),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Commits a dossier's summary, if the lease still holds, and ends the lease.
    ///
    /// The members it was made from go with it, so that a document which arrived meanwhile leaves
    /// the dossier outdated and not forgotten.
    ///
    /// # Errors
    /// `Busy` when the lease was taken over.
    pub async fn commit_dossier_summary(
        &self,
        workspace: &WorkspaceId,
        id: DossierId,
        lease: Lease,
        summary: &DossierSummary,
    ) -> Result<()> {
        let write = Write::Update {
            condition: Some(holds(lease)),
            key: Key::dossier(workspace, id),
            change: Expression::new(
                "SET summary = :summary, lease_until_us = :zero, updated_at = :now REMOVE forced",
            )
            .value(":summary", summary)?
            .number(":zero", 0)
            .text(":now", self.clock.now().to_string()),
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("another worker writes this summary"))
    }
}

/// A dossier posted under its type and first tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PostedDossier {
    pub(crate) dossier: DossierId,
    pub(crate) signature: Signature,
}

/// The work of writing a dossier's summary.
pub(crate) fn summary_work(workspace: &WorkspaceId, dossier: DossierId) -> Work {
    new_work(workspace, Task::SummarizeDossier { dossier })
}

/// Holds while the wish for the dossier's summary is as it was read.
pub(crate) fn wanted_is(wanted: bool) -> Expression {
    Expression::new("wanted = :wanted").flag(":wanted", wanted)
}

fn holds(lease: Lease) -> Expression {
    Expression::new("fence = :fence").number(":fence", lease.token)
}

/// Where a dossier is in the listing, which is in the order of signatures.
///
/// A key of DynamoDB holds 1,024 bytes and a signature may be longer, so it is cut and made unique.
pub fn list_position(signature: &Signature, id: DossierId) -> String {
    let mut text = signature.to_string();
    let mut end = text.len().min(900);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    format!("{text}#{id}")
}
