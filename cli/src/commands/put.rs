//! `sheaf put`: stores files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use futures::StreamExt as _;
use serde_json::Value;

use super::Context;
use super::outcomes::Outcomes;
use crate::arguments::WaitArguments;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::output::human;
use crate::output::text::clean;
use crate::progress::Progress;
use crate::transfer::source::Source;
use crate::transfer::upload::{AT_ONCE, Keeping, PARTS_AT_ONCE, Stored, Uploader, Wishes, verify};
use crate::tree::{self, Reason, Rules};
use crate::views::{self, File};
use crate::{duration, locate, state, wait};

/// Stores files
///
/// Each is read, summed up and put into the dossiers of its type and tags in the background.
/// Small files go in one call, larger ones in parts by signed URLs. One that was interrupted is gone
/// on with by the same command: what has arrived is not sent again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Files to store; `-` is standard input, which needs --name
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Also stores folders, each below the folder given, with all that is in them
    #[arg(short, long)]
    recursive: bool,
    /// With --recursive: also what begins with a dot
    #[arg(long, requires = "recursive")]
    hidden: bool,
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
    #[arg(long, conflicts_with = "recursive")]
    name: Option<String>,
    /// When they are to be gone, such as 24h or 7d from now
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    expires: Option<Duration>,
    /// What to do when the folder has a file of that name
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnConflict::Fail)]
    on_conflict: OnConflict,
    /// Parts of one file on their way at once, 64 at most
    #[arg(
        long,
        value_name = "N",
        default_value_t = PARTS_AT_ONCE,
        value_parser = super::get::parse_parallel
    )]
    parallel: usize,
    /// Begins anew what was interrupted, and gives up what is
    #[arg(long)]
    no_resume: bool,
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

/// A file that is to be stored, and as what.
struct Job {
    /// What it is called in messages.
    subject: String,
    source: Source,
    wishes: Wishes,
}

/// A file that is stored, and what it is to be.
struct Done {
    subject: String,
    id: String,
    version: u32,
    sha256: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    if arguments.files.len() > 1 && arguments.name.is_some() {
        return Err(Error::Usage("--name is for one file".to_owned()));
    }
    let mut endings = Endings::listen()?;
    let output = context.output;
    let client = context.client()?;
    let (jobs, failed) = jobs(arguments, output)?;
    let mut outcomes = Outcomes::of(jobs.len() + failed.len(), output);
    for (subject, error) in failed {
        outcomes.fail(&subject, error);
    }
    let uploader = Uploader::new(&client)
        .parallel(arguments.parallel)
        .keeping(keeping(arguments.no_resume, output));
    let work = async {
        let stored = store_all(&uploader, &jobs, arguments, output, &mut outcomes).await?;
        if arguments.wait.wait {
            let timeout = arguments.wait.timeout;
            wait_for_all(&client, stored, timeout, output, &mut outcomes).await?;
        }
        Ok::<(), Error>(())
    };
    tokio::select! {
        done = work => done?,
        ending = endings.asked() => {
            output.note(if arguments.no_resume {
                "what is not listed here is not stored"
            } else {
                "what is not listed here is not stored yet: \
                 the same command goes on where this one stopped"
            });
            return Err(Error::Ended(ending));
        }
    }
    outcomes.finish()
}

/// Where uploads are remembered. Where that cannot be, they are stored all the same.
pub(super) fn keeping(no_resume: bool, output: &Output) -> Keeping {
    let folder = state::folder("uploads").and_then(|folder| {
        state::tidy(&folder)?;
        Ok(folder)
    });
    match folder {
        Ok(folder) if no_resume => Keeping::Anew(folder),
        Ok(folder) => Keeping::Resume(folder),
        Err(error) => {
            output.note(&format!(
                "{error}: an upload that is interrupted will begin anew"
            ));
            Keeping::Nothing
        }
    }
}

impl Arguments {
    fn wishes(&self, folder: Option<String>) -> Wishes {
        Wishes {
            folder,
            kind: self.kind.clone(),
            tags: self.tags.clone(),
            expires_in_s: self.expires.map(|time| time.as_secs()),
            on_conflict: Some(self.on_conflict.word()),
        }
    }
}

type Failures = Vec<(String, Error)>;

/// Finds what is to be stored, and what of it cannot be.
fn jobs(arguments: &Arguments, output: &Output) -> Result<(Vec<Job>, Failures)> {
    let (mut jobs, mut failed) = (Vec::new(), Vec::new());
    let mut skipped = BTreeMap::new();
    for path in &arguments.files {
        let subject = path.display().to_string();
        if arguments.recursive && path.is_dir() {
            match below(path, arguments, &mut skipped) {
                Ok((mut found, mut unread)) => {
                    jobs.append(&mut found);
                    failed.append(&mut unread);
                }
                Err(error) => failed.push((subject, error)),
            }
            continue;
        }
        match open(path, arguments.name.as_deref()) {
            Ok(source) => jobs.push(Job {
                subject,
                source,
                wishes: arguments.wishes(arguments.folder.clone()),
            }),
            Err(error @ Error::Usage(_)) => return Err(error),
            Err(error) => failed.push((subject, error)),
        }
    }
    if let Some(told) = tell_skipped(&skipped) {
        output.note(&told);
    }
    Ok((jobs, failed))
}

