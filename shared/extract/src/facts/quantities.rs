//! Measured quantities: `850 kWh`, `5,204 mi`, `Usage (kWh): 850`.

use std::ops::Range;
use std::sync::LazyLock;

use domain::fact_sheet::{Fact, Place, Rule};
use domain::facts::Quantity;
use rust_decimal::Decimal;

use super::labels::{Hit, Labels};
use super::lines::Line;
use super::numbers::{Style, numbers};

/// Spellings of units and the one they are reported in. Hours and pieces are left out: they are in
/// most documents and seldom what one is about.
const UNITS: &[(&str, &str)] = &[
    ("kWh", "kWh"),
    ("kwh", "kWh"),
    ("KWH", "kWh"),
    ("kilowatt-hours", "kWh"),
    ("kilowatt hours", "kWh"),
    ("MWh", "MWh"),
    ("MWH", "MWh"),
    ("therms", "therm"),
    ("therm", "therm"),
    ("m³", "m³"),
    ("m3", "m³"),
    ("cubic meters", "m³"),
    ("cubic metres", "m³"),
    ("CCF", "CCF"),
    ("ccf", "CCF"),
    ("gallons", "gal"),
    ("gallon", "gal"),
    ("gal", "gal"),
    ("litres", "L"),
    ("liters", "L"),
    ("litre", "L"),
    ("liter", "L"),
    ("Liter", "L"),
    ("litrów", "L"),
    ("L", "L"),
    ("l", "L"),
    ("kilometers", "km"),
    ("kilometres", "km"),
    ("km", "km"),
    ("KM", "km"),
    ("miles", "mi"),
    ("mile", "mi"),
    ("mi", "mi"),
    ("kilograms", "kg"),
    ("kg", "kg"),
    ("KG", "kg"),
    ("pounds", "lb"),
    ("lbs", "lb"),
    ("lb", "lb"),
    ("TB", "TB"),
    ("GB", "GB"),
    ("MB", "MB"),
];

/// What a label says about the quantity it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Another period's, an average or an allowance.
    Other,
    /// No label.
    Unlabelled,
    /// What was used or measured.
    Measured,
}

static LABELS: LazyLock<Labels<Rank>> = LazyLock::new(|| {
    Labels::new(&[
        (
            Rank::Measured,
            &[
                "usage",
                "used",
                "total usage",
                "total used",
                "consumption",
                "consumed",
                "energy used",
                "total consumption",
                "billed usage",
                "distance",
                "net weight",
                "gross weight",
                "total weight",
                "verbrauch",
                "gesamtverbrauch",
                "consommation",
                "consumo",
                "verbruik",
                "zużycie",
                "zużyto",
            ],
        ),
        (
            Rank::Other,
            &[
                "previous",
                "prior",
                "last",
                "last year",
                "last month",
                "average",
                "avg",
                "average daily usage",
                "daily",
                "daily usage",
                // What a meter stands at is no quantity of this document: readings do not add up.
                "odometer",
                "odometer reading",
                "mileage",
                "kilometerstand",
                "przebieg",
                "reading",
                "meter reading",
                "allowance",
                "limit",
                "baseline",
                "tier",
                "per day",
                "next",
                "after",
                "every",
                "up to",
                "previous usage",
                "average usage",
                "durchschnitt",
                "vorjahr",
                "zählerstand",
                "moyenne",
                "promedio",
                "media",
                "gemiddeld",
                "średnie",
                "poprzednie",
            ],
        ),
    ])
});

/// Gathers quantities line by line.
#[derive(Default)]
pub(super) struct Quantities {
    found: Vec<(Rank, Fact<Quantity>)>,
}

impl Quantities {
    /// Takes in the next line of the document, passing over what is masked: the dates.
    pub(super) fn line(&mut self, line: Line<'_>, style: Style, masked: &[Range<usize>]) {
        let text = line.text;
        let numbers = numbers(text, style);
        let mut from = 0;
        for number in numbers.iter().filter(|number| !number.is_within(masked)) {
            let unit =
                unit_after(text, number.end).or_else(|| unit_before(text, from, number.start));
            if let Some(unit) = unit {
                let hits = LABELS.hits(&text[from..number.start]);
                let rank = rank(&hits);
                let label = hits
                    .last()
                    .map(|hit| &text[from + hit.start..from + hit.end]);
                let place = line.place(number.start, number.end);
                self.offer(rank, number.value, unit, label, Some(place));
                from = number.end;
            }
        }
    }

