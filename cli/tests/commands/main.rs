//! Runs the real `sheaf` binary: against a small HTTP server that speaks the wire format, and where
//! it counts what becomes of the bytes, against the real runner. `demo` brings its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod archives;
mod demo;
mod dossiers;
mod downloads;
mod errors;
mod folders;
mod generations;
mod lists;
mod live;
mod many;
mod recursive;
mod resume;
mod retries;
mod server;
mod sync;
mod uploads;
mod versions;