/// Says how many were passed over, and why.
pub(super) fn tell_skipped(skipped: &BTreeMap<Reason, u64>) -> Option<String> {
    let reasons: Vec<String> = skipped
        .iter()
        .map(|(reason, count)| format!("{count} {}", reason.text()))
        .collect();
    (!reasons.is_empty()).then(|| format!("passed over: {}", reasons.join("; ")))
}

/// Finds the files below a folder. They go below a folder of its name, which `.` and `..` have not.
fn below(
    root: &Path,
    arguments: &Arguments,
    skipped: &mut BTreeMap<Reason, u64>,
) -> Result<(Vec<Job>, Failures)> {
    let rules = Rules {
        hidden: !arguments.hidden,
        ..Rules::default()
    };
    let own = match root.file_name().map(|name| name.to_str()) {
        None => "",
        Some(Some(name)) => name,
        Some(None) => {
            return Err(Error::failed(
                format!("{} has no name in UTF-8", root.display()),
                "Go into it and put `.` instead.",
            ));
        }
    };
    let base = arguments.folder.as_deref().unwrap_or("/");
    let base = base.trim_end_matches('/').to_owned();
    let base = tree::join(&base, own);
    let tree = tree::walk(root, rules)?;
    let mut failed = Vec::new();
    let shown = |name: &str| root.join(name).display().to_string();
    for passed in tree.skipped {
        *skipped.entry(passed.reason).or_default() += 1;
        if passed.reason == Reason::Name {
            let error = Error::failed(
                "Sheaf does not take its name",
                "A name is at most 255 bytes of UTF-8 without control characters, one of its kind \
                 in its folder once composed, and at most 32 folders deep.",
            );
            failed.push((shown(&passed.name), error));
        }
    }
    skipped.remove(&Reason::Name);
    for (name, error) in tree.failed {
        failed.push((shown(&name), error));
    }
    let mut jobs = Vec::new();
    for found in tree.files {
        let subject = found.path.display().to_string();
        let (folder, name) = found.name.rsplit_once('/').unwrap_or(("", &found.name));
        let folder = tree::join(&base, folder);
        let folder = folder.trim_end_matches('/');
        match Source::file(&found.path, Some(name)) {
            Ok(source) => jobs.push(Job {
                subject,
                source,
                wishes: arguments.wishes((!folder.is_empty()).then(|| folder.to_owned())),
            }),
            Err(error) => failed.push((subject, error)),
        }
    }
    Ok((jobs, failed))
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

/// Stores all, prints each as it is done unless it is waited for, and returns those that are.
async fn store_all(
    uploader: &Uploader<'_>,
    jobs: &[Job],
    arguments: &Arguments,
    output: &Output,
    outcomes: &mut Outcomes<'_>,
) -> Result<Vec<Done>> {
    let total = jobs.iter().map(|job| job.source.size_bytes).sum();
    let progress = Progress::bytes("storing", total);
    let mut uploads = futures::stream::iter(jobs)
        .map(async |job| {
            let stored = uploader.store(&job.source, &job.wishes, &progress).await;
            (&job.subject, stored)
        })
        .buffer_unordered(AT_ONCE);
    let mut done = Vec::new();
    while let Some((subject, result)) = uploads.next().await {
        match result {
            Ok(Stored { value, sha256 }) => {
                let file: File = views::read("storing a file", &value)?;
                if !arguments.wait.wait {
                    progress.suspend(|| print(&value, &file, output))?;
                }
                done.push(Done {
                    subject: subject.clone(),
                    id: file.id,
                    version: file.version,
                    sha256,
                });
            }
            Err(error) => progress.suspend(|| outcomes.fail(subject, error)),
        }
        progress.say(format!("storing, {} of {} done", done.len(), jobs.len()));
    }
    drop(uploads);
    progress.finish();
    Ok(done)
}

/// Follows all through the document pipeline and prints each as it comes out.
async fn wait_for_all(
    client: &Client,
    stored: Vec<Done>,
    timeout: Duration,
    output: &Output,
    outcomes: &mut Outcomes<'_>,
) -> Result<()> {
    let total = stored.len();
    let progress = Progress::waiting(format!("reading and summing up {total}"));
    let mut waits = futures::stream::iter(stored)
        .map(async |done| {
            let result = settled(client, &done.subject, &done.id, timeout).await;
            (done, result)
        })
        .buffer_unordered(AT_ONCE);
    let mut through = 0;
    while let Some((done, result)) = waits.next().await {
        match result {
            Ok((value, file)) => {
                progress.suspend(|| print(&value, &file, output))?;
                if file.is_failed() {
                    progress.suspend(|| outcomes.fail(&done.subject, failure(&file)));
                } else if file.version == done.version
                    && let Err(error) = verify(&file, &done.sha256)
                {
                    progress.suspend(|| outcomes.fail(&done.subject, error));
                }
            }
            Err(error) => progress.suspend(|| outcomes.fail(&done.subject, error)),
        }
        through += 1;
        progress.say(format!("reading and summing up, {through} of {total} done"));
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
