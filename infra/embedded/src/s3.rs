//! S3, as far as Sheaf uses it: one bucket, over one data folder.
//!
//! The bytes of an object are written to a file of their own, checked, synced and moved to where they stay under a
//! random id ([`files`] has every step); then one transaction writes the object's row, the event that tells of it,
//! and forgets the row it replaces. That transaction decides conditions such as `If-None-Match: *`, so of racing
//! writers one wins. Only after it are the bytes of the replaced object removed. A power cut at any moment therefore
//! leaves either the old object or the new one, and files no row names, which opening the store removes.
//!
//! Of `SQLite` is asked that a committed transaction is on the disk (`journal_mode=WAL`, `synchronous=FULL`, checked
//! when opening), of the file system that a synced file and a name in a synced folder are. `object_store`'s local
//! store was considered for the bytes and left: it syncs neither and keeps keys as paths.
//!
//! What is S3's and not here is refused, not ignored: versions, tags, encryption keys of the client's, `partNumber`.
//! Server-side encryption, storage classes and access lists are accepted and mean nothing here.

mod blobs;
mod complete;
mod content;
mod copy;
mod copy_part;
mod delete;
mod digest;
mod fault;
pub mod files;
mod get;
mod headers;
mod list;
mod multipart;
mod notification;
mod objects;
mod put;
mod receive;
mod server;
mod service;
mod store;
mod uploads;

pub use self::server::{Credentials, Server};
pub use self::store::{Notification, Store, StoreError, StoreSettings};
