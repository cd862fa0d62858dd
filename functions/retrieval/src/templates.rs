//! `GET /v1/templates` and `GET /v1/templates/{name}`.

use api::auth::Caller;
use api::page::{Asked, Page, encode};
use api::problem::Result;
use api::request::Query;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::principal::Role;
use domain::{Error, Kind};
use render::{Catalog, Template};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::answer;

/// A template: a named, versioned recipe for files.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateView {
    /// Its name.
    #[schema(example = "report")]
    name: &'static str,
    /// Grows when the same parameters would give other bytes.
    version: u32,
    /// What it is for.
    description: &'static str,
    /// The formats it is offered in, the most usual first.
    #[schema(example = json!(["md", "html", "txt"]))]
    formats: Vec<&'static str>,
    /// The JSON Schema (2020-12) of its parameters.
    #[schema(value_type = Object)]
    schema: &'static Value,
    /// Parameters that render.
    #[schema(value_type = Object)]
    example: &'static Value,
    /// Whether it ships with Sheaf.
    built_in: bool,
}

impl From<&'static Template> for TemplateView {
    fn from(template: &'static Template) -> Self {
        Self {
            name: template.name(),
            version: template.version(),
            description: template.description(),
            formats: template
                .formats()
                .iter()
                .map(|format| format.name())
                .collect(),
            schema: template.schema(),
            example: template.example(),
            built_in: true,
        }
    }
}

/// Lists the templates that files can be made from, by name.
#[utoipa::path(
    get,
    path = "/v1/templates",
    tag = "retrieval",
    params(
        ("limit" = Option<usize>, Query, description = "Most templates of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of templates", body = Page<TemplateView>))
)]
pub async fn list(
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<TemplateView>>> {
    principal.require(Role::Viewer)?;
    // The cursor is the name of the last template shown.
    let asked: Asked<String> = Asked::from_query(&mut query)?;
    query.finish()?;
    let is_after = |template: &&Template| {
        let cursor = asked.cursor.as_deref();
        cursor.is_none_or(|cursor| template.name() > cursor)
    };
    let mut rest = Catalog::built_in()
        .list()
        .iter()
        .filter(is_after)
        .peekable();
    let page: Vec<&'static Template> = rest.by_ref().take(asked.limit).collect();
    let last = page.last().filter(|_| rest.peek().is_some());
    let next_cursor = last.map(|last| encode(&last.name())).transpose()?;
    let items = page.into_iter().map(TemplateView::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

/// Shows one template with the schema of its parameters and an example.
#[utoipa::path(
    get,
    path = "/v1/templates/{name}",
    tag = "retrieval",
    params(
        ("name" = String, Path, description = "The template", example = "report"),
        ("If-None-Match" = Option<String>, Header, description = "Answers 304 when the template is still as under this ETag"),
    ),
    responses(
        (status = 200, description = "The template", body = TemplateView, headers(("ETag" = String, description = "Changes with the template"))),
        (status = 304, description = "It has not changed"),
        (status = 404, description = "No such template"),
    )
)]
pub async fn show(
    Caller(principal): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response> {
    principal.require(Role::Viewer)?;
    query.finish()?;
    let template = Catalog::built_in()
        .get(&name)
        .ok_or_else(|| Error::not_found(Kind::Template, name))?;
    Ok(answer::hashed(&headers, &TemplateView::from(template))?)
}
