use std::time::{Duration, Instant};

use proptest::prelude::*;

use domain::facts::Facts;

use super::*;

/// What a dossier counts of a text.
fn facts(text: &str, table: Option<&Table>) -> Facts {
    fact_sheet(text, table).facts()
}

/// Amount, date and quantities in one line, to compare at a glance.
fn summary(text: &str) -> String {
    let found = facts(text, None);
    let amount = found.amount.map_or("-".to_owned(), |money| {
        format!("{} {}", money.amount, money.currency)
    });
    let date = found
        .document_date
        .map_or("-".to_owned(), |date| date.to_string());
    let quantities = found
        .quantities
        .iter()
        .map(|quantity| format!(" {} {}", quantity.amount, quantity.unit));
    format!("{amount} {date}{}", quantities.collect::<String>())
}

fn amount(text: &str) -> String {
    let found = facts(text, None).amount;
    found.map_or("-".to_owned(), |money| {
        format!("{} {}", money.amount, money.currency)
    })
}

fn date(text: &str) -> String {
    facts(text, None)
        .document_date
        .map_or("-".to_owned(), |date| date.to_string())
}

#[test]
fn bills_of_several_countries_are_read() {
    let american = "Harborline Motor Works\nInvoice #10482\nInvoice Date: 02/01/2024\nDue Date: 03/02/2024\n\
        Oil filter  1  $11.00\nLabor  2 hrs  $70.00\nSubtotal: $81.00\nSales Tax (7.5%): $6.08\nTotal: $87.08\n\
        Thank you for your business!";
    assert_eq!(summary(american), "87.08 USD 2024-02-01");

    let german = "Stadtwerke Beispielstadt\nRechnungsdatum: 05.02.2024\nFällig am: 19.02.2024\n\
        Verbrauch: 1.250 kWh\nArbeitspreis 0,32 €/kWh  400,00 €\nGrundpreis 12,50 €\nNettobetrag 412,50 €\n\
        MwSt 19 % 78,38 €\nGesamtbetrag 490,88 €";
    assert_eq!(summary(german), "490.88 EUR 2024-02-05 1250 kWh");

    let polish = "Faktura VAT 12/02/2024\nData wystawienia: 5 lutego 2024\nTermin płatności: 19.02.2024\n\
        Razem netto 1 000,00 zł\nKwota VAT 230,00 zł\nRazem brutto 1 230,00 zł\nDo zapłaty: 1 230,00 zł";
    assert_eq!(summary(polish), "1230.00 PLN 2024-02-05");

    let french = "Facture nº 2024-118\nDate de facture : 3 février 2024\nÉchéance : 3 mars 2024\n\
        Total HT 1 250,00 €\nTVA 20 % 250,00 €\nTotal TTC 1 500,00 €\nNet à payer 1 500,00 €";
    assert_eq!(summary(french), "1500.00 EUR 2024-02-03");

    let spanish = "Factura\nFecha de emisión: 15 de enero de 2024\nVencimiento: 15 de febrero de 2024\n\
        Base imponible 100,00 €\nIVA 21 % 21,00 €\nTotal a pagar 121,00 €";
    assert_eq!(summary(spanish), "121.00 EUR 2024-01-15");

    let british = "Receipt\nDate: 02/01/2024\nTea £3.20\nCake £4.10\nTotal £7.30\nCash £10.00\nChange due £2.70";
    assert_eq!(summary(british), "7.30 GBP 2024-01-02");

    let japanese = "領収書\n2024年1月15日\n合計 ¥12,800";
    assert_eq!(summary(japanese), "12800 JPY 2024-01-15");
}

