//! `sheaf jobs`: lists what goes on by itself, and waits for it.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::human;
use crate::output::record::Record;
use crate::output::table::{Cell, Table};
use crate::progress::Progress;
use crate::views::{self, Job, Page};
use crate::wait;

/// Lists jobs, which go on by themselves, or shows one
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The id of a job
    #[arg(conflicts_with_all = ["limit", "all"])]
    id: Option<String>,
    #[command(flatten)]
    page: PageArguments,
}

/// Whether to wait for a job.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitForJob {
    /// Leaves the job to itself; `sheaf jobs` shows how far it has come
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait for a job at most
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = crate::duration::parse)]
    pub(crate) timeout: Duration,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let output = context.output;
    if let Some(id) = &arguments.id {
        let value = client.json(Call::get(&["jobs", id])).await?;
        if output.json {
            return output.json(&value);
        }
        let fields = value.as_object().cloned().unwrap_or_default();
        let record = Record::new().object(&fields, &output.zone);
        return output.text(&record.into_table().render(output.paint));
    }
    let call = Call::get(&["jobs"]).query("limit", arguments.page.size());
    let what = call.describe();
    let list = client.list(call, arguments.page.all).await?;
    if output.json {
        return output.json(&list);
    }
    let page: Page<Job> = Page::read(&what, &list)?;
    let mut table = Table::new(&["KIND", "STATE", ">DONE", ">FAILED", "BEGUN", "ID"]);
    for job in &page.items {
        table.row(vec![
            Cell::new(job.kind.replace('_', " ")),
            Cell::status(&job.state),
            Cell::new(job.progress.done.to_string()),
            Cell::new(job.progress.failed.to_string()),
            Cell::optional(job.created_at.map(|at| human::time(at, &output.zone))),
            Cell::new(&job.id),
        ]);
    }
    output.text(&table.render(output.paint))?;
    page.tell_rest(output, "jobs");
    Ok(())
}

/// Waits for the job of an answer, if there is one, and puts it in its place as it ended.
///
/// # Errors
/// When some of the job failed, or the time is up.
pub(super) async fn wait_for(
    client: &Client,
    mut answer: Value,
    arguments: &WaitForJob,
) -> Result<Value> {
    let Some(id) = answer["job"]["id"].as_str().map(str::to_owned) else {
        return Ok(answer);
    };
    if arguments.no_wait {
        return Ok(answer);
    }
    let (value, job) = wait_for_end(client, &id, arguments.timeout).await?;
    if job.state == "failed" {
        return Err(failed(&job));
    }
    answer["job"] = value;
    Ok(answer)
}

/// Waits until a job is at its end, however it ended.
pub(super) async fn wait_for_end(
    client: &Client,
    id: &str,
    timeout: Duration,
) -> Result<(Value, Job)> {
    let call = Call::get(&["jobs", id]);
    let what = call.describe();
    let progress = Progress::waiting("0 files");
    let look = async || {
        let value = client.json(call.clone()).await?;
        let job: Job = views::read(&what, &value)?;
        progress.say(match job.progress.total {
            Some(total) => format!("{} of {total} files", job.progress.done),
            None => format!("{} files", job.progress.done),
        });
        Ok((value, job))
    };
    let is_ended = |(_, job): &(Value, Job)| job.state != "running";
    let ended = wait::until("the job", timeout, look, is_ended).await;
    progress.finish();
    ended
}

/// Tells that some of a job failed.
pub(super) fn failed(job: &Job) -> Error {
    let first = job.progress.reasons.first();
    let why = first.map(|reason| reason.detail.clone());
    Error::failed(
        format!("{} of it failed", job.progress.failed),
        format!(
            "{}\n`sheaf jobs {}` shows more.",
            why.unwrap_or_default(),
            job.id
        ),
    )
}
