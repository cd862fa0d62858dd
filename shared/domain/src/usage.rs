//! Usage: what a workspace stores of what it may, how that goes, and when it is to worry.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::quota::Quota;

/// Over how many days the change of a usage is told.
pub const TREND_DAYS: i64 = 30;

/// From how far ahead no estimate is made of when a quota is full: that says nothing.
const FORESEEN_DAYS: i128 = 3650;

/// What a workspace stores of what it may. Open uploads count with all they have reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all versions.
    pub used_bytes: u64,
    /// Number of files.
    pub used_files: u64,
    /// What it may.
    pub limit: Quota,
}

/// Of what there is little left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Bytes.
    Bytes,
    /// Files.
    Files,
}

impl Resource {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bytes, Self::Files];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Files => "files",
        }
    }
}

/// How full a quota is, where that should be known: it has reached this percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Of what.
    pub resource: Resource,
    /// 80, 95 or 100.
    pub percent: u8,
}

/// The percentages that are told, the highest first.
const LEVELS: [u8; 3] = [100, 95, 80];

impl Usage {
    /// Returns what is used of a resource, and what may be.
    pub const fn of(&self, resource: Resource) -> (u64, u64) {
        match resource {
            Resource::Bytes => (self.used_bytes, self.limit.bytes),
            Resource::Files => (self.used_files, self.limit.files),
        }
    }

    /// Returns the highest percentage reached of a resource that is told; none below the lowest.
    pub fn level(&self, resource: Resource) -> Option<u8> {
        let (used, limit) = self.of(resource);
        LEVELS
            .into_iter()
            .find(|level| u128::from(used) * 100 >= u128::from(limit) * u128::from(*level))
    }

    /// Returns what has come so far that it should be known.
    pub fn alerts(&self) -> Vec<Alert> {
        Resource::ALL
            .into_iter()
            .filter_map(|resource| {
                let percent = self.level(resource)?;
                Some(Alert { resource, percent })
            })
            .collect()
    }
}

/// What a workspace stored on a day, when it was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day, in UTC.
    pub date: Date,
    /// When on it.
    pub counted_at: Timestamp,
    /// Bytes.
    pub used_bytes: u64,
    /// Files.
    pub used_files: u64,
}

impl Day {
    const fn of(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Bytes => self.used_bytes,
            Resource::Files => self.used_files,
        }
    }
}

/// How the usage of a workspace has come to be what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trend {
    /// The days that were counted, the oldest first. A day that was missed is missing.
    pub days: Vec<Day>,
    /// How many bytes more there are now than on the first of them; none without days.
    pub change_bytes: Option<i64>,
    /// How many files more.
    pub change_files: Option<i64>,
    /// When the quota is full if it goes on like this; none when it does not grow.
    pub full_on: Option<Date>,
}

impl Trend {
    /// Makes the trend of a usage.
    pub fn new(usage: &Usage, days: Vec<Day>, now: Timestamp) -> Self {
        let first = days.first().copied();
        let change = |resource| {
            let change = first.map(|first| change_since(usage, &first, resource))?;
            let largest = if change < 0 { i64::MIN } else { i64::MAX };
            Some(i64::try_from(change).unwrap_or(largest))
        };
        let full_on = first.and_then(|first| {
            Resource::ALL
                .into_iter()
                .filter_map(|resource| full_on(usage, &first, resource, now))
                .min()
        });
        Self {
            change_bytes: change(Resource::Bytes),
            change_files: change(Resource::Files),
            full_on,
            days,
        }
    }
}

fn change_since(usage: &Usage, first: &Day, resource: Resource) -> i128 {
    i128::from(usage.of(resource).0) - i128::from(first.of(resource))
}

/// Goes on in a line through the first day and now. Less than a day says nothing of a line.
fn full_on(usage: &Usage, first: &Day, resource: Resource, now: Timestamp) -> Option<Date> {
    const DAY_SECONDS: i128 = 24 * 60 * 60;
    let (used, limit) = usage.of(resource);
    let seconds = i128::from(now.as_second() - first.counted_at.as_second());
    let growth = change_since(usage, first, resource);
    if seconds < DAY_SECONDS || growth <= 0 {
        return None;
    }
    let left = i128::from(limit) - i128::from(used);
    let seconds_left = left.max(0) * seconds / growth;
    if seconds_left > FORESEEN_DAYS * DAY_SECONDS {
        return None;
    }
    let ahead = SignedDuration::from_secs(i64::try_from(seconds_left).ok()?);
    let full = now.checked_add(ahead).ok()?;
    Some(day_of(full))
}

