//! Files: a list of them, one in full.

use std::fmt::Write as _;

use super::human;
use super::record::Record;
use super::table::{Cell, Table};
use super::text::{WIDTH, clean, wrap};
use super::{Output, Paint};
use crate::views::{Failure, File, Summary};

/// Writes a line for each file.
pub(crate) fn list(files: &[File], output: &Output) -> String {
    with_time("UPDATED", |file| file.updated_at, files, output)
}

/// Writes a line for each file of the trash, with when that lets go of it.
pub(crate) fn list_trashed(files: &[File], output: &Output) -> String {
    with_time("KEPT UNTIL", |file| file.purge_at, files, output)
}

fn with_time(
    head: &'static str,
    time: impl Fn(&File) -> Option<jiff::Timestamp>,
    files: &[File],
    output: &Output,
) -> String {
    let mut table = Table::new(&["PATH", "TYPE", "TAGS", "STATUS", ">SIZE", head, "ID"]);
    for file in files {
        table.row(vec![
            Cell::new(file.place()),
            Cell::optional(file.kind.as_ref()),
            Cell::new(file.tags.join(", ")),
            Cell::status(&file.status),
            Cell::new(human::size(file.size_bytes)),
            Cell::optional(time(file).map(|at| human::time(at, &output.zone))),
            Cell::new(&file.id),
        ]);
    }
    table.render(output.paint)
}

/// Writes all there is to say of one file.
pub(crate) fn show(file: &File, output: &Output) -> String {
    let time = |at: Option<jiff::Timestamp>| at.map(|at| human::time(at, &output.zone));
    let by = file.owner.as_ref().map(|owner| format!(", by {owner}"));
    let record = Record::new()
        .field("id", Some(&file.id))
        .status("status", &file.status)
        .field(
            "state",
            file.state.as_ref().filter(|state| *state != "active"),
        )
        .field("kept until", time(file.purge_at))
        .field("type", file.kind.as_ref())
        .field("tags", Some(file.tags.join(", ")))
        .field("document date", file.document_date)
        .field("size", Some(exact_size(file.size_bytes)))
        .field("media type", file.content_type.as_ref())
        .field("sha256", file.sha256.as_ref())
        .field("version", Some(file.version))
        .field(
            "origin",
            file.origin
                .as_ref()
                .map(|origin| format!("{origin}{}", by.unwrap_or_default())),
        )
        .field("created", time(file.created_at))
        .field("updated", time(file.updated_at))
        .field("expires", time(file.expires_at))
        .field("downloads", file.download_count)
        .field("last accessed", time(file.last_accessed_at));
    let mut text = format!("{}\n", output.paint.bold(&clean(file.place())));
    text += &record.into_table().render(output.paint);
    if let Some(summary) = &file.summary {
        text += &show_summary(summary, output);
    }
    if let Some(reason) = &file.summary_reason {
        let _ = writeln!(text, "\nNo summary: {}.", explain(reason));
    }
    if let Some(failure) = &file.failure {
        text += &show_failure(failure, output.paint);
    }
    text
}

/// Writes who made a summary, when and how: `extractive-1, prompt file-summary-2, 2025-10-29 …`.
pub(crate) fn provenance(
    model: Option<&String>,
    prompt_version: Option<&String>,
    made_at: Option<jiff::Timestamp>,
    output: &Output,
) -> String {
    let parts: Vec<String> = [
        model.map(|model| format!("by {model}")),
        prompt_version.map(|version| format!("prompt version {version}")),
        made_at.map(|at| human::time(at, &output.zone)),
    ]
    .into_iter()
    .flatten()
    .collect();
    clean(&parts.join(", "))
}

fn show_summary(summary: &Summary, output: &Output) -> String {
    let made = provenance(
        summary.model.as_ref(),
        summary.prompt_version.as_ref(),
        summary.made_at,
        output,
    );
    format!(
        "\n{} {}\n{}",
        output.paint.bold("Summary"),
        output.paint.dim(&made),
        wrap(&summary.text, WIDTH, "  ")
    )
}

fn show_failure(failure: &Failure, paint: Paint) -> String {
    let head = format!("Failed at {}: {}", failure.stage, failure.code);
    let detail = failure.detail.as_deref().unwrap_or_default();
    format!(
        "\n{}\n{}",
        paint.red(&clean(&head)),
        wrap(detail, WIDTH, "  ")
    )
}

fn exact_size(bytes: u64) -> String {
    if bytes < 1024 {
        human::size(bytes)
    } else {
        format!("{} ({bytes} bytes)", human::size(bytes))
    }
}

fn explain(reason: &str) -> String {
    match reason {
        "no_text" => "no text could be read from it".to_owned(),
        "unsupported" => "it is not a document".to_owned(),
        other => clean(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::output::tests::plain_output;
    use crate::views::read;

    fn fixture() -> Value {
        serde_json::from_str(include_str!("../../tests/fixtures/file.json")).unwrap()
    }

    fn file(change: impl FnOnce(&mut Value)) -> File {
        let mut value = fixture();
        change(&mut value);
        read("a fixture", &value).unwrap()
    }

    #[test]
    fn file_reads_well() {
        insta::assert_snapshot!(show(&file(|_| ()), &plain_output()));
    }

    #[test]
    fn failed_file_says_what_to_do() {
        let failed = file(|value| {
            value["status"] = json!("failed");
            value["summary"] = json!(null);
            value["failure"] = json!({
                "stage": "extract", "code": "encrypted",
                "detail": "The PDF is encrypted: save it without a password and upload it again.",
            });
        });

        insta::assert_snapshot!(show(&failed, &plain_output()));
    }

    #[test]
    fn file_without_text_says_so() {
        let silent = file(|value| {
            value["size_bytes"] = json!(0);
            value["summary"] = json!(null);
            value["summary_reason"] = json!("no_text");
        });

        let text = show(&silent, &plain_output());

        assert!(
            text.ends_with("\nNo summary: no text could be read from it.\n"),
            "{text}"
        );
    }

    #[test]
    fn list_lines_up() {
        let files = [
            file(|_| ()),
            file(|value| {
                value["path"] = json!("/belege/請求書 2025.pdf");
                value["status"] = json!("pending");
                value["size_bytes"] = json!(0);
                value["type"] = json!(null);
                value["tags"] = json!([]);
            }),
        ];

        insta::assert_snapshot!(list(&files, &plain_output()));
    }
}
