//! The local runner: the same functions in one process, on the embedded stack.

#![warn(missing_docs)]

pub mod functions;
pub mod model;
pub mod server;
pub mod token;

/// Serves as the process that reads one untrusted file, and ends, when the program was started as
/// that. Must be the first thing in `main` of a program that runs a [`server::Server`].
pub fn read_if_asked() {
    extract::child::run_if_child();
}

/// Sweeps once, now, instead of waiting for the schedule.
pub async fn sweep(server: &server::Server) -> cleanup::sweep::Report {
    cleanup::sweep::run(&server.functions.cleanup).await
}
