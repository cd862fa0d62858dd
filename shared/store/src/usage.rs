//! What a workspace stores, now and on the days before. It is counted once a day by the sweep, and
//! sooner when it has come near the limit.

use domain::usage::{Alert, Day, Resource, TREND_DAYS, Trend, Usage, day_of, next_day};
use domain::{Result, WorkspaceId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, USAGE_OF_DAY_PREFIX, due_until, due_usage, quota_partition};
use crate::table::{Expression, Query, Rejected, Write, to_row};

/// How long what was used on a day is kept: a year, and what it takes to compare it with the next.
const DAY_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The row of a day.
#[derive(Debug, Serialize, Deserialize)]
struct DayItem {
    #[serde(rename = "day")]
    date: Date,
    counted_at: Timestamp,
    used_bytes: u64,
    used_files: u64,
    /// When DynamoDB may remove the row, in seconds since 1970.
    forget_at: Option<i64>,
}

impl From<DayItem> for Day {
    fn from(item: DayItem) -> Self {
        Self {
            date: item.date,
            counted_at: item.counted_at,
            used_bytes: item.used_bytes,
            used_files: item.used_files,
        }
    }
}

impl Store {
    /// Returns what a workspace stores. One that has stored nothing yet has the usual quota.
    pub async fn usage(&self, workspace: &WorkspaceId) -> Result<Usage> {
        let standing = self.closest_standing(workspace).await?;
        Ok(standing.map_or(
            Usage {
                used_bytes: 0,
                used_files: 0,
                limit: self.quota,
            },
            |(standing, _)| standing.usage(),
        ))
    }

    /// Returns how a usage has come to be what it is.
    pub async fn usage_trend(&self, workspace: &WorkspaceId, usage: &Usage) -> Result<Trend> {
        let now = self.clock.now();
        let today = day_of(now);
        let first = today.saturating_sub(TREND_DAYS.days());
        let range = Expression::new("{sk} BETWEEN :first AND :last")
            .text(":first", format!("{USAGE_OF_DAY_PREFIX}{first}"))
            .text(":last", format!("{USAGE_OF_DAY_PREFIX}{today}"));
        let query = Query {
            range: Some(range),
            ..Query::prefix(quota_partition(workspace), "")
        };
        let days: Vec<DayItem> = self.table.query_all(query).await?;
        let days = days.into_iter().map(Day::from).collect();
        Ok(Trend::new(usage, days, now))
    }

    /// Counts what a workspace stores today, if that is due: of any number of sweeps at once, one
    /// does. Returns what has come so far that it should be known, and was not told before; none
    /// when there was nothing to do.
    pub async fn count_usage_due(&self, workspace: &WorkspaceId) -> Result<Option<Vec<Alert>>> {
        let now = self.clock.now();
        let Some(standing) = self.settled_standing(workspace).await? else {
            return Ok(None);
        };
        let until = due_until(now);
        let Some(due) = standing.due_sk.as_ref().filter(|due| **due <= until) else {
            return Ok(None);
        };
        let usage = standing.usage();
        let level = |resource| usage.level(resource).unwrap_or_default();
        let next = due_usage(next_day(now), workspace);
        let day = DayItem {
            date: day_of(now),
            counted_at: now,
            used_bytes: usage.used_bytes,
            used_files: usage.used_files,
            forget_at: now.checked_add(DAY_FOR).ok().map(Timestamp::as_second),
        };
        let writes = vec![
            Write::Update {
                condition: Some(Expression::new("due_sk = :due").text(":due", due)),
                key: Key::quota(workspace),
                change: Expression::new(
                    "SET due_sk = :next, alerted_bytes = :bytes, alerted_files = :files",
                )
                .text(":next", next.sk)
                .number(":bytes", level(Resource::Bytes))
                .number(":files", level(Resource::Files)),
            },
            // What was counted last on a day stands.
            Write::Put {
                condition: None,
                row: to_row(Key::usage_of_day(workspace, day.date), &day)?,
            },
        ];
        match self.table.transact(writes).await {
            Ok(()) => {
                let mut alerts = usage.alerts();
                alerts.retain(|alert| alert.percent > standing.alerted(alert.resource));
                Ok(Some(alerts))
            }
            Err(Rejected::Conditions(_)) => Ok(None),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
