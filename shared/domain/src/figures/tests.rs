//! Worked examples, and properties against plain integer arithmetic.

use jiff::civil::date;
use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn file(number: u128) -> FileId {
    FileId::new(Uuid::from_u128(number))
}

/// A document, whose id is made of the day.
fn entry(day: &str, amount: Option<(&str, &str)>, quantity: Option<(&str, &str)>) -> Entry {
    Entry {
        file: file(day.replace('-', "").parse().unwrap()),
        document_date: day.parse().unwrap(),
        amount: amount.map(|(amount, currency)| Money {
            amount: decimal(amount),
            currency: currency.parse().unwrap(),
        }),
        quantities: quantity
            .map(|(amount, unit)| Quantity {
                amount: decimal(amount),
                unit: unit.to_owned(),
            })
            .into_iter()
            .collect(),
    }
}

fn usd(amounts: &[(&str, &str)]) -> Series {
    let entries: Vec<Entry> = amounts
        .iter()
        .map(|&(day, amount)| entry(day, Some((amount, "USD")), None))
        .collect();
    let figures = Figures::compute(&entries).unwrap();
    figures.currencies[&"USD".parse().unwrap()].clone()
}

#[test]
fn vehicle_bills_add_up() {
    let series = usd(&[
        ("2024-01-15", "89.50"),
        ("2024-03-20", "45.00"),
        ("2024-06-10", "450.00"),
        ("2024-09-05", "350.00"),
    ]);
    assert_eq!(series.total.to_string(), "934.50");
    assert_eq!(series.mean.to_string(), "233.63");
    assert_eq!(series.median.to_string(), "219.75");
    assert_eq!(series.minimum.to_string(), "45.00");
    assert_eq!(series.maximum.to_string(), "450.00");
    assert_eq!(series.change_percent, Some(decimal("-22.2")));
}

/// The fields of a series that were there in the first version.
const FIRST_VERSION: [&str; 8] = [
    "count",
    "total",
    "mean",
    "median",
    "minimum",
    "maximum",
    "change_percent",
    "by_month",
];

#[test]
fn figures_have_the_documented_shape() {
    let figures = Figures::compute(&[
        entry("2024-11-04", Some(("245.67", "USD")), Some(("850", "kWh"))),
        entry("2024-09-03", Some(("312.89", "USD")), Some(("1100", "kWh"))),
        entry("2024-10-02", Some(("198.43", "USD")), Some(("720", "kWh"))),
        entry("2025-01-01", None, None),
    ])
    .unwrap();
    let mut wire = serde_json::to_value(&figures).unwrap();
    assert_eq!(
        serde_json::from_value::<Figures>(wire.clone()).unwrap(),
        figures
    );
    for series in ["/currencies/USD", "/quantities/kWh"] {
        let series = wire.pointer_mut(series).unwrap().as_object_mut().unwrap();
        // These have tests of their own.
        series.retain(|name, _| FIRST_VERSION.contains(&name.as_str()));
    }
    assert_eq!(
        wire,
        json!({
            "count": 4,
            "currencies": {"USD": {
                "count": 3, "total": "756.99", "mean": "252.33", "median": "245.67",
                "minimum": "198.43", "maximum": "312.89", "change_percent": "23.8",
                "by_month": [
                    {"month": "2024-09", "count": 1, "total": "312.89", "mean": "312.89"},
                    {"month": "2024-10", "count": 1, "total": "198.43", "mean": "198.43"},
                    {"month": "2024-11", "count": 1, "total": "245.67", "mean": "245.67"},
                ],
            }},
            "quantities": {"kWh": {
                "count": 3, "total": "2670", "mean": "890", "median": "850",
                "minimum": "720", "maximum": "1100", "change_percent": "18.1",
                "by_month": [
                    {"month": "2024-09", "count": 1, "total": "1100", "mean": "1100"},
                    {"month": "2024-10", "count": 1, "total": "720", "mean": "720"},
                    {"month": "2024-11", "count": 1, "total": "850", "mean": "850"},
                ],
            }},
            "gaps": [{"first": "2024-12", "last": "2024-12", "months": 1}],
        })
    );
}

#[test]
fn figures_of_the_first_version_are_read() {
    let kept = json!({
        "count": 1,
        "currencies": {"USD": {
            "count": 1, "total": "5.00", "mean": "5.00", "median": "5.00",
            "minimum": "5.00", "maximum": "5.00", "change_percent": null,
            "by_month": [{"month": "2024-09", "count": 1, "total": "5.00"}],
        }},
        "quantities": {},
    });
    let figures: Figures = serde_json::from_value(kept).unwrap();
    let series = &figures.currencies[&"USD".parse().unwrap()];
    assert_eq!(series.total.to_string(), "5.00");
    assert_eq!(series.by_month[0].mean, None);
    assert_eq!(series.minimum_of, Excerpt::default());
    assert!(series.by_year.is_empty() && series.rhythm.is_none());
}

