//! Every built-in template, in every format it offers, with its own example.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what a test file shares may fail the test, too"
)]

use domain::error::Error;
use render::{Catalog, Format, Limits, RenderError, Template};
use serde_json::{Value, json};

fn render(template: &str, parameters: &Value, format: Format) -> Result<String, RenderError> {
    let template = Catalog::built_in().get(template).expect(template);
    let rendered = template.render(parameters, format, &Limits::default())?;
    Ok(String::from_utf8(rendered.bytes).unwrap())
}

#[test]
fn catalog_lists_the_built_in_templates_by_name() {
    let names: Vec<_> = Catalog::built_in()
        .list()
        .iter()
        .map(Template::name)
        .collect();

    assert_eq!(
        names,
        [
            "configuration",
            "data_export",
            "dossier_report",
            "master_checklist",
            "report"
        ]
    );
    assert!(Catalog::built_in().get("no_such_template").is_none());
}

#[test]
fn every_example_renders_in_every_format_as_recorded() {
    for template in Catalog::built_in().list() {
        for format in template.formats() {
            let file = render(template.name(), template.example(), *format).unwrap();

            assert!(
                file.ends_with('\n') && !file.ends_with("\n\n"),
                "one line feed at the end"
            );
            assert!(!file.contains('\r'));
            insta::assert_snapshot!(format!("{}.{format}", template.name()), file);
        }
    }
}

#[test]
fn every_schema_is_valid_and_says_what_each_parameter_is_for() {
    for template in Catalog::built_in().list() {
        let schema = template.schema();
        jsonschema::meta::validate(schema).unwrap();
        assert_eq!(
            schema["$schema"],
            "https://json-schema.org/draft/2020-12/schema"
        );
        for (name, property) in schema["properties"].as_object().unwrap() {
            assert!(
                property["description"].is_string(),
                "{}: {name}",
                template.name()
            );
        }
    }
}

#[test]
fn the_same_parameters_give_the_same_bytes() {
    for template in Catalog::built_in().list() {
        for format in template.formats() {
            let first = render(template.name(), template.example(), *format).unwrap();
            let second = render(template.name(), template.example(), *format).unwrap();

            assert_eq!(first, second);
        }
    }
}

#[test]
fn rendered_file_says_its_type_and_how_to_name_it() {
    let template = Catalog::built_in().get("master_checklist").unwrap();

    let rendered = template
        .render(template.example(), Format::Markdown, &Limits::default())
        .unwrap();

    assert_eq!(rendered.media_type, "text/markdown; charset=utf-8");
    assert_eq!(rendered.extension, "md");
    assert_eq!(rendered.file_name_stem, "master_checklist");
}

#[test]
fn format_a_template_lacks_is_refused_with_those_it_has() {
    let refused = render("report", &json!({}), Format::Csv).unwrap_err();

    let Error::Invalid { errors } = Error::from(refused) else {
        panic!("not an invalid request")
    };
    assert_eq!(errors[0].pointer, "/format");
    assert_eq!(
        errors[0].detail,
        "report is not offered as csv: ask for md, html, txt, json or yaml"
    );
}

#[test]
fn keys_keep_the_order_they_were_given_in() {
    let settings = json!({"name": "x", "settings": {"zulu": 1, "alpha": {"b": 2, "a": 3}}});

    let yaml = render("configuration", &settings, Format::Yaml).unwrap();

    assert_eq!(yaml, "zulu: 1\nalpha:\n  b: 2\n  a: 3\n");
}

#[test]
fn numbers_come_out_as_json_reads_them_and_text_as_given() {
    let rows: Value = serde_json::from_str(
        r#"{"rows": [{"a": 89.50, "b": "89.50", "c": 18446744073709551615, "d": -0.1, "e": 100}]}"#,
    )
    .unwrap();

    let csv = render("data_export", &rows, Format::Csv).unwrap();

    assert_eq!(csv, "a,b,c,d,e\n89.5,89.50,18446744073709551615,-0.1,100\n");
}

#[test]
fn chosen_columns_hold_in_every_format() {
    let parameters = json!({"columns": ["b", "z"], "rows": [{"a": 1, "b": 2}]});

    assert_eq!(
        render("data_export", &parameters, Format::Csv).unwrap(),
        "b,z\n2,\n"
    );
    assert_eq!(
        render("data_export", &parameters, Format::Yaml).unwrap(),
        "- b: 2\n"
    );
    let markdown = render("data_export", &parameters, Format::Markdown).unwrap();
    assert_eq!(
        markdown,
        "# Data export\n\n|   b | z   |\n| --: | --- |\n|   2 |     |\n"
    );
}

#[test]
fn empty_lists_render_in_every_format() {
    let empty = [
        ("configuration", json!({"name": "x", "settings": {}})),
        ("data_export", json!({"rows": []})),
        (
            "dossier_report",
            json!({"title": "x", "tags": [], "figures": {}, "documents": []}),
        ),
        (
            "master_checklist",
            json!({"project_name": "x", "tasks": [], "priority_levels": []}),
        ),
        ("report", json!({"title": "x", "sections": []})),
    ];
    for (name, parameters) in empty {
        for format in Catalog::built_in().get(name).unwrap().formats() {
            let file = render(name, &parameters, *format).unwrap();

            let is_bare_csv = *format == Format::Csv && name == "data_export";
            assert!(file.ends_with('\n') || is_bare_csv, "{name}.{format}");
        }
    }
}

#[test]
fn tasks_stand_in_the_order_of_their_levels_then_as_they_come() {
    let parameters = json!({
        "project_name": "x",
        "priority_levels": ["high", "unused", "high", "low"],
        "tasks": [
            {"title": "none"},
            {"title": "own", "priority": "someday"},
            {"title": "b", "priority": "low"},
            {"title": "a", "priority": "high"}
        ]
    });

    let markdown = render("master_checklist", &parameters, Format::Markdown).unwrap();

    let headings: Vec<_> = markdown
        .lines()
        .filter(|line| line.starts_with("## "))
        .collect();
    assert_eq!(
        headings,
        ["## High", "## Low", "## Someday", "## Without priority"]
    );
}

#[test]
fn dossier_report_names_the_months_without_documents() {
    let gap = |first: &str, last: &str| json!({"first": first, "last": last, "months": 1});
    let figures = json!({"gaps": [gap("2025-02", "2025-02"), gap("2025-05", "2025-07")]});
    let parameters = json!({"title": "x", "figures": figures, "documents": []});

    for format in [Format::Markdown, Format::Text, Format::Html] {
        let file = render("dossier_report", &parameters, format).unwrap();

        let line = "Months without a document: 2025-02, 2025-05 to 2025-07";
        assert!(file.contains(line), "{file}");
    }
}
