//! `sheaf trash`: lists what is in the trash.

use clap::Args;
use serde_json::json;

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output;
use crate::views::{File, Folder, Page};

/// Lists folders and files in the trash
///
/// Files that are in the trash with their folder are listed, too. Each is kept until the time that is shown, and
/// then deleted for good.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    page: PageArguments,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let client = context.client()?;
    let trashed = |kind| {
        Call::get(&[kind])
            .query("state", Some("trashed"))
            .query("limit", arguments.page.size())
    };
    let folders = client.list(trashed("folders"), arguments.page.all).await?;
    let files = client.list(trashed("files"), arguments.page.all).await?;
    if context.output.json {
        return context
            .output
            .json(&json!({"folders": folders, "files": files}));
    }
    let folders: Page<Folder> = Page::read("GET /v1/folders", &folders)?;
    let files: Page<File> = Page::read("GET /v1/files", &files)?;
    let text = output::folder::list_trashed(&folders.items, context.output);
    context.output.text(&text)?;
    let text = output::file::list_trashed(&files.items, context.output);
    context.output.text(&text)?;
    if folders.next_cursor.is_some() {
        folders.tell_rest(context.output, "folders");
    }
    if files.next_cursor.is_some() || folders.items.is_empty() {
        files.tell_rest(context.output, "files");
    }
    Ok(())
}
