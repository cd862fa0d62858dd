//! `sheaf receipts`: what deletions have removed, and whether it is gone.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Context;
use super::outcomes::Outcomes;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::human;
use crate::output::record::{Record, plain};
use crate::output::table::{Cell, Table};
use crate::receipt::{Keys, Receipt};
use crate::transfer::store;
use crate::views::{self, Page};

/// Lists the receipts of deletions, shows one, or checks that what they list is gone
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    page: PageArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows a receipt
    Show {
        /// The id of the receipt
        id: String,
    },
    /// Checks signatures and manifests here, and has the server look for what should be gone
    Verify(Which),
}

#[derive(Debug, Args)]
struct Which {
    /// The ids of receipts
    #[arg(required_unless_present = "all", value_name = "ID")]
    ids: Vec<String>,
    /// Checks all receipts of the workspace
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Keys that were saved before, from /v1/receipt-keys; without it the server's of today
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// What the server finds when it checks a receipt.
#[derive(Debug, Deserialize)]
struct Verification {
    verified: bool,
    #[serde(default)]
    leftovers: Vec<Leftover>,
    #[serde(default)]
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Leftover {
    version: Option<u32>,
    what: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.action {
        None => list(arguments.page, context).await,
        Some(Action::Show { id }) => show(id, context).await,
        Some(Action::Verify(which)) => verify(which, context).await,
    }
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["receipts"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Receipt> = Page::read(&what, &list)?;
    let mut table = Table::new(&["REMOVED", "REASON", ">VERSIONS", ">SIZE", "FILE", "ID"]);
    for receipt in &page.items {
        let at = plain(
            &Value::from(receipt.removed_at.as_str()),
            &context.output.zone,
        );
        table.row(vec![
            Cell::optional(at),
            Cell::new(&receipt.reason),
            Cell::optional(receipt.version_count),
            Cell::optional(receipt.size_bytes.map(human::size)),
            Cell::new(&receipt.file_id),
            Cell::new(&receipt.id),
        ]);
    }
    context.output.text(&table.render(context.output.paint))?;
    page.tell_rest(context.output, "receipts");
    Ok(())
}

async fn show(id: &str, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["receipts", id]);
    let what = call.describe();
    let value = context.client()?.json(call).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let receipt: Map<String, Value> = views::read(&what, &value)?;
    let record = Record::new().object(&receipt, &context.output.zone);
    let text = record.into_table().render(context.output.paint);
    context.output.text(&text)
}

async fn verify(which: &Which, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let keys = if let Some(path) = &which.keys {
        saved_keys(path)?
    } else {
        let call = Call::get(&["receipt-keys"]);
        let what = call.describe();
        views::read(&what, &client.json(call).await?)?
    };
    let ids = if which.all {
        all_ids(&client).await?
    } else {
        which.ids.clone()
    };
    let mut outcomes = Outcomes::of(ids.len(), context.output);
    for id in &ids {
        match verify_one(&client, id, &keys).await {
            Ok(receipt) => tell(&receipt, context)?,
            Err(error) => outcomes.fail(id, error),
        }
    }
    if ids.is_empty() {
        context.output.note("no receipts");
    }
    outcomes.finish()
}

fn tell(receipt: &Receipt, context: &Context<'_>) -> Result<()> {
    if context.output.json {
        let value = json!({"id": receipt.id, "verified": true});
        return context.output.json_line(&value);
    }
    let versions = receipt.version_count.unwrap_or_default();
    context.output.text(&format!(
        "{} holds: {} of file {} {} gone\n",
        context.output.paint.bold(&receipt.id),
        human::count(versions, "version", "versions"),
        receipt.file_id,
        if versions == 1 { "is" } else { "are" },
    ))
}

async fn all_ids(client: &Client) -> Result<Vec<String>> {
    let call = Call::get(&["receipts"]).query("limit", Some(100));
    let what = call.describe();
    let page: Page<Receipt> = Page::read(&what, &client.list(call, true).await?)?;
    Ok(page.items.into_iter().map(|receipt| receipt.id).collect())
}

fn saved_keys(path: &Path) -> Result<Keys> {
    let bytes = std::fs::read(path).map_err(Error::disk("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Error::Usage(format!(
            "{} holds no keys as /v1/receipt-keys has them: {error}",
            path.display()
        ))
    })
}

/// Checks one receipt in every way there is.
async fn verify_one(client: &Client, id: &str, keys: &Keys) -> Result<Receipt> {
    let call = Call::get(&["receipts", id]);
    let what = call.describe();
    let receipt: Receipt = views::read(&what, &client.json(call).await?)?;
    let refused = |detail| Error::failed("the receipt does not hold", detail);
    receipt.check(keys).map_err(refused)?;
    let manifest = fetch_manifest(client, id).await?;
    receipt.check_manifest(&manifest).map_err(refused)?;
    // Where only versions went, their file stays.
    if receipt.reason != "pruned" && is_there(client, &receipt.file_id).await? {
        return Err(refused("its file can still be read".to_owned()));
    }
    look_for_leftovers(client, id).await?;
    Ok(receipt)
}

/// Asks for the signed URL with our credential, and follows it without.
async fn fetch_manifest(client: &Client, id: &str) -> Result<Vec<u8>> {
    let reply = client
        .send(Call::get(&["receipts", id, "manifest"]))
        .await?;
    let request = client.signed(Method::GET, reply.location()?)?;
    let action = "fetching the manifest";
    let response = store::send(request, action, None).await?;
    let bytes = response.bytes().await.map_err(|source| Error::Transport {
        action: action.to_owned(),
        source: source.without_url(),
    })?;
    Ok(bytes.into())
}

async fn is_there(client: &Client, file: &str) -> Result<bool> {
    let gone = [StatusCode::GONE, StatusCode::NOT_FOUND].map(|status| status.as_u16());
    match client.send(Call::get(&["files", file])).await {
        Ok(_) => Ok(true),
        Err(Error::Problem(problem)) if gone.contains(&problem.status) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Has the server look for what the receipt lists, page by page.
async fn look_for_leftovers(client: &Client, id: &str) -> Result<()> {
    let mut cursor: Option<String> = None;
    loop {
        let call = Call::post(&["receipts", id, "verify"]).query("cursor", cursor.as_ref());
        let what = call.describe();
        let found: Verification = views::read(&what, &client.json(call).await?)?;
        if let Some(leftover) = found.leftovers.first() {
            let of = leftover
                .version
                .map_or_else(String::new, |version| format!(" of version {version}"));
            return Err(Error::failed(
                "something is left of what was deleted",
                format!(
                    "the {}{of} is still there: the next sweep should remove it; else tell whoever \
                     runs this",
                    leftover.what
                ),
            ));
        }
        if !found.verified {
            return Err(Error::failed(
                "the receipt does not hold",
                "the server finds its digest, signature or manifest wrong",
            ));
        }
        cursor = match found.next_cursor {
            None => return Ok(()),
            next if next == cursor => {
                return Err(Error::Unexpected {
                    what,
                    detail: "a page names itself as the next one".to_owned(),
                });
            }
            next => next,
        };
    }
}
