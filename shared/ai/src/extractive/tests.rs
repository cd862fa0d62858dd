//! What the built-in model repeats and writes, on documents like those people have.

use domain::facts::{Facts, Money, Quantity};
use domain::figures::{Entry, Figures};
use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::DossierDocument;

const REPAIR_BILL: &str = "\
Harbor Auto Service
118 Pier Road
Invoice no: 2024-0610
Date: June 10, 2024
Vehicle: Lexus TX 550

Description                Qty   Amount
Brake pads, front           1    $180.00
Brake fluid                 2    $24.00
Labor, brake service        3    $246.00
Total                            $450.00

Thank you for your business. Payment is due within thirty days of the date of this invoice.
";

const ARTICLE: &str = "\
Tides in the harbor

The harbor of the old town was built for sailing ships, and its entrance faces the tides of the
open sea. Twice a day the tides fill the harbor and empty it again. Fishermen have mended their
nets on the quay for generations. The engineers who measured the tides found that the entrance
silts up a little more with every storm. A wall was proposed. The town decided in spring to dredge
the entrance of the harbor before the storms of autumn return. Dr. Lindqvist led the survey. The
weather was fine on the day of the vote.
";

fn money(amount: &str) -> Money {
    Money {
        amount: amount.parse().unwrap(),
        currency: "USD".parse().unwrap(),
    }
}

fn summary(text: &str, facts: &Facts) -> Option<String> {
    document::summarize(&passages::sample(text), facts)
}

fn dossier(documents: &[(&str, &str, Option<&str>, Option<i64>)]) -> DossierInput {
    let documents: Vec<DossierDocument> = documents
        .iter()
        .map(|&(name, day, amount, kwh)| DossierDocument {
            name: name.to_owned(),
            summary: None,
            entry: Entry {
                file: "0198f3b0-0000-7000-8000-000000000001".parse().unwrap(),
                document_date: day.parse().unwrap(),
                amount: amount.map(money),
                quantities: kwh
                    .map(|amount| Quantity {
                        amount: amount.into(),
                        unit: "kWh".to_owned(),
                    })
                    .into_iter()
                    .collect(),
            },
        })
        .collect();
    let entries: Vec<Entry> = documents.iter().map(|d| d.entry.clone()).collect();
    DossierInput {
        document_type: "bill".to_owned(),
        tags: vec!["home".to_owned()],
        figures: Figures::compute(&entries).unwrap(),
        documents,
    }
}

#[test]
fn a_bill_is_told_by_its_heading_and_its_lines() {
    let facts = Facts {
        document_date: Some("2024-06-10".parse().unwrap()),
        amount: Some(money("450.00")),
        ..Facts::default()
    };
    insta::assert_snapshot!(summary(REPAIR_BILL, &facts).unwrap());
}

#[test]
fn an_article_is_told_by_its_own_sentences() {
    insta::assert_snapshot!(summary(ARTICLE, &Facts::default()).unwrap());
}

#[test]
fn a_table_is_told_by_its_columns_and_first_rows() {
    let rows = (1..=40).map(|n| format!("2024-01-{:02},Electricity,{}.10", n % 28 + 1, 100 + n));
    let header = "date,description,amount".to_owned();
    let table = std::iter::once(header)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n");
    insta::assert_snapshot!(summary(&table, &Facts::default()).unwrap());
}

#[test]
fn text_without_sentences_is_told_by_its_beginning() {
    let told = summary(&"0123456789abcdef ".repeat(10_000), &Facts::default()).unwrap();
    assert!(told.starts_with("0123456789abcdef 0123") && told.len() <= 300);
    assert_eq!(
        summary("?? !!", &Facts::default()).as_deref(),
        Some("?? !!")
    );
}

#[test]
fn other_scripts_have_sentences_too() {
    let told = summary(
        "会議は東京で行われた。予算は来年まで承認された。",
        &Facts::default(),
    );
    let expected = "会議は東京で行われた。予算は来年まで承認された。";
    assert_eq!(
        told.map(|text| text.replace([' ', '\n'], "")).as_deref(),
        Some(expected)
    );
}

#[tokio::test]
async fn blank_text_has_no_summary() {
    for text in ["", " \n\t ", "\u{0}"] {
        let input = DocumentInput {
            text: text.to_owned(),
            facts: Facts::default(),
        };
        let error = Extractive.summarize_document(&input).await.unwrap_err();
        assert!(matches!(error, ModelError::NoText), "{text:?}");
    }
}

