//! Every sample document, read through the child, has the facts that the manifest promises.
#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::path::{Path, PathBuf};

use domain::facts::{Money, Quantity};
use extract::{Extraction, Extractor, Limits, Outcome, facts};
use jiff::civil::Date;
use serde::Deserialize;

#[derive(Deserialize)]
struct Sample {
    file: String,
    expected: Expected,
}

#[derive(Deserialize)]
struct Expected {
    document_date: Option<Date>,
    amount: Option<Money>,
    quantities: Vec<Quantity>,
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples")
}

fn manifest() -> Vec<Sample> {
    let text = std::fs::read_to_string(samples().join("samples.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn extract(file: &str) -> (Extraction, String) {
    let path = samples().join(file);
    let head = std::fs::read(&path).unwrap();
    let media_type = media::sniff(&head, file, None);
    let extractor = Extractor::new(
        env!("CARGO_BIN_EXE_extract-child").into(),
        Limits::default(),
    );
    let extraction = extractor.extract(&path, &media_type).await.unwrap();
    let text = match &extraction.outcome {
        Outcome::Text(text) => text.clone(),
        other => panic!("{file} gave {other:?}"),
    };
    (extraction, text)
}

#[tokio::test]
async fn samples_have_the_facts_their_manifest_promises() {
    for sample in manifest() {
        let (extraction, text) = extract(&sample.file).await;
        let found = facts::fact_sheet(&text, extraction.table.as_ref()).facts();
        let name = &sample.file;
        assert_eq!(
            found.document_date, sample.expected.document_date,
            "{name}:\n{text}"
        );
        assert_eq!(found.amount, sample.expected.amount, "{name}:\n{text}");
        assert_eq!(
            found.quantities, sample.expected.quantities,
            "{name}:\n{text}"
        );
    }
}

#[tokio::test]
async fn samples_in_prose_are_recognized_as_english() {
    for file in [
        "school-event-invitation.txt",
        "lexus-2024-06-10-brake-service.html",
    ] {
        let (_, text) = extract(file).await;
        assert_eq!(
            facts::fact_sheet(&text, None).facts().language.as_deref(),
            Some("en"),
            "{file}"
        );
    }
}

#[tokio::test]
async fn samples_keep_what_a_reader_would_look_for() {
    let expected = [
        (
            "lexus-2024-01-15-oil-change.pdf",
            "Oil change with full synthetic oil",
        ),
        (
            "lexus-2024-03-20-tire-rotation.docx",
            "Tire rotation, front to rear",
        ),
        (
            "lexus-2024-06-10-brake-service.html",
            "Brake service on both axles",
        ),
        (
            "lexus-2024-09-05-30k-service.csv",
            "30k mile inspection, 62 points",
        ),
        ("electricity-2024-10.xlsx", "Statement date\t2024-10-30"),
        ("school-grade-report.md", "GPA 3.8"),
    ];
    for (file, phrase) in expected {
        let (_, text) = extract(file).await;
        assert!(text.contains(phrase), "{file}:\n{text}");
        assert!(!text.contains("9999"), "a script's content is in {file}");
    }
}
