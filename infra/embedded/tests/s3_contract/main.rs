//! What Sheaf expects of S3, asked through the SDK.
//!
//! By default against the embedded store, a fresh one for each test. `S3_CONTRACT_ENDPOINT` names another S3 to ask
//! (`S3_CONTRACT_ACCESS_KEY` and `S3_CONTRACT_SECRET_KEY` its key, `test` by default): a fresh bucket for each test.
//! `S3_CONTRACT_LENIENT` says that it takes what AWS refuses, as emulators do; refusals are then not asked for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod browsers;
mod checksums;
mod conditions;
mod listing;
mod multipart;
mod notifications;
mod objects;
mod place;
mod presigned;
