//! Whole numbers in place of decimals, so that sums and quotients are exact until they are shown.

use rust_decimal::Decimal;

use super::source::Source;

/// A step of a computation did not fit 128 bits, or what is shown does not fit a decimal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overflow;

/// A value as it stands in a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Written {
    pub(crate) source: Source,
    pub(crate) value: Decimal,
}

/// The same value as a whole number of one unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value {
    pub(crate) source: Source,
    pub(crate) units: i128,
}

/// Values as whole numbers of one unit, 10 to the power of −`scale`.
#[derive(Debug)]
pub(crate) struct Exact {
    pub(crate) scale: u32,
    pub(crate) values: Vec<Value>,
}

/// How many decimals some values need.
pub(crate) fn scale_of(values: &[Written]) -> u32 {
    let scales = values
        .iter()
        .map(|written| written.value.normalize().scale());
    scales.max().unwrap_or_default()
}

impl Exact {
    /// Takes values in units of their most finely divided one.
    pub(crate) fn of(values: &[Written]) -> Result<Self, Overflow> {
        Self::at_scale(values, scale_of(values))
    }

    /// Takes values in units of a scale that none of them exceeds.
    pub(crate) fn at_scale(values: &[Written], scale: u32) -> Result<Self, Overflow> {
        let exact = values.iter().map(|&Written { source, value }| {
            let value = value.normalize();
            let missing = scale.checked_sub(value.scale()).ok_or(Overflow)?;
            let units = multiply(value.mantissa(), power_of_ten(missing)?)?;
            Ok(Value { source, units })
        });
        Ok(Self {
            scale,
            values: exact.collect::<Result<_, _>>()?,
        })
    }

    pub(crate) fn total(&self) -> Result<i128, Overflow> {
        sum(self.values.iter().map(|value| value.units))
    }
}

/// How what is computed in units of a scale is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding {
    scale: u32,
    digits: u32,
    keeps_zeros: bool,
}

impl Rounding {
    /// Money is shown with all decimals of its minor unit.
    pub(crate) const fn of_money(scale: u32, minor_digits: u32) -> Self {
        Self {
            scale,
            digits: minor_digits,
            keeps_zeros: true,
        }
    }

    /// Quantities keep the decimals they are written with; their averages have at least two. Zeros
    /// at the end are left out.
    pub(crate) fn of_measures(scale: u32, written: u32) -> Self {
        Self {
            scale,
            digits: written.max(2),
            keeps_zeros: false,
        }
    }

    /// Divides units by a number and rounds the result.
    pub(crate) fn quotient(self, units: i128, divisor: i128) -> Result<Decimal, Overflow> {
        let (numerator, denominator) = if self.digits >= self.scale {
            let more = power_of_ten(self.digits - self.scale)?;
            (multiply(units, more)?, divisor)
        } else {
            let fewer = power_of_ten(self.scale - self.digits)?;
            (units, multiply(divisor, fewer)?)
        };
        let shown = decimal(divide(numerator, denominator)?, self.digits)?;
        Ok(if self.keeps_zeros {
            shown
        } else {
            shown.normalize()
        })
    }

    pub(crate) fn whole(self, units: i128) -> Result<Decimal, Overflow> {
        self.quotient(units, 1)
    }
}

/// A difference in percent of the magnitude of what it is measured against, to one decimal, so that
/// it is positive exactly when there is more than before. `None` against zero.
pub(crate) fn percent(difference: i128, against: i128) -> Result<Option<Decimal>, Overflow> {
    if against == 0 {
        return Ok(None);
    }
    let against = against.checked_abs().ok_or(Overflow)?;
    let tenths = divide(multiply(difference, 1000)?, against)?;
    decimal(tenths, 1).map(Some)
}

pub(crate) fn decimal(units: i128, digits: u32) -> Result<Decimal, Overflow> {
    Decimal::try_from_i128_with_scale(units, digits).map_err(|_| Overflow)
}

pub(crate) fn sum(mut values: impl Iterator<Item = i128>) -> Result<i128, Overflow> {
    values.try_fold(0, add)
}

pub(crate) fn add(left: i128, right: i128) -> Result<i128, Overflow> {
    left.checked_add(right).ok_or(Overflow)
}

pub(crate) fn subtract(left: i128, right: i128) -> Result<i128, Overflow> {
    left.checked_sub(right).ok_or(Overflow)
}

pub(crate) fn multiply(left: i128, right: i128) -> Result<i128, Overflow> {
    left.checked_mul(right).ok_or(Overflow)
}

/// Divides and rounds half away from zero.
pub(crate) fn divide(numerator: i128, denominator: i128) -> Result<i128, Overflow> {
    let quotient = numerator.checked_div(denominator).ok_or(Overflow)?;
    let remainder = numerator.checked_rem(denominator).ok_or(Overflow)?;
    let remainder = remainder.unsigned_abs();
    if remainder < denominator.unsigned_abs() - remainder {
        return Ok(quotient);
    }
    add(quotient, numerator.signum() * denominator.signum())
}

pub(crate) fn count_of(values: usize) -> Result<i128, Overflow> {
    i128::try_from(values).map_err(|_| Overflow)
}

fn power_of_ten(exponent: u32) -> Result<i128, Overflow> {
    10i128.checked_pow(exponent).ok_or(Overflow)
}
