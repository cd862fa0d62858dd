//! Parameters that are wrong, too much or malicious: refused by name, or shown as the text they are.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what a test file shares may fail the test, too"
)]

use domain::error::{Error, FieldError};
use render::{Bound, Catalog, Format, Limits, RenderError};
use serde_json::{Value, json};

fn render(template: &str, parameters: &Value, format: Format) -> Result<String, RenderError> {
    let template = Catalog::built_in().get(template).expect(template);
    let rendered = template.render(parameters, format, &Limits::default())?;
    Ok(String::from_utf8(rendered.bytes).unwrap())
}

fn errors(template: &str, parameters: &Value) -> Vec<FieldError> {
    let format = Catalog::built_in().get(template).unwrap().formats()[0];
    match render(template, parameters, format) {
        Err(RenderError::InvalidParameters { errors }) => errors,
        other => panic!("{other:?}"),
    }
}

fn told(errors: &[FieldError]) -> Vec<String> {
    errors
        .iter()
        .map(|e| format!("{} {}", e.pointer, e.detail))
        .collect()
}

#[test]
fn every_broken_field_is_told_by_pointer() {
    let parameters = json!({
        "tasks": [
            {"title": "ok", "due": "tomorrow", "done": "yes"},
            {"titel": "typo"},
            "just text"
        ],
        "priority_levels": [" "],
        "color/shade": 1
    });

    let errors = errors("master_checklist", &parameters);

    insta::assert_snapshot!(told(&errors).join("\n"));
}

#[test]
fn parameters_that_are_no_object_are_refused() {
    for parameters in [json!(null), json!([]), json!("text"), json!(1), json!(true)] {
        let errors = errors("report", &parameters);

        assert_eq!(errors[0].pointer, "/parameters");
        assert!(
            errors[0].detail.starts_with("must be an object, not"),
            "{errors:?}"
        );
    }
}

#[test]
fn wrong_shapes_of_other_templates_are_told_too() {
    let told_of = |template, parameters| told(&errors(template, &parameters)).join("\n");

    let report = json!({"title": "", "sections": [{"heading": "x", "table": {"columns": [], "rows": [[{}]]}}]});
    insta::assert_snapshot!(told_of("report", report));
    let configuration = json!({"name": "x", "settings": {"ok": {"not ok": 1}}});
    insta::assert_snapshot!(told_of("configuration", configuration));
    let export = json!({"columns": ["a", "a"], "rows": [1]});
    insta::assert_snapshot!(told_of("data_export", export));
}

#[test]
fn a_thousand_problems_are_told_as_twenty() {
    let parameters = json!({"project_name": "x", "tasks": vec![json!({}); 1000]});

    let errors = errors("master_checklist", &parameters);

    assert_eq!(errors.len(), 21);
    assert_eq!(
        errors[20].detail,
        "there is more: these are the first 20 problems"
    );
}

#[test]
fn values_are_never_repeated_in_messages() {
    let secret = "s3cret-value";

    let errors = errors(
        "report",
        &json!({"title": {"x": secret}, "date": secret, "sections": secret}),
    );

    assert_eq!(errors.len(), 3);
    assert!(!told(&errors).concat().contains(secret));
}

#[test]
fn ten_megabytes_are_refused_as_too_large() {
    let parameters = json!({"title": "x".repeat(10 * 1024 * 1024), "sections": []});

    let refused = render("report", &parameters, Format::Markdown).unwrap_err();

    assert_eq!(
        refused,
        RenderError::LimitExceeded {
            bound: Bound::ParameterBytes,
            allowed: 1024 * 1024
        }
    );
    assert!(matches!(Error::from(refused), Error::TooLarge { .. }));
}

#[test]
fn the_deepest_json_there_is_to_read_is_refused() {
    // serde_json reads at most 127 levels.
    let text = format!(
        "{{\"name\": \"x\", \"settings\": {}1{}}}",
        "{\"a\":".repeat(126),
        "}".repeat(126)
    );
    let parameters: Value = serde_json::from_str(&text).unwrap();

    let refused = render("configuration", &parameters, Format::Json).unwrap_err();

    assert_eq!(
        refused,
        RenderError::LimitExceeded {
            bound: Bound::ParameterDepth,
            allowed: 32
        }
    );
    assert!(matches!(Error::from(refused), Error::Invalid { .. }));
}

#[test]
fn nesting_at_the_limit_renders_in_every_format() {
    let mut settings = json!(1);
    for _ in 0..Limits::default().parameter_depth - 1 {
        settings = json!({ "a": settings });
    }
    let parameters = json!({"name": "x", "settings": settings});

    for format in Catalog::built_in().get("configuration").unwrap().formats() {
        render("configuration", &parameters, *format).unwrap();
    }
}