#[test]
fn extremes_name_their_documents_in_order_and_at_most_five() {
    let bills: Vec<Entry> = (1..=7)
        .rev()
        .map(|day| entry(&format!("2024-01-0{day}"), Some(("5.00", "USD")), None))
        .chain([entry("2024-02-01", Some(("5.001", "USD")), None)])
        .collect();
    let figures = Figures::compute(&bills).unwrap();
    let series = &figures.currencies[&"USD".parse().unwrap()];
    assert_eq!(series.minimum_of.count, 7);
    let named: Vec<FileId> = series.minimum_of.first.iter().map(|s| s.file).collect();
    assert_eq!(
        named,
        [20_240_101, 20_240_102, 20_240_103, 20_240_104, 20_240_105].map(file)
    );
    assert_eq!(series.maximum.to_string(), "5.00");
    assert_eq!(
        serde_json::to_value(&series.maximum_of).unwrap(),
        json!({"count": 1, "first": [
            {"document_date": "2024-02-01", "file_id": file(20_240_201).to_string()},
        ]})
    );
}

#[test]
fn months_and_years_have_totals_means_and_changes() {
    let series = usd(&[
        ("2022-05-01", "10.00"),
        ("2022-05-02", "0.01"),
        ("2024-02-01", "30.00"),
        ("2024-03-01", "4.00"),
    ]);
    let wire = serde_json::to_value(&series).unwrap();
    assert_eq!(
        wire["by_month"][0],
        json!({"month": "2022-05", "count": 2, "total": "10.01", "mean": "5.01"})
    );
    assert_eq!(
        wire["by_year"],
        json!([
            {"year": 2022, "count": 2, "total": "10.01", "mean": "5.01"},
            {"year": 2024, "count": 2, "total": "34.00", "mean": "17.00"},
        ])
    );
    assert_eq!(
        wire["change"],
        json!({
            "from": "2024-02", "to": "2024-03", "from_total": "30.00", "to_total": "4.00",
            "difference": "-26.00", "percent": "-86.7",
        })
    );
    assert_eq!(
        wire["change_by_year"],
        json!({
            "from": 2022, "to": 2024, "from_total": "10.01", "to_total": "34.00",
            "difference": "23.99", "percent": "239.7",
        })
    );
}

fn scores(amounts: &[&str]) -> Vec<(String, String)> {
    let bills: Vec<_> = amounts
        .iter()
        .map(|amount| ("2024-01-01", *amount))
        .collect();
    let anomalies = usd(&bills).anomalies;
    assert_eq!(anomalies.count, anomalies.first.len());
    let shown = |a: Anomaly| (a.value.to_string(), a.score.to_string());
    anomalies.first.into_iter().map(shown).collect()
}

#[test]
fn anomalies_are_those_of_the_modified_z_score() {
    // Median 10, deviations 0, 0, 1, 1, 2, 2, 90: MAD 1, scores 0.6745 times the deviation.
    let found = scores(&["10", "10", "11", "9", "12", "100", "8"]);
    assert_eq!(found, [("100.00".to_owned(), "60.7".to_owned())]);
    // 3.5 / 0.6745 is 5.189...: the limit itself is not reached.
    assert_eq!(scores(&["0", "1", "-1", "1", "-1", "5.18", "-5.18"]), []);
    let beyond = scores(&["0", "1", "-1", "1", "-1", "5.19", "-5.20"]);
    let expected = [("-5.20", "-3.5"), ("5.19", "3.5")].map(|(v, s)| (v.to_owned(), s.to_owned()));
    assert_eq!(beyond, expected);
}

#[test]
fn anomalies_among_equal_values_are_measured_by_the_mean_deviation() {
    // 5 / 1.253314 = 3.989.
    let found = scores(&["10", "10", "10", "10", "10.01"]);
    assert_eq!(found, [("10.01".to_owned(), "4.0".to_owned())]);
    assert_eq!(scores(&["10", "10", "10", "10", "10"]), []);
    assert_eq!(scores(&["10", "10", "10", "1000"]), []);
}

