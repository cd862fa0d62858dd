//! A ledger against a map and against the figures of the rows, and what a reader of bytes refuses.

use jiff::civil::{Date, date};
use proptest::prelude::*;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::*;
use crate::facts::{Money, Quantity};
use crate::id::Sha256;

fn file(number: u128) -> FileId {
    FileId::new(Uuid::from_u128(number))
}

fn bill(number: u128, day: &str, amount: &str) -> Member {
    Member {
        file: file(number),
        version: 1,
        document_date: day.parse().unwrap(),
        amount: Some(Money {
            amount: amount.parse().unwrap(),
            currency: "USD".parse().unwrap(),
        }),
        quantities: Vec::new(),
    }
}

fn put(sequence: u64, member: &Member) -> Change {
    Change::Put {
        sequence,
        member: member.clone(),
    }
}

fn ledger(changes: &[Change]) -> Ledger {
    let mut ledger = Ledger::default();
    for change in changes {
        ledger.apply(change.clone()).unwrap();
    }
    ledger
}

#[test]
fn repeated_and_late_changes_do_nothing() {
    let (first, second) = (bill(1, "2024-01-01", "10"), bill(1, "2024-02-01", "20"));
    let mut ledger = ledger(&[put(1, &first), put(3, &second)]);
    for change in [put(3, &second), put(1, &first), put(2, &first)] {
        assert!(!ledger.apply(change).unwrap());
    }
    assert_eq!(ledger.members(), [&second]);
    assert_eq!(ledger.sum(), MemberSum::of(&[second]));
}

#[test]
fn late_change_does_not_bring_back_a_file_that_was_taken_out() {
    let member = bill(1, "2024-01-01", "10");
    let removal = Change::Remove {
        sequence: 2,
        file: member.file,
    };
    let mut ledger = ledger(&[removal]);
    assert!(!ledger.apply(put(1, &member)).unwrap());
    assert_eq!((ledger.count(), ledger.sum()), (0, MemberSum::default()));
    let mut ledger = Ledger::decode(&ledger.encode()).unwrap();
    assert!(!ledger.apply(put(1, &member)).unwrap());
    assert!(ledger.apply(put(3, &member)).unwrap());
    assert_eq!(ledger.member(member.file), Some(&member));
}

#[test]
fn changes_of_before_the_rows_were_read_do_nothing() {
    let (before, now) = (bill(1, "2024-01-01", "10"), bill(1, "2024-02-01", "20"));
    let mut ledger = Ledger::of([now.clone()], 7).unwrap();
    for change in [put(7, &before), put(6, &bill(2, "2024-01-01", "1"))] {
        assert!(!ledger.apply(change).unwrap());
    }
    assert_eq!(ledger.members(), [&now]);
    assert!(ledger.apply(put(8, &before)).unwrap());
}

#[test]
fn files_taken_out_first_are_forgotten_when_there_are_too_many() {
    let mut ledger = Ledger::default();
    for number in 1..=Ledger::REMOVED_MAX as u64 + 1 {
        let removal = Change::Remove {
            sequence: number,
            file: file(number.into()),
        };
        ledger.apply(removal).unwrap();
    }
    assert_eq!(ledger.removed.len(), Ledger::REMOVED_MAX);
    assert!(!ledger.removed.contains_key(&file(1)));
    assert_eq!(Ledger::decode(&ledger.encode()).unwrap(), ledger);
}

#[test]
fn units_that_are_too_long_are_refused_and_change_nothing() {
    let mut member = bill(1, "2024-01-01", "10");
    let mut ledger = ledger(&[put(1, &member)]);
    let before = ledger.clone();
    member.quantities.push(Quantity {
        amount: Decimal::ONE,
        unit: "k".repeat(Ledger::UNIT_MAX_BYTES + 1),
    });
    assert!(ledger.apply(put(2, &member)).is_err());
    assert!(Ledger::of([member], 1).is_err());
    assert_eq!(ledger, before);
}

