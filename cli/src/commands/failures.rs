//! `sheaf failures`: lists work that gave up after its tries, and sends it again.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::Context;
use crate::arguments::PageArguments;
use crate::call::Call;
use crate::error::Result;
use crate::output::Output;
use crate::output::record::Record;
use crate::views::{FailedWork, Page};

/// Lists work that gave up after its tries, or sends it again
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
    /// Sends failed work again
    Redrive {
        /// The id of the failure
        id: String,
    },
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    match &arguments.action {
        Some(Action::Redrive { id }) => redrive(id, context).await,
        None => list(arguments.page, context).await,
    }
}

async fn redrive(id: &str, context: &Context<'_>) -> Result<()> {
    let answer = context
        .client()?
        .json(Call::post(&["failures", id, "redrive"]))
        .await?;
    if context.output.json && !answer.is_null() {
        return context.output.json(&answer);
    }
    context.output.note(&format!(
        "{id} is sent again; `sheaf failures` lists it if it fails again"
    ));
    Ok(())
}

async fn list(page: PageArguments, context: &Context<'_>) -> Result<()> {
    let call = Call::get(&["failures"]).query("limit", page.size());
    let what = call.describe();
    let list = context.client()?.list(call, page.all).await?;
    if context.output.json {
        return context.output.json(&list);
    }
    let page: Page<FailedWork> = Page::read(&what, &list)?;
    for failure in &page.items {
        context.output.text(&show(failure, context.output))?;
    }
    page.tell_rest(context.output, "failures");
    Ok(())
}

/// Writes a failure under its id, which is what a redrive asks for.
fn show(failure: &FailedWork, output: &Output) -> String {
    let id = failure
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let mut rest = failure.clone();
    rest.shift_remove("id");
    let record = Record::new().object(&rest, &output.zone);
    format!(
        "{}\n{}",
        output.paint.bold(&crate::output::text::clean(id)),
        record.into_table().render(output.paint)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::tests::plain_output;

    #[test]
    fn failure_shows_its_id_first() {
        let failure = json!({
            "file_id": "0199a0b1-7c00-7000-8000-000000000001",
            "id": "0199a0b1-7c00-7000-8000-0000000000f1",
            "stage": "summarize",
            "code": "model_unavailable",
            "failed_at": "2025-10-29T12:00:05Z",
        });

        insta::assert_snapshot!(show(failure.as_object().unwrap(), &plain_output()));
    }
}
