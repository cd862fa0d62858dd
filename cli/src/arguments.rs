//! What can be asked for on the command line, and how each part is read.

use std::fmt;
use std::str::FromStr;

use clap::{Args, Parser, ValueEnum};
use reqwest::Url;

use crate::commands::Command;

/// Where a local runner listens unless told otherwise.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "sheaf",
    version,
    about = "Keeps files, reads them, sums them up and gathers them into dossiers.",
    after_help = "Exits with 0 when done, 1 when it failed, 2 when it was asked wrongly.",
    disable_help_subcommand = true,
    infer_subcommands = false
)]
pub struct Arguments {
    /// Prints the JSON of the API instead of text, errors included
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Whom to call, and as whom.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// The verb.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Whom to call, and as whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct Connection {
    /// Where Sheaf is
    #[arg(
        long,
        global = true,
        env = "SHEAF_URL",
        hide_env_values = true,
        default_value = DEFAULT_URL,
        value_parser = parse_url,
        help_heading = "Connection"
    )]
    pub(crate) url: Url,
    /// A JWT or an API key; better given by the environment, where other processes don't see it
    #[arg(
        long,
        global = true,
        env = "SHEAF_TOKEN",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) token: Option<Token>,
    /// The workspace, needed only by a principal that has several
    #[arg(
        long,
        global = true,
        env = "SHEAF_WORKSPACE",
        hide_env_values = true,
        help_heading = "Connection"
    )]
    pub(crate) workspace: Option<String>,
}

/// A secret that says who calls. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// Returns the secret, for the one header it is sent in.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl FromStr for Token {
    type Err = &'static str;

    /// Takes the line break off that reading a token from a file leaves.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("a token has no spaces and only ASCII characters")
        }
    }
}

fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}, such as {DEFAULT_URL}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!(
            "it begins with http:// or https://, such as {DEFAULT_URL}"
        ));
    }
    Ok(url)
}

/// How many of a list to ask for.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PageArguments {
    /// At most so many, 100 at most; without it the server's page, 50
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: Option<u32>,
    /// Follows the pages to the end
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

impl PageArguments {
    /// How many to ask for at once; to follow the pages, as many as the API gives.
    pub(crate) fn size(self) -> Option<u32> {
        if self.all { Some(100) } else { self.limit }
    }
}

/// What a key or a member may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// Everything
    Admin,
    /// Stores, changes and deletes files
    Editor,
    /// Reads the workspace
    Viewer,
}

impl Role {
    /// The word of the API.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }
}

/// Whether to wait for work that goes on after the answer.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArguments {
    /// Waits until the work is done, and fails when it fails
    #[arg(long)]
    pub(crate) wait: bool,
    /// How long to wait at most
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = crate::duration::parse)]
    pub(crate) timeout: std::time::Duration,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Renders the help of every command at one width, whatever the terminal.
    fn helps() -> Vec<(String, String)> {
        let mut root = Arguments::command().term_width(96);
        root.build();
        let mut helps = vec![("sheaf".to_owned(), root.render_long_help().to_string())];
        for command in root.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            helps.push((command.get_name().to_owned(), help));
        }
        helps
    }

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn help_of_every_command_is_as_reviewed() {
        for (name, help) in helps() {
            insta::assert_snapshot!(format!("help_{name}"), help);
        }
    }

    #[test]
    fn token_loses_its_line_break_and_never_shows() {
        let token: Token = "secret-key\n".parse().unwrap();

        assert_eq!(token.reveal(), "secret-key");
        assert_eq!(format!("{token:?}"), "Token(hidden)");
        assert!("two words".parse::<Token>().is_err());
    }

    #[test]
    fn urls_are_of_the_web() {
        assert!(parse_url("https://api.example.com/stage").is_ok());
        assert!(parse_url("file:///etc/passwd").is_err());
        assert!(parse_url("localhost:8080").is_err());
    }
}
