//! `sheaf export`: fetches a folder or files as one ZIP archive.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::Context;
use super::get::{fetch, parse_parallel};
use super::jobs::{self, WaitForJob};
use crate::call::Call;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::locate::{self, Located};
use crate::output::human;
use crate::transfer::archive;
use crate::transfer::download::{Content, Downloader, Of, RANGES_AT_ONCE, Target};
use crate::views::{self, Export};

/// Fetches a folder or files as one ZIP archive, with a manifest
///
/// The archive is made by a job, fetched, checked file by file against the hashes of its manifest, and
/// then removed there. `sheaf import` makes the same files of it again, in any workspace.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A folder such as /bills, or files by their ids or paths; all there is without any
    #[arg(value_name = "FOLDER|FILE")]
    what: Vec<String>,
    /// Where to: a file or a folder; without it, what the archive is called
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Also earlier versions
    #[arg(long)]
    versions: bool,
    /// Fetches the archive of an export that was asked for before, such as with --no-wait
    #[arg(long, value_name = "ID", conflicts_with_all = ["what", "versions"])]
    id: Option<String>,
    /// Keeps the archive there for a day, too
    #[arg(long)]
    keep: bool,
    /// Ranges on their way at once, 64 at most
    #[arg(
        long,
        value_name = "N",
        default_value_t = RANGES_AT_ONCE,
        value_parser = parse_parallel
    )]
    parallel: usize,
    /// Replaces a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    wait: WaitForJob,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    if arguments.output.as_deref() == Some(Path::new("-")) {
        return Err(Error::Usage(
            "an archive is checked where it lies: give -o a file".to_owned(),
        ));
    }
    let mut endings = Endings::listen()?;
    let client = context.client()?;
    let begun = match &arguments.id {
        Some(id) => client.json(Call::get(&["exports", id])).await?,
        None => begin(&client, arguments).await?,
    };
    let export: Export = views::read("an export", &begun)?;
    if arguments.wait.no_wait {
        context.output.note(&format!(
            "`sheaf export --id {}` fetches the archive once it is there",
            export.id
        ));
        return if context.output.json {
            context.output.json(&begun)
        } else {
            context.output.text(&format!("{}\n", export.id))
        };
    }
    tokio::select! {
        done = complete(&client, &export.id, arguments, context) => done,
        ending = endings.asked() => {
            context.output.note(&format!(
                "`sheaf export --id {}` goes on where this one stopped",
                export.id
            ));
            Err(Error::Ended(ending))
        }
    }
}

async fn begin(client: &Client, arguments: &Arguments) -> Result<Value> {
    let mut folders = Vec::new();
    let mut files = Vec::new();
    for what in &arguments.what {
        if what.trim_matches('/').is_empty() {
            folders.push(("folder", Value::from("/")));
            continue;
        }
        match locate::any(client, what).await? {
            Located::Folder(folder) => folders.push(("folder_id", folder.id.into())),
            Located::File(file) => files.push(Value::from(file.id)),
        }
    }
    let mut body = json!({"versions": arguments.versions});
    match (folders.pop(), folders.is_empty(), files.is_empty()) {
        (None, _, true) => {}
        (None, _, false) => body["files"] = files.into(),
        (Some((field, folder)), true, true) => body[field] = folder,
        (Some(_), _, _) => {
            return Err(Error::Usage(
                "an archive is of one folder, or of files: put what belongs together into a \
                 folder"
                    .to_owned(),
            ));
        }
    }
    client.json(Call::post(&["exports"]).json(body)).await
}

/// Waits for the archive, fetches it and checks it.
async fn complete(
    client: &Client,
    id: &str,
    arguments: &Arguments,
    context: &Context<'_>,
) -> Result<()> {
    let output = context.output;
    let value = client.json(Call::get(&["exports", id])).await?;
    let export: Export = views::read("an export", &value)?;
    let (_, job) = jobs::wait_for_end(client, &export.job.id, arguments.wait.timeout).await?;
    let value = client.json(Call::get(&["exports", id])).await?;
    let export: Export = views::read("an export", &value)?;
    let (Some(size_bytes), "ready") = (export.size_bytes, export.state.as_str()) else {
        return Err(jobs::failed(&job));
    };
    let target = Target::choose(arguments.output.as_deref(), &export.name, arguments.force)?;
    let wanted = Content {
        of: Of::Export(id),
        size_bytes,
        sha256: None,
    };
    target.check_free()?;
    let downloader = Downloader::new(client, arguments.parallel);
    fetch(&downloader, &export.name, &wanted, &target, context).await?;
    if let Target::File { path, .. } = &target {
        let checked = archive::check(path).await?;
        output.note(&format!(
            "checked {} by their SHA-256",
            human::count(checked, "file", "files")
        ));
    }
    if !arguments.keep {
        // It goes by itself after a day.
        let removed = client.send(Call::delete(&["exports", id])).await;
        if let Err(error) = removed {
            output.note(&format!("{error}: the archive stays there for a day"));
        }
    }
    if output.json {
        output.json(&value)?;
    }
    if job.progress.failed > 0 {
        for reason in &job.progress.reasons {
            output.note(&format!("left out: {}", reason.detail));
        }
        return Err(jobs::failed(&job));
    }
    Ok(())
}
