//! `GET /v1/receipts/{id}/manifest`: where the list of all that a deletion removed is, as a signed URL.

use api::auth::Caller;
use api::delivery::lifetime_from;
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::response::Response;
use domain::principal::Role;
use domain::{Error, Kind, ReceiptId};
use store::blob::Delivery;
use store::receipt::MANIFEST_TYPE;

use crate::{State, answer};

/// Redirects to a signed URL of a receipt's manifest, which lists all versions that were removed.
#[utoipa::path(
    get,
    path = "/v1/receipts/{id}/manifest",
    tag = "retrieval",
    params(
        ("id" = uuid::Uuid, Path, description = "The receipt"),
        ("expires_in_s" = Option<u64>, Query, description = "Seconds the URL is to live, 1 to 3600; 300 by default"),
    ),
    responses(
        (status = 302, description = "To the manifest", headers(("Location" = String, description = "The signed URL"))),
        (status = 404, description = "No such receipt, or one from before there were manifests"),
    )
)]
pub async fn fetch(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    let lifetime = lifetime_from(&mut query)?;
    query.finish()?;
    let id: ReceiptId = id.parse()?;
    let (store, workspace) = (&state.store, &principal.workspace);
    let receipt = store.receipt(workspace, id).await?;
    if receipt.manifest.is_none() {
        return Err(Error::not_found(Kind::Receipt, id).into());
    }
    let delivery = Delivery {
        disposition: format!("attachment; filename=\"receipt-{id}.json\""),
        content_type: MANIFEST_TYPE.to_owned(),
        lifetime,
    };
    let signed = store.sign_manifest(workspace, id, &delivery).await?;
    Ok(answer::redirect(&signed.url)?)
}
