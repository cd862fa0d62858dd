//! `POST /v1/checks`: has all rows and objects of the workspace held against each other.

use api::auth::Caller;
use api::finish::to_the_end;
use api::idempotency;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::job::JobView;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::principal::Role;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{State, answer};

/// A check to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginCheck {
    /// true only lists what is wrong; false, the default, mends it where that is safe.
    #[serde(default)]
    dry_run: bool,
}

/// Has a job hold all that the workspace has stored against each other, and mend what is wrong.
///
/// Only for admins. What it finds is listed by `GET /v1/checks/{id}/findings`, also while it goes on. It is
/// safe at any time: nothing is changed unless all it depends on is still as it was read. The whole table
/// is read for it, that of the other workspaces, too.
#[utoipa::path(
    post,
    path = "/v1/checks",
    tag = "organize",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request"),
    ),
    request_body(content = BeginCheck, example = json!({"dry_run": true})),
    responses(
        (status = 202, description = "The job that checks", body = JobView, headers(("Location" = String, description = "Where it is read"))),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn begin(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    headers: HeaderMap,
    query: Query,
    Json { value, bytes }: Json<BeginCheck>,
) -> Result<Response> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let repeatable = idempotency::repeatable(&headers, &principal, &[b"POST /v1/checks", &bytes])?;
    let (store, workspace) = (state.store, principal.workspace);
    let job = to_the_end(async move {
        store
            .begin_check(&workspace, value.dry_run, repeatable.as_ref())
            .await
    });
    let view = JobView::from(job.await?);
    let location = format!("/v1/jobs/{}", view.id());
    Ok(answer::begun(location, view))
}
