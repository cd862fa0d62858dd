//! `sheaf doctor`: has the workspace checked, and tells what was found and what was done about it.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::output::human;
use crate::output::table::{Cell, Table};
use crate::progress::Progress;
use crate::views::{self, Finding, Job, Page};
use crate::wait;

/// Holds all that is stored against each other, and mends what is wrong; only for admins
///
/// Exits with 0 when nothing is wrong, or all of it was mended; else with 1.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Changes nothing, and only tells what is wrong
    #[arg(long)]
    dry_run: bool,
    /// How long to wait at most; the check goes on by itself
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = crate::duration::parse)]
    timeout: Duration,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let body = json!({"dry_run": arguments.dry_run});
    let call = Call::post(&["checks"]).json(body);
    let what = call.describe();
    let job: Job = views::read(&what, &client.json(call).await?)?;
    let (value, job) = wait_for(&client, &job.id, arguments.timeout).await?;
    let call = Call::get(&["checks", &job.id, "findings"]).query("limit", Some(100));
    let what = call.describe();
    let list = client.list(call, true).await?;
    let page: Page<Finding> = Page::read(&what, &list)?;
    if context.output.json {
        let findings = list["items"].clone();
        context
            .output
            .json(&json!({"job": value, "findings": findings}))?;
    } else {
        print(&job, &page.items, context.output)?;
    }
    conclude(&job, &page.items)
}

/// Waits until a check has come to its end.
async fn wait_for(client: &Client, id: &str, timeout: Duration) -> Result<(Value, Job)> {
    let call = Call::get(&["jobs", id]);
    let what = call.describe();
    let progress = Progress::waiting("checking");
    let look = async || {
        let value = client.json(call.clone()).await?;
        let job: Job = views::read(&what, &value)?;
        progress.say(format!("{} rows and objects", job.progress.done));
        Ok((value, job))
    };
    let is_ended = |(_, job): &(Value, Job)| job.state != "running";
    let ended = wait::until("the check", timeout, look, is_ended).await;
    progress.finish();
    ended
}

fn print(job: &Job, findings: &[Finding], output: &Output) -> Result<()> {
    let looked_at = job.progress.done;
    if findings.is_empty() {
        return output.text(&format!(
            "{looked_at} rows and objects were looked at: nothing is wrong\n"
        ));
    }
    let mut table = Table::new(&["FINDING", "SINCE", "DONE", "ABOUT"]);
    for finding in findings {
        table.row(vec![
            Cell::new(finding.kind.replace('_', " ")),
            Cell::optional(finding.since.map(|at| human::time(at, &output.zone))),
            Cell::status(&finding.outcome),
            Cell::new(&finding.about),
        ]);
    }
    output.text(&table.render(output.paint))?;
    // What each means is told once.
    let mut told: Vec<&str> = Vec::new();
    let mut text = String::from("\n");
    for finding in findings {
        if !told.contains(&finding.detail.as_str()) {
            told.push(&finding.detail);
            let kind = crate::output::text::clean(&finding.kind.replace('_', " "));
            let detail = crate::output::text::clean(&finding.detail);
            let _ = writeln!(text, "{}: {detail}", output.paint.bold(&kind));
        }
    }
    output.text(&text)
}

/// Fails when something is still wrong, or was not looked at to the end.
fn conclude(job: &Job, findings: &[Finding]) -> Result<()> {
    let left = findings.iter().filter(|finding| finding.outcome == "left");
    let found = findings.iter().filter(|finding| finding.outcome == "found");
    let (left, found) = (left.count(), found.count());
    if left > 0 {
        return Err(Error::failed(
            format!("{left} of {} could not be mended", findings.len()),
            "What is to be done is told above.",
        ));
    }
    if found > 0 {
        return Err(Error::failed(
            format!("{found} things are not as they should be"),
            "`sheaf doctor` without --dry-run mends what can be.",
        ));
    }
    if job.state == "failed" {
        let first = job.progress.reasons.first();
        let why = first.map(|reason| reason.detail.clone());
        return Err(Error::failed(
            "not all could be looked at",
            why.unwrap_or_default(),
        ));
    }
    Ok(())
}
