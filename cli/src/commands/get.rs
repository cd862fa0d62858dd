//! `sheaf get`: fetches the content of a file.

use std::path::PathBuf;

use clap::Args;

use super::Context;
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::output::human;
use crate::transfer::download::{self, Content, Target};
use crate::views::{self, File, Version};
use crate::{locate, output};

/// Fetches the content of a file
///
/// It is checked by its SHA-256 and is there whole or not at all.
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
    /// Replaces a file that is there
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let (value, file) = locate::file(&client, &arguments.file).await?;
    let target = Target::choose(arguments.output.as_deref(), &file.name, arguments.force)?;
    let earlier = match arguments.version {
        Some(number) if number != file.version => Some(version(&client, &file, number).await?),
        Some(_) | None => None,
    };
    let wanted = Content {
        file_id: &file.id,
        version: earlier
            .as_ref()
            .map_or(file.version, |version| version.version),
        sha256: earlier
            .as_ref()
            .map_or(&file.sha256, |version| &version.sha256)
            .as_deref(),
    };
    fetch(&client, &file.name, &wanted, &target, context).await?;
    if context.output.json && target != Target::Stdout {
        context.output.json(&value)?;
    }
    Ok(())
}

/// Fetches content and says where it went.
pub(super) async fn fetch(
    client: &Client,
    name: &str,
    wanted: &Content<'_>,
    target: &Target,
    context: &Context<'_>,
) -> Result<()> {
    let size = download::fetch(client, wanted, target, &output::text::clean(name)).await?;
    if let Target::File { path, .. } = target {
        let checked = match wanted.sha256 {
            Some(_) => "SHA-256 checked",
            None => "SHA-256 not known yet",
        };
        let size = human::size(size);
        context
            .output
            .note(&format!("wrote {} ({size}, {checked})", path.display()));
    }
    Ok(())
}

async fn version(client: &Client, file: &File, number: u32) -> Result<Version> {
    let call = Call::get(&["files", &file.id, "versions"]).query("limit", Some(100));
    let what = call.describe();
    let list = client.list(call, true).await?;
    let versions: views::Page<Version> = views::Page::read(&what, &list)?;
    let mut versions = versions.items.into_iter();
    versions
        .find(|version| version.version == number)
        .ok_or_else(|| {
            Error::failed(
                format!("{} has no version {number}", file.place()),
                format!("Its newest is {}.", file.version),
            )
        })
}
