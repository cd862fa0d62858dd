//! `sheaf mkdir`: makes folders.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::outcomes::Outcomes;
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::output::text::clean;
use crate::views::{self, Folder};

/// Makes folders, with those above them
///
/// One that is there already stays as it is.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Paths such as /bills/2025
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let output = context.output;
    let mut outcomes = Outcomes::of(arguments.paths.len(), output);
    for path in &arguments.paths {
        match make(&client, path).await {
            Ok((value, _)) if output.json => output.json_line(&value)?,
            Ok((_, folder)) => {
                output.text(&format!("{}\n", output.paint.bold(&clean(&folder.path))))?;
            }
            Err(error) => outcomes.fail(path, error),
        }
    }
    outcomes.finish()
}

async fn make(client: &Client, path: &str) -> Result<(Value, Folder)> {
    let call = Call::post(&["folders"]).json(json!({"path": path}));
    let what = call.describe();
    let value = client.json(call).await?;
    let folder = views::read(&what, &value)?;
    Ok((value, folder))
}
