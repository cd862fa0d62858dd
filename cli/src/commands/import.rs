//! `sheaf import`: makes files of a ZIP archive.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::jobs::{self, WaitForJob};
use super::put::{OnConflict, keeping};
use crate::call::Call;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::locate;
use crate::output::human;
use crate::output::text::clean;
use crate::progress::Progress;
use crate::transfer::source::Source;
use crate::transfer::upload::{Uploader, Wishes};
use crate::views::{self, File};

/// How long an archive that was stored for an import is kept if nobody removes it.
const KEPT_SECONDS: u64 = 7 * 24 * 60 * 60;

/// Makes files of a ZIP archive, of `sheaf export` or any other
///
/// The archive is stored, files are made of it by a job, and then it is removed for good. What could
/// not become a file is told with the reason; the rest is there. An archive of `sheaf export` brings
/// back tags, types, dates and versions.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The archive
    #[arg(
        required_unless_present = "file",
        conflicts_with = "file",
        value_name = "ZIP"
    )]
    archive: Option<PathBuf>,
    /// The folder that all in it goes into, made when missing; the top one without it
    #[arg(long, value_name = "FOLDER")]
    folder: Option<String>,
    /// An archive that is in Sheaf, by its id or path, instead; it stays
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// What to do when a folder has a file of that name
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Fail)]
    on_conflict: OnConflict,
    /// Keeps the archive in Sheaf, too
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    wait: WaitForJob,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let mut endings = Endings::listen()?;
    tokio::select! {
        done = import(arguments, context) => done,
        ending = endings.asked() => {
            context.output.note(
                "what the job has begun goes on by itself: `sheaf jobs` shows how far it is",
            );
            Err(Error::Ended(ending))
        }
    }
}

async fn import(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let output = context.output;
    let (id, is_ours) = match (&arguments.file, &arguments.archive) {
        (Some(file), _) => (locate::file(&client, file).await?.1.id, false),
        (None, Some(_)) => (store(&client, arguments, context).await?, true),
        (None, None) => return Err(Error::Usage("name an archive".to_owned())),
    };
    let mut body = json!({"file_id": id, "on_conflict": arguments.on_conflict.word()});
    if let Some(folder) = &arguments.folder {
        body["folder"] = folder.as_str().into();
    }
    let begun = client.json(Call::post(&["imports"]).json(body)).await;
    let begun = match begun {
        Ok(begun) => begun,
        Err(error) => {
            if is_ours {
                remove(&client, &id, context).await;
            }
            return Err(error);
        }
    };
    let job_id = begun["job"]["id"].as_str().unwrap_or_default().to_owned();
    if arguments.wait.no_wait {
        output.note(&format!(
            "`sheaf jobs {job_id}` shows how far it is; the archive stays in Sheaf until it is \
             removed, a week at most"
        ));
        return print(&begun, &job_id, output);
    }
    let (value, job) = jobs::wait_for_end(&client, &job_id, arguments.wait.timeout).await?;
    if is_ours && !arguments.keep {
        remove(&client, &id, context).await;
    }
    if output.json {
        output.json(&json!({"job": value}))?;
    } else {
        let done = human::count(job.progress.done, "entry", "entries");
        output.text(&format!("imported {done}\n"))?;
    }
    if job.state == "done" {
        return Ok(());
    }
    for reason in &job.progress.reasons {
        output.note(&format!("not imported: {}", clean(&reason.detail)));
    }
    // Why is told already.
    Err(Error::failed(
        format!("{} of it failed", job.progress.failed),
        format!("`sheaf jobs {}` shows it again.", job.id),
    ))
}

/// Stores the archive for as long as it is imported.
async fn store(client: &Client, arguments: &Arguments, context: &Context<'_>) -> Result<String> {
    let path = arguments.archive.as_deref().unwrap_or_else(|| "-".as_ref());
    let source = Source::file(path, None)?;
    let wishes = Wishes {
        expires_in_s: (!arguments.keep).then_some(KEPT_SECONDS),
        on_conflict: Some(OnConflict::Rename.word()),
        ..Wishes::default()
    };
    let progress = Progress::bytes(clean(&source.name), source.size_bytes);
    let uploader = Uploader::new(client).keeping(keeping(false, context.output));
    let stored = uploader.store(&source, &wishes, &progress).await;
    progress.finish();
    let file: File = views::read("storing an archive", &stored?.value)?;
    Ok(file.id)
}

/// Removes the archive again. Where that fails it goes by itself.
async fn remove(client: &Client, id: &str, context: &Context<'_>) {
    let call = Call::delete(&["files", id]).query("permanent", Some(true));
    if let Err(error) = client.send(call).await {
        let output = context.output;
        output.note(&format!(
            "{error}: the archive {id} stays in Sheaf for a week"
        ));
    }
}

fn print(begun: &Value, job: &str, output: &crate::output::Output) -> Result<()> {
    if output.json {
        output.json(begun)
    } else {
        output.text(&format!("{job}\n"))
    }
}