#[test]
fn member_with_an_amount_takes_at_most_48_bytes() {
    let day = |number: i64| {
        let first = date(1990, 1, 1);
        first.checked_add(jiff::Span::new().days(number)).unwrap()
    };
    let microseconds = 1_764_000_000_000_000;
    let members = (0..10_000u64).map(|number| {
        let id = Sha256::of(&number.to_be_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&id.as_bytes()[..16]);
        let member = Member {
            file: FileId::new(Uuid::from_bytes(bytes)),
            document_date: day(i64::from(bytes[0]) * 50 + i64::from(bytes[1])),
            ..bill(1, "2024-01-01", &format!("{number}{}.99", bytes[2]))
        };
        // As though they came in any order within four months.
        let sequence = microseconds + number * 7_919_000_003 % 10_000_000_000_000;
        put(sequence, &member)
    });
    let ledger = ledger(&members.collect::<Vec<_>>());
    let bytes = ledger.encode();
    assert_eq!(ledger.count(), 10_000);
    assert!(bytes.len() <= 48 * 10_000, "{} bytes", bytes.len());
    assert_eq!(Ledger::decode(&bytes).unwrap(), ledger);
}

#[test]
fn bytes_of_version_1_stay_as_they_are() {
    let mut member = bill(1, "2024-11-05", "-245.67");
    member.quantities.push(Quantity {
        amount: "850".parse().unwrap(),
        unit: "kWh".to_owned(),
    });
    let removal = Change::Remove {
        sequence: 300,
        file: file(2),
    };
    let bytes = ledger(&[put(5, &member), removal]).encode();
    let body = concat!(
        "53484c4701",                               // magic and version
        "00",                                       // as of
        "01555344",                                 // USD
        "01036b5768",                               // kWh
        "01",                                       // one member
        "00000000000000000000000000000001b4f95b0a", // id, date, sequence
        "0101edff0202",                             // version, USD −245.67
        "0100a40d00",                               // kWh 850
        "0100000000000000000000000000000002d804",   // one file taken out
    );
    assert_eq!(hex::encode(&bytes[..bytes.len() - 8]), body);
}

#[test]
fn every_changed_bit_and_every_missing_end_is_refused() {
    let bytes = ledger(&[put(1, &bill(1, "2024-11-05", "245.67"))]).encode();
    for at in 0..bytes.len() {
        assert!(Ledger::decode(&bytes[..at]).is_err());
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(matches!(
                Ledger::decode(&changed),
                Err(Error::Corrupt { .. })
            ));
        }
    }
}

/// Puts the right checksum at the end, as one would who wants to be read.
fn sealed(body: &[u8]) -> Vec<u8> {
    [body, &Sha256::of(body).as_bytes()[..8]].concat()
}

#[test]
fn numbers_of_things_that_are_not_there_reserve_nothing() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    for before in [
        &b"SHLG\x01\x00"[..],
        b"SHLG\x01\x00\x00",
        b"SHLG\x01\x00\x00\x00",
    ] {
        assert!(Ledger::decode(&sealed(&[before, &huge].concat())).is_err());
    }
}

#[test]
fn number_with_zeros_in_front_is_refused() {
    let empty = Ledger::default().encode();
    assert_eq!(empty, sealed(b"SHLG\x01\x00\x00\x00\x00\x00"));
    assert!(Ledger::decode(&sealed(b"SHLG\x01\x80\x00\x00\x00\x00\x00")).is_err());
}

prop_compose! {
    fn any_date()(days in 0..7_304_483i64) -> Date {
        Date::MIN.checked_add(jiff::Span::new().days(days)).unwrap()
    }
}

prop_compose! {
    fn large_decimal()(units in -(1i128 << 96) + 1..1i128 << 96, shift in 0..96u32, scale in 0..=28u32)
        -> Decimal {
        Decimal::try_from_i128_with_scale(units >> shift, scale).unwrap()
    }
}

/// Mostly one whose figures can be computed.
fn any_decimal() -> impl Strategy<Value = Decimal> {
    let amount =
        (-100_000..100_000i64, 0..4u32).prop_map(|(units, scale)| Decimal::new(units, scale));
    prop_oneof![50 => amount, 1 => large_decimal()]
}

prop_compose! {
    /// One of 15 files, so that they meet; of any date or of some that they share.
    fn any_member()(
        number in 0..15u128,
        version in any::<u32>(),
        document_date in prop_oneof![any_date(), (1..5i8).prop_map(|day| date(2024, 1, day))],
        amount in prop::option::of((any_decimal(), "(USD|EUR|JPY)")),
        quantities in prop::collection::vec((any_decimal(), "(kWh|km|\\PC{0,9})"), 0..3),
    ) -> Member {
        let money = |(amount, currency): (_, String)| {
            Money { amount, currency: currency.parse().unwrap() }
        };
        let quantity = |(amount, unit)| Quantity { amount, unit };
        Member {
            file: file(number),
            version,
            document_date,
            amount: amount.map(money),
            quantities: quantities.into_iter().map(quantity).collect(),
        }
    }
}

