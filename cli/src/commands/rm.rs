//! `sheaf rm`: moves files and folders to the trash, or deletes them for good.

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::jobs::{self, WaitForJob};
use super::outcomes::Outcomes;
use crate::bulk::{self, Change};
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
    let output = context.output;
    let files = &arguments.files;
    let mut outcomes = Outcomes::of(files.len(), output);
    let mut found = Vec::new();
    for (name, located) in files.iter().zip(find(&client, arguments).await) {
        match located {
            Ok(located) => found.push((name, located)),
            Err(error) => outcomes.fail(name, error),
        }
    }
    // For a program each is told as the API tells it of one.
    if found.len() > 1 && !output.json {
        remove_many(&client, found, arguments, output, &mut outcomes).await?;
        return outcomes.finish();
    }
    for (name, located) in found {
        match remove(&client, located, arguments).await {
            Ok((place, answer)) => print(&place, &answer, arguments.permanent, output)?,
            Err(error) => outcomes.fail(name, error),
        }
    }
    outcomes.finish()
}

/// Finds what is to be removed.
async fn find(client: &Client, arguments: &Arguments) -> Vec<Result<Located>> {
    let files = &arguments.files;
    if arguments.recursive {
        return locate::all(client, files).await;
    }
    let [name] = files.as_slice() else {
        let found = locate::all(client, files).await;
        let refuse = |located| match located {
            Ok(Located::Folder(folder)) => Err(only_recursively(&folder.path)),
            located => located,
        };
        return found.into_iter().map(refuse).collect();
    };
    vec![match locate::file(client, name).await {
        Ok((_, file)) => Ok(Located::File(Box::new(file))),
        Err(error) => Err(without_folders(client, name, error).await),
    }]
}

/// Removes many things in few requests.
async fn remove_many(
    client: &Client,
    found: Vec<(&String, Located)>,
    arguments: &Arguments,
    output: &Output,
    outcomes: &mut Outcomes<'_>,
) -> Result<()> {
    let changes = found.iter().map(|(_, located)| {
        let op = match (located, arguments.permanent) {
            (Located::File(_), false) => "trash",
            (Located::File(_), true) => "delete",
            (Located::Folder(_), false) => "trash_folder",
            (Located::Folder(_), true) => "delete_folder",
        };
        Change {
            subject: located.place().to_owned(),
            operation: json!({"op": op, "id": located.id()}),
        }
    });
    let mut jobs = Vec::new();
    bulk::carry_out(client, changes.collect(), |place, removed| {
        match removed {
            Ok(removed) => {
                if let Some(job) = removed["job_id"].as_str() {
                    jobs.push((place.to_owned(), job.to_owned()));
                } else {
                    let what = if arguments.permanent {
                        "deleted for good"
                    } else {
                        "in the trash"
                    };
                    let receipt = removed["receipt_id"].as_str();
                    let receipt = receipt.map(|id| format!(", receipt {id}"));
                    let receipt = receipt.unwrap_or_default();
                    let place = output.paint.bold(&clean(place));
                    output.text(&format!("{place} {what}{receipt}\n"))?;
                }
            }
            Err(error) => outcomes.fail(place, error),
        }
        Ok(())
    })
    .await?;
    for (place, job) in jobs {
        let answer = json!({"job": client.json(Call::get(&["jobs", &job])).await?});
        match jobs::wait_for(client, answer, &arguments.wait).await {
            Ok(answer) => print(&place, &answer, arguments.permanent, output)?,
            Err(error) => outcomes.fail(&place, error),
        }
    }
    Ok(())
}

/// Removes something, and tells where it was.
async fn remove(
    client: &Client,
    located: Located,
    arguments: &Arguments,
) -> Result<(String, Value)> {
    let permanent = arguments.permanent.then_some(true);
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
        Ok(Some(folder)) => only_recursively(&folder.path),
        Ok(None) | Err(_) => error,
    }
}

fn only_recursively(folder: &str) -> Error {
    Error::Usage(format!(
        "{folder} is a folder: --recursive removes it with all it holds"
    ))
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
