//! What holds for any parameters: files read back, and values are never taken for markup.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "what a test file shares may fail the test, too"
)]

use proptest::prelude::*;
use render::{Catalog, Format, Limits, RenderError};
use serde_json::{Map, Value, json};

fn render(template: &str, parameters: &Value, format: Format) -> Result<String, RenderError> {
    let template = Catalog::built_in().get(template).expect(template);
    let rendered = template.render(parameters, format, &Limits::default())?;
    Ok(String::from_utf8(rendered.bytes).unwrap())
}

/// Text of every kind: any characters, what YAML gives a meaning, and several lines.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~\n\t]{0,24}",
        "( |\n|a|- |: |#|'|\"|\\||>|%|&|\\*|!){0,12}",
        prop::sample::select(vec![
            "yes",
            "NO",
            "on",
            "~",
            "null",
            "true",
            "1e3",
            "0x1f",
            "0o7",
            "1_000",
            "12:30:45",
            "2025-10-29",
            "---",
            "...",
            "<<",
            "=",
            ".inf",
            "-",
            "?",
            "a: b",
            "a #b",
            " a",
            "a ",
            "a\n",
            "\na",
            "a\n\nb\n",
            "a\n b",
            " a\nb",
            "a\r\nb",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
        ])
        .prop_map(str::to_owned),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

proptest! {
    #[test]
    fn yaml_reads_back_equal(value in any_value()) {
        let yaml = render("data_export", &json!({"rows": [{"x": value}]}), Format::Yaml).unwrap();

        let back: Value = serde_yaml_ng::from_str(&yaml).unwrap();
        prop_assert_eq!(back, json!([{"x": value}]), "{}", yaml);
    }

    #[test]
    fn long_yaml_keys_read_back_equal(key in "[a-z\u{1}☂]{900,1200}", value in any_value()) {
        let rows = json!([{ key: value }]);

        let yaml = render("data_export", &json!({ "rows": rows }), Format::Yaml).unwrap();

        prop_assert_eq!(serde_yaml_ng::from_str::<Value>(&yaml).unwrap(), rows);
    }

    #[test]
    fn json_reads_back_equal(value in any_value()) {
        let text = render("data_export", &json!({"rows": [{"x": value}]}), Format::Json).unwrap();

        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), json!([{"x": value}]));
    }

    #[test]
    fn csv_reads_back_equal_but_for_the_guard(cells in prop::collection::vec(text(), 1..5)) {
        let columns: Vec<_> = (0..cells.len()).map(|n| n.to_string()).collect();
        let row: Map<_, _> = columns.iter().cloned().zip(cells.iter().cloned().map(Value::from)).collect();

        let file = render("data_export", &json!({"rows": [row]}), Format::Csv).unwrap();

        let mut reader = csv::Reader::from_reader(file.as_bytes());
        prop_assert_eq!(reader.headers().unwrap(), columns);
        let back = reader.records().next().unwrap().unwrap();
        for (cell, given) in back.iter().zip(&cells) {
            let is_guarded = cell.strip_prefix('\'') == Some(given);
            prop_assert!(cell == given || is_guarded, "{:?} became {:?}", given, cell);
            let is_number = cell.parse::<f64>().is_ok();
            prop_assert!(is_number || !cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']));
        }
        prop_assert!(reader.records().next().is_none());
    }

    #[test]
    fn html_holds_the_same_markup_whatever_the_values(values in prop::collection::vec(text(), 6)) {
        let parameters = |value: &dyn Fn(usize) -> String| json!({
            "title": format!("t{}", value(0)),
            "author": format!("a{}", value(1)),
            "sections": [{
                "heading": format!("h{}", value(2)),
                "items": [value(3)],
                "table": {"columns": [value(4)], "rows": [[value(5)]]}
            }]
        });

        let plain = render("report", &parameters(&|_| String::from("x")), Format::Html).unwrap();
        let given = parameters(&|n| values[n].chars().take(100).collect());
        let hostile = render("report", &given, Format::Html).unwrap();

        // Whether a column is of numbers decides its class; all else must be the same tags.
        let tags = |html: &str| -> Vec<String> {
            let parts = html.split('<').skip(1);
            let tag = |part: &str| part.split(['>', ' ']).next().unwrap_or_default().to_owned();
            parts.map(tag).collect()
        };
        prop_assert_eq!(tags(&plain), tags(&hostile));
        prop_assert_eq!(plain.matches('>').count(), hostile.matches('>').count());
    }

    #[test]
    fn any_checklist_that_fits_the_schema_renders(
        tasks in prop::collection::vec((text(), text(), text(), any::<bool>()), 0..8),
        levels in prop::collection::vec(text(), 0..4),
    ) {
        let task = |(title, priority, notes, done): &(String, String, String, bool)| json!({
            "title": format!("t{title}"), "priority": format!("p{priority}"), "notes": notes,
            "owner": title, "done": done,
        });
        let levels: Vec<_> = levels.iter().map(|level| format!("p{level}")).collect();
        let parameters = json!({
            "project_name": "x", "priority_levels": levels,
            "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
        });

        for format in Catalog::built_in().get("master_checklist").unwrap().formats() {
            let rendered = render("master_checklist", &parameters, *format);
            let too_long = matches!(rendered, Err(RenderError::InvalidParameters { .. }));
            prop_assert!(rendered.is_ok() || too_long, "{:?}", rendered);
        }
    }
}
