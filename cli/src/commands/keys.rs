//! `sheaf keys`: API keys of the workspace.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::Context;
use crate::arguments::{PageArguments, Role};
use crate::call::Call;
use crate::duration;
use crate::error::Result;
use crate::output::record::{Record, plain};
use crate::output::table::{Cell, Table};
use crate::views::{self, Page};

/// Makes, lists and revokes API keys
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes an API key and shows its secret, once
    Create {
        /// What it is for
        name: String,
        /// What it may do
        #[arg(long, value_enum)]
        role: Role,
        /// When it is to end, such as 90d from now
        #[arg(long, value_name = "TIME", value_parser = duration::parse)]
        expires: Option<Duration>,
    },
    /// Lists the API keys, without their secrets
    List(PageArguments),
    /// Revokes an API key, at once
    Revoke {
        /// The id of the key
        id: String,
    },
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.action {
        Action::Create {
            name,
            role,
            expires,
        } => create(name, *role, *expires, context).await,
        Action::List(page) => list(*page, context).await,
        Action::Revoke { id } => revoke(id, context).await,
    }
}

async fn create(
    name: &str,
    role: Role,
    expires: Option<Duration>,
    context: &Context<'_>,
) -> Result<()> {
    let mut request = json!({"name": name, "role": role.word()});
    if let Some(expires) = expires {
        request["expires_in_s"] = expires.as_secs().into();
    }
    let call = Call::post(&["api-keys"]).json(request);
    let what = call.describe();
    let value = context.client()?.json(call).await?;
    if context.output.json {
        return context.output.json(&value);
    }
    let key: Map<String, Value> = views::read(&what, &value)?;
    let record = Record::new().object(&key, &context.output.zone);
    let text = record.into_table().render(context.output.paint);
    context.output.text(&text)?;
    context
        .output
        .note("The secret is shown this once: keep it now. SHEAF_TOKEN takes it.");
    Ok(())
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["api-keys"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<Map<String, Value>> = Page::read(&what, &list)?;
    let mut table = Table::new(&["NAME", "ROLE", "MADE BY", "CREATED", "EXPIRES", "ID"]);
    for key in &page.items {
        let field = |name: &str| {
            let value = key.get(name);
            Cell::optional(value.and_then(|value| plain(value, &context.output.zone)))
        };
        table.row(
            ["name", "role", "made_by", "created_at", "expires_at", "id"]
                .map(field)
                .into(),
        );
    }
    context.output.text(&table.render(context.output.paint))?;
    page.tell_rest(context.output, "keys");
    Ok(())
}

async fn revoke(id: &str, context: &Context<'_>) -> Result<()> {
    let answer = context
        .client()?
        .json(Call::delete(&["api-keys", id]))
        .await?;
    if context.output.json && !answer.is_null() {
        return context.output.json(&answer);
    }
    context.output.note(&format!("{id} is revoked"));
    Ok(())
}
