//! `sheaf edit`: changes what files are about and how they are marked, many at once.

use clap::Args;
use reqwest::header::ETAG;
use serde_json::{Map, Value, json};

use super::Context;
use super::outcomes::Outcomes;
use crate::bulk::{self, Change};
use crate::call::Call;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::locate::{self, Located};
use crate::output::text::clean;
use crate::views::{self, File};

/// Changes tags, type, date, marks or expiry of files
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// Ids, or paths such as /bills/january.pdf
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// +TAG adds one, -TAG takes one away; without a sign, these are all that it has then
    #[arg(long = "tag", value_name = "TAG", allow_hyphen_values = true)]
    tags: Vec<String>,
    /// What the documents are, such as bill
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Takes the type away
    #[arg(long, conflicts_with = "kind")]
    no_type: bool,
    /// The date they are about, such as 2025-01-31
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// Marks them
    #[arg(long)]
    favorite: bool,
    /// Takes the mark away
    #[arg(long, conflicts_with = "favorite")]
    no_favorite: bool,
    /// Puts them away
    #[arg(long)]
    archive: bool,
    /// Takes them out again
    #[arg(long, conflicts_with = "archive")]
    no_archive: bool,
    /// How long they are to live from now on, such as 24h or 7d
    #[arg(long, value_name = "TIME", value_parser = crate::duration::parse)]
    expires: Option<std::time::Duration>,
    /// Lets them live for ever
    #[arg(long, conflicts_with = "expires")]
    no_expiry: bool,
}

/// What is to become of the tags.
enum Tags {
    /// They stay.
    Keep,
    /// These take their place.
    All(Vec<String>),
    /// Some come and some go.
    Some {
        more: Vec<String>,
        less: Vec<String>,
    },
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let tags = arguments.tags()?;
    let fields = arguments.fields();
    if fields.is_empty() && matches!(tags, Tags::Keep) {
        return Err(Error::Usage(
            "say what is to be changed: --tag, --type, --date, --favorite, --archive or --expires"
                .to_owned(),
        ));
    }
    let client = context.client()?;
    let output = context.output;
    let files = &arguments.files;
    let mut outcomes = Outcomes::of(files.len(), output);
    let mut changes = Vec::new();
    for (subject, located) in files.iter().zip(locate::all(&client, files).await) {
        let change = match located {
            Ok(Located::File(file)) => change(&client, &file, &tags, &fields).await,
            Ok(Located::Folder(folder)) => {
                Err(Error::Usage(format!("{} is a folder", folder.path)))
            }
            Err(error) => Err(error),
        };
        match change {
            Ok(operation) => changes.push(Change {
                subject: subject.clone(),
                operation,
            }),
            Err(error) => outcomes.fail(subject, error),
        }
    }
    bulk::carry_out(&client, changes, |subject, result| {
        match result {
            Ok(result) if output.json => output.json_line(&result)?,
            Ok(_) => output.text(&format!("{}\n", output.paint.bold(&clean(subject))))?,
            Err(error) => outcomes.fail(subject, error),
        }
        Ok(())
    })
    .await?;
    outcomes.finish()
}

/// Says what is to be changed of a file.
async fn change(
    client: &Client,
    file: &File,
    tags: &Tags,
    fields: &Map<String, Value>,
) -> Result<Value> {
    let mut operation = json!({"op": "change", "id": file.id});
    for (field, value) in fields {
        operation[field.as_str()] = value.clone();
    }
    match tags {
        Tags::Keep => {}
        Tags::All(tags) => operation["tags"] = json!(tags),
        Tags::Some { more, less } => {
            // Only of the file as it is read: what someone else tags meanwhile is not lost.
            let call = Call::get(&["files", &file.id]);
            let what = call.describe();
            let reply = client.send(call).await?;
            let file: File = views::read(&what, &reply.json()?)?;
            let is_same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
            let mut tags: Vec<String> = file
                .tags
                .into_iter()
                .filter(|tag| !less.iter().any(|gone| is_same(gone, tag)))
                .collect();
            for tag in more {
                if !tags.iter().any(|had| is_same(had, tag)) {
                    tags.push(tag.clone());
                }
            }
            operation["tags"] = json!(tags);
            let tag = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
            if let Some(tag) = tag {
                operation["if_match"] = tag.into();
            }
        }
    }
    Ok(operation)
}

impl Arguments {
    /// All but the tags, as the API takes them.
    fn fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut set = |field: &str, value: Value| {
            fields.insert(field.to_owned(), value);
        };
        if let Some(kind) = &self.kind {
            set("type", kind.as_str().into());
        } else if self.no_type {
            set("type", Value::Null);
        }
        if let Some(date) = &self.date {
            set("document_date", date.as_str().into());
        }
        if self.favorite || self.no_favorite {
            set("favorite", self.favorite.into());
        }
        if self.archive || self.no_archive {
            set("archived", self.archive.into());
        }
        if let Some(time) = self.expires {
            set("expires_in_s", time.as_secs().into());
        } else if self.no_expiry {
            set("expires_in_s", Value::Null);
        }
        fields
    }

    fn tags(&self) -> Result<Tags> {
        let (mut more, mut less, mut all) = (Vec::new(), Vec::new(), Vec::new());
        for tag in &self.tags {
            if let Some(tag) = tag.strip_prefix('+') {
                more.push(tag.to_owned());
            } else if let Some(tag) = tag.strip_prefix('-') {
                less.push(tag.to_owned());
            } else {
                all.push(tag.clone());
            }
        }
        match (all.is_empty(), more.is_empty() && less.is_empty()) {
            (true, true) => Ok(Tags::Keep),
            (false, true) => Ok(Tags::All(all)),
            (true, false) => Ok(Tags::Some { more, less }),
            (false, false) => Err(Error::Usage(
                "tags either all have a sign or none has: --tag +x --tag -y, or --tag x --tag y"
                    .to_owned(),
            )),
        }
    }
}
