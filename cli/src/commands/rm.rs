//! `sheaf rm`: moves files to the trash, or deletes them for good.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::outcomes::Outcomes;
use crate::call::Call;
use crate::client::Client;
use crate::error::Result;
use crate::locate;
use crate::output::Output;
use crate::output::record::Record;
use crate::output::text::clean;
use crate::views::File;

/// Moves files to the trash, or deletes them for good with a receipt
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids, or paths such as /bills/january.pdf
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Deletes for good: content, text and summaries, and returns a receipt
    #[arg(long)]
    permanent: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let mut outcomes = Outcomes::of(arguments.files.len(), context.output);
    for name in &arguments.files {
        match remove(&client, name, arguments.permanent).await {
            Ok((file, answer)) => print(&file, &answer, arguments.permanent, context.output)?,
            Err(error) => outcomes.fail(name, error),
        }
    }
    outcomes.finish()
}

async fn remove(client: &Client, name: &str, permanent: bool) -> Result<(File, Value)> {
    let (_, file) = locate::file(client, name).await?;
    let call = Call::delete(&["files", &file.id]).query("permanent", permanent.then_some(true));
    let answer = client.json(call).await?;
    Ok((file, answer))
}

fn print(file: &File, answer: &Value, permanent: bool, output: &Output) -> Result<()> {
    if output.json {
        return match answer {
            Value::Null => Ok(()),
            answer => output.json_line(answer),
        };
    }
    let what = if permanent {
        "deleted for good"
    } else {
        "in the trash"
    };
    let mut text = format!("{} {what}\n", output.paint.bold(&clean(file.place())));
    if let (true, Some(receipt)) = (permanent, answer.as_object()) {
        let record = Record::new().object(receipt, &output.zone);
        text += &record.into_table().render(output.paint);
    }
    output.text(&text)
}
