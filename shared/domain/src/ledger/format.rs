//! The bytes of a ledger.
//!
//! ```text
//! "SHLG" version
//! as_of
//! number of currencies, each 3 letters, in order of their first use
//! number of units, each its length and its bytes, in order of their first use
//! number of members, each in order of date and then id:
//!     16 bytes of the file's id
//!     date less that of the member before it; of the first, the date
//!     sequence number less that of the member before it; of the first, less as_of
//!     version
//!     0, or 1 + place of the currency, then the amount
//!     number of quantities, each the place of its unit and its amount
//! number of files taken out, each in order of id:
//!     16 bytes of the id
//!     sequence number less that of the one before it; of the first, less as_of
//! the first 8 bytes of the SHA-256 of all that
//! ```
//!
//! Numbers are as in [`super::binary`]; a difference may be negative. A date is a number that counts
//! 31 days for every month. An amount is its digits as one whole number, then how many of them are
//! decimals. The sum is not kept but made anew, so it always is that of the members.
//!
//! Whatever is not exactly what would be written is refused. Memory is bounded by the bytes: nothing
//! is reserved by a number that was read, a member takes at least 21 bytes and a quantity three.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::binary::{Reader, Unreadable, put, unzigzag, zigzag};
use super::{Kept, Ledger, check};
use crate::dossier::Member;
use crate::error::Error;
use crate::facts::{Currency, Money, Quantity};
use crate::id::{FileId, Sha256};

const MAGIC: [u8; 4] = *b"SHLG";
const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

pub(super) fn encode(ledger: &Ledger) -> Vec<u8> {
    let mut words = Words::default();
    let members = members(ledger, &mut words);
    let mut bytes = MAGIC.to_vec();
    bytes.push(VERSION);
    put(&mut bytes, ledger.as_of.into());
    put_length(&mut bytes, words.currencies.len());
    for currency in in_place(&words.currencies) {
        bytes.extend_from_slice(currency.code().as_bytes());
    }
    put_length(&mut bytes, words.units.len());
    for unit in in_place(&words.units) {
        put_length(&mut bytes, unit.len());
        bytes.extend_from_slice(unit.as_bytes());
    }
    put_length(&mut bytes, ledger.members.len());
    bytes.extend_from_slice(&members);
    put_length(&mut bytes, ledger.removed.len());
    let mut sequence = ledger.as_of;
    for (file, &removed) in &ledger.removed {
        bytes.extend_from_slice(file.uuid().as_bytes());
        put_difference(&mut bytes, sequence, removed);
        sequence = removed;
    }
    let checksum = checksum(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// What members refer to by its place.
#[derive(Default)]
struct Words<'a> {
    currencies: BTreeMap<Currency, usize>,
    units: BTreeMap<&'a str, usize>,
}

fn in_place<W: Copy + Ord>(words: &BTreeMap<W, usize>) -> Vec<W> {
    let mut words: Vec<(usize, W)> = words.iter().map(|(&word, &place)| (place, word)).collect();
    words.sort_unstable();
    words.into_iter().map(|(_, word)| word).collect()
}

fn place<W: Ord>(words: &mut BTreeMap<W, usize>, word: W) -> usize {
    let next = words.len();
    *words.entry(word).or_insert(next)
}

fn members<'a>(ledger: &'a Ledger, words: &mut Words<'a>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut date, mut sequence) = (0, ledger.as_of);
    for Kept {
        sequence: put_at,
        member,
    } in ledger.in_order()
    {
        bytes.extend_from_slice(member.file.uuid().as_bytes());
        let day = day_number(member.document_date);
        put_difference(&mut bytes, date, day);
        put_difference(&mut bytes, sequence, *put_at);
        put(&mut bytes, member.version.into());
        match member.amount {
            Some(Money { amount, currency }) => {
                put_length(&mut bytes, 1 + place(&mut words.currencies, currency));
                put_decimal(&mut bytes, amount);
            }
            None => put(&mut bytes, 0),
        }
        put_length(&mut bytes, member.quantities.len());
        for Quantity { amount, unit } in &member.quantities {
            put_length(&mut bytes, place(&mut words.units, unit));
            put_decimal(&mut bytes, *amount);
        }
        (date, sequence) = (day, *put_at);
    }
    bytes
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    // A `usize` has at most 64 bits, so nothing is lost.
    put(bytes, length as u128);
}

fn put_difference<T: Into<i128>>(bytes: &mut Vec<u8>, from: T, to: T) {
    put(bytes, zigzag(to.into() - from.into()));
}

fn put_decimal(bytes: &mut Vec<u8>, decimal: Decimal) {
    put(bytes, zigzag(decimal.mantissa()));
    put(bytes, decimal.scale().into());
}

fn day_number(date: Date) -> i32 {
    let months = i32::from(date.year()) * 12 + i32::from(date.month()) - 1;
    months * 31 + i32::from(date.day()) - 1
}

fn date_of(day_number: i32) -> Result<Date, Unreadable> {
    let (months, day) = (day_number.div_euclid(31), day_number.rem_euclid(31));
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let year = i16::try_from(year).map_err(|_| Unreadable)?;
    let small = |number: i32| i8::try_from(number + 1).map_err(|_| Unreadable);
    Date::new(year, small(month)?, small(day)?).map_err(|_| Unreadable)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::of(bytes);
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&digest.as_bytes()[..CHECKSUM_BYTES]);
    checksum
}

