//! `sheaf show`: tells all about one file.

use clap::Args;

use super::Context;
use crate::error::Result;
use crate::{locate, output};

/// Shows one file with its summary
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its id, or its path such as /bills/january.pdf
    file: String,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let (value, file) = locate::file(&context.client()?, &arguments.file).await?;
    if context.output.json {
        context.output.json(&value)
    } else {
        context
            .output
            .text(&output::file::show(&file, context.output))
    }
}
