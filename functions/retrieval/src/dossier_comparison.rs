//! `GET /v1/dossiers/{id}/comparison`: two dossiers side by side.

use api::auth::Caller;
use api::dossier::{all_documents, entries};
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use domain::comparison::Comparison;
use domain::principal::Role;
use domain::{DossierId, Error};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::State;

/// Two dossiers side by side: the figures of the second against those of the first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DossierComparison)]
pub struct ComparisonView {
    /// The first dossier.
    first: Uuid,
    /// The second.
    second: Uuid,
    /// Counts, totals, means and months of each currency and unit that both have, with difference and percent; and what only
    /// one of them has. Computed by code in decimal arithmetic from the documents both have at this moment.
    #[schema(value_type = Object)]
    comparison: Comparison,
}

/// Compares the figures of two dossiers.
#[utoipa::path(
    get,
    path = "/v1/dossiers/{id}/comparison",
    tag = "retrieval",
    params(
        ("id" = Uuid, Path, description = "The first dossier"),
        ("with" = Uuid, Query, description = "The second dossier"),
    ),
    responses(
        (status = 200, description = "The comparison", body = ComparisonView),
        (status = 404, description = "No such dossier"),
        (status = 409, description = "too_many_documents: one of them has more than 5,000"),
    )
)]
pub async fn show(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<axum::Json<ComparisonView>> {
    principal.require(Role::Viewer)?;
    let with = query.take("with")?;
    query.finish()?;
    let first: DossierId = id.parse()?;
    let with =
        with.ok_or_else(|| Error::invalid("/with", "with names the other dossier by its id"))?;
    let second: DossierId = with
        .parse()
        .map_err(|_| Error::invalid("/with", "with names the other dossier by its id, a UUID"))?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let mut sides = Vec::new();
    for id in [first, second] {
        let kept = store.dossier(workspace, id).await?;
        let documents = all_documents(store, workspace, &kept.dossier).await?;
        sides.push(entries(&documents));
    }
    let comparison = Comparison::of(&sides[0], &sides[1])?;
    Ok(axum::Json(ComparisonView {
        first: first.uuid(),
        second: second.uuid(),
        comparison,
    }))
}
