//! Quotas: what a workspace may store, and how what is left of it is given out.
//!
//! What is available stands in a pool and in shards. Writers reserve from a shard, each from another
//! where it can, so that they do not meet; a shard that has too little takes a block from the pool,
//! or what others have left. Whatever moves, the sum stays.

use serde::{Deserialize, Serialize};

/// In how many parts what was given out is kept: many writers of one workspace should not meet.
pub const SHARDS: u8 = 16;

/// What part of all that a shard could take it takes at once: the less is left, the smaller the
/// blocks, so that little lies where nobody looks for it.
const PART: i64 = 2 * SHARDS as i64;

/// The largest block: what one process writes in a while.
const LARGEST: Amount = Amount {
    bytes: 1024 * 1024 * 1024,
    files: 1000,
};

/// How much a workspace may store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all versions.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

impl Default for Quota {
    /// 100 GiB and a million files: generous for people, a stop for a program run wild.
    fn default() -> Self {
        Self {
            bytes: 100 * 1024 * 1024 * 1024,
            files: 1_000_000,
        }
    }
}

/// Bytes and files that are available; below zero where a limit was lowered under what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Bytes.
    #[serde(rename = "available_bytes", default)]
    pub bytes: i64,
    /// Files.
    #[serde(rename = "available_files", default)]
    pub files: i64,
}

impl Amount {
    /// Makes an amount; no number is too large for a place where it can never be reached.
    pub fn new(bytes: u64, files: u64) -> Self {
        let signed = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        Self {
            bytes: signed(bytes),
            files: signed(files),
        }
    }

    /// Says whether it is enough for another. What is not wanted need not be there: less than nothing
    /// is left of a limit that was lowered below what is used.
    pub const fn covers(self, other: Self) -> bool {
        (other.bytes == 0 || self.bytes >= other.bytes)
            && (other.files == 0 || self.files >= other.files)
    }

    /// Says whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.bytes == 0 && self.files == 0
    }

    /// Adds.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            files: self.files.saturating_add(other.files),
        }
    }

    /// Subtracts.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(other.bytes),
            files: self.files.saturating_sub(other.files),
        }
    }

    /// Makes an amount of two, number by number.
    fn with(self, other: Self, choose: impl Fn(i64, i64) -> i64) -> Self {
        Self {
            bytes: choose(self.bytes, other.bytes),
            files: choose(self.files, other.files),
        }
    }

    /// What of it is above zero.
    fn positive(self) -> Self {
        self.with(Self::default(), i64::max)
    }
}

/// What is available in a workspace, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Available {
    /// What is not given out.
    pub pool: Amount,
    /// What is given out to each shard.
    pub shards: [Amount; SHARDS as usize],
}

/// Where an amount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The pool.
    Pool,
    /// A shard.
    Shard(u8),
}

/// How a shard comes to have enough: what it takes from where. It gets the sum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refill {
    /// What is taken, each from another place, and never more than was there.
    pub takes: Vec<(Place, Amount)>,
}

impl Refill {
    /// What the shard gets.
    pub fn sum(&self) -> Amount {
        self.takes
            .iter()
            .fold(Amount::default(), |sum, (_, taken)| sum.plus(*taken))
    }
}

/// What there is for a shard that should have an amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// It has enough.
    Enough,
    /// It can have enough by this.
    After(Refill),
    /// All together is too little.
    TooLittle,
}

impl Available {
    /// All that is available.
    pub fn sum(&self) -> Amount {
        self.shards
            .iter()
            .fold(self.pool, |sum, shard| sum.plus(*shard))
    }

    /// Finds room for an amount in a shard: a block of the pool, or what others have.
    pub fn room(&self, shard: u8, wanted: Amount) -> Room {
        let shard = shard % SHARDS;
        let own = self.shards[usize::from(shard)];
        if own.covers(wanted) {
            return Room::Enough;
        }
        if !self.sum().covers(wanted) {
            return Room::TooLittle;
        }
        let least = wanted.minus(own).positive();
        let elsewhere = self.sum().minus(own).positive();
        let part = elsewhere.with(LARGEST, |available, largest| {
            (available / PART).min(largest)
        });
        // Of what it has enough it takes none.
        let block = least.with(
            part,
            |least, part| if least > 0 { least.max(part) } else { 0 },
        );
        let mut takes = Vec::new();
        let mut sum = Amount::default();
        for (place, available) in self.places(shard) {
            if sum.covers(least) {
                break;
            }
            let take = block
                .minus(sum)
                .positive()
                .with(available.positive(), i64::min);
            if !take.is_zero() {
                sum = sum.plus(take);
                takes.push((place, take));
            }
        }
        Room::After(Refill { takes })
    }

