//! The HTTP side that all functions share: problems, authentication, requests, pages, wire views.

#![warn(missing_docs)]

pub mod auth;
pub mod delivery;
pub mod dossier;
pub mod etag;
pub mod finish;
pub mod idempotency;
pub mod intent;
pub mod jwks;
mod links;
pub mod openapi;
pub mod page;
pub mod problem;
pub mod request;
pub mod routes;
pub mod serve;
pub mod settings;
pub mod view;
