//! Uploads whose bytes come in order, in pieces of any size (tus): how they become parts of an object
//! in S3.

use std::ops::Range;

use crate::upload::{MAX_PARTS, MIN_PART_BYTES};

const MIB: u64 = 1024 * 1024;

/// Parts that are planned with of the [`MAX_PARTS`] there are: some numbers are lost to requests
/// that break off, since none is used twice.
const PLANNED_PARTS: u64 = 8_000;

/// Size of a part while [`PLANNED_PARTS`] of them are enough.
const USUAL_PART_BYTES: u64 = 8 * MIB;

/// Largest part. A part is held in memory, and while it is sent the next one is, too.
const LARGEST_PART_BYTES: u64 = 16 * MIB;

/// Largest upload: 125 GiB. What is larger goes to S3 by signed URLs.
pub const MAX_BYTES: u64 = PLANNED_PARTS * LARGEST_PART_BYTES;

/// How many of the parts are of the usual size where nobody knows how many there will be.
const USUAL_PARTS: u32 = 4_000;

/// Largest upload while nobody knows how many bytes there will be: 93.75 GiB.
pub const MAX_GROWING_BYTES: u64 = 4_000 * (USUAL_PART_BYTES + LARGEST_PART_BYTES);

/// Returns the size at which what has come becomes part `number`, from 1, of an upload of `length`
/// bytes.
pub fn part_bytes(length: Option<u64>, number: u32) -> u64 {
    let is_usual = match length {
        Some(length) => length <= PLANNED_PARTS * USUAL_PART_BYTES,
        None => number <= USUAL_PARTS,
    };
    if is_usual {
        USUAL_PART_BYTES
    } else {
        LARGEST_PART_BYTES
    }
}

/// Most pieces of which a file is made. All of them end in the one transaction that makes the file,
/// and DynamoDB takes 100 rows in one.
pub const MAX_PIECES: usize = 24;

/// Largest part that S3 copies at once here: small enough to be copied in seconds, beside others.
const COPIED_BYTES: u64 = 512 * MIB;

/// Some bytes of one of the pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which piece, from 0.
    pub piece: usize,
    /// Which of its bytes.
    pub bytes: Range<u64>,
}

/// A part of the object that pieces become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// S3 copies it from one piece.
    Copied(Segment),
    /// It is read and written, because no piece has enough of it: S3 takes no small parts but for
    /// the last. Less than two of the smallest parts.
    Joined(Vec<Segment>),
}

impl Part {
    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        match self {
            Self::Copied(segment) => size(&segment.bytes),
            Self::Joined(segments) => segments.iter().map(|segment| size(&segment.bytes)).sum(),
        }
    }
}

fn size(bytes: &Range<u64>) -> u64 {
    bytes.end - bytes.start
}

/// Plans how pieces of these sizes become one object: as much as can be is copied by S3. The plan
/// follows from the sizes alone, so whoever goes on with it makes the same parts.
pub fn assembly(sizes: &[u64]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut joined: Vec<Segment> = Vec::new();
    let mut joined_bytes = 0;
    for (piece, size) in sizes.iter().copied().enumerate() {
        let mut at = 0;
        if joined_bytes > 0 {
            // What is too small for a part takes what it lacks from here; all, where a rest would be
            // too small in its turn.
            let lacking = MIN_PART_BYTES - joined_bytes;
            at = if size < lacking + MIN_PART_BYTES {
                size
            } else {
                lacking
            };
            add(&mut joined, piece, 0..at);
            joined_bytes += at;
            if joined_bytes >= MIN_PART_BYTES {
                parts.push(Part::Joined(std::mem::take(&mut joined)));
                joined_bytes = 0;
            }
        }
        if size - at >= MIN_PART_BYTES {
            parts.extend(copied(piece, at..size));
        } else {
            add(&mut joined, piece, at..size);
            joined_bytes += size - at;
        }
    }
    if joined_bytes > 0 {
        parts.push(Part::Joined(joined));
    }
    parts
}

fn add(joined: &mut Vec<Segment>, piece: usize, bytes: Range<u64>) {
    if !bytes.is_empty() {
        joined.push(Segment { piece, bytes });
    }
}

/// Cuts bytes of a piece into equal parts that S3 copies.
fn copied(piece: usize, bytes: Range<u64>) -> impl Iterator<Item = Part> {
    let count = size(&bytes).div_ceil(COPIED_BYTES);
    let each = size(&bytes).div_ceil(count.max(1));
    (0..count).map(move |number| {
        let start = bytes.start + number * each;
        Part::Copied(Segment {
            piece,
            bytes: start..bytes.end.min(start + each),
        })
    })
}

const _: () = assert!(PLANNED_PARTS < MAX_PARTS as u64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_upload_keeps_to_the_parts_there_are() {
        for length in [1, 64 * 1024 * MIB, MAX_BYTES] {
            let parts = length.div_ceil(part_bytes(Some(length), 1));
            assert!(parts <= PLANNED_PARTS, "{length}: {parts}");
        }
        let growing = (1..=8_000).map(|number| part_bytes(None, number));
        assert_eq!(growing.sum::<u64>(), MAX_GROWING_BYTES);
    }

    #[test]
    fn large_pieces_are_copied_and_small_ones_joined() {
        let large = 6 * MIB;
        assert_eq!(
            assembly(&[large, large]),
            [
                Part::Copied(Segment {
                    piece: 0,
                    bytes: 0..large
                }),
                Part::Copied(Segment {
                    piece: 1,
                    bytes: 0..large
                }),
            ]
        );
        let parts = assembly(&[MIB, 20 * MIB, 2 * MIB]);
        assert_eq!(
            parts,
            [
                Part::Joined(vec![
                    Segment {
                        piece: 0,
                        bytes: 0..MIB
                    },
                    Segment {
                        piece: 1,
                        bytes: 0..4 * MIB
                    },
                ]),
                Part::Copied(Segment {
                    piece: 1,
                    bytes: 4 * MIB..20 * MIB
                }),
                Part::Joined(vec![Segment {
                    piece: 2,
                    bytes: 0..2 * MIB
                }]),
            ]
        );
        assert!(assembly(&[0, 0]).is_empty());
    }

    proptest! {
        #[test]
        fn parts_are_all_bytes_once_and_in_order_and_keep_to_the_limits(
            sizes in prop::collection::vec(
                prop_oneof![0..3 * MIB, 3 * MIB..12 * MIB, 400 * MIB..3_000 * MIB],
                0..MAX_PIECES,
            ),
        ) {
            let parts = assembly(&sizes);
            let mut segments = Vec::new();
            for part in &parts {
                match part {
                    Part::Copied(segment) => {
                        prop_assert!(part.size_bytes() <= COPIED_BYTES);
                        segments.push(segment.clone());
                    }
                    Part::Joined(joined) => {
                        prop_assert!(part.size_bytes() < 3 * MIN_PART_BYTES);
                        segments.extend(joined.iter().cloned());
                    }
                }
            }
            let mut at: Vec<u64> = vec![0; sizes.len()];
            let mut last = 0;
            for segment in segments {
                prop_assert!(segment.piece >= last);
                last = segment.piece;
                prop_assert_eq!(segment.bytes.start, at[segment.piece]);
                at[segment.piece] = segment.bytes.end;
            }
            prop_assert_eq!(at, sizes);
            if let Some((_, all_but_last)) = parts.split_last() {
                prop_assert!(all_but_last.iter().all(|part| part.size_bytes() >= MIN_PART_BYTES));
            }
        }
    }
}
