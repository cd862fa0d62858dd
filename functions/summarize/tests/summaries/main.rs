//! Summaries, from the upload of a document to what a reader sees.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod dossiers;
mod fake;
mod leases;
mod versions;
