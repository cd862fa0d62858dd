//! `sheaf members`: who may do what in the workspace.

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::{PageArguments, Role};
use crate::call::Call;
use crate::error::Result;
use crate::output::record::{Record, plain};
use crate::output::table::{Cell, Table};
use crate::views::{self, Page};

/// Lists the members of the workspace, invites people and removes them
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the members and who is invited
    List(PageArguments),
    /// Invites someone; gives a member another role
    Invite {
        /// Who they are: the `sub` of their tokens
        subject: String,
        /// Who says so: the `iss` of their tokens
        #[arg(long)]
        issuer: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Takes a member's role or an invitation away
    Remove {
        /// The id of the member
        id: String,
    },
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.action {
        Action::List(page) => list(*page, context).await,
        Action::Invite {
            subject,
            issuer,
            role,
        } => invite(subject, issuer, *role, context).await,
        Action::Remove { id } => remove(id, context).await,
    }
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["members"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Map<String, Value>> = Page::read(&what, &list)?;
    let mut table = Table::new(&["STATE", "ROLE", "INVITED", "JOINED", "ID"]);
    for member in &page.items {
        let field = |name: &str| {
            let value = member.get(name);
            Cell::optional(value.and_then(|value| plain(value, &context.output.zone)))
        };
        table.row(
            ["state", "role", "invited_at", "joined_at", "id"]
                .map(field)
                .into(),
        );
    }
    context.output.text(&table.render(context.output.paint))?;
    page.tell_rest(context.output, "members");
    Ok(())
}

async fn invite(subject: &str, issuer: &str, role: Role, context: &Context<'_>) -> Result<()> {
    let request = json!({"issuer": issuer, "subject": subject, "role": role.word()});
    let call = Call::post(&["members"]).json(request);
    let what = call.describe();
    let value = context.client()?.json(call).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let member: Map<String, Value> = views::read(&what, &value)?;
    let invited = member.get("state").and_then(Value::as_str) == Some("invited");
    let record = Record::new().object(&member, &context.output.zone);
    let text = record.into_table().render(context.output.paint);
    context.output.text(&text)?;
    if invited {
        context
            .output
            .note("They have no role until they accept: `sheaf invitations accept WORKSPACE`.");
    }
    Ok(())
}

async fn remove(id: &str, context: &Context<'_>) -> Result<()> {
    let answer = context
        .client()?
        .json(Call::delete(&["members", id]))
        .await?;
    if context.output.json && !answer.is_null() {
        return context.output.json(&answer);
    }
    context
        .output
        .note(&format!("{id} has no role here any more"));
    Ok(())
}