pub(super) fn decode(bytes: &[u8]) -> Result<Ledger, Error> {
    let corrupt = |what: &str| Error::corrupt(format!("a ledger of a dossier {what}"));
    let (body, kept) = bytes
        .split_last_chunk::<CHECKSUM_BYTES>()
        .ok_or_else(|| corrupt("ends before its checksum"))?;
    if *kept != checksum(body) {
        return Err(corrupt("does not have the checksum it says"));
    }
    let unreadable = |_| corrupt("is not in the format of this version");
    let ledger = read(body).map_err(unreadable)?;
    // One check for all that has several spellings: order, places, numbers with zeros in front.
    if encode(&ledger) != bytes {
        return Err(corrupt("is not written as this version writes it"));
    }
    Ok(ledger)
}

fn read(body: &[u8]) -> Result<Ledger, Unreadable> {
    let mut reader = Reader::new(body);
    if reader.array()? != MAGIC || reader.array()? != [VERSION] {
        return Err(Unreadable);
    }
    let mut ledger = Ledger {
        as_of: reader.number()?,
        ..Ledger::default()
    };
    let currencies = read_list(&mut reader, read_currency)?;
    let units = read_list(&mut reader, read_unit)?;
    let (mut date, mut sequence) = (0, ledger.as_of);
    for _ in 0..reader.number::<usize>()? {
        let file = read_id(&mut reader)?;
        date = read_difference(&mut reader, date)?;
        sequence = read_difference(&mut reader, sequence)?;
        let member = Member {
            file,
            version: reader.number()?,
            document_date: date_of(date)?,
            amount: read_amount(&mut reader, &currencies)?,
            quantities: read_list(&mut reader, |reader| read_quantity(reader, &units))?,
        };
        check(&member).map_err(|_| Unreadable)?;
        take(&mut ledger, file, sequence, Some(member))?;
    }
    let mut sequence = ledger.as_of;
    for _ in 0..reader.number::<usize>()? {
        let file = read_id(&mut reader)?;
        sequence = read_difference(&mut reader, sequence)?;
        take(&mut ledger, file, sequence, None)?;
    }
    reader.end()?;
    Ok(ledger)
}

/// Takes in what stands for a file; a ledger has one such thing of each.
fn take(
    ledger: &mut Ledger,
    file: FileId,
    sequence: u64,
    member: Option<Member>,
) -> Result<(), Unreadable> {
    let is_known = ledger.members.contains_key(&file) || ledger.removed.contains_key(&file);
    if is_known || sequence < ledger.as_of {
        return Err(Unreadable);
    }
    ledger.set(file, sequence, member);
    Ok(())
}

fn read_list<'a, T>(
    reader: &mut Reader<'a>,
    read: impl Fn(&mut Reader<'a>) -> Result<T, Unreadable>,
) -> Result<Vec<T>, Unreadable> {
    let length: usize = reader.number()?;
    (0..length).map(|_| read(reader)).collect()
}

fn read_currency(reader: &mut Reader<'_>) -> Result<Currency, Unreadable> {
    let code = reader.array::<3>()?;
    let code = std::str::from_utf8(&code).map_err(|_| Unreadable)?;
    code.parse().map_err(|_| Unreadable)
}

fn read_unit<'a>(reader: &mut Reader<'a>) -> Result<&'a str, Unreadable> {
    let length = reader.number()?;
    std::str::from_utf8(reader.bytes(length)?).map_err(|_| Unreadable)
}

fn read_id(reader: &mut Reader<'_>) -> Result<FileId, Unreadable> {
    Ok(FileId::new(Uuid::from_bytes(reader.array()?)))
}

fn read_difference<T>(reader: &mut Reader<'_>, from: T) -> Result<T, Unreadable>
where
    T: Into<i128> + TryFrom<i128>,
{
    let difference = unzigzag(reader.number()?);
    let to = from.into().checked_add(difference).ok_or(Unreadable)?;
    T::try_from(to).map_err(|_| Unreadable)
}

fn read_amount(
    reader: &mut Reader<'_>,
    currencies: &[Currency],
) -> Result<Option<Money>, Unreadable> {
    let Some(place) = reader.number::<usize>()?.checked_sub(1) else {
        return Ok(None);
    };
    let currency = *currencies.get(place).ok_or(Unreadable)?;
    let amount = read_decimal(reader)?;
    Ok(Some(Money { amount, currency }))
}

fn read_quantity(reader: &mut Reader<'_>, units: &[&str]) -> Result<Quantity, Unreadable> {
    let place: usize = reader.number()?;
    let unit = *units.get(place).ok_or(Unreadable)?;
    // Before it is copied: a few bytes must not stand for many.
    if unit.len() > Ledger::UNIT_MAX_BYTES {
        return Err(Unreadable);
    }
    Ok(Quantity {
        amount: read_decimal(reader)?,
        unit: unit.to_owned(),
    })
}

fn read_decimal(reader: &mut Reader<'_>) -> Result<Decimal, Unreadable> {
    let (digits, scale) = (unzigzag(reader.number()?), reader.number()?);
    Decimal::try_from_i128_with_scale(digits, scale).map_err(|_| Unreadable)
}
