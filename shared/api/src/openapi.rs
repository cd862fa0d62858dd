//! The OpenAPI document: collected from the handlers, completed with what holds for all of them.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, Content, ContentBuilder, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, Ref,
    RefOr, ResponseBuilder, SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use crate::problem::ProblemView;
use crate::{links, page};

/// The paths under `/v1/` that need no credentials.
const OPEN: [&str; 2] = ["/v1/openapi.json", "/v1/receipt-keys"];

/// Statuses that any route can answer with, and when.
const COMMON: [(&str, &str); 7] = [
    ("400", "The request cannot be read"),
    ("401", "No credentials, or ones that do not hold"),
    ("403", "The role does not allow this"),
    ("422", "A field or parameter breaks a rule"),
    (
        "429",
        "Someone else changes the same: try again after Retry-After",
    ),
    ("500", "Something of ours failed"),
    (
        "503",
        "A service is unavailable: try again after Retry-After",
    ),
];

/// Completes a document: its title, how to authenticate, and the problems every route can answer.
pub fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Sheaf")
        .version("1")
        .description(Some(
            "Takes files in, makes files, understands them, gathers them into dossiers, and deletes them when their time is up.",
        ))
        .license(Some(
            LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build(),
        ))
        .build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(
        "bearer",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some("A JWT of a trusted issuer, or an API key"))
                .build(),
        ),
    );
    let mut schemas = Vec::new();
    ProblemView::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components
        .schemas
        .insert("Problem".to_owned(), ProblemView::schema());
    for (path, item) in &mut document.paths.paths {
        let open = OPEN.contains(&path.as_str()) || !path.starts_with("/v1/");
        for (method, operation) in links::operations(item) {
            operation.operation_id = Some(operation_id(method, path));
            bound_pages(operation);
            // Nobody is asked who they are before they know what there is.
            add_problems(operation, open || method == "options");
        }
    }
    links::add(&mut document);
    document
}

/// Names an operation after its method and path, such as `get_files_by_id_content`: handlers of
/// different functions have the same names, and these must be unique.
fn operation_id(method: &str, path: &str) -> String {
    let path = path.strip_prefix("/v1").unwrap_or(path);
    let mut id = method.to_owned();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        id.push('_');
        match segment
            .strip_prefix('{')
            .and_then(|name| name.strip_suffix('}'))
        {
            Some(name) => {
                id.push_str("by_");
                id.push_str(name);
            }
            None => id.push_str(&segment.replace(|c: char| !c.is_ascii_alphanumeric(), "_")),
        }
    }
    id
}

/// Says of pages how large they may be.
fn bound_pages(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "limit"
        {
            let size = ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .maximum(Some(page::MOST))
                .default(Some(page::USUAL.into()));
            parameter.schema = Some(size.into());
        }
    }
}

fn add_problems(operation: &mut Operation, open: bool) {
    for (status, description) in COMMON {
        if open && matches!(status, "401" | "403") {
            continue;
        }
        operation
            .responses
            .responses
            .entry(status.to_owned())
            .or_insert_with(|| problem_response(description));
    }
    // Handlers say when they refuse; how a refusal looks is the same everywhere.
    for (status, response) in &mut operation.responses.responses {
        let refused = status.starts_with('4') || status.starts_with('5');
        if let RefOr::T(response) = response
            && refused
            && response.content.is_empty()
        {
            response.content.insert(
                "application/problem+json".to_owned(),
                RefOr::T(problem_content()),
            );
        }
    }
    if !open {
        operation.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>(
            "bearer",
            [],
        )]);
    }
}

fn problem_response(description: &str) -> RefOr<utoipa::openapi::Response> {
    RefOr::T(
        ResponseBuilder::new()
            .description(description)
            .content("application/problem+json", problem_content())
            .build(),
    )
}

fn problem_content() -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build()
}
