//! A worked example, and properties against the figures of each side.

use jiff::civil::date;
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::facts::{Money, Quantity};
use crate::figures::Figures;
use crate::id::FileId;

fn entry(day: &str, amount: &str, quantity: Option<(&str, &str)>) -> Entry {
    let (amount, currency) = amount.split_once(' ').unwrap();
    Entry {
        file: FileId::new(Uuid::nil()),
        document_date: day.parse().unwrap(),
        amount: Some(Money {
            amount: amount.parse().unwrap(),
            currency: currency.parse().unwrap(),
        }),
        quantities: quantity
            .map(|(amount, unit)| Quantity {
                amount: amount.parse().unwrap(),
                unit: unit.to_owned(),
            })
            .into_iter()
            .collect(),
    }
}

#[test]
fn comparisons_have_the_documented_shape() {
    let first = [
        entry("2023-11-01", "100.00 USD", Some(("500", "kWh"))),
        entry("2023-12-01", "50.00 USD", Some(("1.125", "km"))),
        entry("2023-12-05", "7 EUR", None),
    ];
    let second = [
        entry("2023-12-20", "80.01 USD", Some(("450.5", "kWh"))),
        entry("2024-01-20", "60.00 USD", None),
    ];
    let comparison = Comparison::of(&first, &second).unwrap();
    let wire = serde_json::to_value(&comparison).unwrap();
    assert_eq!(
        wire,
        json!({
            "count": {"first": 3, "second": 2, "difference": -1, "percent": "-33.3"},
            "first_period": {"first": "2023-11-01", "last": "2023-12-05"},
            "second_period": {"first": "2023-12-20", "last": "2024-01-20"},
            "currencies": {"USD": {
                "count": {"first": 2, "second": 2, "difference": 0, "percent": "0.0"},
                "total": {
                    "first": "150.00", "second": "140.01", "difference": "-9.99", "percent": "-6.7",
                },
                // 70.005 less 75 is −4.995, of which half a cent is rounded away from zero.
                "mean": {
                    "first": "75.00", "second": "70.01", "difference": "-5.00", "percent": "-6.7",
                },
                "by_month": [{
                    "month": "2023-12",
                    "first": "50.00", "second": "80.01", "difference": "30.01", "percent": "60.0",
                }],
                "only_first": ["2023-11"],
                "only_second": ["2024-01"],
            }},
            "quantities": {"kWh": {
                "count": {"first": 1, "second": 1, "difference": 0, "percent": "0.0"},
                "total": {
                    "first": "500", "second": "450.5", "difference": "-49.5", "percent": "-9.9",
                },
                "mean": {
                    "first": "500", "second": "450.5", "difference": "-49.5", "percent": "-9.9",
                },
                "by_month": [],
                "only_first": ["2023-11"],
                "only_second": ["2023-12"],
            }},
            "only_first": {"currencies": ["EUR"], "units": ["km"]},
            "only_second": {"currencies": [], "units": []},
        })
    );
    assert_eq!(
        serde_json::from_value::<Comparison>(wire).unwrap(),
        comparison
    );
}

#[test]
fn nothing_is_compared_with_nothing() {
    let none = Comparison::of(&[], &[]).unwrap();
    assert_eq!((none.count.difference, none.count.percent), (0, None));
    assert_eq!((none.first_period, none.second_period), (None, None));
    let some = Comparison::of(&[], &[entry("2024-01-01", "1 USD", None)]).unwrap();
    assert_eq!((some.count.difference, some.count.percent), (1, None));
    assert_eq!(some.only_second.currencies, ["USD".parse().unwrap()]);
}

#[test]
fn nothing_is_a_percentage_of_zero() {
    let zero = [entry("2024-01-01", "0 USD", None)];
    let comparison = Comparison::of(&zero, &[entry("2024-01-01", "5 USD", None)]).unwrap();
    let compared = &comparison.currencies[&"USD".parse().unwrap()];
    assert_eq!(
        (compared.total.percent, compared.mean.percent),
        (None, None)
    );
}

#[test]
fn values_that_do_not_fit_together_are_an_error() {
    let largest = format!("{} USD", Decimal::MAX);
    let first = [entry("2024-01-01", &largest, None)];
    let second = [entry("2024-01-01", "0.0000000000001 USD", None)];
    let error = Comparison::of(&first, &second).unwrap_err();
    assert!(error.to_string().contains("in USD are too large"));
}

prop_compose! {
    fn any_entry()(days in 0..400i64, units in -50_000..50_000i64, scale in 0..4u32, is_money in any::<bool>())
        -> Entry {
        let amount = Decimal::new(units, scale);
        let unit = "kWh".to_owned();
        Entry {
            file: FileId::new(Uuid::nil()),
            document_date: date(2023, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap(),
            amount: is_money.then(|| Money { amount, currency: "USD".parse().unwrap() }),
            quantities: if is_money { Vec::new() } else { vec![Quantity { amount, unit }] },
        }
    }
}

fn turned(pair: &Pair) -> (Decimal, Decimal, Decimal) {
    (pair.second, pair.first, -pair.difference)
}

proptest! {
    #[test]
    fn each_side_has_its_own_figures_and_turning_them_around_turns_the_difference(
        first in prop::collection::vec(any_entry(), 0..30),
        second in prop::collection::vec(any_entry(), 0..30),
    ) {
        let comparison = Comparison::of(&first, &second).unwrap();
        let back = Comparison::of(&second, &first).unwrap();
        let figures = [&first, &second].map(|entries| Figures::compute(entries).unwrap());
        let money = comparison.currencies.iter().map(|(currency, compared)| {
            let own = [0, 1].map(|side| &figures[side].currencies[currency]);
            (compared, &back.currencies[currency], own)
        });
        let measures = comparison.quantities.iter().map(|(unit, compared)| {
            let own = [0, 1].map(|side| &figures[side].quantities[unit]);
            (compared, &back.quantities[unit], own)
        });
        for (compared, back, own) in money.chain(measures) {
            prop_assert_eq!([compared.total.first, compared.total.second], own.map(|own| own.total));
            prop_assert_eq!([compared.mean.first, compared.mean.second], own.map(|own| own.mean));
            prop_assert_eq!([compared.count.first, compared.count.second], own.map(|own| own.count));
            let months = compared.by_month.len();
            prop_assert_eq!(months + compared.only_first.len(), own[0].by_month.len());
            prop_assert_eq!(months + compared.only_second.len(), own[1].by_month.len());
            for pair in [(&compared.total, &back.total), (&compared.mean, &back.mean)] {
                let (there, back) = pair;
                prop_assert_eq!(turned(there), (back.first, back.second, back.difference));
            }
        }
    }
}
