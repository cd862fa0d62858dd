//! Where Sheaf keeps things: rows in one DynamoDB table, bytes in S3, work in queues.
//!
//! [`Store`] is all three. Its methods are in the file of the thing they are about.

#![warn(missing_docs)]

pub mod access;
pub mod api_key;
pub mod blob;
pub mod check;
pub mod commit;
pub mod connect;
pub mod content;
pub mod copy;
pub mod correction;
pub mod direct;
pub mod dossier;
pub mod due;
pub mod erase;
pub mod export;
pub mod failure;
pub mod file;
mod fill;
pub mod filling;
pub mod finish;
pub mod folder;
pub mod forget;
mod hashing;
mod height;
pub mod idempotency;
pub mod import;
pub mod inbox;
pub mod job;
pub mod keys;
pub mod lease;
pub mod listing;
pub mod membership;
pub mod name;
pub mod organize;
pub mod queue;
pub mod quota;
pub mod receipt;
pub mod receipt_key;
pub mod reconcile;
pub mod recount;
pub mod reference;
pub mod role;
pub mod stand;
mod standing;
pub mod subtree;
pub mod summary;
pub mod table;
mod tally;
pub mod trash;
pub mod tree;
pub mod tus;
pub mod upload;
pub mod usage;
pub mod verify;
pub mod versions;
pub mod walk;
pub mod work;
pub mod worker;

use std::sync::Arc;

use runtime::clock::Clock;
use runtime::ids::Ids;

use crate::blob::Blobs;
use crate::lease::Holders;
use crate::queue::Queue;
use crate::quota::{Quota, Shard};
use crate::receipt_key::Signer;
use crate::table::Table;
use crate::trash::TrashTime;

/// The table, the blobs and the queues of one deployment.
#[derive(Clone)]
pub struct Store {
    /// The rows.
    pub table: Table,
    /// The bytes.
    pub blobs: Blobs,
    /// Where work is sent.
    pub queue: Arc<dyn Queue>,
    /// What time it is.
    pub clock: Clock,
    /// What new things are called.
    pub ids: Ids,
    /// The quota a workspace begins with.
    pub quota: Quota,
    /// How long things stay in the trash.
    pub trash_time: TrashTime,
    /// From which shard of a workspace's quota this process reserves.
    pub shard: Shard,
    /// What signs receipts.
    pub signer: Signer,
    /// Whether leases outlive the process that claimed them.
    pub holders: Holders,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}
