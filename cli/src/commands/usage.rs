//! `sheaf usage`: how much is stored, how much may be, and how that goes.

use clap::Args;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::Deserialize;

use super::Context;
use crate::call::Call;
use crate::error::Result;
use crate::output::chart::bar;
use crate::output::table::{Cell, Table};
use crate::output::{Output, human};
use crate::views;

/// Shows how much is stored, how much may be, and the last 30 days
#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// What the API tells of a usage.
#[derive(Debug, Deserialize)]
struct Usage {
    used_bytes: u64,
    used_files: u64,
    limit_bytes: u64,
    limit_files: u64,
    #[serde(default)]
    trend: Vec<Day>,
    #[serde(default)]
    change_bytes_30d: Option<i64>,
    #[serde(default)]
    change_files_30d: Option<i64>,
    #[serde(default)]
    full_on: Option<Date>,
}

#[derive(Debug, Deserialize)]
struct Day {
    date: Date,
    used_bytes: u64,
    used_files: u64,
}

pub(super) async fn run(_: &Arguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["usage"]);
    let what = call.describe();
    let value = context.client()?.json(call).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let usage: Usage = views::read(&what, &value)?;
    context.output.text(&show(&usage, context.output))
}

fn show(usage: &Usage, output: &Output) -> String {
    let mut table = Table::new(&["", ">USED", ">OF", ">"]);
    let row = |name: &str, used: String, limit: String, percent: String| {
        [name.to_owned(), used, limit, percent]
            .map(Cell::new)
            .into()
    };
    table.row(row(
        "bytes",
        human::size(usage.used_bytes),
        human::size(usage.limit_bytes),
        percent(usage.used_bytes, usage.limit_bytes),
    ));
    table.row(row(
        "files",
        usage.used_files.to_string(),
        usage.limit_files.to_string(),
        percent(usage.used_files, usage.limit_files),
    ));
    let mut text = table.render(output.paint);
    if !usage.trend.is_empty() {
        text.push('\n');
        text.push_str(&chart(&usage.trend).render(output.paint));
    }
    text.push_str(&since_the_first_day(usage).unwrap_or_default());
    text
}

/// Tells how much more there is than on the first of the days, and when that fills the quota.
fn since_the_first_day(usage: &Usage) -> Option<String> {
    let first = usage.trend.first()?.date;
    let bytes = change(usage.change_bytes_30d?, human::size);
    let files = change(usage.change_files_30d?, |files| {
        human::count(files, "file", "files")
    });
    let full = usage
        .full_on
        .map(|date| format!(" Full on {date} if it goes on like this."));
    let full = full.unwrap_or_default();
    Some(format!("\nSince {first}: {bytes} and {files}.{full}\n"))
}

/// A bar for each day, in proportion to the day that had most.
fn chart(days: &[Day]) -> Table {
    let largest = days.iter().map(|day| day.used_bytes).max().unwrap_or(0);
    let mut table = Table::new(&["", ">", ">", ""]).indented("  ");
    for day in days {
        table.row(vec![
            Cell::new(day.date.to_string()),
            Cell::new(human::size(day.used_bytes)),
            Cell::new(human::count(day.used_files, "file", "files")),
            Cell::new(bar(Decimal::from(day.used_bytes), Decimal::from(largest))),
        ]);
    }
    table
}

/// Writes a share in tenths of a percent, rounded down: nothing looks full that is not.
fn percent(used: u64, limit: u64) -> String {
    let per_mille = (u128::from(used) * 1000)
        .checked_div(u128::from(limit))
        .unwrap_or(1000);
    format!("{}.{} %", per_mille / 10, per_mille % 10)
}

fn change(by: i64, write: impl Fn(u64) -> String) -> String {
    let sign = if by < 0 { '−' } else { '+' };
    format!("{sign}{}", write(by.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::tests::plain_output;

    #[test]
    fn usage_shows_limits_the_last_days_and_when_it_is_full() {
        let usage = json!({
            "used_bytes": 3_221_225_472_u64, "used_files": 42,
            "limit_bytes": 107_374_182_400_u64, "limit_files": 1_000_000,
            "alerts": [],
            "trend": [
                {"date": "2026-10-01", "used_bytes": 1_073_741_824, "used_files": 1},
                {"date": "2026-10-02", "used_bytes": 2_147_483_648_u64, "used_files": 60},
            ],
            "change_bytes_30d": 2_147_483_648_u64, "change_files_30d": 41,
            "full_on": "2027-03-01",
        });
        let usage: Usage = serde_json::from_value(usage).unwrap();

        insta::assert_snapshot!(show(&usage, &plain_output()));
    }

    #[test]
    fn shares_are_rounded_down_and_no_limit_is_full() {
        assert_eq!(percent(999, 1000), "99.9 %");
        assert_eq!(percent(99_999, 100_000), "99.9 %");
        assert_eq!(percent(0, 0), "100.0 %");
        assert_eq!(change(-5, |files| files.to_string()), "−5");
    }
}
