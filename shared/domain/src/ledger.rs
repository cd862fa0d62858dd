//! All members of a dossier in one compact object, so that the figures of ten thousand members need
//! one read and not ten thousand.
//!
//! The rows of the members are what counts, and a ledger is made from them; it can be lost at any
//! time. It is kept up to date by [`Change`]s, which say what a file counts for from then on, and
//! never by how much something grows. So what a ledger holds of a file is that of the change with
//! the highest sequence number, whatever the order in which changes come and however often each of
//! them does:
//!
//! - A repeated change has the number that is kept already, and does nothing.
//! - A late one has a lower number than what is kept of its file, and does nothing. A file that was
//!   taken out is remembered with its number, so a late change cannot bring it back.
//! - A change of before the rows were read ([`Ledger::of`]) has a number of at most the ledger's
//!   own, and does nothing: the rows said it, or something later.
//!
//! For this the numbers of the changes of one file have to grow. Numbers of different files are
//! never compared, so a clock will do in practice. It cannot be a proof: clocks of two machines
//! differ, a change can be lost, and of the files taken out only so many are remembered. What proves
//! a ledger right is [`Ledger::sum`]: it equals the sum in the dossier's row exactly when both have
//! the same members. A ledger with another sum is either behind, and more changes are on their way,
//! or wrong; it is thrown away and made anew from the rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dossier::{Member, MemberSum};
use crate::error::Error;
use crate::figures::{Entry, Figures};
use crate::id::FileId;

mod binary;
mod format;

/// What a file counts for in a dossier from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is a member, in place of what it was before.
    Put {
        /// Grows with every change of the same file in the same dossier.
        sequence: u64,
        /// What it counts for.
        member: Member,
    },
    /// It is none.
    Remove {
        /// Grows with every change of the same file in the same dossier.
        sequence: u64,
        /// The file.
        file: FileId,
    },
}

impl Change {
    /// Returns the file that is put or removed.
    pub const fn file(&self) -> FileId {
        match self {
            Self::Put { member, .. } => member.file,
            Self::Remove { file, .. } => *file,
        }
    }

    /// Returns its place among the changes of the same file.
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::Put { sequence, .. } | Self::Remove { sequence, .. } => *sequence,
        }
    }

    fn into_member(self) -> Option<Member> {
        match self {
            Self::Put { member, .. } => Some(member),
            Self::Remove { .. } => None,
        }
    }
}

/// The members of a dossier, and which of them were taken out lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Changes up to this number are in the rows that it was made from.
    as_of: u64,
    members: BTreeMap<FileId, Kept>,
    /// The files taken out, with the number of the change that did it.
    removed: BTreeMap<FileId, u64>,
    sum: MemberSum,
}

/// A member with the number of the change that put it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    sequence: u64,
    member: Member,
}

impl Ledger {
    /// Most files that are remembered as taken out. Beyond, those taken out first are forgotten.
    pub const REMOVED_MAX: usize = 1_000;

    /// Longest unit of a quantity, in bytes.
    pub const UNIT_MAX_BYTES: usize = 255;

    /// Makes a ledger from the rows of a dossier.
    ///
    /// `as_of` is a number that every change not yet in the rows exceeds: that of the moment before
    /// they were read. Of a file given twice, the last one counts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a unit is longer than [`Self::UNIT_MAX_BYTES`].
    pub fn of(members: impl IntoIterator<Item = Member>, as_of: u64) -> Result<Self, Error> {
        let mut ledger = Self {
            as_of,
            ..Self::default()
        };
        for member in members {
            check(&member)?;
            ledger.set(member.file, as_of, Some(member));
        }
        Ok(ledger)
    }

    /// Makes a change, unless it or a later one of the same file was made before. Says whether it
    /// was made.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a unit is longer than [`Self::UNIT_MAX_BYTES`]; nothing has changed.
    pub fn apply(&mut self, change: Change) -> Result<bool, Error> {
        let (file, sequence) = (change.file(), change.sequence());
        if sequence <= self.sequence_of(file) {
            return Ok(false);
        }
        let member = change.into_member();
        if let Some(member) = &member {
            check(member)?;
        }
        self.set(file, sequence, member);
        Ok(true)
    }

    /// Returns the hash of the members, to be held against that of the dossier's row.
    pub const fn sum(&self) -> MemberSum {
        self.sum
    }

    /// Returns the number of members.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// Returns what a file counts for, if it is a member.
    pub fn member(&self, file: FileId) -> Option<&Member> {
        self.members.get(&file).map(|kept| &kept.member)
    }

    /// Returns the members in order of date, then id.
    pub fn members(&self) -> Vec<&Member> {
        self.in_order().map(|kept| &kept.member).collect()
    }

    /// Computes the figures: those of the same members read one by one.
    ///
    /// # Errors
    /// As [`Figures::compute`].
    pub fn figures(&self) -> Result<Figures, Error> {
        let entries: Vec<Entry> = self
            .in_order()
            .map(|kept| Entry::from(&kept.member))
            .collect();
        Figures::compute(&entries)
    }

    /// Writes the ledger as bytes. Equal ledgers give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        format::encode(self)
    }

    /// Reads a ledger back.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the bytes are anything but what [`Self::encode`] writes: then the
    /// ledger is made anew from the rows.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        format::decode(bytes)
    }

    /// Returns the number of the last change of a file that is known.
    fn sequence_of(&self, file: FileId) -> u64 {
        let put = self.members.get(&file).map(|kept| kept.sequence);
        let known = put.or_else(|| self.removed.get(&file).copied());
        known.unwrap_or(self.as_of)
    }

    fn set(&mut self, file: FileId, sequence: u64, member: Option<Member>) {
        let new = member.as_ref().map(Member::element);
        let old = if let Some(member) = member {
            self.removed.remove(&file);
            self.members.insert(file, Kept { sequence, member })
        } else {
            self.removed.insert(file, sequence);
            self.members.remove(&file)
        };
        let old = old.map(|kept| kept.member.element());
        self.sum = self.sum.plus(MemberSum::replacing(old, new));
        self.forget();
    }

    /// Forgets the file that was taken out first, when there are too many.
    fn forget(&mut self) {
        if self.removed.len() <= Self::REMOVED_MAX {
            return;
        }
        let first = self
            .removed
            .iter()
            .min_by_key(|&(file, sequence)| (*sequence, *file));
        if let Some((&file, _)) = first {
            self.removed.remove(&file);
        }
    }

    fn in_order(&self) -> impl Iterator<Item = &Kept> {
        let mut kept: Vec<&Kept> = self.members.values().collect();
        kept.sort_unstable_by_key(|kept| (kept.member.document_date, kept.member.file));
        kept.into_iter()
    }
}

fn check(member: &Member) -> Result<(), Error> {
    let is_long = |unit: &str| unit.len() > Ledger::UNIT_MAX_BYTES;
    if member
        .quantities
        .iter()
        .any(|quantity| is_long(&quantity.unit))
    {
        return Err(Error::invalid(
            "/quantities/unit",
            format!("a unit has at most {} bytes", Ledger::UNIT_MAX_BYTES),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
