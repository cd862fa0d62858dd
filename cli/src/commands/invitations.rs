//! `sheaf invitations`: the workspaces that ask you to join.

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output::record::plain;
use crate::output::table::{Cell, Table};
use crate::views::Page;

/// Lists the workspaces you are invited to, and accepts or declines
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    page: PageArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Joins a workspace
    Accept {
        /// The workspace that invites
        #[arg(value_name = "WORKSPACE")]
        inviting: String,
    },
    /// Stays out of a workspace
    Decline {
        /// The workspace that invites
        #[arg(value_name = "WORKSPACE")]
        inviting: String,
    },
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.action {
        None => list(arguments.page, context).await,
        Some(Action::Accept { inviting }) => {
            let call = Call::post(&["invitations", inviting, "accept"]);
            answer(call, &format!("you are a member of {inviting}"), context).await
        }
        Some(Action::Decline { inviting }) => {
            let call = Call::delete(&["invitations", inviting]);
            answer(call, &format!("{inviting} is declined"), context).await
        }
    }
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["invitations"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Map<String, Value>> = Page::read(&what, &list)?;
    let mut table = Table::new(&["WORKSPACE", "ROLE"]);
    for invitation in &page.items {
        let field = |name: &str| {
            let value = invitation.get(name);
            Cell::optional(value.and_then(|value| plain(value, &context.output.zone)))
        };
        table.row(["workspace", "role"].map(field).into());
    }
    context.output.text(&table.render(context.output.paint))?;
    page.tell_rest(context.output, "invitations");
    Ok(())
}

async fn answer(call: Call, done: &str, context: &Context<'_>) -> Result<()> {
    let answer = context.client()?.json(call).await?;
    if context.output.json && !answer.is_null() {
        return context.output.json(&answer);
    }
    context.output.note(done);
    Ok(())
}
