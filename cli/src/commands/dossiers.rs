//! `sheaf dossiers`: lists dossiers.

use clap::{Args, ValueEnum};

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output;
use crate::views::{Dossier, Page};

/// Lists dossiers: the collections of files that share a type and tags
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only dossiers of files of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only dossiers with this tag; with all of them when repeated
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Only dossiers whose summary is in this state
    #[arg(long, value_enum)]
    status: Option<Status>,
    #[command(flatten)]
    page: PageArguments,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    /// Never made
    Pending,
    /// Made of all the documents there are
    Generated,
    /// Documents have changed since
    Outdated,
    /// Being written
    Regenerating,
}

impl Status {
    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Generated => "generated",
            Self::Outdated => "outdated",
            Self::Regenerating => "regenerating",
        }
    }
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["dossiers"])
        .query("type", arguments.kind.as_ref())
        .query_each("tag", &arguments.tags)
        .query("status", arguments.status.map(Status::word))
        .query("limit", arguments.page.size());
    let what = call.describe();
    let list = context.client()?.list(call, arguments.page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Dossier> = Page::read(&what, &list)?;
    let text = output::dossier::list(&page.items, context.output);
    context.output.text(&text)?;
    page.tell_rest(context.output, "dossiers");
    Ok(())
}
