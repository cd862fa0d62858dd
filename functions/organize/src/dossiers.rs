//! `POST /v1/dossiers` and `POST /v1/dossiers/{id}/regenerate`.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use api::view::dossier::DossierView;
use axum::extract::Path;
use axum::http::StatusCode;
use domain::DossierId;
use domain::dossier::Signature;
use domain::principal::Role;
use domain::tag::Tags;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{State, answer, body};
use api::finish::to_the_end;

/// Which dossier is asked for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDossier {
    /// The type of its documents.
    #[serde(rename = "type")]
    #[schema(example = "bill")]
    document_type: String,
    /// The tags all its documents have; none for every document of the type.
    #[serde(default)]
    #[schema(example = json!(["electricity"]))]
    tags: Vec<String>,
}

impl CreateDossier {
    fn read(&self) -> domain::Result<Signature> {
        let document_type = body::document_type(&self.document_type)?;
        let tags = Tags::parse(&self.tags)?;
        Signature::new(document_type, Vec::from(tags))
    }
}

/// Asks for a dossier and its summary.
///
/// It is made when there is none, and from then on its summary is kept up to date. The answer shows
/// it as it stands; GET it until its status is `generated`. Asking again changes nothing.
#[utoipa::path(
    post,
    path = "/v1/dossiers",
    tag = "organize",
    request_body = CreateDossier,
    responses(
        (status = 202, description = "The dossier, pending or generated already", body = DossierView),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn create(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Json { value, .. }: Json<CreateDossier>,
) -> Result<(StatusCode, axum::Json<DossierView>)> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let signature = value.read()?;
    let (store, workspace) = (state.store, principal.workspace);
    let asked = to_the_end(async move {
        if let Some(fill) = store.define_dossier(&workspace, &signature).await? {
            store.send(&fill).await;
        }
        let id = signature.dossier_id(&workspace);
        let kept = store.want_dossier(&workspace, id, false).await?;
        answer::accepted(&store, &workspace, kept.dossier).await
    });
    Ok(asked.await?)
}

/// Has a dossier's summary written anew, even if none of its documents has changed.
///
/// The one it has stands until the new one is there.
#[utoipa::path(
    post,
    path = "/v1/dossiers/{id}/regenerate",
    tag = "organize",
    params(("id" = uuid::Uuid, Path, description = "The dossier")),
    responses(
        (status = 202, description = "The dossier as it stands", body = DossierView),
        (status = 404, description = "No such dossier"),
    )
)]
pub async fn regenerate(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<(StatusCode, axum::Json<DossierView>)> {
    principal.require(Role::Editor)?;
    query.finish()?;
    let id: DossierId = id.parse()?;
    let (store, workspace) = (state.store, principal.workspace);
    let asked = to_the_end(async move {
        let kept = store.want_dossier(&workspace, id, true).await?;
        answer::accepted(&store, &workspace, kept.dossier).await
    });
    Ok(asked.await?)
}
