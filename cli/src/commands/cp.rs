//! `sheaf cp`: copies a file within Sheaf.

use clap::Args;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Context;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::output::Output;
use crate::output::text::clean;
use crate::views::{self, File};
use crate::{duration, locate};

/// Copies a file: a new one with the same bytes, type and tags; nothing is sent or stored twice
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Its id, or its path such as /bills/january.pdf
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where the copy is to be: a path such as /taxes/january.pdf, or a folder such as /taxes/
    #[arg(value_name = "TARGET")]
    target: String,
    /// Number of the version to copy; the current one without it
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// How long it is to live, such as 24h or 7d; without it as long as the file does
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    expires: Option<std::time::Duration>,
    /// Finds a free name when the name is taken
    #[arg(long)]
    rename: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let body = arguments.body()?;
    let client = context.client()?;
    // An id needs no look: the copy says itself whether there is such a file.
    let id = if Uuid::try_parse(&arguments.source).is_ok() {
        arguments.source.clone()
    } else {
        locate::file(&client, &arguments.source).await?.1.id
    };
    let call = Call::post(&["files", &id, "copy"]).json(body);
    let what = call.describe();
    let answer = client.json(call).await?;
    print(&what, &answer, context.output)
}

impl Arguments {
    fn body(&self) -> Result<Value> {
        let (folder, name) = split(&self.target)?;
        let mut body = Map::new();
        body.insert("folder".to_owned(), folder.into());
        let mut optional = |field: &str, value: Option<Value>| {
            body.extend(value.map(|value| (field.to_owned(), value)));
        };
        optional("name", name.map(Value::from));
        optional("version", self.version.map(Value::from));
        let lives = self.expires.map(|time| time.as_secs());
        optional("expires_in_s", lives.map(Value::from));
        optional("on_conflict", self.rename.then(|| json!("rename")));
        Ok(Value::Object(body))
    }
}

/// Splits a target into its folder and its name; none when it ends in a slash.
fn split(target: &str) -> Result<(String, Option<String>)> {
    let Some((folder, name)) = target.rsplit_once('/') else {
        return Err(Error::Usage(format!(
            "{target:?} is no path: it begins with a slash, such as /taxes/{target}"
        )));
    };
    let folder = format!("/{}", folder.trim_start_matches('/'));
    Ok((folder, (!name.is_empty()).then(|| name.to_owned())))
}

fn print(what: &str, answer: &Value, output: &Output) -> Result<()> {
    if output.json {
        return output.json(answer);
    }
    let file: File = views::read(what, answer)?;
    output.text(&format!(
        "{}  {}\n",
        output.paint.bold(&clean(file.place())),
        output.paint.dim(&clean(&file.id)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_or_folders() {
        let parts = |target| split(target).unwrap();

        assert_eq!(
            parts("/taxes/2025/a.pdf"),
            ("/taxes/2025".into(), Some("a.pdf".into()))
        );
        assert_eq!(parts("/taxes/"), ("/taxes".into(), None));
        assert_eq!(parts("/a.pdf"), ("/".into(), Some("a.pdf".into())));
        assert_eq!(parts("/"), ("/".into(), None));
        assert!(split("a.pdf").is_err());
    }
}