/// Changes with numbers of their own, in the order in which they were made.
fn any_changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (any_member(), any::<bool>(), 1..1_000_000u64);
    prop::collection::vec(change, 0..40).prop_map(|changes| {
        let mut sequence = 0;
        let change = |(member, is_put, step): (Member, bool, u64)| {
            sequence += step;
            if is_put {
                Change::Put { sequence, member }
            } else {
                Change::Remove {
                    sequence,
                    file: member.file,
                }
            }
        };
        changes.into_iter().map(change).collect()
    })
}

/// Changes, and the same in any order with some of them several times.
fn any_delivery() -> impl Strategy<Value = (Vec<Change>, Vec<Change>)> {
    any_changes()
        .prop_flat_map(|changes| {
            let again = prop::sample::subsequence(changes.clone(), 0..=changes.len());
            (Just(changes), again)
        })
        .prop_flat_map(|(changes, again)| {
            let delivered = [changes.clone(), again].concat();
            (Just(changes), Just(delivered).prop_shuffle())
        })
}

fn model(changes: &[Change]) -> Vec<Member> {
    let mut model = BTreeMap::new();
    for change in changes {
        match change {
            Change::Put { member, .. } => model.insert(member.file, member.clone()),
            Change::Remove { file, .. } => model.remove(file),
        };
    }
    let mut members: Vec<Member> = model.into_values().collect();
    members.sort_by_key(|member| (member.document_date, member.file));
    members
}

proptest! {
    #[test]
    fn changes_in_any_order_and_repeated_end_in_the_same((made, delivered) in any_delivery()) {
        let ledger = ledger(&delivered);
        let members = model(&made);
        prop_assert_eq!(ledger.members(), members.iter().collect::<Vec<_>>());
        prop_assert_eq!(ledger.sum(), MemberSum::of(&members));
        prop_assert_eq!(ledger.count(), members.len());
    }

    #[test]
    fn rows_read_in_the_middle_of_changes_make_no_difference(
        (made, delivered) in any_delivery(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(made.len() + 1);
        let as_of = made[..cut].last().map_or(0, Change::sequence);
        let mut ledger = Ledger::of(model(&made[..cut]), as_of).unwrap();
        for change in delivered {
            ledger.apply(change).unwrap();
        }
        let members = model(&made);
        prop_assert_eq!(ledger.members(), members.iter().collect::<Vec<_>>());
        prop_assert_eq!(ledger.sum(), MemberSum::of(&members));
    }

    #[test]
    fn ledgers_are_read_as_written(changes in any_changes(), as_of in 0..1_000u64) {
        let mut ledger = Ledger::of([], as_of).unwrap();
        for change in changes {
            ledger.apply(change).unwrap();
        }
        let bytes = ledger.encode();
        let read = Ledger::decode(&bytes).unwrap();
        prop_assert_eq!(read.encode(), bytes);
        prop_assert_eq!(read, ledger);
    }

    #[test]
    fn figures_are_those_of_the_members((made, delivered) in any_delivery()) {
        let entries: Vec<Entry> = model(&made).iter().map(Entry::from).collect();
        let ledger = Ledger::decode(&ledger(&delivered).encode()).unwrap();
        match (ledger.figures(), Figures::compute(&entries)) {
            (Ok(of_ledger), Ok(of_rows)) => prop_assert_eq!(of_ledger, of_rows),
            (of_ledger, of_rows) => prop_assert_eq!(of_ledger.is_err(), of_rows.is_err()),
        }
    }

    #[test]
    fn bytes_with_a_right_checksum_are_read_as_they_are_or_refused(
        changes in any_changes(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..4),
    ) {
        let mut body = ledger(&changes).encode();
        body.truncate(body.len() - 8);
        for (at, byte, edit) in edits {
            match edit {
                0 => *at.get_mut(&mut body) = byte,
                1 => body.insert(at.index(body.len()), byte),
                _ => { body.remove(at.index(body.len())); }
            }
        }
        let bytes = sealed(&body);
        if let Ok(read) = Ledger::decode(&bytes) {
            prop_assert_eq!(read.encode(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Ledger::decode(&body);
        let _ = Ledger::decode(&sealed(&body));
        let _ = Ledger::decode(&sealed(&[b"SHLG\x01", &body[..]].concat()));
    }
}
