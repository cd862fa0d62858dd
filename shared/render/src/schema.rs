//! Checks parameters against a template's JSON Schema and says what is wrong in words for people.

use std::sync::OnceLock;

use domain::error::FieldError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, JsonType, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use crate::error::RenderError;

/// Most problems told at once. What comes after is usually the same again.
const ERRORS_MAX: usize = 20;

/// Longest name repeated in a message, in characters.
const NAME_SHOWN_MAX: usize = 60;

/// The pattern by which schemas ask for text that is not only white space.
const NOT_BLANK: &str = r"\S";

/// A JSON Schema (2020-12), compiled when it is first used.
#[derive(Debug)]
pub(crate) struct Schema {
    document: Value,
    compiled: OnceLock<Result<Validator, String>>,
}

impl Schema {
    pub(crate) const fn new(document: Value) -> Self {
        Self {
            document,
            compiled: OnceLock::new(),
        }
    }

    /// Returns the schema as it is published.
    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }

    /// Checks parameters; tells the first problems by pointers below `/parameters`.
    pub(crate) fn check(&self, parameters: &Value) -> Result<(), RenderError> {
        let validator = self
            .compiled
            .get_or_init(|| compile(&self.document))
            .as_ref()
            .map_err(|detail| RenderError::Template {
                detail: format!("its schema does not compile: {detail}"),
                line: None,
            })?;
        let problems = validator.iter_errors(parameters);
        let mut errors: Vec<_> = problems
            .flat_map(|problem| self.explain(&problem))
            .take(ERRORS_MAX + 1)
            .collect();
        if errors.is_empty() {
            return Ok(());
        }
        if errors.len() > ERRORS_MAX {
            errors.truncate(ERRORS_MAX);
            errors.push(FieldError {
                pointer: "/parameters".to_owned(),
                detail: format!("there is more: these are the first {ERRORS_MAX} problems"),
            });
        }
        Err(RenderError::InvalidParameters { errors })
    }

    /// Says what one problem means. Values are never repeated: they may be long or secret.
    fn explain(&self, problem: &ValidationError<'_>) -> Vec<FieldError> {
        let at = format!("/parameters{}", problem.instance_path().as_str());
        let field = |name: &str| format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        match problem.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self.known_fields(problem);
                let unknown = |name: &String| FieldError {
                    pointer: field(&shortened(name)),
                    detail: format!("there is no `{}` here{known}", shortened(name)),
                };
                unexpected
                    .iter()
                    .take(ERRORS_MAX + 1)
                    .map(unknown)
                    .collect()
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let meaning = self.meaning(problem, &format!("/properties/{name}"));
                vec![FieldError {
                    pointer: field(name),
                    detail: format!("`{name}` is missing{meaning}"),
                }]
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = shortened(error.instance().as_str().unwrap_or_default());
                vec![FieldError {
                    pointer: field(&name),
                    detail: format!("`{name}` can't be a name here{}", self.meaning(error, "")),
                }]
            }
            kind => {
                let meaning = self.meaning(problem, "");
                vec![FieldError {
                    pointer: at,
                    detail: format!("{}{meaning}", rule(kind, problem.instance())),
                }]
            }
        }
    }

    /// What the schema says a value is for, as the end of a sentence.
    fn meaning(&self, problem: &ValidationError<'_>, below: &str) -> String {
        let place = self.place(problem).and_then(|place| place.pointer(below));
        let description = place.and_then(|place| place.get("description")?.as_str());
        description
            .map(|text| format!(": {text}"))
            .unwrap_or_default()
    }

    fn known_fields(&self, problem: &ValidationError<'_>) -> String {
        let place = self.place(problem);
        let fields = place.and_then(|place| place.get("properties")?.as_object());
        let names = fields.map(|fields| fields.keys().map(String::as_str).collect::<Vec<_>>());
        names
            .map(|names| format!(", only {}", names.join(", ")))
            .unwrap_or_default()
    }

    /// The part of the schema whose keyword was broken.
    fn place(&self, problem: &ValidationError<'_>) -> Option<&Value> {
        let keyword = problem.schema_path().as_str();
        let (place, _) = keyword.rsplit_once('/')?;
        self.document.pointer(place)
    }
}

