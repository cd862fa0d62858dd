//! A tree of settings as lines: dotted names for people, environment variables for programs.

use std::collections::HashMap;

use domain::error::FieldError;
use serde_json::Value;

use crate::error::RenderError;
use crate::table::{Table, cell_text};

/// One setting: the keys that lead to it, and its value, which is no object with fields.
struct Setting<'tree> {
    path: Vec<&'tree str>,
    value: &'tree Value,
}

/// Lists every setting with its dotted name.
pub(crate) fn table(tree: &Value) -> Table {
    let row = |setting: &Setting<'_>| -> Vec<Value> {
        vec![
            setting.path.join(".").into(),
            cell_text(setting.value).into(),
        ]
    };
    Table {
        caption: None,
        columns: vec!["Setting".to_owned(), "Value".to_owned()],
        rows: flatten(tree).iter().map(row).collect(),
    }
}

/// Writes every setting as `NAME=value`, in the syntax that shells, Docker and dotenv readers share.
///
/// A name is the keys in upper case, joined by `_`, with `_` for every character a variable can't
/// have. Lists are compact JSON, null is empty.
///
/// # Errors
/// Two settings that would be the same variable, named below `pointer`, where the tree is in the
/// parameters.
pub(crate) fn environment(tree: &Value, pointer: &str) -> Result<String, RenderError> {
    let settings = flatten(tree);
    let mut taken: HashMap<String, &Setting<'_>> = HashMap::new();
    let mut errors = Vec::new();
    let mut lines = Vec::with_capacity(settings.len());
    for setting in &settings {
        let name = variable(&setting.path);
        lines.push(format!("{name}={}", quoted(&cell_text(setting.value))));
        let first = setting.path.join(".");
        if let Some(other) = taken.insert(name.clone(), setting) {
            errors.push(FieldError {
                pointer: format!("{pointer}/{}", setting.path.join("/")),
                detail: format!(
                    "{first} and {} would both be the variable {name}: rename one, or choose another format",
                    other.path.join("."),
                ),
            });
        }
    }
    if errors.is_empty() {
        Ok(lines.join("\n"))
    } else {
        Err(RenderError::InvalidParameters { errors })
    }
}

/// Every leaf of the tree in the order given. An object without fields is a leaf, so that nothing
/// is left out.
fn flatten(tree: &Value) -> Vec<Setting<'_>> {
    let mut settings = Vec::new();
    let mut rest = vec![(Vec::new(), tree)];
    while let Some((path, value)) = rest.pop() {
        match value.as_object().filter(|fields| !fields.is_empty()) {
            Some(fields) => rest.extend(fields.iter().rev().map(|(key, value)| {
                let mut path = path.clone();
                path.push(key.as_str());
                (path, value)
            })),
            None if path.is_empty() => {}
            None => settings.push(Setting { path, value }),
        }
    }
    settings
}

fn variable(path: &[&str]) -> String {
    let fit = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    let name: String = path.join("_").chars().map(fit).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

/// Bare where nothing is special, in single quotes where that suffices, else in double quotes.
fn quoted(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    if value.chars().all(is_bare) {
        value.to_owned()
    } else if !value.contains('\'') && !value.contains(char::is_control) {
        format!("'{value}'")
    } else {
        format!("\"{}\"", value.chars().map(escaped).collect::<String>())
    }
}

fn escaped(c: char) -> String {
    match c {
        '"' | '\\' | '$' | '`' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => char::REPLACEMENT_CHARACTER.to_string(),
        c => c.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_become_variables_in_the_order_given() {
        let tree = json!({
            "server": {"port": 8080, "host-name": "localhost"},
            "features": ["a", "b"],
            "motto": "it's $5",
            "banner": "two\nlines",
            "empty": {},
            "none": null
        });

        let lines = environment(&tree, "/parameters/settings").unwrap();

        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            [
                "SERVER_PORT=8080",
                "SERVER_HOST_NAME=localhost",
                "FEATURES='[\"a\",\"b\"]'",
                "MOTTO=\"it's \\$5\"",
                "BANNER=\"two\\nlines\"",
                "EMPTY='{}'",
                "NONE=",
            ]
        );
    }

    #[test]
    fn two_settings_of_one_variable_are_refused_by_name() {
        let tree = json!({"a-b": 1, "a": {"b": 2}});

        let refused = environment(&tree, "/parameters/settings").unwrap_err();

        let RenderError::InvalidParameters { errors } = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(errors[0].pointer, "/parameters/settings/a/b");
        assert!(errors[0].detail.contains("A_B"), "{}", errors[0].detail);
    }
}
