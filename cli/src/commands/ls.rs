//! `sheaf ls`: lists files.

use clap::{Args, ValueEnum};

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output;
use crate::views::{File, Page};

/// Lists files: of the whole workspace, or of one folder
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only this folder, such as /bills
    #[arg(long)]
    folder: Option<String>,
    /// Also the folders below
    #[arg(long, requires = "folder")]
    recursive: bool,
    /// Only files of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only files with this tag; with all of them when repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only files at this point of the document pipeline
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Files in the trash instead
    #[arg(long)]
    trashed: bool,
    /// The order within one folder
    #[arg(long, value_enum, requires = "folder", conflicts_with = "recursive")]
    sort: Option<Sort>,
    #[command(flatten)]
    page: PageArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    Pending,
    Scanning,
    Extracted,
    Classified,
    Summarized,
    Completed,
    Failed,
    Quarantined,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Sort {
    Name,
    #[value(name = "updated_at")]
    UpdatedAt,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["files"])
        .query("folder", arguments.folder.as_ref())
        .query("recursive", arguments.recursive.then_some(true))
        .query("type", arguments.kind.as_ref())
        .query_each("tag", &arguments.tags)
        .query("status", arguments.status.as_ref().and_then(word))
        .query("state", arguments.trashed.then_some("trashed"))
        .query("sort", arguments.sort.as_ref().and_then(word))
        .query("limit", arguments.page.size());
    let what = call.describe();
    let list = context.client()?.list(call, arguments.page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<File> = Page::read(&what, &list)?;
    context
        .output
        .text(&output::file::list(&page.items, context.output))?;
    page.tell_rest(context.output, "files");
    Ok(())
}

/// The word of a choice, as both the command line and the API spell it.
fn word(choice: &impl ValueEnum) -> Option<String> {
    Some(choice.to_possible_value()?.get_name().to_owned())
}
