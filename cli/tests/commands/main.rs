//! Runs the real `sheaf` binary against a small HTTP server that speaks the wire format; `demo` and
//! `serve` bring their own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod demo;
mod dossiers;
mod downloads;
mod errors;
mod folders;
mod generations;
mod lists;
mod retries;
mod server;
mod uploads;
