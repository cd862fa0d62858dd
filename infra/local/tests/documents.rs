//! The documents that say what the code says: they are compared with it, and written anew when
//! `UPDATE_DOCUMENTS=1` is set.

#![expect(
    clippy::expect_used,
    reason = "a document that cannot be read fails the test"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use utoipa::openapi::OpenApi;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Compares a file with what it should be, or writes it.
fn compare(path: &Path, right: &str) {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        fs::write(path, right).expect("the document");
    }
    let there = fs::read_to_string(path).unwrap_or_default();
    assert!(
        there == right,
        "{} is not what the code says: UPDATE_DOCUMENTS=1 cargo test -p local",
        path.display()
    );
}

/// The routes of a function, each with its first line of documentation.
fn rows(function: &str, document: &OpenApi) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for (path, item) in &document.paths.paths {
        let operations = [
            ("GET", &item.get),
            ("POST", &item.post),
            ("PUT", &item.put),
            ("PATCH", &item.patch),
            ("DELETE", &item.delete),
            ("HEAD", &item.head),
            ("OPTIONS", &item.options),
        ];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let what = operation
                .summary
                .as_deref()
                .or(operation.description.as_deref())
                .unwrap_or_default()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            rows.push((
                format!("{path} {method}"),
                format!("| `{method} {path}` | {function} | {what} |"),
            ));
        }
    }
    rows
}

#[test]
fn architecture_names_the_function_of_every_route() {
    let mut all = rows("upload", &upload::routes().into_openapi());
    all.extend(rows("retrieval", &retrieval::routes().into_openapi()));
    all.extend(rows("organize", &organize::routes().into_openapi()));
    all.extend(rows("generation", &generation::routes().into_openapi()));
    all.sort();
    let mut table = String::from("| route | function | what |\n|---|---|---|\n");
    for (_, row) in all {
        let _ = writeln!(table, "{row}");
    }

    let path = root().join("docs/ARCHITECTURE.md");
    let there = fs::read_to_string(&path).unwrap();
    let (before, rest) = there.split_once("<!-- routes -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- /routes -->").unwrap();

    compare(
        &path,
        &format!("{before}<!-- routes -->\n{table}<!-- /routes -->{after}"),
    );
}

#[test]
fn retrieval_knows_every_path_and_its_methods() {
    let mut paths = BTreeMap::new();
    for (path, item) in &local::functions::openapi().paths.paths {
        let methods = [
            ("GET,HEAD", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
            ("DELETE", item.delete.is_some()),
            ("HEAD", item.head.is_some()),
            ("OPTIONS", item.options.is_some()),
        ];
        let there = methods.into_iter().filter(|(_, is_there)| *is_there);
        let methods: Vec<&str> = there.map(|(method, _)| method).collect();
        paths.insert(path.clone(), methods.join(","));
    }
    let mut routes = String::new();
    for (path, methods) in paths {
        let _ = writeln!(routes, "{path} {methods}");
    }

    compare(&root().join("functions/retrieval/routes.txt"), &routes);
}