#[test]
fn grand_total_is_preferred_and_the_last_of_equals_wins() {
    assert_eq!(amount("Total: $100.00\nAmount due: $40.00"), "40.00 USD");
    assert_eq!(amount("Amount due: $40.00\nTotal: $100.00"), "40.00 USD");
    assert_eq!(amount("Total: $40.00\nTotal: $100.00"), "100.00 USD");
    assert_eq!(
        amount("Total labor: $900.00\nTotal: $40.00\nTotal parts: $500.00"),
        "40.00 USD"
    );
    assert_eq!(
        amount("Total labor: $90.00\nLargest item $400.00"),
        "90.00 USD"
    );
    assert_eq!(
        amount("Total paid: $40.00\nBalance due: $0.00"),
        "40.00 USD"
    );
    assert_eq!(
        amount("Total amount due $245.67\nTotal amount due after Dec 20: $255.67"),
        "245.67 USD"
    );
    assert_eq!(
        amount("Previous balance $900.00\nMinimum payment due $25.00\nTotal $300.00"),
        "300.00 USD"
    );
}

#[test]
fn subtotals_and_taxes_are_never_the_amount() {
    for label in [
        "Subtotal",
        "Sub-total",
        "Tax",
        "Total tax",
        "Total before tax",
        "Zwischensumme",
        "Previous balance",
    ] {
        assert_eq!(
            amount(&format!("{label}: $50.00\nPaid $51.00")),
            "51.00 USD",
            "{label}"
        );
    }
}

#[test]
fn labels_and_amounts_may_stand_in_columns() {
    assert_eq!(amount("Subtotal\n$100.00\nTotal\n$108.00"), "108.00 USD");
    assert_eq!(
        amount("Subtotal\nTax\nTotal\n$100.00\n$8.00\n$108.00"),
        "108.00 USD"
    );
    assert_eq!(
        amount("Subtotal   Tax   Total\n$100.00   $8.00   $108.00"),
        "108.00 USD"
    );
    assert_eq!(
        amount("Item  Qty  Total\nWheel  4  $90.00\nPaid $91.00"),
        "91.00 USD"
    );
    assert_eq!(amount("Total\t3 items\t$45.00"), "45.00 USD");
    assert_eq!(amount("Total  100.00  8.00  108.00 USD"), "108.00 USD");
    assert_eq!(amount("Total............$89.50"), "89.50 USD");
    assert_eq!(amount("| Total | **$89.50** |"), "89.50 USD");
    assert_eq!(amount("TOTAL (incl. 4 items): USD 1,089.50"), "1089.50 USD");
    assert_eq!(
        amount("Amount due by 12/20/2024: $245.67 (includes $12.00 late fee)"),
        "245.67 USD"
    );
}

#[test]
fn currency_of_a_bare_total_is_the_documents() {
    assert_eq!(amount("Coffee €2.00\nTotal 2.00"), "2.00 EUR");
    assert_eq!(amount("All amounts in CAD.\nTotal: 450"), "450 CAD");
    assert_eq!(amount("Prices in CAD\nTotal: $450.00"), "450.00 CAD");
    assert_eq!(amount("Total (EUR): 450"), "450 EUR");
    assert_eq!(amount("Total: 450.00"), "-");
    assert_eq!(amount("Total 12 kr"), "12 SEK");
    assert_eq!(amount("Beløb i NOK\nTotal 12,50 kr"), "12.50 NOK");
}

#[test]
fn without_a_label_the_largest_marked_amount_counts() {
    assert_eq!(
        amount("Oil $41.00, filter $11.00. Call 555 010 0199."),
        "41.00 USD"
    );
    assert_eq!(amount("Fuel at $4999.00/gal, paid $35.10"), "35.10 USD");
    assert_eq!(amount("The 2023 report covers 4 courses, GPA 3.8."), "-");
}

#[test]
fn credits_stay_negative() {
    assert_eq!(amount("Credit note\nTotal: -$45.00"), "-45.00 USD");
    assert_eq!(amount("Credit note\nTotal:  (45.00) USD"), "-45.00 USD");
}

#[test]
fn prose_about_totals_is_read_with_care() {
    assert_eq!(
        amount(
            "Total maintenance costs for the car in 2024: $934.50. Most expensive: brakes ($450)"
        ),
        "934.50 USD"
    );
    assert_eq!(
        amount("The total is described in chapter 3. Lunch was $12.00."),
        "12.00 USD"
    );
    assert_eq!(amount("Total pages 5"), "-");
}

