//! `GET /v1/workspaces`: where the caller has a role.

use api::auth::Authenticator;
use api::page::Page;
use api::problem::Result;
use api::request::Query;
use axum::http::HeaderMap;
use domain::principal::Role;
use serde::Serialize;
use utoipa::ToSchema;

/// A workspace and the caller's role in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workspace)]
pub struct WorkspaceView {
    /// Its id, for the Sheaf-Workspace header.
    #[schema(example = "acme")]
    id: String,
    /// viewer, editor or admin.
    #[schema(value_type = String, example = "editor")]
    role: Role,
}

/// Lists the workspaces in which the caller has a role, at most 100. None need be chosen for this.
#[utoipa::path(
    get,
    path = "/v1/workspaces",
    tag = "retrieval",
    responses((status = 200, description = "The workspaces", body = Page<WorkspaceView>))
)]
pub async fn list(
    axum::extract::State(authenticator): axum::extract::State<Authenticator>,
    headers: HeaderMap,
    query: Query,
) -> Result<axum::Json<Page<WorkspaceView>>> {
    let roles = authenticator.workspaces(&headers).await?;
    query.finish()?;
    let items = roles
        .into_iter()
        .map(|item| WorkspaceView {
            id: item.workspace.into(),
            role: item.role,
        })
        .collect();
    Ok(axum::Json(Page {
        items,
        next_cursor: None,
    }))
}
