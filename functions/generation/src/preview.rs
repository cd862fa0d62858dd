//! `POST /v1/templates/{name}/preview`: renders a template and stores nothing.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use axum::extract::Path;
use axum::http::header;
use axum::response::IntoResponse;
use domain::principal::Role;
use render::Limits;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::recipe::Recipe;

/// Largest preview. A Lambda response carries 6 MB, in which every quote of a text takes two.
const MAX_PREVIEW_BYTES: usize = 2 * 1024 * 1024;

/// Lets a browser show a page and run nothing of it.
const NOTHING_RUNS: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'";

/// What is to be rendered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// What the template is filled with; see its schema and example.
    #[schema(value_type = Object)]
    parameters: Value,
    /// What it is rendered into: one of the template's formats.
    #[schema(example = "md")]
    format: String,
}

/// Renders a template and stores nothing: answers with the bytes that a generation would store.
#[utoipa::path(
    post,
    path = "/v1/templates/{name}/preview",
    tag = "generation",
    params(("name" = String, Path, description = "The template", example = "master_checklist")),
    request_body = Preview,
    responses(
        (status = 200, description = "The bytes, under the media type of the format", body = Vec<u8>, content_type = "*/*"),
        (status = 404, description = "No such template"),
        (status = 413, description = "The parameters or the result are larger than this route takes"),
    )
)]
pub async fn preview(
    Caller(principal): Caller,
    Path(name): Path<String>,
    query: Query,
    Json { value, .. }: Json<Preview>,
) -> Result<impl IntoResponse + use<>> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let recipe = Recipe {
        template: name,
        version: None,
        parameters: value.parameters,
        format: value.format,
    };
    let limits = Limits {
        output_bytes: MAX_PREVIEW_BYTES,
        ..Limits::default()
    };
    let rendered = recipe.render(limits).await?;
    let headers = [
        (header::CONTENT_TYPE, rendered.media_type),
        (header::CONTENT_SECURITY_POLICY, NOTHING_RUNS),
    ];
    Ok((headers, rendered.bytes))
}