    /// All places but one shard, in the order in which they are asked: the pool, then the shards
    /// that have most.
    fn places(&self, but: u8) -> Vec<(Place, Amount)> {
        let mut shards: Vec<(Place, Amount)> = (0..SHARDS)
            .filter(|shard| *shard != but)
            .map(|shard| (Place::Shard(shard), self.shards[usize::from(shard)]))
            .collect();
        shards.sort_by_key(|(_, available)| std::cmp::Reverse((available.bytes, available.files)));
        let mut places = vec![(Place::Pool, self.pool)];
        places.extend(shards);
        places
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: i64 = 1024 * 1024 * 1024;

    fn amount(bytes: i64, files: i64) -> Amount {
        Amount { bytes, files }
    }

    fn of_pool(bytes: i64, files: i64) -> Available {
        Available {
            pool: amount(bytes, files),
            ..Available::default()
        }
    }

    fn apply(available: &mut Available, shard: u8, refill: &Refill) {
        for (place, taken) in &refill.takes {
            let there = match place {
                Place::Pool => &mut available.pool,
                Place::Shard(number) => &mut available.shards[usize::from(*number)],
            };
            assert!(there.positive().covers(*taken), "{place:?} {taken:?}");
            *there = there.minus(*taken);
        }
        let own = &mut available.shards[usize::from(shard)];
        *own = own.plus(refill.sum());
    }

    #[test]
    fn a_shard_takes_a_block_from_a_full_pool_and_a_small_one_from_a_small_pool() {
        let Room::After(full) = of_pool(100 * GIB, 1_000_000).room(3, amount(5, 1)) else {
            panic!("there is room");
        };
        assert_eq!(full.takes, [(Place::Pool, amount(GIB, 1000))]);
        let Room::After(small) = of_pool(3200, 64).room(3, amount(5, 1)) else {
            panic!("there is room");
        };
        assert_eq!(small.takes, [(Place::Pool, amount(100, 2))]);
    }

    #[test]
    fn more_than_a_block_is_taken_where_more_is_needed() {
        let Room::After(refill) = of_pool(100 * GIB, 10).room(0, amount(50 * GIB, 1)) else {
            panic!("there is room");
        };
        assert_eq!(refill.takes, [(Place::Pool, amount(50 * GIB, 1))]);
    }

    #[test]
    fn nothing_is_taken_of_what_a_shard_has_enough_of() {
        let mut available = of_pool(1000, 1000);
        available.shards[2] = amount(0, 7);
        let Room::After(refill) = available.room(2, amount(10, 1)) else {
            panic!("there is room");
        };
        assert_eq!(refill.sum(), amount(31, 0));
    }

    #[test]
    fn an_amount_beyond_all_there_is_finds_no_room_and_all_there_is_does() {
        let mut available = of_pool(10, 1);
        available.shards[1] = amount(20, 0);
        available.shards[9] = amount(30, 2);
        assert_eq!(available.room(1, amount(61, 1)), Room::TooLittle);
        assert_eq!(available.room(1, amount(60, 4)), Room::TooLittle);
        assert!(matches!(available.room(1, amount(60, 3)), Room::After(_)));
        assert_eq!(available.room(9, amount(30, 2)), Room::Enough);
    }

    #[test]
    fn what_is_below_zero_gives_nothing() {
        let mut available = of_pool(-50, 10);
        available.shards[4] = amount(40, 0);
        assert_eq!(available.room(0, amount(1, 1)), Room::TooLittle);
        available.shards[5] = amount(40, 0);
        let Room::After(refill) = available.room(0, amount(30, 1)) else {
            panic!("there is room");
        };
        assert_eq!(refill.sum().bytes, 30);
    }

    proptest! {
        #[test]
        fn room_is_found_exactly_where_the_sum_is_enough_and_the_sum_stays(
            pool in (-100_i64..1000, -5_i64..40),
            shards in proptest::array::uniform16((0_i64..200, 0_i64..10)),
            shard in 0..SHARDS,
            wanted in (0_i64..3000, 0_i64..60),
        ) {
            let mut available = Available {
                pool: amount(pool.0, pool.1),
                shards: shards.map(|(bytes, files)| amount(bytes, files)),
            };
            let wanted = amount(wanted.0, wanted.1);
            let before = available.sum();
            match available.room(shard, wanted) {
                Room::Enough => prop_assert!(available.shards[usize::from(shard)].covers(wanted)),
                Room::TooLittle => prop_assert!(!before.covers(wanted)),
                Room::After(refill) => {
                    prop_assert!(before.covers(wanted));
                    apply(&mut available, shard, &refill);
                    prop_assert!(available.shards[usize::from(shard)].covers(wanted));
                    prop_assert_eq!(available.sum(), before);
                }
            }
        }
    }
}
