//! The embedded stack: what `DynamoDB`, S3 and SQS are on AWS, in one process over one data folder.
//!
//! Each backend is a module of its own, and each keeps what it acknowledged through `kill -9` and a power cut.

#![warn(missing_docs)]

pub mod clock;
pub mod data_folder;
pub mod database;
pub mod dynamodb;
pub mod queue;
pub mod s3;
pub mod schema;
pub mod secrets;
pub mod stack;
pub mod time_to_live;
