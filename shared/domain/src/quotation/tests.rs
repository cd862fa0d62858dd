//! What counts as a quotation, in many spellings, and what does not.

use proptest::prelude::*;

use super::*;
use crate::facts::{Money, Quantity};

fn entry(day: &str, amount: &str, kwh: Option<i64>) -> Entry {
    Entry {
        file: "0198f3b0-0000-7000-8000-000000000001".parse().unwrap(),
        document_date: day.parse().unwrap(),
        amount: Some(Money {
            amount: amount.parse().unwrap(),
            currency: "USD".parse().unwrap(),
        }),
        quantities: kwh
            .map(|amount| Quantity {
                amount: amount.into(),
                unit: "kWh".to_owned(),
            })
            .into_iter()
            .collect(),
    }
}

/// Total 756.99, mean 252.33, median 245.67, change +23.8 %; 2670 kWh, mean 890, change +18.1 %.
fn electricity() -> Vec<Entry> {
    vec![
        entry("2024-09-03", "312.89", Some(1100)),
        entry("2024-10-02", "198.43", Some(720)),
        entry("2024-11-05", "245.67", Some(850)),
    ]
}

/// Total 934.50, change −22.2 %, without documents in February, April, May, July and August.
fn maintenance() -> Vec<Entry> {
    vec![
        entry("2024-01-15", "89.50", None),
        entry("2024-03-20", "45.00", None),
        entry("2024-06-10", "450.00", None),
        entry("2024-09-05", "350.00", None),
    ]
}

fn mismatch(entries: &[Entry], names: &[&str], text: &str) -> Option<String> {
    let figures = Figures::compute(entries).unwrap();
    check(text, &figures, entries, names)
        .err()
        .map(|mismatch| mismatch.number)
}

#[test]
fn computed_figures_may_be_quoted_in_any_spelling() {
    for text in [
        "Electricity cost $756.99 in total, $252.33 a month on average.",
        "Cost rose by 23.8 % from October to November 2024.",
        "It rose +23.8% (23.8 percent, 23.8 per cent, 23,8 Prozent).",
        "USD 756.99, 756.99 USD, US$756.99, 756,99 $, 756.99 dollars",
        "Usage was 2,670 kWh: 1,100 kWh, 720kWh and 850-kWh.",
        "Usage was 2 670 kWh, 2\u{202f}670 kWh, 2'670 kWh and 2.670 kWh.",
        "Three documents from 2024-09-03 to 2024-11-05; 3 bills in 3 months.",
        "On 5 November 2024, November 5, Nov. 5th, 11/5/2024 and 5.11.2024.",
        "El 5 de noviembre de 2024; am 5. November; 2024年11月5日",
        "In Q3 and Q4 2024, between 2024-09 and 11/2024.",
        "1. The mean is 252.33\n2. The highest is 312.89\n3) no more",
        "合計は756.99です。٣ مستندات، ٢٤٥٫٦٧",
        "Nothing with numbers, one of them in m² or CO₂.",
    ] {
        assert_eq!(mismatch(&electricity(), &[], text), None, "{text}");
    }
}

#[test]
fn numbers_that_nothing_computed_are_named() {
    for (text, number) in [
        ("a 30% increase suggests heating", "30%"),
        ("a 30 % increase", "30 %"),
        ("about 24 percent more", "24 percent"),
        ("thirty percent more", "thirty percent"),
        ("it fell by -23.8 %", "-23.8 %"),
        ("costs of $757 in total", "$757"),
        ("a total of $1,000.00.", "$1,000.00"),
        ("756.99 EUR in total", "756.99 EUR"),
        ("€756.99 in total", "€756.99"),
        ("756.99 euros", "756.99 euros"),
        ("an average of $890", "$890"),
        ("an average of 252.33 kWh", "252.33 kWh"),
        ("$0.8k a year", "$0.8k"),
        ("3 million in all", "3 million"),
        ("two thousand kWh", "two thousand"),
        ("4 documents", "4"),
        ("in 2019 it was less", "2019"),
        ("on 2024-09-04", "2024-09-04"),
        ("since 2023-12", "2023-12"),
        ("in Q1 2024", "Q1"),
        ("on November 6", "6"),
        ("a quarter, ¼, of it", "¼"),
        ("合計は1000万です", "1000万"),
        ("٩٩٩ مستندات", "٩٩٩"),
        (
            "9999999999999999999999999999999999 USD",
            "9999999999999999999999999999999999 USD",
        ),
    ] {
        let found = mismatch(&electricity(), &[], text);
        assert_eq!(found.as_deref(), Some(number), "{text}");
    }
}

