//! The links of the `OpenAPI` document: where one goes on with what an answer names.

use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, RefOr, Response};

/// What an answer names: the schema of its body, where in it the id is, and the routes it is for.
type Named = (&'static str, &'static str, &'static str);

const NAMED: [Named; 23] = [
    ("Dossier", "/id", "/v1/dossiers/{id}"),
    ("Export", "/id", "/v1/exports/{id}"),
    ("File", "/id", "/v1/files/{id}"),
    ("FilePage", "/items/0/id", "/v1/files/{id}"),
    ("Folder", "/id", "/v1/folders/{id}"),
    ("FolderChanged", "/job/id", "/v1/jobs/{id}"),
    ("Generation", "/file_id", "/v1/files/{id}"),
    ("Import", "/job/id", "/v1/jobs/{id}"),
    ("Job", "/id", "/v1/checks/{id}"),
    ("Job", "/id", "/v1/jobs/{id}"),
    ("Member", "/id", "/v1/members/{id}"),
    ("NewApiKey", "/id", "/v1/api-keys/{id}"),
    ("Page_ApiKey", "/items/0/id", "/v1/api-keys/{id}"),
    ("Page_Dossier", "/items/0/id", "/v1/dossiers/{id}"),
    ("Page_FailedWork", "/items/0/id", "/v1/failures/{id}"),
    ("Page_Folder", "/items/0/id", "/v1/folders/{id}"),
    (
        "Page_Invitation",
        "/items/0/workspace",
        "/v1/invitations/{workspace}",
    ),
    ("Page_Job", "/items/0/id", "/v1/jobs/{id}"),
    ("Page_Member", "/items/0/id", "/v1/members/{id}"),
    ("Page_Receipt", "/items/0/id", "/v1/receipts/{id}"),
    ("Page_Template", "/items/0/name", "/v1/templates/{name}"),
    ("Receipt", "/id", "/v1/receipts/{id}"),
    ("Upload", "/upload_id", "/v1/uploads/{id}"),
];

/// An operation that a link can lead to.
struct Goal {
    id: String,
    path: String,
}

/// Links what makes or lists things to what can be done with them.
pub(crate) fn add(document: &mut OpenApi) {
    let mut goals = Vec::new();
    for (path, item) in &mut document.paths.paths {
        for (_, operation) in operations(item) {
            if let Some(id) = operation.operation_id.clone() {
                let path = path.clone();
                goals.push(Goal { id, path });
            }
        }
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            // Who asks by an id has it already.
            let knows = path.contains('{') && matches!(method, "get" | "head" | "patch");
            if knows {
                continue;
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response
                    && status.starts_with('2')
                {
                    link(response, &goals);
                }
            }
        }
    }
}

/// The operations of a path, by method.
pub(crate) fn operations(
    item: &mut PathItem,
) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
        ("head", &mut item.head),
        ("options", &mut item.options),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn link(response: &mut Response, goals: &[Goal]) {
    let schemas = response.content.values().filter_map(|content| {
        let RefOr::T(content) = content else {
            return None;
        };
        match &content.schema {
            Some(RefOr::Ref(schema)) => schema.ref_location.rsplit('/').next(),
            Some(RefOr::T(_)) | None => None,
        }
    });
    let schemas: Vec<String> = schemas.map(ToOwned::to_owned).collect();
    let named = NAMED.iter().filter(|(schema, ..)| {
        let mut of = schemas.iter();
        of.any(|name| name == schema)
    });
    for (schema, pointer, route) in named {
        for goal in goals.iter().filter(|goal| is_below(&goal.path, route)) {
            let mut link = LinkBuilder::new()
                .operation_id(goal.id.clone())
                .parameter(parameter(route), format!("$response.body#{pointer}"));
            if goal.path.contains("{number}") {
                // Only a file tells a version, its current one.
                if *schema != "File" {
                    continue;
                }
                link = link.parameter("number", "$response.body#/version");
            }
            let link = RefOr::T(link.build());
            response.links.insert(goal.id.clone(), link);
        }
    }
}

/// Says whether a path is this route's, or goes on from there.
fn is_below(path: &str, route: &str) -> bool {
    let rest = path.strip_prefix(route);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The name of the parameter that a route ends with.
fn parameter(route: &str) -> &str {
    let last = route.rsplit('/').next().unwrap_or_default();
    last.trim_matches(['{', '}'])
}
