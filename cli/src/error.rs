//! What can go wrong for a caller, how it is told, and how the process exits with it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};
use thiserror::Error as ThisError;

use crate::ending::Ending;
use crate::output::Paint;
use crate::output::text::clean;
use crate::views::Problem;

/// A result of this command.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can end a command early.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    /// The command line contradicts itself in a way the parser cannot see.
    #[error("{0}")]
    Usage(String),
    /// Sheaf answered with a problem.
    #[error("{}", .0.title)]
    Problem(Box<Problem>),
    /// Nobody answers at the address.
    #[error("cannot connect to {url}")]
    Unreachable {
        /// Where it was tried.
        url: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke or took too long.
    #[error("{action} was cut off")]
    Transport {
        /// What was being done.
        action: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// The object store behind a signed URL refused.
    #[error("the object store refused ({status})")]
    Storage {
        /// The HTTP status.
        status: u16,
        /// What it says of it, such as `AccessDenied: Request has expired`.
        detail: String,
    },
    /// A local file could not be read or written.
    #[error("cannot {action} {}", .path.display())]
    Disk {
        /// `read`, `write`.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Standard output could not be written.
    #[error("cannot write to standard output")]
    Output(#[source] std::io::Error),
    /// The threads of this process could not be started.
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    /// The answer is not one of this API.
    #[error("the answer of {what} is not one this version understands")]
    Unexpected {
        /// What was asked.
        what: String,
        /// How it differs.
        detail: String,
    },
    /// A signal ended it before its end.
    #[error("ended before it was done")]
    Ended(Ending),
    /// It was done, and the outcome is not what was asked for.
    #[error("{title}")]
    Failed {
        /// What failed.
        title: String,
        /// Why, and what to do.
        detail: String,
    },
}

impl Error {
    /// Makes an error of an outcome that is not what was asked for.
    pub(crate) fn failed(title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Failed {
            title: title.into(),
            detail: detail.into(),
        }
    }

    /// Makes an error of a local file, for `map_err`.
    pub(crate) fn disk(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Disk {
            action,
            path,
            source,
        }
    }

    /// Says whether the reader of standard output has gone.
    pub(crate) fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output(source) if source.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// 2 when it was asked wrongly, 130 or 143 when a signal ended it, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Ended(ending) => ExitCode::from(ending.exit_code()),
            Self::Problem(_)
            | Self::Unreachable { .. }
            | Self::Transport { .. }
            | Self::Storage { .. }
            | Self::Disk { .. }
            | Self::Output(_)
            | Self::Runtime(_)
            | Self::Unexpected { .. }
            | Self::Failed { .. } => ExitCode::FAILURE,
        }
    }

    /// Tells it to a person: what, why, which fields, which request, and what to do next.
    ///
    /// `subject` is which of several things it happened to.
    pub(crate) fn to_text(&self, subject: Option<&str>, paint: Paint) -> String {
        let subject = subject.map_or_else(String::new, |subject| format!("{subject}: "));
        let title = format!("{subject}{self}");
        let mut text = format!("{} {}\n", paint.red("error:"), clean(&title));
        for line in self.details() {
            let _ = writeln!(text, "  {}", clean(&line));
        }
        if let Some(hint) = self.hint() {
            let _ = writeln!(text, "{} {}", paint.bold("next:"), clean(&hint));
        }
        text
    }

    /// Tells it to a program: the problem as the API sent it, or one of the same shape.
    pub(crate) fn to_json(&self, subject: Option<&str>) -> Value {
        let mut problem = match self {
            Self::Problem(problem) => problem.raw.clone(),
            Self::Usage(_)
            | Self::Ended(_)
            | Self::Unreachable { .. }
            | Self::Transport { .. }
            | Self::Storage { .. }
            | Self::Disk { .. }
            | Self::Output(_)
            | Self::Runtime(_)
            | Self::Unexpected { .. }
            | Self::Failed { .. } => json!({
                "type": "about:blank",
                "title": self.to_string(),
                "detail": self.details().join("\n"),
                "next": self.hint(),
            }),
        };
        if let Some(subject) = subject {
            problem["subject"] = subject.into();
        }
        problem
    }

    fn details(&self) -> Vec<String> {
        match self {
            Self::Problem(problem) => problem_details(problem),
            Self::Storage { detail, .. }
            | Self::Unexpected { detail, .. }
            | Self::Failed { detail, .. } => detail.lines().map(str::to_owned).collect(),
            Self::Unreachable { source, .. } | Self::Transport { source, .. } => {
                vec![root_cause(source)]
            }
            Self::Disk { source, .. } | Self::Output(source) | Self::Runtime(source) => {
                vec![source.to_string()]
            }
            Self::Usage(_) | Self::Ended(_) => Vec::new(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage(_) => Some("`sheaf --help` and `sheaf VERB --help` say how".to_owned()),
            Self::Problem(problem) => problem_hint(problem),
            Self::Unreachable { url, .. } => Some(format!(
                "is `sheaf serve` running at {url}? Another address is given by --url or SHEAF_URL"
            )),
            Self::Transport { .. } => Some("run the same command again".to_owned()),
            Self::Storage { .. } => Some(
                "signed URLs hold for minutes: run the same command again for a new one".to_owned(),
            ),
            Self::Unexpected { .. } => Some(
                "check that --url leads to Sheaf itself, and that this command is as new as it"
                    .to_owned(),
            ),
            Self::Disk { .. }
            | Self::Output(_)
            | Self::Runtime(_)
            | Self::Ended(_)
            | Self::Failed { .. } => None,
        }
    }
}

fn problem_details(problem: &Problem) -> Vec<String> {
    let mut lines: Vec<String> = problem
        .detail
        .iter()
        .flat_map(|detail| detail.lines().map(str::to_owned))
        .collect();
    for field in &problem.errors {
        lines.push(format!("{}: {}", field.pointer, field.detail));
    }
    if let Some(wait) = problem.retry_after {
        lines.push(format!("it may work again in {} s", wait.as_secs()));
    }
    if let Some(request) = &problem.instance {
        lines.push(format!("request {request}"));
    }
    lines
}

/// What the command line can do about a problem, where the problem itself cannot know.
fn problem_hint(problem: &Problem) -> Option<String> {
    let hint = match problem.status {
        401 => {
            "set SHEAF_TOKEN to a JWT or an API key; for a local runner \
             `export SHEAF_TOKEN=$(sheaf token --workspace W --role editor)` does it"
        }
        403 => "ask an admin of the workspace for the role, or set SHEAF_WORKSPACE to another one",
        409 if problem.is_name_taken() => {
            "--on-conflict version keeps both under one name, --on-conflict rename finds a free one"
        }
        500.. => "run the same command again; if it stays, give the request id to the operator",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// The innermost cause says most: `Connection refused`, not `error sending request`.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(raw: Value) -> Error {
        let mut problem: Problem = serde_json::from_value(raw.clone()).unwrap();
        problem.raw = raw;
        Error::Problem(Box::new(problem))
    }

    #[test]
    fn problem_shows_fields_request_and_next_step() {
        let error = problem(json!({
            "type": "about:blank",
            "title": "The request is invalid",
            "status": 422,
            "detail": "2 fields break a rule",
            "instance": "0199a0b1-0000-7000-8000-000000000001",
            "errors": [
                {"pointer": "/tags", "detail": "at most 20 tags"},
                {"pointer": "/folder", "detail": "begins with /"},
            ],
        }));

        insta::assert_snapshot!(error.to_text(None, Paint::PLAIN));
    }

    #[test]
    fn missing_token_says_how_to_get_one() {
        let error = problem(json!({
            "title": "Who is calling?", "status": 401, "detail": "no credentials were sent",
        }));

        insta::assert_snapshot!(error.to_text(None, Paint::PLAIN));
    }

    #[test]
    fn escape_sequences_of_a_server_never_reach_the_terminal() {
        let error = problem(json!({
            "title": "\u{1b}[2Jgone", "status": 404, "detail": "a\u{202e}b",
        }));

        let text = error.to_text(None, Paint::PLAIN);

        assert!(
            !text.contains('\u{1b}') && !text.contains('\u{202e}'),
            "{text}"
        );
    }

    #[test]
    fn asked_wrongly_and_failed_exit_differently() {
        let code = |error: Error| format!("{:?}", error.exit_code());

        assert_eq!(
            code(Error::Usage("no".to_owned())),
            format!("{:?}", ExitCode::from(2))
        );
        assert_eq!(
            code(Error::failed("no", "")),
            format!("{:?}", ExitCode::from(1))
        );
    }
}
