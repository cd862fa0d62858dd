//! `sheaf restore`: takes files and folders out of the trash.

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Context;
use super::jobs::{self, WaitForJob};
use super::outcomes::Outcomes;
use crate::bulk::{self, Change};
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::locate::{self, Located, Trash};
use crate::output::Output;
use crate::output::text::clean;

/// Takes files and folders out of the trash, to where they were
///
/// Where their folder is gone or in the trash itself, they come to the nearest one above it.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids, or the paths that `sheaf trash` shows
    #[arg(required = true, value_name = "ID")]
    names: Vec<String>,
    /// Numbers the name when it is taken
    #[arg(long)]
    rename: bool,
    #[command(flatten)]
    wait: WaitForJob,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let output = context.output;
    let mut outcomes = Outcomes::of(arguments.names.len(), output);
    let mut found = Vec::new();
    for (name, located) in arguments
        .names
        .iter()
        .zip(find(&client, &arguments.names).await?)
    {
        match located {
            Ok((kind, id)) => found.push((name, kind, id)),
            Err(error) => outcomes.fail(name, error),
        }
    }
    // For a program each is told as the API tells it of one.
    if found.len() > 1 && !output.json {
        restore_many(&client, found, arguments, output, &mut outcomes).await?;
        return outcomes.finish();
    }
    for (name, kind, id) in found {
        match restore(&client, kind, &id, arguments).await {
            Ok(answer) if output.json => output.json_line(&answer)?,
            Ok(answer) => {
                let path = answer["folder"]["path"]
                    .as_str()
                    .or_else(|| answer["path"].as_str())
                    .unwrap_or(name);
                output.text(&format!("{}\n", output.paint.bold(&clean(path))))?;
            }
            Err(error) => outcomes.fail(name, error),
        }
    }
    outcomes.finish()
}

/// Finds what is to be restored: of what kind it is, and its id. The trash is read once, for paths.
async fn find(client: &Client, names: &[String]) -> Result<Vec<Result<(&'static str, String)>>> {
    let is_path = |name: &String| Uuid::try_parse(name).is_err();
    let trash = if names.iter().any(is_path) {
        Some(Trash::read(client).await?)
    } else {
        None
    };
    let kind_and_id = |located: &Located| {
        let kind = match located {
            Located::File(_) => "files",
            Located::Folder(_) => "folders",
        };
        (kind, located.id().to_owned())
    };
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        found.push(match trash.as_ref().filter(|_| is_path(name)) {
            Some(trash) => trash.at(name).map(kind_and_id),
            None => locate::any(client, name)
                .await
                .map(|located| kind_and_id(&located)),
        });
    }
    Ok(found)
}

/// Restores many things in few requests, and tells where each has come to.
async fn restore_many(
    client: &Client,
    found: Vec<(&String, &'static str, String)>,
    arguments: &Arguments,
    output: &Output,
    outcomes: &mut Outcomes<'_>,
) -> Result<()> {
    let changes = found.iter().map(|(name, kind, id)| {
        let op = match *kind {
            "folders" => "restore_folder",
            _ => "restore",
        };
        let mut operation = json!({"op": op, "id": id});
        if arguments.rename {
            operation["on_conflict"] = "rename".into();
        }
        Change {
            subject: (*name).clone(),
            operation,
        }
    });
    let mut restored = Vec::new();
    bulk::carry_out(client, changes.collect(), |name, result| {
        match result {
            Ok(result) => restored.push((name.to_owned(), result)),
            Err(error) => outcomes.fail(name, error),
        }
        Ok(())
    })
    .await?;
    for (name, result) in restored {
        let kind = if result["folder"].is_null() {
            "files"
        } else {
            "folders"
        };
        let id = result["id"].as_str().unwrap_or_default();
        let shown = client.json(Call::get(&[kind, id])).await;
        let waited = match (shown, result["job_id"].as_str()) {
            (Ok(shown), Some(job)) => {
                let answer = json!({"job": client.json(Call::get(&["jobs", job])).await?});
                let waited = jobs::wait_for(client, answer, &arguments.wait).await;
                waited.map(|_| shown)
            }
            (shown, _) => shown,
        };
        match waited {
            Ok(shown) => {
                let path = shown["path"].as_str().unwrap_or(&name);
                output.text(&format!("{}\n", output.paint.bold(&clean(path))))?;
            }
            Err(error) => outcomes.fail(&name, error),
        }
    }
    Ok(())
}

async fn restore(client: &Client, kind: &str, id: &str, arguments: &Arguments) -> Result<Value> {
    let on_conflict = arguments.rename.then_some("rename");
    let call = Call::post(&[kind, id, "restore"]).query("on_conflict", on_conflict);
    let answer = client.json(call).await?;
    jobs::wait_for(client, answer, &arguments.wait).await
}