#[test]
fn a_sign_has_to_agree() {
    let quotes = |text| mismatch(&maintenance(), &[], text).is_none();
    assert!(quotes("it changed by -22.2 %"));
    assert!(quotes("it changed by \u{2212}22.2 %"));
    assert!(quotes("it fell by 22.2 %"));
    assert!(!quotes("it changed by +22.2 %"));
    assert!(!quotes("a credit of -$45.00"));
    assert!(!quotes("a credit of $-45.00"));
}

#[test]
fn counts_of_months_are_figures() {
    let text = "4 documents in 4 of 9 months; 2 months and later 2 more without any, 5 in all.";
    assert_eq!(mismatch(&maintenance(), &[], text), None);
}

#[test]
fn numbers_of_names_may_be_repeated_but_not_as_money() {
    let names = ["lexus-tx-550", "30k mile service.pdf", "GPA 3.8", "-0.pdf"];
    let quotes = |text| mismatch(&maintenance(), &names, text);
    assert_eq!(
        quotes("The Lexus TX 550 (lexus-tx-550) had its 30k service; 3.8 (-0.pdf)"),
        None
    );
    assert_eq!(quotes("It cost $550").as_deref(), Some("$550"));
    assert_eq!(quotes("It cost $30k").as_deref(), Some("$30k"));
    assert_eq!(quotes("It rose 550 %").as_deref(), Some("550 %"));
    assert_eq!(quotes("the TX 55").as_deref(), Some("55"));
    assert_eq!(quotes("the 130k service").as_deref(), Some("130k"));
}

#[test]
fn a_dossier_without_documents_has_nothing_to_quote() {
    assert_eq!(mismatch(&[], &[], "0 documents so far"), None);
    assert_eq!(mismatch(&[], &[], "1 document").as_deref(), Some("1"));
}

#[test]
fn a_mismatch_says_which_number() {
    let figures = Figures::compute(&electricity()).unwrap();
    let error = check("up 30 %", &figures, &electricity(), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the text says 30 %, which is not among the computed figures"
    );
}

#[test]
fn years_differences_and_anomalies_are_figures() {
    let mut bills: Vec<Entry> = (1..=6)
        .map(|month| entry(&format!("2023-0{month}-03"), &format!("10{month}.00"), None))
        .collect();
    bills.push(entry("2024-01-03", "900.50", None));
    for text in [
        "2023 came to $621.00, on average $103.50.",
        "2024 was $279.50 more, a rise of 45 %.",
        "One bill of $900.50 is unusual.",
    ] {
        assert_eq!(mismatch(&bills, &[], text), None, "{text}");
    }
    for text in ["2024 was $279.00 more.", "A rise of 46 %."] {
        assert!(mismatch(&bills, &[], text).is_some(), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_checked(text in any::<String>(), name in any::<String>()) {
        let _ = mismatch(&electricity(), &[&name], &text);
    }

    #[test]
    fn text_of_digits_and_marks_is_checked(text in "[0-9 .,'$€%+/QkKW-]{0,40}( (USD|kWh|th|May|2024))?") {
        let _ = mismatch(&electricity(), &[], &text);
    }

    #[test]
    fn amounts_other_than_the_computed_are_found(cents in 0..100_000i64) {
        let amount = Decimal::new(cents, 2);
        let figures = Figures::compute(&electricity()).unwrap();
        let series = &figures.currencies[&"USD".parse().unwrap()];
        let text = format!("It came to ${amount} in the end.");
        let known = values(series).contains(&amount);
        prop_assert_eq!(mismatch(&electricity(), &[], &text).is_none(), known);
    }
}
