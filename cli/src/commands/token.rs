//! `sheaf token`: makes a token of the local issuer.

use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use local::token::{Holder, issue};

use super::Context;
use crate::data::DataArguments;
use crate::duration;
use crate::error::{Error, Result};

/// Prints a JWT for the local runner, and nothing else
///
/// A `sheaf serve` on the same data folder accepts it, also one that is running already.
/// Needs --workspace.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What the token may do: admin, editor or viewer
    #[arg(long)]
    role: String,
    /// Who it is for
    #[arg(long, default_value = "local")]
    subject: String,
    /// How long it is accepted
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration::parse)]
    ttl: Duration,
    #[command(flatten)]
    data: DataArguments,
}

pub(super) fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let workspace =
        context.connection.workspace.as_deref().ok_or_else(|| {
            Error::Usage("give --workspace: whose files the token is for".to_owned())
        })?;
    let holder = Holder {
        workspace,
        role: &arguments.role,
        subject: &arguments.subject,
    };
    let lifetime = SignedDuration::try_from(arguments.ttl)
        .map_err(|error| Error::Usage(format!("--ttl: {error}")))?;
    let token = issue(&arguments.data.folder()?, holder, lifetime)
        .map_err(|error| Error::failed("no token was made", error.to_string()))?;
    context.output.text(&format!("{token}\n"))
}
