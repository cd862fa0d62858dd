//! What every function's `main.rs` needs: settings, logs, time, ids, AWS clients, SQS batches.
//!
//! Knows nothing of Sheaf's domain.

#![warn(missing_docs)]

pub mod aws;
pub mod batch;
pub mod clock;
pub mod config;
pub mod ids;
pub mod telemetry;