#[tokio::test]
async fn a_long_document_is_read_in_part_and_says_so() {
    let input = DocumentInput {
        text: ARTICLE.repeat(1_000),
        facts: Facts::default(),
    };
    let completion = Extractive.summarize_document(&input).await.unwrap();
    let part = completion.confidence.unwrap();
    assert!(part > Decimal::ZERO && part < Decimal::ONE);
    assert_eq!(completion.model, "extractive");
    assert_eq!(completion.prompt_version, "extractive-1");
}

#[test]
fn dossiers_are_described_by_their_figures() {
    let maintenance = dossier(&[
        ("oil-change.pdf", "2024-01-15", Some("89.50"), None),
        ("tires.html", "2024-03-20", Some("45.00"), None),
        ("brakes.docx", "2024-06-10", Some("450.00"), None),
        ("30k-service.md", "2024-09-05", Some("350.00"), None),
    ]);
    let electricity = dossier(&[
        ("september.pdf", "2024-09-03", Some("312.89"), Some(1100)),
        ("october.pdf", "2024-10-02", Some("198.43"), Some(720)),
        ("november.pdf", "2024-11-05", Some("245.67"), Some(850)),
    ]);
    let odd = dossier(&[
        ("$99 off.pdf", "2024-01-02", Some("10.005"), None),
        ("letter.txt", "2024-01-02", None, None),
        ("b.pdf", "2024-01-03", Some("7"), None),
    ]);
    let single = dossier(&[("a.pdf", "2024-01-02", Some("5"), None)]);
    let described = [maintenance, electricity, odd, single, dossier(&[])]
        .iter()
        .map(dossier::describe)
        .collect::<Vec<_>>();
    insta::assert_snapshot!(described.join("\n\n"));
}

prop_compose! {
    fn any_document()(
        lines in prop::collection::vec(
            prop_oneof![
                "[A-Z][a-z]{2,8}( [a-z]{2,9}){3,14}[.!?]",
                "[A-Z][a-z]{2,12}: [A-Za-z0-9 ]{1,20}",
                "[A-Za-z ]{3,20}   [$][0-9]{1,4}[.][0-9]{2}",
                "(# |- |> )?[A-Za-z ]{3,30}",
                "\\PC{0,60}",
                Just(String::new()),
            ],
            0..40,
        )
    ) -> String {
        lines.join("\n")
    }
}

proptest! {
    #[test]
    fn every_sentence_of_a_summary_is_in_the_document(text in any_document(), cents in 0..100_000i64) {
        let facts = Facts {
            amount: Some(Money { amount: Decimal::new(cents, 2), ..money("0") }),
            ..Facts::default()
        };
        let normal = passages::normalize(&text);
        let chosen = document::choose(&passages::sample(&text), &facts).unwrap_or_default();
        for passage in &chosen {
            prop_assert!(normal.contains(&passage.text), "{:?} is not in {:?}", passage, normal);
        }
        prop_assert_eq!(chosen.is_empty(), normal.is_empty());
        let told = summary(&text, &facts);
        prop_assert!(told.iter().all(|told| told.chars().count() <= 1_010));
        prop_assert_eq!(summary(&text, &facts), told);
    }

    #[test]
    fn every_description_quotes_its_own_figures(
        documents in prop::collection::vec(
            ("\\PC{1,20}|[0-9$%.]{1,8}|[a-z0-9-]{1,12}[.]pdf", 0..900i64, prop::option::of(-10_000..1_000_000i64), prop::option::of(0..5_000i64)),
            0..12,
        )
    ) {
        let named: Vec<(String, String, Option<String>, Option<i64>)> = documents
            .into_iter()
            .map(|(name, days, cents, kwh)| {
                let day = jiff::civil::date(2022, 6, 1) + jiff::Span::new().days(days);
                (name, day.to_string(), cents.map(|cents| Decimal::new(cents, 2).to_string()), kwh)
            })
            .collect();
        let borrowed: Vec<_> = named
            .iter()
            .map(|(name, day, cents, kwh)| (name.as_str(), day.as_str(), cents.as_deref(), *kwh))
            .collect();
        let input = dossier(&borrowed);
        let text = dossier::describe(&input);
        prop_assert_eq!(input.check(&text), Ok(()), "{}", text);
    }
}
