//! `sheaf mv`: moves and renames files and folders.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::locate::{self, Located};
use crate::output::text::clean;

/// Moves or renames a file or a folder, with all it holds
///
/// Into a folder that is there, or whose path ends with a slash, it goes under the name it has;
/// otherwise the last part of the path is its new name. Folders that are missing are made.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An id, or a path such as /inbox/january.pdf or /inbox
    source: String,
    /// Where it is to be, such as /bills/ or /bills/2025-01.pdf
    target: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let source = locate::any(&client, &arguments.source).await?;
    let (id, kind, name) = match &source {
        Located::File(file) => (&file.id, "files", &file.name),
        Located::Folder(folder) => (&folder.id, "folders", &folder.name),
    };
    let change = change(&client, name, &arguments.target).await?;
    let value = client.json(Call::patch(&[kind, id]).json(change)).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let path = value["path"].as_str().unwrap_or(&arguments.target);
    let paint = context.output.paint;
    context
        .output
        .text(&format!("{}\n", paint.bold(&clean(path))))
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