#[test]
fn labelled_date_is_preferred_and_due_dates_are_passed_over() {
    assert_eq!(
        date("Printed 01/02/2024\nInvoice date: 2024-03-04\nDate: 2024-05-06"),
        "2024-03-04"
    );
    assert_eq!(
        date("Due 2024-12-20\nSome text of 2024-11-05"),
        "2024-11-05"
    );
    assert_eq!(date("Date: 2024-05-06\nDue date: 2024-06-06"), "2024-05-06");
    assert_eq!(date("Due date: 2024-06-06"), "-");
    assert_eq!(date("Payment is due by December 20, 2024"), "-");
    assert_eq!(
        date("Billing period: Nov 1, 2024 - Nov 30, 2024"),
        "2024-11-01"
    );
    assert_eq!(date("Service from 2024-11-01 to 2024-11-30"), "2024-11-01");
    assert_eq!(
        date("Electricity bill, November 2024\nPay before 12/20/2024"),
        "2024-11-01"
    );
    assert_eq!(
        date("Invoice no   Invoice date   Due date\n1042   2024-01-15   2024-02-14"),
        "2024-01-15"
    );
    assert_eq!(
        date("Due date\tStatement date\n2024-02-14\t2024-01-15"),
        "2024-01-15"
    );
    assert_eq!(date("Statement date\n11/29/2024"), "2024-11-29");
    assert_eq!(
        date("Valid until 2025-01-01. Dated Friday, 5 January 2024."),
        "2024-01-05"
    );
}

#[test]
fn order_of_day_and_month_follows_the_document_then_its_currency() {
    assert_eq!(date("Date: 02/01/2024\nDue: 01/31/2024"), "2024-02-01");
    assert_eq!(
        date("Date: 02/01/2024\nDue: 31/01/2024\nTotal $5.00"),
        "2024-01-02"
    );
    assert_eq!(date("Date: 02/01/2024\nTotal $5.00"), "2024-02-01");
    assert_eq!(date("Date: 02/01/2024\nTotal 5,00 €"), "2024-01-02");
    assert_eq!(date("Date: 02/01/2024"), "2024-01-02");
}

#[test]
fn quantities_are_one_per_unit_and_usage_is_preferred() {
    let of = |text: &str| {
        let found = facts(text, None).quantities;
        found
            .iter()
            .map(|quantity| format!("{} {}", quantity.amount, quantity.unit))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        of("Tank 40 L\nUsage: 1,100 kWh (previous year: 1,210 kWh)\nOdometer 8,120 mi"),
        ["40 L", "1100 kWh"]
    );
    assert_eq!(
        of("Meter reading 45,120 kWh\nBaseline 500 kWh\nTotal usage 850 kWh"),
        ["850 kWh"]
    );
    assert_eq!(of("Average daily usage 28.3 kWh"), [""; 0]);
    assert_eq!(of("850kWh used at $0.31/kWh, speed 40 km/h"), ["850 kWh"]);
    assert_eq!(of("Usage (kWh): 850"), ["850 kWh"]);
    assert_eq!(of("kWh used\t850"), ["850 kWh"]);
    assert_eq!(of("the 30,000-mile service, on 5G."), [""; 0]);
    assert_eq!(of("Zużycie: 1 100,5 kWh za 500,00 zł"), ["1100.5 kWh"]);
}

#[test]
fn table_sums_come_before_what_its_text_says() {
    let mut builder = TableBuilder::new(Style::Point);
    let rows = [
        ["month", "kwh_used", "due_date", "bill_date", "cost"],
        ["a", "10", "2024-03-01", "2024-02-01", "$1.50"],
        ["b", "20", "2024-04-01", "2024-03-01", "$2.50"],
    ];
    for row in &rows {
        builder.row(row);
    }
    let text = rows.map(|row| row.join("\t")).join("\n");
    let found = facts(&text, Some(&builder.finish(&text)));
    assert_eq!(
        found
            .amount
            .map(|money| money.amount.to_string())
            .as_deref(),
        Some("4.00")
    );
    assert_eq!(
        found.document_date.map(|date| date.to_string()).as_deref(),
        Some("2024-02-01")
    );
    assert_eq!(found.quantities.len(), 1);
    assert_eq!(found.quantities[0].amount.to_string(), "30");
}

