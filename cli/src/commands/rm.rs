//! `sheaf rm`: moves files and folders to the trash, or deletes them for good.

use clap::Args;
use serde_json::Value;

use super::Context;
use super::jobs::{self, WaitForJob};
use super::outcomes::Outcomes;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::locate::{self, Located};
use crate::output::Output;
use crate::output::record::Record;
use crate::output::text::clean;

/// Moves files and folders to the trash, or deletes them for good with receipts
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Ids, or paths such as /bills/january.pdf
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Also folders, with all they hold
    #[arg(short, long)]
    recursive: bool,
    /// Deletes for good: content, text and summaries, and returns a receipt of each file
    #[arg(long)]
    permanent: bool,
    #[command(flatten)]
    wait: WaitForJob,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let mut outcomes = Outcomes::of(arguments.files.len(), context.output);
    for name in &arguments.files {
        match remove(&client, name, arguments).await {
            Ok((place, answer)) => print(&place, &answer, arguments.permanent, context.output)?,
            Err(error) => outcomes.fail(name, error),
        }
    }
    outcomes.finish()
}

/// Removes what is of that name, and tells where it was.
async fn remove(client: &Client, name: &str, arguments: &Arguments) -> Result<(String, Value)> {
    let permanent = arguments.permanent.then_some(true);
    let located = if arguments.recursive {
        locate::any(client, name).await?
    } else {
        match locate::file(client, name).await {
            Ok((_, file)) => Located::File(Box::new(file)),
            Err(error) => return Err(without_folders(client, name, error).await),
        }
    };
    match located {
        Located::File(file) => {
            let call = Call::delete(&["files", &file.id]).query("permanent", permanent);
            Ok((file.place().to_owned(), client.json(call).await?))
        }
        Located::Folder(folder) => {
            let call = Call::delete(&["folders", &folder.id]).query("permanent", permanent);
            let answer = client.json(call).await?;
            let answer = jobs::wait_for(client, answer, &arguments.wait).await?;
            Ok((folder.path, answer))
        }
    }
}

/// The error when no file is found: another one when there is a folder, which needs to be meant.
async fn without_folders(client: &Client, name: &str, error: Error) -> Error {
    match locate::folder_at(client, name).await {
        Ok(Some(folder)) => Error::Usage(format!(
            "{} is a folder: --recursive removes it with all it holds",
            folder.path
        )),
        Ok(None) | Err(_) => error,
    }
}

fn print(place: &str, answer: &Value, permanent: bool, output: &Output) -> Result<()> {
    if output.json {
        return match answer {
            Value::Null => Ok(()),
            answer => output.json_line(answer),
        };
    }
    let is_folder = answer.get("job").is_some();
    let is_going_on = answer["job"]["state"] == "running";
    let what = match (permanent, is_folder && is_going_on) {
        (true, true) => "is being deleted for good",
        (true, false) => "deleted for good",
        (false, _) => "in the trash",
    };
    let mut text = format!("{} {what}\n", output.paint.bold(&clean(place)));
    if let (true, false, Some(receipt)) = (permanent, is_folder, answer.as_object()) {
        let record = Record::new().object(receipt, &output.zone);
        text += &record.into_table().render(output.paint);
    }
    output.text(&text)
}
