//! `sheaf mv`: moves and renames files and folders.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::outcomes::Outcomes;
use crate::bulk::{self, Change};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::locate::{self, Located};
use crate::output::text::clean;

/// Moves or renames a file or a folder, with all it holds, or moves many into a folder
///
/// Into a folder that is there, or whose path ends with a slash, it goes under the name it has;
/// otherwise the last part of the path is its new name. Folders that are missing are made.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids, or paths such as /inbox/january.pdf or /inbox
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// Where it is to be, such as /bills/ or /bills/2025-01.pdf
    #[arg(value_name = "TARGET")]
    target: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match arguments.sources.as_slice() {
        [source] => move_one(source, &arguments.target, context).await,
        sources => move_many(sources, &arguments.target, context).await,
    }
}

async fn move_one(source: &str, target: &str, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let source = locate::any(&client, source).await?;
    let (id, kind, name) = match &source {
        Located::File(file) => (&file.id, "files", &file.name),
        Located::Folder(folder) => (&folder.id, "folders", &folder.name),
    };
    let change = change(&client, name, target).await?;
    let value = client.json(Call::patch(&[kind, id]).json(change)).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let path = value["path"].as_str().unwrap_or(target);
    let paint = context.output.paint;
    context
        .output
        .text(&format!("{}\n", paint.bold(&clean(path))))
}

/// Moves several things into one folder.
async fn move_many(sources: &[String], target: &str, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let into = target.trim_matches('/');
    let is_folder = target.ends_with('/') || locate::folder_at(&client, target).await?.is_some();
    if !is_folder {
        return Err(Error::Usage(format!(
            "{target} is no folder that is there: to move several things into it, end it with a slash"
        )));
    }
    let folder = format!("/{into}");
    let output = context.output;
    let mut outcomes = Outcomes::of(sources.len(), output);
    let mut changes = Vec::new();
    for (source, located) in sources.iter().zip(locate::all(&client, sources).await) {
        match located {
            Ok(located) => changes.push(Change {
                subject: source.clone(),
                operation: json!({
                    "op": match located {
                        Located::File(_) => "change",
                        Located::Folder(_) => "change_folder",
                    },
                    "id": located.id(),
                    "folder": folder,
                }),
            }),
            Err(error) => outcomes.fail(source, error),
        }
    }
    bulk::carry_out(&client, changes, |source, moved| {
        match moved {
            Ok(moved) if output.json => output.json_line(&moved)?,
            Ok(moved) => {
                let name = [&moved["file"]["name"], &moved["folder"]["name"]];
                let name = name.into_iter().find_map(Value::as_str).unwrap_or(source);
                let path = format!("{}/{name}", folder.trim_end_matches('/'));
                output.text(&format!("{}\n", output.paint.bold(&clean(&path))))?;
            }
            Err(error) => outcomes.fail(source, error),
        }
        Ok(())
    })
    .await?;
    outcomes.finish()
}

/// Says what is to be changed so that something called `name` gets to `target`.
async fn change(client: &Client, name: &str, target: &str) -> Result<Value> {
    let into = target.trim_end_matches('/');
    let is_folder = into.len() < target.len()
        || into.is_empty()
        || locate::folder_at(client, into).await?.is_some();
    if is_folder {
        return Ok(json!({"folder": format!("/{}", into.trim_start_matches('/'))}));
    }
    let (folder, last) = into.rsplit_once('/').unwrap_or(("", into));
    if last.is_empty() {
        return Err(Error::Usage(format!("{target:?} is no path")));
    }
    let mut change = json!({"folder": format!("/{}", folder.trim_start_matches('/'))});
    if last != name {
        change["name"] = last.into();
    }
    Ok(change)
}