/// Returns the day of a time, in UTC.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Returns when the day after that of a time begins, in UTC.
pub fn next_day(at: Timestamp) -> Timestamp {
    const DAY_SECONDS: i64 = 24 * 60 * 60;
    let day = at.as_second().div_euclid(DAY_SECONDS) + 1;
    Timestamp::from_second(day.saturating_mul(DAY_SECONDS)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn usage(used_bytes: u64, used_files: u64) -> Usage {
        Usage {
            used_bytes,
            used_files,
            limit: Quota {
                bytes: 1000,
                files: 100,
            },
        }
    }

    fn day(text: &str, used_bytes: u64, used_files: u64) -> Day {
        Day {
            date: day_of(at(text)),
            counted_at: at(text),
            used_bytes,
            used_files,
        }
    }

    #[test]
    fn alerts_tell_the_highest_percentage_that_is_reached() {
        let alert = |resource, percent| Alert { resource, percent };
        assert_eq!(usage(799, 79).alerts(), []);
        assert_eq!(usage(800, 0).alerts(), [alert(Resource::Bytes, 80)]);
        assert_eq!(
            usage(999, 95).alerts(),
            [alert(Resource::Bytes, 95), alert(Resource::Files, 95)]
        );
        assert_eq!(usage(0, 100).alerts(), [alert(Resource::Files, 100)]);
        assert_eq!(usage(5000, 0).alerts(), [alert(Resource::Bytes, 100)]);
    }

    #[test]
    fn the_largest_usage_does_not_overflow() {
        let usage = Usage {
            used_bytes: u64::MAX,
            used_files: u64::MAX,
            limit: Quota {
                bytes: u64::MAX,
                files: u64::MAX,
            },
        };
        assert_eq!(usage.alerts().len(), 2);
        let first = day("2026-01-01T00:00:00Z", 0, 0);
        let trend = Trend::new(&usage, vec![first], at("9999-01-01T00:00:00Z"));
        assert_eq!(trend.change_bytes, Some(i64::MAX));
        assert!(trend.full_on.is_some());
    }

    #[test]
    fn a_usage_that_grows_is_foreseen_to_be_full_by_what_is_full_first() {
        let first = day("2026-01-01T00:00:00Z", 100, 10);
        let now = at("2026-01-11T12:00:00Z");
        // Bytes: 200 in ten and a half days, 700 left. Files: one in that time, 89 left.
        let trend = Trend::new(&usage(300, 11), vec![first], now);
        assert_eq!(trend.change_bytes, Some(200));
        assert_eq!(trend.change_files, Some(1));
        assert_eq!(trend.full_on, Some("2026-02-17".parse().unwrap()));
    }

    #[test]
    fn nothing_is_foreseen_of_what_does_not_grow_or_was_counted_today_only() {
        let first = day("2026-01-01T00:00:00Z", 100, 10);
        let foreseen = |usage, now| Trend::new(&usage, vec![first], at(now)).full_on;
        assert_eq!(foreseen(usage(100, 10), "2026-01-11T00:00:00Z"), None);
        assert_eq!(foreseen(usage(50, 9), "2026-01-11T00:00:00Z"), None);
        assert_eq!(foreseen(usage(500, 10), "2026-01-01T23:59:59Z"), None);
        let without_days = Trend::new(&usage(500, 10), Vec::new(), at("2026-01-11T00:00:00Z"));
        assert_eq!(without_days.change_bytes, None);
        assert_eq!(without_days.full_on, None);
    }

    #[test]
    fn the_next_day_begins_at_midnight() {
        assert_eq!(
            next_day(at("2026-01-01T00:00:00Z")),
            at("2026-01-02T00:00:00Z")
        );
        assert_eq!(
            next_day(at("2026-01-01T23:59:59Z")),
            at("2026-01-02T00:00:00Z")
        );
    }
}
