//! `/v1/invitations`: where the caller is invited, and their answer.
//!
//! These routes are asked by someone who has no role in the workspace yet, so none is chosen.

use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode};
use domain::principal::Role;
use domain::{Error, Kind, WorkspaceId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::State;
use api::finish::to_the_end;

/// An invitation to a workspace, or the membership that it became.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub struct InvitationView {
    /// The workspace.
    #[schema(example = "acme")]
    workspace: String,
    /// The role there: viewer, editor or admin.
    #[schema(value_type = String, example = "editor")]
    role: Role,
}

/// Lists the workspaces that the caller is invited to, by id.
#[utoipa::path(
    get,
    path = "/v1/invitations",
    tag = "organize",
    params(
        ("limit" = Option<usize>, Query, description = "Most invitations of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of invitations", body = Page<InvitationView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    headers: HeaderMap,
    mut query: Query,
) -> Result<axum::Json<Page<InvitationView>>> {
    let identity = state.authenticator.identity(&headers).await?;
    // The cursor is the last workspace shown.
    let asked: Asked<WorkspaceId> = Asked::from_query(&mut query)?;
    query.finish()?;
    let page = state
        .store
        .invitations(
            &identity.pseudonym(),
            asked.cursor.as_ref(),
            rows_for(asked.limit),
        )
        .await?;
    let (invitations, more) = cut(page, asked.limit);
    let last = invitations.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.workspace)).transpose()?;
    let items = invitations
        .into_iter()
        .map(|item| InvitationView {
            workspace: item.workspace.into(),
            role: item.role,
        })
        .collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

/// Accepts an invitation: from now on the caller has the role. This may be repeated.
#[utoipa::path(
    post,
    path = "/v1/invitations/{workspace}/accept",
    tag = "organize",
    params(("workspace" = String, Path, description = "The workspace", example = "acme")),
    responses(
        (status = 200, description = "The workspace and the role there", body = InvitationView),
        (status = 404, description = "No such invitation"),
    )
)]
pub async fn accept(
    axum::extract::State(state): axum::extract::State<State>,
    headers: HeaderMap,
    Path(workspace): Path<String>,
    query: Query,
) -> Result<axum::Json<InvitationView>> {
    let principal = state.authenticator.identity(&headers).await?.pseudonym();
    query.finish()?;
    let workspace = parse(&workspace)?;
    let (store, joined) = (state.store, workspace.clone());
    let accepted =
        to_the_end(async move { store.accept_invitation(&joined, &principal).await }).await?;
    Ok(axum::Json(InvitationView {
        workspace: workspace.into(),
        role: accepted.role,
    }))
}

/// Declines an invitation.
#[utoipa::path(
    delete,
    path = "/v1/invitations/{workspace}",
    tag = "organize",
    params(("workspace" = String, Path, description = "The workspace", example = "acme")),
    responses(
        (status = 204, description = "The caller is not invited any more"),
        (status = 404, description = "No such invitation"),
    )
)]
pub async fn decline(
    axum::extract::State(state): axum::extract::State<State>,
    headers: HeaderMap,
    Path(workspace): Path<String>,
    query: Query,
) -> Result<StatusCode> {
    let principal = state.authenticator.identity(&headers).await?.pseudonym();
    query.finish()?;
    let (store, workspace) = (state.store, parse(&workspace)?);
    to_the_end(async move { store.decline_invitation(&workspace, &principal).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is no workspace's id has invited nobody.
fn parse(text: &str) -> domain::Result<WorkspaceId> {
    text.parse()
        .map_err(|_| Error::not_found(Kind::Invitation, text))
}
