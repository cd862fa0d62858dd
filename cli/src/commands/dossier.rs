//! `sheaf dossier`: shows one dossier, and makes it when it is asked for by type and tags.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use crate::arguments::WaitArguments;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::progress::Progress;
use crate::views::{self, Compared, Document, Dossier, Page};
use crate::{output, wait};

/// Shows one dossier: what its documents add up to, and its summary
///
/// By type and tags it is made when there is none, and its summary is written when there is none.
/// Figures are computed in decimal arithmetic, never by a model.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("which").required(true).args(["id", "kind"])))]
pub(crate) struct Arguments {
    /// Its id
    id: Option<String>,
    /// The type its documents have, such as bill
    #[arg(long = "type", value_name = "TYPE", requires = "tags")]
    kind: Option<String>,
    /// A tag its documents have, such as electricity; all of them when repeated
    #[arg(long = "tag", value_name = "TAG", id = "tags", requires = "kind")]
    tags: Vec<String>,
    /// Lists every document instead of the first 50
    #[arg(long)]
    documents: bool,
    /// Has its summary written anew
    #[arg(long)]
    regenerate: bool,
    /// Gives it as a file: its documents as a table, to read as Markdown, or all there is as JSON
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with = "compare")]
    export: Option<Format>,
    /// Where the file is to be written; standard output unless given
    #[arg(short, long, value_name = "FILE", requires = "export")]
    output: Option<PathBuf>,
    /// Compares its figures with those of another dossier, by its id
    #[arg(long, value_name = "ID")]
    compare: Option<String>,
    #[command(flatten)]
    wait: WaitArguments,
}

/// What a dossier is exported as.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Csv,
    Md,
    Json,
}

impl Format {
    /// The word of the API.
    const fn word(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Md => "md",
            Self::Json => "json",
        }
    }
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let mut seen = read(&client, ask(arguments)).await?;
    let mut replaced = None;
    if arguments.regenerate {
        replaced = seen.1.summary.as_ref().and_then(|summary| summary.made_at);
        seen = regenerate(&client, seen).await?;
    }
    if arguments.wait.wait {
        seen = settled(&client, seen, replaced, arguments.wait.timeout).await?;
    }
    if let Some(format) = arguments.export {
        return export(&client, &seen.1, format, arguments, context.output).await;
    }
    if let Some(other) = &arguments.compare {
        return compare(&client, &seen.1, other, context.output).await;
    }
    if arguments.documents {
        seen = with_documents(&client, seen).await?;
    }
    print(&seen, context.output)
}

/// A dossier as the API tells of it, and as this command reads it.
type Seen = (Value, Dossier);

fn ask(arguments: &Arguments) -> Call {
    match &arguments.id {
        Some(id) => Call::get(&["dossiers", id]),
        None => Call::post(&["dossiers"]).json(json!({
            "type": arguments.kind,
            "tags": arguments.tags,
        })),
    }
}

async fn read(client: &Client, call: Call) -> Result<Seen> {
    let what = call.describe();
    let value = client.json(call).await?;
    let dossier = views::read(&what, &value)?;
    Ok((value, dossier))
}

/// Asks for a new summary. The answer may be the dossier or nothing at all.
async fn regenerate(client: &Client, (_, dossier): Seen) -> Result<Seen> {
    let call = Call::post(&["dossiers", &dossier.id, "regenerate"]);
    let what = call.describe();
    let answer = client.json(call).await?;
    if answer.get("status").is_some() {
        let dossier = views::read(&what, &answer)?;
        return Ok((answer, dossier));
    }
    read(client, Call::get(&["dossiers", &dossier.id])).await
}

/// Looks until its summary is that of the documents in it, and another than the one replaced: a
/// new one is asked for by a message, so the old one stands until someone has read that.
async fn settled(
    client: &Client,
    seen: Seen,
    replaced: Option<Timestamp>,
    timeout: Duration,
) -> Result<Seen> {
    let is_settled = |(_, dossier): &Seen| {
        let made_at = dossier.summary.as_ref().and_then(|summary| summary.made_at);
        dossier.is_current() && (replaced.is_none() || made_at != replaced)
    };
    if is_settled(&seen) {
        return Ok(seen);
    }
    let id = &seen.1.id;
    let progress = Progress::waiting("writing the summary of the dossier");
    let look = async || {
        let seen = read(client, Call::get(&["dossiers", id])).await?;
        progress.say(format!("the dossier is {}", seen.1.status));
        Ok(seen)
    };
    let settled = wait::until("the dossier", timeout, look, is_settled).await;
    progress.finish();
    settled
}

async fn with_documents(client: &Client, (mut value, mut dossier): Seen) -> Result<Seen> {
    let call = Call::get(&["dossiers", &dossier.id, "documents"]).query("limit", Some(100));
    let what = call.describe();
    let mut list = client.list(call, true).await?;
    dossier.documents = Page::<Document>::read(&what, &list)?.items;
    value["documents"] = list["items"].take();
    Ok((value, dossier))
}

async fn export(
    client: &Client,
    dossier: &Dossier,
    format: Format,
    arguments: &Arguments,
    output: &Output,
) -> Result<()> {
    let call = Call::get(&["dossiers", &dossier.id, "export"]).query("format", Some(format.word()));
    let reply = client.send(call).await?;
    let text = reply.text();
    let Some(path) = &arguments.output else {
        return output.text(&text);
    };
    tokio::fs::write(path, text.as_bytes())
        .await
        .map_err(Error::disk("writing", path))?;
    output.note(&format!("wrote {}", path.display()));
    Ok(())
}

async fn compare(client: &Client, dossier: &Dossier, other: &str, output: &Output) -> Result<()> {
    let call = Call::get(&["dossiers", &dossier.id, "comparison"]).query("with", Some(other));
    let what = call.describe();
    let value = client.json(call).await?;
    if output.json {
        return output.json(&value);
    }
    let compared: Compared = views::read(&what, &value)?;
    output.text(&output::comparison::show(
        &compared.comparison,
        output.paint,
    ))
}

fn print((value, dossier): &Seen, output: &Output) -> Result<()> {
    if output.json {
        return output.json(value);
    }
    output.text(&output::dossier::show(dossier, output))?;
    if !dossier.is_current() {
        output.note(&format!(
            "`sheaf dossier {} --wait` waits for its summary",
            dossier.id
        ));
    }
    Ok(())
}
