//! `sheaf generate`: makes a file from a template.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::Context;
use super::get::fetch;
use super::put::OnConflict;
use crate::call::Call;
use crate::error::{Error, Result};
use crate::transfer::download::{Content, Downloader, Of, RANGES_AT_ONCE, Target};
use crate::views::{self, Generation};
use crate::{duration, locate, output};

/// Makes a file from a template
///
/// The same template version and parameters make the same bytes. `sheaf templates NAME` shows
/// what a template takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The template, such as report
    template: String,
    /// The format, such as markdown, csv, html, json, yaml or text
    #[arg(long)]
    format: String,
    /// A parameter, as JSON where it reads as JSON, else as text; over those of --params
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parse_parameter)]
    parameters: Vec<(String, Value)>,
    /// A JSON file with all the parameters; `-` is standard input
    #[arg(long = "params", value_name = "FILE")]
    parameters_file: Option<PathBuf>,
    /// An earlier version of the template
    #[arg(long, value_name = "N")]
    template_version: Option<u32>,
    /// The name of the file; without it a free one is found
    #[arg(long)]
    name: Option<String>,
    /// The folder, such as /reports; made when missing
    #[arg(long)]
    folder: Option<String>,
    /// A tag; up to 20 by repeating it
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// When it is to be gone, such as 24h or 7d from now
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    expires: Option<Duration>,
    /// What to do when the folder has a file of that name
    #[arg(long, value_enum, value_name = "WHAT", requires = "name")]
    on_conflict: Option<OnConflict>,
    /// Also fetches it: to a file, a folder, or `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replaces a file that is there
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let request = request(arguments, &parameters(arguments)?);
    // What is in the way is told before anything is made. In a folder the name counts, and only
    // the answer says it.
    let output = arguments.output.as_deref();
    if let Some(output) = output.filter(|output| !output.is_dir()) {
        Target::choose(Some(output), "", arguments.force)?.check_free()?;
    }
    let client = context.client()?;
    let call = Call::post(&["generations"]).json(request);
    let what = call.describe();
    let value = client.json(call).await?;
    let generation: Generation = views::read(&what, &value)?;
    let to_stdout = output == Some(Path::new("-"));
    if context.output.json && !to_stdout {
        context.output.json(&value)?;
    } else if !to_stdout {
        let text = output::template::generated(&generation, context.output);
        context.output.text(&text)?;
    }
    if let Some(output) = output {
        let target = Target::choose(Some(output), &generation.file_name, arguments.force)?;
        let (_, file) = locate::by_id(&client, &generation.file_id).await?;
        let wanted = Content {
            of: Of::File {
                id: &file.id,
                version: file.version,
            },
            size_bytes: file.size_bytes,
            sha256: file.sha256.as_deref(),
        };
        let downloader = Downloader::new(&client, RANGES_AT_ONCE);
        fetch(&downloader, &file.name, &wanted, &target, context).await?;
    }
    Ok(())
}

fn request(arguments: &Arguments, parameters: &Map<String, Value>) -> Value {
    let mut request = json!({
        "template": arguments.template,
        "format": arguments.format,
        "parameters": parameters,
        "tags": arguments.tags,
    });
    let optional = [
        (
            "template_version",
            arguments.template_version.map(Value::from),
        ),
        ("name", arguments.name.clone().map(Value::from)),
        ("folder", arguments.folder.clone().map(Value::from)),
        (
            "expires_in_s",
            arguments.expires.map(|time| time.as_secs().into()),
        ),
        (
            "on_conflict",
            arguments.on_conflict.map(|choice| choice.word().into()),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            request[name] = value;
        }
    }
    request
}

/// Takes the parameters of the file, then those given one by one over them.
fn parameters(arguments: &Arguments) -> Result<Map<String, Value>> {
    let mut parameters = match &arguments.parameters_file {
        None => Map::new(),
        Some(path) => read_parameters(path)?,
    };
    parameters.extend(arguments.parameters.iter().cloned());
    Ok(parameters)
}

fn read_parameters(path: &Path) -> Result<Map<String, Value>> {
    let text = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(Error::disk("read", "standard input"))?;
        text
    } else {
        std::fs::read_to_string(path).map_err(Error::disk("read", path))?
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::failed(
            format!("{} holds no parameters", path.display()),
            format!("They are one JSON object: {error}."),
        )
    })
}

fn parse_parameter(text: &str) -> Result<(String, Value), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
            Ok((name.to_owned(), value))
        }
        Some(_) | None => Err("a parameter is NAME=VALUE, such as title=Budget".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_json_where_they_read_as_json() {
        let parse = |text| parse_parameter(text).unwrap().1;

        assert_eq!(parse("n=3"), json!(3));
        assert_eq!(parse("on=true"), json!(true));
        assert_eq!(parse("list=[1,\"b\"]"), json!([1, "b"]));
        assert_eq!(parse("quoted=\"3\""), json!("3"));
        assert_eq!(parse("title=Budget 2025"), json!("Budget 2025"));
        assert_eq!(parse("sum=a=b"), json!("a=b"));
        assert_eq!(parse("empty="), json!(""));
        assert!(parse_parameter("title").is_err());
        assert!(parse_parameter("=x").is_err());
    }
}
