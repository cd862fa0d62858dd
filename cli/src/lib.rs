//! What the `sheaf` command does: a client of the public API of Sheaf.
//!
//! `arguments` says what can be asked for, `commands` does it with one file per verb, `client`
//! speaks HTTP, `transfer` moves the bytes, `views` are the shapes on the wire, and `output` puts
//! them before a person.

mod arguments;
mod bulk;
mod call;
mod client;
mod commands;
mod data;
mod duration;
mod ending;
mod error;
mod held;
mod locate;
mod output;
mod progress;
mod receipt;
mod retry;
mod size;
mod state;
mod transfer;
mod tree;
mod views;
mod wait;

use std::process::ExitCode;

pub use arguments::Arguments;
use commands::Context;
use error::Error;
use output::Output;

/// Runs one command to its end: 0 when it did what was asked, 1 when it failed, 2 when it was
/// asked wrongly, 128 and more when a signal ended it.
pub fn run(arguments: Arguments) -> ExitCode {
    let output = Output::for_this_process(arguments.json);
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)
        .and_then(|runtime| {
            let context = Context {
                connection: arguments.connection,
                output: &output,
            };
            runtime.block_on(commands::run(arguments.command, &context))
        });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has what it wanted, as in `sheaf ls | head -1`.
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            output.report(None, &error);
            error.exit_code()
        }
    }
}
