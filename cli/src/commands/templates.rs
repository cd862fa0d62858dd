//! `sheaf templates`: lists templates, or shows one.

use clap::Args;

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output;
use crate::views::{self, Page, Template};

/// Lists the templates files can be made from, or shows one with its parameters and an example
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The template to show
    #[arg(conflicts_with_all = ["limit", "all"])]
    name: Option<String>,
    #[command(flatten)]
    page: PageArguments,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.name {
        Some(name) => show(name, context).await,
        None => list(arguments.page, context).await,
    }
}

async fn show(name: &str, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["templates", name]);
    let what = call.describe();
    let value = context.client()?.json(call).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let template: Template = views::read(&what, &value)?;
    context
        .output
        .text(&output::template::show(&template, context.output))
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["templates"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Template> = Page::read(&what, &list)?;
    let text = output::template::list(&page.items, context.output);
    context.output.text(&text)?;
    page.tell_rest(context.output, "templates");
    Ok(())
}
