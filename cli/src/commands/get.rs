//! `sheaf get`: fetches the content of files.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use futures::StreamExt as _;
use serde_json::Value;

use super::Context;
use super::outcomes::Outcomes;
use crate::call::Call;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::locate;
use crate::output::human;
use crate::output::text::clean;
use crate::progress::Progress;
use crate::transfer::download::{
    Content, Downloader, Fetched, Of, RANGES_AT_ONCE, Target, plain_name,
};
use crate::views::{self, File, Page, Version};

/// Files of a folder on their way at once.
const FILES_AT_ONCE: usize = 4;
/// Most ranges or parts of a file on their way at once.
const MOST_PARALLEL: usize = 64;

/// Fetches the content of a file, or of a folder
///
/// It is checked by its SHA-256 and is there whole or not at all. One that was interrupted is gone on
/// with by the same command: what is there is not fetched again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its id, or its path such as /bills/january.pdf
    file: String,
    /// Where to: a file, a folder, or `-` for standard output; without it, its own name here
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// An earlier version
    #[arg(long = "version", value_name = "N")]
    version: Option<u32>,
    /// Fetches a folder, given by its path, with all that is in it
    #[arg(short, long, conflicts_with = "version")]
    recursive: bool,
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
}

/// Reads how many go at once.
pub(super) fn parse_parallel(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=MOST_PARALLEL).contains(number))
        .ok_or_else(|| format!("it is a number from 1 to {MOST_PARALLEL}"))
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let mut endings = Endings::listen()?;
    let work = async {
        if arguments.recursive {
            get_folder(arguments, context).await
        } else {
            get_file(arguments, context).await
        }
    };
    tokio::select! {
        done = work => done,
        ending = endings.asked() => {
            context
                .output
                .note("the same command goes on where this one stopped");
            Err(Error::Ended(ending))
        }
    }
}

async fn get_file(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let (value, file) = locate::file(&client, &arguments.file).await?;
    let target = Target::choose(arguments.output.as_deref(), &file.name, arguments.force)?;
    let earlier = match arguments.version {
        Some(number) if number != file.version => Some(version(&client, &file, number).await?),
        Some(_) | None => None,
    };
    let wanted = match &earlier {
        Some(version) => Content {
            of: Of::File {
                id: &file.id,
                version: version.number,
            },
            size_bytes: version.size_bytes,
            sha256: version.sha256.as_deref(),
        },
        None => content(&file),
    };
    let downloader = Downloader::new(&client, arguments.parallel);
    fetch(&downloader, &file.name, &wanted, &target, context).await?;
    if context.output.json && target != Target::Stdout {
        context.output.json(&value)?;
    }
    Ok(())
}

fn content(file: &File) -> Content<'_> {
    Content {
        of: Of::File {
            id: &file.id,
            version: file.version,
        },
        size_bytes: file.size_bytes,
        sha256: file.sha256.as_deref(),
    }
}

/// Fetches content and says where it went.
pub(super) async fn fetch(
    downloader: &Downloader<'_>,
    name: &str,
    wanted: &Content<'_>,
    target: &Target,
    context: &Context<'_>,
) -> Result<()> {
    let progress = Progress::bytes(clean(name), wanted.size_bytes);
    let fetched = downloader.fetch(wanted, target, &progress).await?;
    progress.finish();
    if let Target::File { path, .. } = target {
        context.output.note(&told(path, wanted, fetched));
    }
    Ok(())
}

fn told(path: &Path, content: &Content<'_>, fetched: Fetched) -> String {
    let checked = match content.sha256 {
        Some(_) => "SHA-256 checked",
        None => "SHA-256 not known yet",
    };
    let (size, path) = (human::size(content.size_bytes), path.display());
    match fetched {
        Fetched::Now => format!("wrote {path} ({size}, {checked})"),
        Fetched::Before => format!("{path} is there already, the same ({size}, {checked})"),
    }
}

async fn version(client: &Client, file: &File, number: u32) -> Result<Version> {
    let call = Call::get(&["files", &file.id, "versions"]).query("limit", Some(100));
    let what = call.describe();
    let list = client.list(call, true).await?;
    let versions: views::Page<Version> = views::Page::read(&what, &list)?;
    let mut versions = versions.items.into_iter();
    versions
        .find(|version| version.number == number)
        .ok_or_else(|| {
            Error::failed(
                format!("{} has no version {number}", file.place()),
                format!("Its newest is {}.", file.version),
            )
        })
}

