//! `sheaf put`: stores files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use serde_json::Value;

use super::Context;
use super::outcomes::Outcomes;
use crate::arguments::WaitArguments;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::output::human;
use crate::output::text::clean;
use crate::progress::Progress;
use crate::transfer::source::Source;
use crate::transfer::upload::{AT_ONCE, Uploader, Wishes};
use crate::views::{self, File};
use crate::{duration, locate, wait};

/// Stores files
///
/// Each is read, summed up and put into the dossiers of its type and tags in the background.
/// Small files go in one call, larger ones in parts by signed URLs, 16 at once.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files to store; `-` is standard input, which needs --name
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What kind of document they are, such as bill
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// A tag, such as electricity; up to 20 by repeating it
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The folder, such as /bills/2025; made when missing
    #[arg(long)]
    folder: Option<String>,
    /// The name to store one file under
    #[arg(long)]
    name: Option<String>,
    /// When they are to be gone, such as 24h or 7d from now
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    expires: Option<Duration>,
    /// What to do when the folder has a file of that name
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Fail)]
    on_conflict: OnConflict,
    #[command(flatten)]
    wait: WaitArguments,
}

/// What to do when a name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OnConflict {
    /// Refuse
    Fail,
    /// Find a free name
    Rename,
    /// Add a version to the file that is there
    Version,
}

impl OnConflict {
    /// As the API spells it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Rename => "rename",
            Self::Version => "version",
        }
    }
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    if arguments.files.len() > 1 && arguments.name.is_some() {
        return Err(Error::Usage("--name is for one file".to_owned()));
    }
    let client = context.client()?;
    let mut outcomes = Outcomes::of(arguments.files.len(), context.output);
    let mut sources = Vec::new();
    for path in &arguments.files {
        match open(path, arguments.name.as_deref()) {
            Ok(source) => sources.push((path.display().to_string(), source)),
            Err(error @ Error::Usage(_)) => return Err(error),
            Err(error) => outcomes.fail(&path.display().to_string(), error),
        }
    }
    let printed = if arguments.wait.wait {
        None
    } else {
        Some(context.output)
    };
    let stored = store_all(
        &client,
        &sources,
        &arguments.wishes(),
        printed,
        &mut outcomes,
    )
    .await?;
    if arguments.wait.wait {
        wait_for_all(
            &client,
            stored,
            arguments.wait.timeout,
            context.output,
            &mut outcomes,
        )
        .await?;
    }
    outcomes.finish()
}

impl Arguments {
    fn wishes(&self) -> Wishes {
        Wishes {
            folder: self.folder.clone(),
            kind: self.kind.clone(),
            tags: self.tags.clone(),
            expires_in_s: self.expires.map(|time| time.as_secs()),
            on_conflict: Some(self.on_conflict.word()),
        }
    }
}

fn open(path: &Path, name: Option<&str>) -> Result<Source> {
    if path.as_os_str() != "-" {
        return Source::file(path, name);
    }
    match name {
        Some(name) => Source::stdin(name),
        None => Err(Error::Usage(
            "standard input has no name: give it one with --name".to_owned(),
        )),
    }
}

/// Stores all, prints each as it is done, and returns those that are.
async fn store_all(
    client: &Client,
    sources: &[(String, Source)],
    wishes: &Wishes,
    printed: Option<&Output>,
    outcomes: &mut Outcomes<'_>,
) -> Result<Vec<(String, String)>> {
    let total = sources.iter().map(|(_, source)| source.size_bytes).sum();
    let progress = Progress::bytes("storing", total);
    let uploader = Uploader::new(client);
    let mut uploads = futures::stream::iter(sources)
        .map(async |(subject, source)| (subject, uploader.store(source, wishes, &progress).await))
        .buffer_unordered(AT_ONCE);
    let mut stored = Vec::new();
    while let Some((subject, result)) = uploads.next().await {
        match result {
            Ok(value) => {
                let file: File = views::read("storing a file", &value)?;
                if let Some(output) = printed {
                    progress.suspend(|| print(&value, &file, output))?;
                }
                stored.push((subject.clone(), file.id));
            }
            Err(error) => progress.suspend(|| outcomes.fail(subject, error)),
        }
        progress.say(format!(
            "storing, {} of {} done",
            stored.len(),
            sources.len()
        ));
    }
    drop(uploads);
    progress.finish();
    Ok(stored)
}

/// Follows all through the document pipeline and prints each as it comes out.
async fn wait_for_all(
    client: &Client,
    stored: Vec<(String, String)>,
    timeout: Duration,
    output: &Output,
    outcomes: &mut Outcomes<'_>,
) -> Result<()> {
    let total = stored.len();
    let progress = Progress::waiting(format!("reading and summing up {total}"));
    let mut waits = futures::stream::iter(stored)
        .map(async |(subject, id)| {
            let result = settled(client, &subject, &id, timeout).await;
            (subject, result)
        })
        .buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((subject, result)) = waits.next().await {
        match result {
            Ok((value, file)) => {
                progress.suspend(|| print(&value, &file, output))?;
                if file.is_failed() {
                    progress.suspend(|| outcomes.fail(&subject, failure(&file)));
                }
            }
            Err(error) => progress.suspend(|| outcomes.fail(&subject, error)),
        }
        done += 1;
        progress.say(format!("reading and summing up, {done} of {total} done"));
    }
    drop(waits);
    progress.finish();
    Ok(())
}

/// Follows one file through the document pipeline to either of its ends.
async fn settled(
    client: &Client,
    subject: &str,
    id: &str,
    timeout: Duration,
) -> Result<(Value, File)> {
    let look = async || locate::by_id(client, id).await;
    wait::until(subject, timeout, look, |(_, file)| file.is_settled()).await
}

fn failure(file: &File) -> Error {
    let detail = match &file.failure {
        Some(failure) => format!(
            "At {}: {}. {}",
            failure.stage,
            failure.code,
            failure.detail.as_deref().unwrap_or_default()
        ),
        None => format!("Its status is {}.", file.status),
    };
    Error::failed(
        format!("{} is stored and could not be read", file.place()),
        detail.trim_end(),
    )
}

fn print(value: &Value, file: &File, output: &Output) -> Result<()> {
    if output.json {
        return output.json_line(value);
    }
    output.text(&format!(
        "{}  {}  {}  {}\n",
        output.paint.bold(&clean(file.place())),
        human::size(file.size_bytes),
        output.paint.status(&clean(&file.status)),
        output.paint.dim(&clean(&file.id)),
    ))
}
