//! `GET /v1/usage`: what a workspace stores of what it may, and how that goes.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use domain::principal::Role;
use domain::usage::{Alert, Day};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// What a workspace stores. Uploads that are under way count with all they have reserved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageView {
    /// Bytes of all versions of all files, those in the trash included.
    used_bytes: u64,
    /// Number of files, those in the trash included.
    used_files: u64,
    /// Bytes it may store.
    limit_bytes: u64,
    /// Number of files it may store.
    limit_files: u64,
    /// Whether bytes or files have reached 80, 95 or 100 percent of what they may be: the highest of
    /// these for each; empty below.
    alerts: Vec<AlertView>,
    /// What was used on each of the last 30 days, the oldest first. A day on which nobody counted is
    /// missing.
    trend: Vec<DayView>,
    /// How many bytes more there are than on the first of these days; null without any.
    change_bytes_30d: Option<i64>,
    /// How many files more there are than on the first of these days; null without any.
    change_files_30d: Option<i64>,
    /// The day on which the quota is full if usage goes on as it did over these days; null when it
    /// does not grow, or when that would be in ten years or more.
    #[schema(value_type = Option<String>, format = Date)]
    full_on: Option<Date>,
}

/// A percentage of the quota that is reached.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageAlert)]
pub struct AlertView {
    /// Of what: `bytes` or `files`.
    resource: &'static str,
    /// 80, 95 or 100.
    percent: u8,
}

/// What was used on a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageOfDay)]
pub struct DayView {
    /// The day, in UTC.
    #[schema(value_type = String, format = Date)]
    date: Date,
    /// Bytes, when they were counted on that day.
    used_bytes: u64,
    /// Files.
    used_files: u64,
}

impl From<Alert> for AlertView {
    fn from(alert: Alert) -> Self {
        Self {
            resource: alert.resource.as_str(),
            percent: alert.percent,
        }
    }
}

impl From<Day> for DayView {
    fn from(day: Day) -> Self {
        Self {
            date: day.date,
            used_bytes: day.used_bytes,
            used_files: day.used_files,
        }
    }
}

/// Shows what the workspace stores, what it may, and how that goes.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "retrieval",
    responses((status = 200, description = "The usage", body = UsageView))
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
) -> Result<axum::Json<UsageView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let workspace = &principal.workspace;
    let usage = state.store.usage(workspace).await?;
    let trend = state.store.usage_trend(workspace, &usage).await?;
    Ok(axum::Json(UsageView {
        used_bytes: usage.used_bytes,
        used_files: usage.used_files,
        limit_bytes: usage.limit.bytes,
        limit_files: usage.limit.files,
        alerts: usage.alerts().into_iter().map(AlertView::from).collect(),
        trend: trend.days.into_iter().map(DayView::from).collect(),
        change_bytes_30d: trend.change_bytes,
        change_files_30d: trend.change_files,
        full_on: trend.full_on,
    }))
}