#[test]
fn anomalies_say_where_they_come_from() {
    let mut bills: Vec<Entry> = (10..30)
        .map(|day| {
            entry(
                &format!("2024-01-{day}"),
                Some((&day.to_string(), "USD")),
                None,
            )
        })
        .collect();
    bills.push(entry("2024-02-01", Some(("-900", "USD")), None));
    let figures = Figures::compute(&bills).unwrap();
    let series = &figures.currencies[&"USD".parse().unwrap()];
    assert_eq!(
        serde_json::to_value(&series.anomalies).unwrap(),
        json!({"count": 1, "first": [{
            "document_date": "2024-02-01", "file_id": file(20_240_201).to_string(),
            "value": "-900.00", "score": "-124.0", "direction": "low",
        }]})
    );
}

#[test]
fn values_that_documents_of_one_day_share_are_repeated() {
    let bill = |id, day: &str, amount| Entry {
        file: file(id),
        ..entry(day, Some((amount, "USD")), None)
    };
    let figures = Figures::compute(&[
        bill(4, "2024-01-05", "20.00"),
        bill(3, "2024-01-05", "20"),
        bill(1, "2024-01-06", "20"),
        bill(2, "2024-01-07", "-30"),
        bill(5, "2024-01-07", "-30"),
        bill(6, "2024-01-08", "0"),
        bill(7, "2024-01-08", "0"),
    ])
    .unwrap();
    let series = &figures.currencies[&"USD".parse().unwrap()];
    assert_eq!(
        serde_json::to_value(&series.repeated).unwrap(),
        json!({"count": 2, "first": [
            {"document_date": "2024-01-07", "value": "-30.00",
             "documents": {"count": 2, "first": [file(2), file(5)]}},
            {"document_date": "2024-01-05", "value": "20.00",
             "documents": {"count": 2, "first": [file(3), file(4)]}},
        ]})
    );
}

fn rhythm(months: &[&str]) -> Option<String> {
    let days: Vec<String> = months.iter().map(|month| format!("{month}-10")).collect();
    let bills: Vec<_> = days.iter().map(|day| (day.as_str(), "5")).collect();
    let rhythm = usd(&bills).rhythm?;
    let missed = rhythm.missed.iter();
    let runs = missed.map(|run| format!(" {}..{} {}", run.first, run.last, run.count));
    Some(format!(
        "{:?} {}{}",
        rhythm.every,
        rhythm.missing,
        runs.collect::<String>()
    ))
}

#[test]
fn rhythms_name_the_periods_that_miss_a_value() {
    let regular = |months: &[&str]| rhythm(months).unwrap();
    let monthly = regular(&["2024-01", "2024-02", "2024-03", "2024-04"]);
    assert_eq!(monthly, "Month 0");
    let monthly = regular(&["2023-11", "2023-12", "2024-03", "2024-04"]);
    assert_eq!(monthly, "Month 2 2024-01..2024-02 2");
    // October comes a month late, and nothing comes in April.
    let quarterly = [
        "2023-01", "2023-04", "2023-07", "2023-11", "2024-02", "2024-05", "2024-08",
    ];
    assert_eq!(regular(&quarterly), "Quarter 0");
    let quarterly = [
        "2023-01", "2023-04", "2023-07", "2023-10", "2024-01", "2024-06", "2024-09",
    ];
    assert_eq!(regular(&quarterly), "Quarter 1 2024-04..2024-04 1");
    let yearly = regular(&["2015-03", "2016-03", "2017-03", "2018-03", "2021-03"]);
    assert_eq!(yearly, "Year 2 2019-03..2020-03 2");
    assert_eq!(rhythm(&["2024-01", "2024-02", "2024-03"]), None);
    assert_eq!(rhythm(&["2024-01", "2024-02", "2024-04", "2024-06"]), None);
}

#[test]
fn halves_are_rounded_away_from_zero() {
    assert_eq!(usd(&[("2024-01-01", "0.005")]).total.to_string(), "0.01");
    assert_eq!(usd(&[("2024-01-01", "-0.005")]).total.to_string(), "-0.01");
    assert_eq!(usd(&[("2024-01-01", "0.0049")]).total.to_string(), "0.00");
    let credits = usd(&[("2024-01-01", "-0.01"), ("2024-01-02", "0.00")]);
    assert_eq!(credits.mean.to_string(), "-0.01");
}

