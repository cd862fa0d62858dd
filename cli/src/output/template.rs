//! Templates: a list of them, one with its schema and an example; what a generation made.

use super::record::Record;
use super::table::{Cell, Table};
use super::text::{WIDTH, clean, wrap};
use super::{Output, human};
use crate::views::{Generation, Template};

/// Writes a line for each template.
pub(crate) fn list(templates: &[Template], output: &Output) -> String {
    let mut table = Table::new(&["NAME", ">VERSION", "FORMATS", "DESCRIPTION"]);
    for template in templates {
        table.row(vec![
            Cell::new(&template.name),
            Cell::optional(template.version.as_ref()),
            Cell::new(template.formats.join(", ")),
            Cell::optional(template.description.as_ref()),
        ]);
    }
    table.render(output.paint)
}

/// Writes all there is to say of one template.
pub(crate) fn show(template: &Template, output: &Output) -> String {
    let bold = |text: &str| output.paint.bold(text);
    let record = Record::new()
        .field("version", template.version.as_ref())
        .field("formats", Some(template.formats.join(", ")))
        .field("built in", template.built_in.then_some("yes"));
    let description = template.description.as_deref().unwrap_or_default();
    let format = template.formats.first().map_or("markdown", String::as_str);
    [
        bold(&clean(&template.name)) + "\n",
        wrap(description, WIDTH, "  "),
        record.into_table().render(output.paint),
        format!("\n{}\n", bold("Parameters (JSON Schema)")),
        indent(&template.schema),
        format!("\n{}\n", bold("Example")),
        indent(&template.example),
        "\nWith the example in parameters.json:\n".to_owned(),
        format!(
            "  sheaf generate {} --format {} --params parameters.json\n",
            clean(&template.name),
            clean(format),
        ),
    ]
    .concat()
}

/// Writes what a generation made.
pub(crate) fn generated(generation: &Generation, output: &Output) -> String {
    let expires = generation
        .expires_at
        .map(|at| human::time(at, &output.zone));
    let record = Record::new()
        .field("id", Some(&generation.file_id))
        .field("expires", expires)
        .field("download", generation.download_url.as_ref());
    format!(
        "{}\n{}",
        output.paint.bold(&clean(&generation.file_name)),
        record.into_table().render(output.paint)
    )
}

/// Writes JSON over several lines. What it quotes is cleaned line by line.
fn indent(value: &serde_json::Value) -> String {
    let mut text = String::new();
    for line in format!("{value:#}").lines() {
        text += "  ";
        text += &clean(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::plain_output;
    use crate::views::read;

    #[test]
    fn template_shows_its_schema_and_an_example() {
        let value =
            serde_json::from_str(include_str!("../../tests/fixtures/template.json")).unwrap();
        let template: Template = read("a fixture", &value).unwrap();

        insta::assert_snapshot!(show(&template, &plain_output()));
        insta::assert_snapshot!("template_list", list(&[template], &plain_output()));
    }
}