#[test]
fn long_text_is_read_at_its_beginning_and_end() {
    let middle = "Total: $999.00 of 2020-01-01\n".repeat(100_000);
    let text = format!("Invoice date: 2024-01-15\n{middle}Amount due: $5.00");
    assert_eq!(summary(&text), "5.00 USD 2024-01-15");
}

#[test]
fn hostile_text_takes_linear_time() {
    const SIZE: usize = 64 * 1024;
    let units = [
        "1",
        "1 ",
        "$1 ",
        "total ",
        "Total: ",
        "date\n",
        "1/1/2024 ",
        "((((",
        "may 1 ",
        "-",
        "kWh ",
        "1,",
        "é",
        "\t",
        "USD ",
        ".\n1",
        "total\n",
        "$1\n",
    ];
    for unit in units {
        let text = unit.repeat(SIZE / unit.len());
        let start = Instant::now();
        facts(&text, None);
        // Linear is well under a second also without optimization; quadratic is minutes.
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{unit:?} took {:?}",
            start.elapsed()
        );
    }
}

proptest! {
    #[test]
    fn any_text_has_facts(text in "([A-Za-z$€zł().,:/0-9% \t\n-]{0,12}|Total|Due date|Amount due|kWh| |USD|Jan|\u{a0}){0,40}") {
        facts(&text, None);
    }

    #[test]
    fn a_labelled_total_is_found_in_any_company(cents in 1_i64..10_000_000, before in "[a-z ]{0,30}", after in "[a-z ]{0,30}") {
        let total = rust_decimal::Decimal::new(cents, 2);
        let text = format!("{before}\nItem $0.01\nGrand total: ${total}\n{after}");
        prop_assert_eq!(facts(&text, None).amount.map(|money| money.amount), Some(total));
    }
}

/// What stands at the place of a fact.
fn at<'a, T>(text: &'a str, fact: &Fact<T>) -> &'a str {
    let place = fact.source.place.unwrap();
    &text[usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap()]
}

#[test]
fn every_fact_says_which_rule_chose_it_and_where_it_stands() {
    let text = "Harborline Motor Works, Inc.\nInvoice #10482\nInvoice Date: 02/01/2024\nDue Date: 03/02/2024\n\
        Bill to: Jane Doe\nOil filter  1  $11.00\nOil used: 5 L\nSubtotal: $81.00\nAmount due: $87.08\n";
    let sheet = fact_sheet(text, None);

    let date = sheet.document_date.unwrap();
    assert_eq!(at(text, &date), "02/01/2024");
    assert_eq!(date.source.rule, Rule::Labelled);
    assert_eq!(date.source.label.as_deref(), Some("Invoice Date"));

    let amount = sheet.amount.unwrap();
    assert_eq!(at(text, &amount), "$87.08");
    assert_eq!(amount.source.label.as_deref(), Some("Amount due"));

    let listed: Vec<_> = sheet
        .amounts
        .iter()
        .map(|fact| (at(text, fact), fact.source.label.as_deref().unwrap()))
        .collect();
    assert_eq!(
        listed,
        [
            ("$11.00", "Oil filter"),
            ("$81.00", "Subtotal"),
            ("$87.08", "Amount due")
        ]
    );
    assert_eq!(at(text, &sheet.quantities[0]), "5");
    assert_eq!(at(text, &sheet.references[0]), "10482");
    let parties: Vec<_> = sheet.parties.iter().map(|fact| at(text, fact)).collect();
    assert_eq!(parties, ["Harborline Motor Works, Inc.", "Jane Doe"]);
}

#[test]
fn facts_without_a_label_say_so() {
    let sheet = fact_sheet("Trip of 5 May 2024: $20.00 and $30.00", None);
    assert_eq!(sheet.document_date.unwrap().source.rule, Rule::First);
    assert_eq!(sheet.amount.unwrap().source.rule, Rule::Largest);
}