#[test]
fn money_is_rounded_to_the_minor_unit_of_its_currency() {
    let figures = Figures::compute(&[
        entry("2024-01-01", Some(("100", "JPY")), None),
        entry("2024-01-02", Some(("101", "JPY")), None),
        entry("2024-01-03", Some(("1.0005", "KWD")), None),
    ])
    .unwrap();
    let series = |code: &str| &figures.currencies[&code.parse().unwrap()];
    assert_eq!(series("JPY").mean.to_string(), "101");
    assert_eq!(series("KWD").total.to_string(), "1.001");
}

#[test]
fn currencies_are_kept_apart() {
    let figures = Figures::compute(&[
        entry("2024-01-01", Some(("10", "EUR")), None),
        entry("2024-01-02", Some(("20", "USD")), None),
    ])
    .unwrap();
    let totals: Vec<String> = figures
        .currencies
        .iter()
        .map(|(currency, series)| format!("{currency} {}", series.total))
        .collect();
    assert_eq!(totals, ["EUR 10.00", "USD 20.00"]);
}

#[test]
fn change_compares_the_last_two_months_that_have_a_value() {
    let change = |amounts: &[(&str, &str)]| usd(amounts).change_percent.map(|c| c.to_string());
    assert_eq!(change(&[("2024-01-01", "5")]), None);
    assert_eq!(change(&[("2024-01-01", "5"), ("2024-01-31", "7")]), None);
    assert_eq!(change(&[("2024-01-01", "0"), ("2024-02-01", "7")]), None);
    let over_a_gap = change(&[("2024-01-01", "100"), ("2024-07-01", "150")]);
    assert_eq!(over_a_gap.as_deref(), Some("50.0"));
    let from_a_credit = change(&[("2024-01-01", "-100"), ("2024-02-01", "50")]);
    assert_eq!(from_a_credit.as_deref(), Some("150.0"));
}

#[test]
fn gaps_are_runs_of_months_and_stay_short_for_a_wrong_date() {
    let figures = Figures::compute(&[
        entry("0024-11-30", None, None),
        entry("2024-01-15", None, None),
        entry("2024-03-20", None, None),
        entry("2024-04-20", None, None),
    ])
    .unwrap();
    let gaps: Vec<String> = figures
        .gaps
        .iter()
        .map(|gap| format!("{}..{} {}", gap.first, gap.last, gap.months))
        .collect();
    assert_eq!(gaps, ["0024-12..2023-12 23989", "2024-02..2024-02 1"]);
}

#[test]
fn no_documents_have_no_figures() {
    assert_eq!(Figures::compute(&[]).unwrap(), Figures::default());
}

#[test]
fn values_that_do_not_fit_are_an_error() {
    let largest = Decimal::MAX.to_string();
    let smallest = Decimal::from_i128_with_scale(1, 28).to_string();
    for amounts in [[largest.as_str(), largest.as_str()], [&largest, &smallest]] {
        let entries = amounts.map(|amount| entry("2024-01-01", Some((amount, "USD")), None));
        let error = Figures::compute(&entries).unwrap_err();
        assert!(error.to_string().contains("in USD are too large"));
    }
}

#[test]
fn months_read_back_as_written() {
    for text in ["2024-11", "0001-01", "9999-12"] {
        assert_eq!(text.parse::<Month>().unwrap().to_string(), text);
    }
    for text in ["", "2024", "2024-13", "2024-00", "-", "x-1"] {
        assert!(text.parse::<Month>().is_err(), "{text} is no month");
    }
}

#[test]
fn abridged_figures_are_bounded_and_say_how_many_there_are() {
    let bills = |years: i16| {
        let days = (0..years).flat_map(|year| (1..=12).map(move |month| (2000 + year, month)));
        let mut bills: Vec<Entry> = days
            .filter(|&(_, month)| month != 5)
            .map(|(year, month)| date(year, month, 9))
            .map(|day| {
                entry(
                    &day.to_string(),
                    Some((&day.month().to_string(), "USD")),
                    None,
                )
            })
            .collect();
        for number in 1..=9 {
            let far = entry("2000-01-09", Some(("1000", "USD")), None);
            bills.push(Entry {
                file: file(number),
                ..far
            });
        }
        Figures::compute(&bills).unwrap()
    };
    let size = |figures: &Figures| serde_json::to_string(figures).unwrap().len();
    let [short, long] = [3, 50].map(|years| bills(years).abridged(3, 2));
    assert!(
        size(&long) < size(&short) + 50,
        "{} and {}",
        size(&long),
        size(&short)
    );
    let series = &long.currencies[&"USD".parse().unwrap()];
    assert_eq!(
        series.by_month.first().unwrap().month.to_string(),
        "2049-10"
    );
    assert_eq!((series.by_year.len(), long.gaps.len()), (3, 3));
    assert_eq!(
        (series.anomalies.count, series.anomalies.first.len()),
        (9, 2)
    );
    assert_eq!(
        (series.maximum_of.count, series.maximum_of.first.len()),
        (9, 0)
    );
    let repeat = &series.repeated.first[0];
    assert_eq!(
        (repeat.documents.count, repeat.documents.first.len()),
        (9, 0)
    );
    assert_eq!(series.rhythm.as_ref().unwrap().missed.len(), 3);
    assert_eq!(
        series.total,
        bills(50).currencies[&"USD".parse().unwrap()].total
    );
}