    /// Takes in the sum of a column of a table.
    pub(super) fn column(&mut self, header: &str, sum: Decimal) {
        if let Some(unit) = unit_of_header(header) {
            self.offer(Rank::Measured, sum, unit, Some(header), None);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Fact<Quantity>> {
        self.found.into_iter().map(|(_, fact)| fact).collect()
    }

    /// The first of the highest rank wins for each unit.
    fn offer(
        &mut self,
        rank: Rank,
        amount: Decimal,
        unit: &str,
        label: Option<&str>,
        place: Option<Place>,
    ) {
        if rank == Rank::Other {
            return;
        }
        let rule = match (place, label) {
            (None, _) => Rule::TableSum,
            (Some(_), Some(_)) => Rule::Labelled,
            (Some(_), None) => Rule::First,
        };
        let quantity = Quantity {
            amount,
            unit: unit.to_owned(),
        };
        let fact = Fact::new(quantity, rule, label.map(str::to_owned), place);
        match self
            .found
            .iter_mut()
            .find(|(_, known)| known.value.unit == unit)
        {
            Some(known) if rank > known.0 => *known = (rank, fact),
            Some(_) => {}
            None => self.found.push((rank, fact)),
        }
    }
}

/// The unit of a column's header: `Usage (kWh)`, `usage_kwh`.
pub(super) fn unit_of_header(header: &str) -> Option<&'static str> {
    let mut words = header.split(|c: char| !c.is_alphanumeric());
    words.find_map(|word| {
        let known = UNITS
            .iter()
            .find(|(text, _)| text.eq_ignore_ascii_case(word) && text.len() > 1)?;
        Some(known.1)
    })
}

/// The unit that follows a number, touching it or after one space. Not a rate, as in `40 km/h`.
fn unit_after(line: &str, end: usize) -> Option<&'static str> {
    let tail = &line[end..];
    let tail = tail
        .strip_prefix([' ', '\u{a0}', '\u{202f}'])
        .unwrap_or(tail);
    if !tail.starts_with(char::is_alphabetic) {
        return None;
    }
    let fits = UNITS.iter().filter(|(text, _)| {
        tail.strip_prefix(text).is_some_and(|rest| {
            !rest.starts_with(|c: char| c.is_alphanumeric() || "/-".contains(c))
        })
    });
    fits.max_by_key(|(text, _)| text.len())
        .map(|(_, unit)| *unit)
}

/// The unit that stands before a number, as in `kWh: 850` or `kWh used 850`.
fn unit_before(line: &str, from: usize, start: usize) -> Option<&'static str> {
    let head = line[from..start].trim_end_matches([' ', ':', ')', ']', '\t', '=', '|', '\u{a0}']);
    let head = ["used", "usage", "total", "consumed"]
        .iter()
        .find_map(|word| head.strip_suffix(word))
        .map_or(head, |head| head.trim_end_matches([' ', ':', ')']));
    if head.len() == start - from
        || !(head.ends_with(char::is_alphabetic) || head.ends_with(['³', '3']))
    {
        return None;
    }
    let fits = UNITS.iter().filter(|(text, _)| {
        let rest = head.strip_suffix(text).filter(|_| text.len() > 1);
        rest.is_some_and(|rest| {
            let rate = rest.ends_with(|c: char| c.is_alphanumeric() || "/-".contains(c));
            let counted = rest.trim_end().ends_with(|c: char| c.is_ascii_digit());
            !rate && !counted && !rest.trim_end().ends_with("per")
        })
    });
    fits.max_by_key(|(text, _)| text.len())
        .map(|(_, unit)| *unit)
}

/// What the labels between the quantity before and this one say. One that sets it apart weighs more.
fn rank(hits: &[Hit<Rank>]) -> Rank {
    if hits.iter().any(|hit| hit.rank == Rank::Other) {
        return Rank::Other;
    }
    hits.first().map_or(Rank::Unlabelled, |hit| hit.rank)
}