#[test]
fn template_syntax_in_values_is_text() {
    let evil = "{{ 7 * 7 }}{% for x in range(9) %}{# #}${7*7}#{7*7}";

    for format in [
        Format::Html,
        Format::Text,
        Format::Markdown,
        Format::Json,
        Format::Yaml,
    ] {
        let file = render("report", &json!({"title": evil, "sections": []}), format).unwrap();

        assert!(
            file.contains("{{ 7 ") && file.contains("{% for x"),
            "{file}"
        );
        assert!(!file.contains("49"), "{file}");
    }
}

#[test]
fn markup_in_values_is_text_in_html() {
    let evil = "</title><script>alert(1)</script><img src=x onerror='alert(1)' a=\"b\">&amp;";
    let parameters = json!({
        "title": evil, "subtitle": evil, "author": evil, "summary": evil,
        "sections": [{
            "heading": evil, "text": evil, "items": [evil],
            "table": {"caption": evil, "columns": [evil], "rows": [[evil]]}
        }]
    });

    let html = render("report", &parameters, Format::Html).unwrap();

    assert!(
        !html.contains("<script") && !html.contains("<img"),
        "{html}"
    );
    assert_eq!(html.matches("&lt;/title&gt;&lt;script&gt;").count(), 11);
}

#[test]
fn formulas_are_disarmed_in_csv() {
    let parameters = json!({"rows": [{
        "=evil()": "=cmd|' /C calc'!A0", "b": "+1", "c": "@SUM(A1)", "d": "\t=1", "e": -5, "f": "-5.00", "g": -1e30
    }]});

    let csv = render("data_export", &parameters, Format::Csv).unwrap();

    assert_eq!(
        csv,
        "'=evil(),b,c,d,e,f,g\n'=cmd|' /C calc'!A0,'+1,'@SUM(A1),'\t=1,-5,-5.00,-1e+30\n"
    );
}

#[test]
fn a_line_break_in_a_value_starts_no_new_line_in_a_settings_file() {
    let parameters = json!({
        "name": "x\nPATH=/evil",
        "settings": {"a": "1\nB=2", "c": "$(rm -rf /)", "d": "it's `x`"}
    });

    let file = render("configuration", &parameters, Format::Text).unwrap();

    assert_eq!(
        file,
        "# Configuration of x PATH=/evil\n\nA=\"1\\nB=2\"\nC='$(rm -rf /)'\nD=\"it's \\`x\\`\"\n"
    );
}

#[test]
fn two_settings_of_one_variable_are_refused_only_where_it_matters() {
    let parameters = json!({"name": "x", "settings": {"a-b": 1, "a_b": 2}});

    let refused = render("configuration", &parameters, Format::Text).unwrap_err();

    let RenderError::InvalidParameters { errors } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(errors[0].pointer, "/parameters/settings/a_b");
    assert!(render("configuration", &parameters, Format::Yaml).is_ok());
}

#[test]
fn right_to_left_text_and_emoji_come_through_whole() {
    let title = "שלום \u{202e}dlrow\u{202c} 👩‍👩‍👧 مرحبا";

    for format in [Format::Markdown, Format::Html, Format::Text, Format::Json] {
        let file = render("report", &json!({"title": title, "sections": []}), format).unwrap();

        assert!(file.contains(title), "{format}: {file}");
    }
    let yaml = render(
        "report",
        &json!({"title": title, "sections": []}),
        Format::Yaml,
    )
    .unwrap();
    let back: Value = serde_yaml_ng::from_str(&yaml).unwrap();
    assert_eq!(back["title"], title);
    assert!(
        !yaml.contains('\u{202e}'),
        "direction marks are escaped in YAML"
    );
}

#[test]
fn rows_that_each_bring_columns_are_refused() {
    let rows: Vec<_> = (0..2_000).map(|n| json!({ format!("c{n}"): n })).collect();

    for format in [Format::Csv, Format::Markdown, Format::Html] {
        let refused = render("data_export", &json!({ "rows": rows }), format).unwrap_err();

        assert!(
            matches!(
                refused,
                RenderError::LimitExceeded {
                    bound: Bound::TableCells,
                    ..
                }
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn the_largest_parameters_stay_within_the_limits() {
    let task = json!({"title": "x", "priority": "p"});
    let tasks = json!({"project_name": "x", "tasks": vec![task; 5_000]});
    let rows = json!({"rows": vec![json!({"a": 1, "b": "two"}); 40_000]});

    for (name, parameters) in [("master_checklist", tasks), ("data_export", rows)] {
        for format in Catalog::built_in().get(name).unwrap().formats() {
            render(name, &parameters, *format).unwrap();
        }
    }
}
