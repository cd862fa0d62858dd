//! Logs: one JSON line per event on standard error, or plain text on a terminal.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Starts logging for the function `name`. `RUST_LOG` chooses what is logged; `info` is the default.
///
/// A second call changes nothing, so that tests and the local runner can each call it.
pub fn init(name: &'static str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let started = if std::io::stderr().is_terminal() {
        builder.try_init().is_ok()
    } else {
        builder.json().flatten_event(true).try_init().is_ok()
    };
    if started {
        tracing::debug!(function = name, "logging started");
    }
}

/// Writes an error with all that are below it, for a log line.
pub fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(": ");
        text.push_str(&error.to_string());
        below = error.source();
    }
    text
}