fn compile(document: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        // An engine that needs time in proportion to the text, whatever the pattern.
        .with_pattern_options(PatternOptions::regex())
        .build(document)
        .map_err(|error| error.to_string())
}

/// Says which rule a value breaks, and so what would be right.
fn rule(kind: &ValidationErrorKind, value: &Value) -> String {
    use ValidationErrorKind as Kind;
    match kind {
        Kind::Type { kind } => format!("must be {}, not {}", wanted(kind), noun(value)),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } => {
            "must not be empty".to_owned()
        }
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} fields"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} fields"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::UniqueItems => "must not have the same item twice".to_owned(),
        Kind::Format { format } if format == "date" => {
            "must be a date such as 2025-10-29".to_owned()
        }
        Kind::Format { format } => format!("must be written as {format}"),
        Kind::Pattern { pattern } if pattern == NOT_BLANK => "must not be blank".to_owned(),
        Kind::Pattern { .. } => "is not written as it must be".to_owned(),
        // The rest of JSON Schema, in the words of the validator but without the value.
        other => format!("breaks the rule `{}`", other.keyword()),
    }
}

fn wanted(kind: &TypeKind) -> String {
    let name = |kind: JsonType| match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "null",
        JsonType::Number => "a number",
        JsonType::Object => "an object",
        JsonType::String => "text",
    };
    match kind {
        TypeKind::Single(kind) => name(*kind).to_owned(),
        TypeKind::Multiple(kinds) => {
            let mut kinds: Vec<_> = kinds.iter().collect();
            kinds.sort_by_key(|kind| *kind == JsonType::Null);
            kinds.into_iter().map(name).collect::<Vec<_>>().join(" or ")
        }
    }
}

const fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn shortened(name: &str) -> String {
    let mut shown: String = name.chars().take(NAME_SHOWN_MAX).collect();
    if shown.len() < name.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: Value, parameters: &Value) -> Vec<String> {
        match Schema::new(schema).check(parameters) {
            Ok(()) => Vec::new(),
            Err(RenderError::InvalidParameters { errors }) => errors
                .into_iter()
                .map(|error| format!("{}: {}", error.pointer, error.detail))
                .collect(),
            Err(other) => vec![other.to_string()],
        }
    }

    #[test]
    fn no_file_is_read_for_a_reference() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("schema.json");
        std::fs::write(&file, "true").unwrap();
        let schema = json!({"$ref": format!("file://{}", file.display())});

        let told = told(schema, &json!({}));

        assert!(told[0].contains("its schema does not compile"), "{told:?}");
    }

    #[test]
    fn what_is_behind_a_reference_is_told_with_what_it_is_for() {
        let schema = json!({
            "properties": {"a b/c": {"items": {"$ref": "#/$defs/some%20thing"}}},
            "$defs": {"some thing": {"description": "How many.", "type": ["integer", "null"]}},
        });

        let told = told(schema, &json!({"a b/c": [1, "x"]}));

        assert_eq!(
            told,
            ["/parameters/a b~1c/1: must be a whole number or null, not text: How many."]
        );
    }

    #[test]
    fn patterns_need_time_in_proportion_to_the_text() {
        let schema = json!({"pattern": "^(a+)+$"});

        let told = told(schema, &json!(format!("{}!", "a".repeat(50_000))));

        assert_eq!(told, ["/parameters: is not written as it must be"]);
    }

    #[test]
    fn names_are_checked_as_names() {
        let schema =
            json!({"propertyNames": {"description": "Upper case.", "pattern": "^[A-Z]+$"}});

        let told = told(schema, &json!({"OK": 1, "no": 2}));

        assert_eq!(
            told,
            ["/parameters/no: `no` can't be a name here: Upper case."]
        );
    }

    #[test]
    fn a_choice_that_fits_none_is_told_once() {
        let schema = json!({"anyOf": [{"type": "string"}, {"minimum": 5}]});

        assert_eq!(
            told(schema.clone(), &json!(3)),
            ["/parameters: breaks the rule `anyOf`"]
        );
        assert!(told(schema, &json!("three")).is_empty());
    }
}
