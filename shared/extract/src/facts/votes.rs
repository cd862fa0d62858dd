//! What a document's clear dates and numbers say about its unclear ones.

use domain::facts::Currency;

use super::dates::{Order, Value};
use super::numbers::Style;

/// Counts of clear cases.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Votes {
    day_first: u64,
    month_first: u64,
    point: u64,
    comma: u64,
}

impl Votes {
    /// Counts a date that can be read in one order only.
    pub(super) fn date(&mut self, value: Value) {
        match value {
            Value::Ordered {
                order: Order::DayFirst,
                ..
            } => self.day_first += 1,
            Value::Ordered {
                order: Order::MonthFirst,
                ..
            } => self.month_first += 1,
            Value::Sure(_) | Value::Unsure { .. } => {}
        }
    }

    /// Counts a number that can be read in one style only.
    pub(super) fn style(&mut self, style: Style) {
        match style {
            Style::Point => self.point += 1,
            Style::Comma => self.comma += 1,
        }
    }

    /// How the document orders day and month: as its clear dates do when they agree, else month
    /// first when its amounts are in US dollars, else day first.
    pub(super) fn order(&self, currency: Option<Currency>) -> Order {
        match (self.day_first, self.month_first) {
            (0, 1..) => Order::MonthFirst,
            (1.., 0) => Order::DayFirst,
            _ if currency.is_some_and(|currency| currency.code() == "USD") => Order::MonthFirst,
            _ => Order::DayFirst,
        }
    }

    /// Which decimal mark most clear numbers have.
    pub(super) fn number_style(&self) -> Style {
        if self.comma > self.point {
            Style::Comma
        } else {
            Style::Point
        }
    }
}
