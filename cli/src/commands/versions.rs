//! `sheaf versions`: lists the versions of a file, brings an old one back, removes old ones.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::output::table::{Cell, Table};
use crate::output::text::clean;
use crate::output::{Output, human};
use crate::views::{self, File, Page};
use crate::{duration, locate};

/// Lists the versions of a file, brings an old one back, or removes old ones
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its id, or its path such as /bills/january.pdf
    #[arg(value_name = "FILE")]
    file: String,
    /// Makes a new version with the bytes of this one
    #[arg(long, value_name = "N", conflicts_with = "prune")]
    restore: Option<u32>,
    /// Removes old versions for good, never the current one: those that --keep and --older-than both say it of
    #[arg(long)]
    prune: bool,
    /// How many of the newest stay
    #[arg(long, value_name = "N", requires = "prune", value_parser = clap::value_parser!(u32).range(1..=1000))]
    keep: Option<u32>,
    /// How long ago they were made at least, such as 30d
    #[arg(long, value_name = "TIME", requires = "prune", value_parser = duration::parse)]
    older_than: Option<Duration>,
    #[command(flatten)]
    page: PageArguments,
}

/// A version as the API tells of it.
#[derive(Debug, Deserialize)]
struct Version {
    #[serde(rename = "version")]
    number: u32,
    size_bytes: u64,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    created_at: Option<jiff::Timestamp>,
}

/// What a round of pruning came to.
#[derive(Debug, Deserialize)]
struct Pruned {
    receipt: Option<Receipt>,
    remaining: bool,
}

/// What matters here of a receipt.
#[derive(Debug, Deserialize)]
struct Receipt {
    id: String,
    versions: Vec<Removed>,
}

/// A version that was removed.
#[derive(Debug, Deserialize)]
struct Removed {
    version: u32,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    arguments.check()?;
    let client = context.client()?;
    let (_, file) = locate::file(&client, &arguments.file).await?;
    match arguments.restore {
        Some(number) => restore(&client, &file, number, context.output).await,
        None if arguments.prune => prune(&client, &file, arguments, context.output).await,
        None => list(&client, &file, arguments, context.output).await,
    }
}

impl Arguments {
    fn check(&self) -> Result<()> {
        if self.prune && self.keep.is_none() && self.older_than.is_none() {
            return Err(crate::error::Error::Usage(
                "say which versions are to go: --keep N, --older-than TIME, or both".to_owned(),
            ));
        }
        Ok(())
    }

    fn pruning(&self) -> Value {
        let mut body = Map::new();
        body.extend(self.keep.map(|keep| ("keep".to_owned(), json!(keep))));
        let age = self.older_than.map(|age| age.as_secs());
        body.extend(age.map(|age| ("older_than_s".to_owned(), json!(age))));
        Value::Object(body)
    }
}

async fn list(client: &Client, file: &File, arguments: &Arguments, output: &Output) -> Result<()> {
    let call = Call::get(&["files", &file.id, "versions"]).query("limit", arguments.page.size());
    let what = call.describe();
    let list = client.list(call, arguments.page.all).await?;
    if output.json {
        return output.json(&list);
    }
    let page: Page<Version> = Page::read(&what, &list)?;
    let mut table = Table::new(&[">VERSION", "CREATED", ">SIZE", "MEDIA TYPE", "SHA256"]);
    for version in &page.items {
        table.row(vec![
            Cell::new(version.number.to_string()),
            Cell::optional(version.created_at.map(|at| human::time(at, &output.zone))),
            Cell::new(human::size(version.size_bytes)),
            Cell::optional(version.content_type.as_ref()),
            Cell::optional(version.sha256.as_ref()),
        ]);
    }
    output.text(&table.render(output.paint))?;
    page.tell_rest(output, "versions");
    Ok(())
}

async fn restore(client: &Client, file: &File, number: u32, output: &Output) -> Result<()> {
    let number = number.to_string();
    let call = Call::post(&["files", &file.id, "versions", &number, "restore"]);
    let what = call.describe();
    let answer = client.json(call).await?;
    if output.json {
        return output.json(&answer);
    }
    let file: File = views::read(&what, &answer)?;
    output.text(&format!(
        "{} is at version {}\n",
        output.paint.bold(&clean(file.place())),
        file.version,
    ))
}

/// Asks again until nothing is left to go: some versions go with each request.
async fn prune(client: &Client, file: &File, arguments: &Arguments, output: &Output) -> Result<()> {
    let mut removed = 0;
    loop {
        let call = Call::post(&["files", &file.id, "versions", "prune"]).json(arguments.pruning());
        let what = call.describe();
        let answer = client.json(call).await?;
        let pruned: Pruned = views::read(&what, &answer)?;
        if output.json {
            output.json_line(&answer)?;
        }
        if let Some(receipt) = &pruned.receipt {
            removed += receipt.versions.len();
            if !output.json {
                let numbers: Vec<String> = receipt
                    .versions
                    .iter()
                    .map(|removed| removed.version.to_string())
                    .collect();
                output.text(&format!(
                    "removed {}  {}\n",
                    numbers.join(", "),
                    output.paint.dim(&clean(&receipt.id)),
                ))?;
            }
        }
        if !pruned.remaining {
            break;
        }
    }
    if removed == 0 && !output.json {
        output.text("no version had to go\n")?;
    }
    Ok(())
}
