//! `sheaf restore`: takes files and folders out of the trash.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::jobs::{self, WaitForJob};
use super::outcomes::Outcomes;
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::locate::{self, Located};
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
    for name in &arguments.names {
        match restore(&client, name, arguments).await {
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

async fn restore(client: &Client, name: &str, arguments: &Arguments) -> Result<Value> {
    let on_conflict = arguments.rename.then_some("rename");
    let (kind, id) = match locate::in_trash(client, name).await? {
        Located::File(file) => ("files", file.id),
        Located::Folder(folder) => ("folders", folder.id),
    };
    let call = Call::post(&[kind, &id, "restore"]).query("on_conflict", on_conflict);
    let answer = client.json(call).await?;
    jobs::wait_for(client, answer, &arguments.wait).await
}
