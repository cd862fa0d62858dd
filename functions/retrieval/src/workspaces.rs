//! `GET /v1/workspaces`: where the caller has a role.

use api::auth::Authenticator;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use axum::http::HeaderMap;
use domain::WorkspaceId;
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

/// Lists the workspaces in which the caller has a role, by id. None need be chosen for this.
#[utoipa::path(
    get,
    path = "/v1/workspaces",
    tag = "retrieval",
    params(
        ("limit" = Option<usize>, Query, description = "Most workspaces of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of workspaces", body = Page<WorkspaceView>))
)]
pub async fn list(
    axum::extract::State(authenticator): axum::extract::State<Authenticator>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<axum::Json<Page<WorkspaceView>>> {
    // Who it is comes first, as everywhere.
    let known = authenticator.known(&headers).await?;
    // The cursor is the last workspace shown.
    let asked: Asked<WorkspaceId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let (roles, more) = authenticator
        .workspaces(known, asked.cursor.as_ref(), asked.limit)
        .await?;
    let last = roles.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.workspace)).transpose()?;
    let items = roles
        .into_iter()
        .map(|item| WorkspaceView {
            id: item.workspace.into(),
            role: item.role,
        })
        .collect();
    Ok(axum::Json(Page { items, next_cursor }))
}
