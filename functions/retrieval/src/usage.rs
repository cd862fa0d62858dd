//! `GET /v1/usage`: what a workspace stores of what it may.

use api::auth::Caller;
use api::problem::Result;
use api::request::Query;
use domain::principal::Role;
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;

/// What a workspace stores. Uploads that are under way count with all they have reserved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageView {
    /// Bytes of all versions of all files, those in the trash included.
    used_bytes: u64,
    /// Number of files, those in the trash included.
    used_files: u64,
    /// Bytes it may store.
    limit_bytes: u64,
    /// Number of files it may store.
    limit_files: u64,
}

/// Shows what the workspace stores and what it may.
#[utoipa::path(
    get,
    path = "/v1/usage",
    tag = "retrieval",
    responses((status = 200, description = "The usage", body = UsageView))
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
) -> Result<axum::Json<UsageView>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let usage = state.store.usage(&principal.workspace).await?;
    Ok(axum::Json(UsageView {
        used_bytes: usage.used_bytes,
        used_files: usage.used_files,
        limit_bytes: usage.limit.bytes,
        limit_files: usage.limit.files,
    }))
}