/// Fetches all files of a folder to a folder of its name.
async fn get_folder(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let root = root(arguments)?;
    let client = context.client()?;
    let folder = format!("/{}", arguments.file.trim_matches('/'));
    let call = Call::get(&["files"])
        .query("folder", Some(&folder))
        .query("recursive", Some(true))
        .query("limit", Some(100));
    let what = call.describe();
    let list = client.list(call, true).await?;
    let values = Page::<Value>::read(&what, &list)?.items;
    let files = Page::<File>::read(&what, &list)?.items;
    let total = files.iter().map(|file| file.size_bytes).sum();
    let progress = Progress::bytes(clean(&folder), total);
    let downloader = Downloader::new(&client, arguments.parallel);
    let mut outcomes = Outcomes::of(files.len(), context.output);
    let mut fetches = futures::stream::iter(files.iter().zip(&values))
        .map(async |(file, value)| {
            let fetched = get_below(&downloader, &root, &folder, file, arguments, &progress).await;
            (file, value, fetched)
        })
        .buffer_unordered(FILES_AT_ONCE);
    let mut written = HashSet::new();
    while let Some((file, value, fetched)) = fetches.next().await {
        let told = fetched.and_then(|(path, fetched)| {
            check_apart(&path, &mut written)?;
            Ok(told(&path, &content(file), fetched))
        });
        match told {
            Ok(told) => progress.suspend(|| {
                context.output.note(&told);
                if context.output.json {
                    context.output.json_line(value)
                } else {
                    Ok(())
                }
            })?,
            Err(error) => progress.suspend(|| outcomes.fail(file.place(), error)),
        }
    }
    drop(fetches);
    progress.finish();
    if files.is_empty() {
        context.output.note(&format!("{folder} has no files"));
    }
    outcomes.finish()
}

/// The folder here that all goes below.
fn root(arguments: &Arguments) -> Result<PathBuf> {
    let output = arguments.output.clone().unwrap_or_default();
    if output.as_os_str() == "-" {
        return Err(Error::Usage(
            "a folder cannot go to standard output: give -o a folder".to_owned(),
        ));
    }
    let path = arguments.file.trim_matches('/');
    match path.rsplit('/').next() {
        None | Some("") => Ok(output),
        Some(own) => Ok(output.join(plain_name(own)?)),
    }
}

async fn get_below(
    downloader: &Downloader<'_>,
    root: &Path,
    folder: &str,
    file: &File,
    arguments: &Arguments,
    progress: &Progress,
) -> Result<(PathBuf, Fetched)> {
    let path = place_below(root, folder, file.place())?;
    let target = Target::File {
        path: path.clone(),
        overwrite: arguments.force,
    };
    let fetched = downloader.fetch(&content(file), &target, progress).await?;
    Ok((path, fetched))
}

/// Finds the place of a file below a folder here, and makes the folders on the way.
///
/// # Errors
/// When a name cannot be one here, or a link on the way leads elsewhere.
fn place_below(root: &Path, folder: &str, place: &str) -> Result<PathBuf> {
    let within = place
        .strip_prefix(folder.trim_end_matches('/'))
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(|| {
            Error::failed(
                format!("{place} is not in {folder}"),
                "It moved meanwhile: run the same command again.",
            )
        })?;
    let mut names = within
        .split('/')
        .map(plain_name)
        .collect::<Result<Vec<_>>>()?;
    let own = names.pop().unwrap_or_default();
    if !root.as_os_str().is_empty() {
        std::fs::create_dir_all(root).map_err(Error::disk("make", root))?;
    }
    let mut path = root.to_owned();
    for name in names {
        path.push(name);
        match std::fs::create_dir(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let is_folder = path.symlink_metadata().is_ok_and(|found| found.is_dir());
                if !is_folder {
                    return Err(Error::failed(
                        format!("{} is no folder", path.display()),
                        "Move it away, or give another place with -o. Links are not followed.",
                    ));
                }
            }
            Err(error) => return Err(Error::disk("make", path)(error)),
        }
    }
    Ok(path.join(own))
}

/// Checks that two files did not go to one place, as where `A` and `a` are one name.
fn check_apart(path: &Path, written: &mut HashSet<(u64, u64)>) -> Result<()> {
    let found = path.symlink_metadata().map_err(Error::disk("read", path))?;
    if written.insert((found.dev(), found.ino())) {
        return Ok(());
    }
    Err(Error::failed(
        format!("{} took the place of another file", path.display()),
        "Names that differ only in case are one here: get one of them with -o.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_below_the_folder_and_never_elsewhere() {
        let here = tempfile::tempdir().unwrap();
        let root = here.path().join("bills");
        let place = |place: &str| place_below(&root, "/bills", place);

        assert_eq!(
            place("/bills/2025/a.pdf").unwrap(),
            root.join("2025").join("a.pdf")
        );
        assert!(root.join("2025").is_dir());
        for bad in [
            "/bills/../x",
            "/bills/a\\b",
            "/bills//x",
            "/billsx/y",
            "/bills",
        ] {
            assert!(place(bad).is_err(), "{bad}");
        }
        std::os::unix::fs::symlink(here.path(), root.join("link")).unwrap();
        assert!(place("/bills/link/a.pdf").is_err());
        assert_eq!(
            place_below(here.path(), "/", "/a.pdf").unwrap(),
            here.path().join("a.pdf")
        );
    }

    #[test]
    fn number_at_once_has_bounds() {
        assert_eq!(parse_parallel("1"), Ok(1));
        assert_eq!(parse_parallel("64"), Ok(64));
        for bad in ["0", "65", "-1", "x", ""] {
            assert!(parse_parallel(bad).is_err(), "{bad}");
        }
    }
}
