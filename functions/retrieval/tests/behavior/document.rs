//! The OpenAPI document that is served, held to the routes of all functions.

use std::collections::HashSet;

use serde_json::Value;
use testkit::{Client, Sheaf};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");

#[test]
fn committed_document_is_that_of_the_code() {
    let document = local::functions::openapi().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(FILE, &document).unwrap();
    }

    let committed = std::fs::read_to_string(FILE).unwrap();

    assert!(
        committed == document,
        "functions/retrieval/openapi.json is not what the code says: \
         run UPDATE_OPENAPI=1 cargo test -p retrieval committed_document, and commit it"
    );
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_how_it_refuses() {
    let document = serde_json::to_value(local::functions::openapi()).unwrap();
    let mut ids = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id.to_owned()), "{method} {path}: {id} is taken");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let problem = &response["content"]["application/problem+json"]["schema"]["$ref"];
                let refused = status.starts_with('4') || status.starts_with('5');
                assert_eq!(problem.is_string(), refused, "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = serde_json::to_value(local::functions::openapi()).unwrap();
    let mut references = Vec::new();
    collect_references(&document, &mut references);

    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_link_leads_to_an_operation_and_names_all_of_its_path() {
    let document = serde_json::to_value(local::functions::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().values();
        methods.map(move |operation| (path, operation))
    });
    let operations: Vec<(&String, &Value)> = operations.collect();
    let mut linked = HashSet::new();
    for (_, operation) in &operations {
        for response in operation["responses"].as_object().unwrap().values() {
            for link in response["links"]
                .as_object()
                .into_iter()
                .flat_map(|links| links.values())
            {
                let id = &link["operationId"];
                let goal = operations
                    .iter()
                    .find(|(_, goal)| goal["operationId"] == *id);
                let (path, _) = goal.unwrap_or_else(|| panic!("{link}"));
                let named = link["parameters"].as_object().unwrap();
                for name in path
                    .split('/')
                    .filter_map(|segment| segment.strip_prefix('{'))
                {
                    let name = name.strip_suffix('}').unwrap();
                    assert!(named.contains_key(name), "{link} to {path}");
                }
                linked.insert(id.as_str().unwrap());
            }
        }
    }

    // All that is done with one thing, but with uploads by tus: their id is a part of a URL.
    let of_one = operations.iter().filter(|(path, _)| path.contains('{'));
    for (path, operation) in of_one.filter(|(path, _)| !path.starts_with("/v1/tus/")) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(linked.contains(id), "nothing leads to {id}, {path}");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields
                .values()
                .for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|value| collect_references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn document_is_open_to_anyone() {
    let sheaf = Sheaf::start().await;
    let stranger = Client::new(sheaf.server.url(), String::new());

    let document = stranger.get("/v1/openapi.json").await.expect(200);

    assert_eq!(document.header("content-type"), "application/json");
    assert_eq!(document.json()["openapi"], "3.1.0");
}