/// Divides whole numbers and rounds half away from zero, the way it is done by hand.
fn by_hand(numerator: i64, denominator: i64) -> i64 {
    let doubled = 2 * numerator.abs() + denominator;
    numerator.signum() * (doubled / (2 * denominator))
}

prop_compose! {
    /// A day within four years and an amount in cents, now and then in another currency.
    fn any_bill()(days in 0..1_460i64, cents in -50_000..5_000_000i64, other in prop::bool::weighted(0.1))
        -> (Date, i64, bool) {
        let day = date(2022, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap();
        (day, cents, other)
    }
}

fn bill(&(document_date, cents, other): &(Date, i64, bool)) -> Entry {
    Entry {
        file: file(u128::from(cents.unsigned_abs())),
        document_date,
        amount: Some(Money {
            amount: Decimal::new(cents, 2),
            currency: if other { "EUR" } else { "USD" }.parse().unwrap(),
        }),
        quantities: Vec::new(),
    }
}

proptest! {
    #[test]
    fn order_makes_no_difference(
        (bills, shuffled) in prop::collection::vec(any_bill(), 0..30)
            .prop_flat_map(|bills| (Just(bills.clone()), Just(bills).prop_shuffle()))
    ) {
        let figures = |bills: &[_]| {
            Figures::compute(&bills.iter().map(bill).collect::<Vec<_>>()).unwrap()
        };
        prop_assert_eq!(figures(&bills), figures(&shuffled));
    }

    #[test]
    fn figures_equal_those_reckoned_in_cents(bills in prop::collection::vec(any_bill(), 1..40)) {
        let entries: Vec<Entry> = bills.iter().map(bill).collect();
        let figures = Figures::compute(&entries).unwrap();
        for (currency, series) in &figures.currencies {
            let mut cents: Vec<i64> = bills
                .iter()
                .filter(|(_, _, other)| *other == (currency.code() == "EUR"))
                .map(|&(_, cents, _)| cents)
                .collect();
            cents.sort_unstable();
            let count = i64::try_from(cents.len()).unwrap();
            let total: i64 = cents.iter().sum();
            let middle = cents[(cents.len() - 1) / 2] + cents[cents.len() / 2];
            prop_assert_eq!(series.count, cents.len());
            prop_assert_eq!(series.total, Decimal::new(total, 2));
            prop_assert_eq!(series.mean, Decimal::new(by_hand(total, count), 2));
            prop_assert_eq!(series.median, Decimal::new(by_hand(middle, 2), 2));
            prop_assert_eq!(series.minimum, Decimal::new(cents[0], 2));
            prop_assert_eq!(series.maximum, Decimal::new(cents[cents.len() - 1], 2));
            let by_year: Decimal = series.by_year.iter().map(|year| year.total).sum();
            prop_assert_eq!(by_year, series.total);
            let by_month: Decimal = series.by_month.iter().map(|period| period.total).sum();
            prop_assert_eq!(by_month, series.total);
        }
    }

    #[test]
    fn any_decimal_is_computed_or_refused(
        values in prop::collection::vec((any::<i64>(), any::<u32>(), any::<u32>(), 0..=28u32), 1..6)
    ) {
        let entries: Vec<Entry> = values
            .iter()
            .map(|&(low, middle, high, scale)| {
                let units = i128::from(low) + (i128::from(middle) << 40) + (i128::from(high) << 62);
                let amount = Decimal::try_from_i128_with_scale(units, scale).unwrap();
                Entry {
                    file: file(1),
                    document_date: date(2024, 1, 1),
                    amount: Some(Money { amount, currency: "USD".parse().unwrap() }),
                    quantities: vec![Quantity { amount, unit: "kg".to_owned() }],
                }
            })
            .collect();
        if let Ok(figures) = Figures::compute(&entries) {
            let series = &figures.currencies[&"USD".parse().unwrap()];
            prop_assert!(series.minimum <= series.mean && series.mean <= series.maximum);
        }
    }
}
