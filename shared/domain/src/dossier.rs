//! Dossiers: files that share a type and tags, gathered by one definition of membership.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::error::Error;
use crate::facts::{Money, Quantity};
use crate::figures::Figures;
use crate::id::{DossierId, FileId, WorkspaceId};
use crate::tag::{Tag, Tags};

/// What makes a dossier: a type and a set of tags. Two dossiers of a workspace never share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Signature {
    document_type: Tag,
    tags: BTreeSet<Tag>,
}

/// Names the space of dossier ids, for UUID version 5. Random, made once.
const DOSSIER_NAMESPACE: Uuid = Uuid::from_u128(0x5e0d_8c51_6f1b_4c53_9a0e_27d4_b1c8_f36a);

impl Signature {
    /// Makes the signature of a type and tags. The type itself is no tag of it: every member has it.
    ///
    /// # Errors
    /// `Invalid` when there are more tags than a file can have.
    pub fn new(document_type: Tag, tags: impl IntoIterator<Item = Tag>) -> Result<Self, Error> {
        let tags: BTreeSet<Tag> = tags
            .into_iter()
            .filter(|tag| *tag != document_type)
            .collect();
        if tags.len() > Tags::MAX {
            return Err(Error::invalid("/tags", "a dossier has at most 20 tags"));
        }
        Ok(Self {
            document_type,
            tags,
        })
    }

    /// Returns the type of every member.
    pub const fn document_type(&self) -> &Tag {
        &self.document_type
    }

    /// Returns the tags that every member has, sorted.
    pub const fn tags(&self) -> &BTreeSet<Tag> {
        &self.tags
    }

    /// Returns the tag under which this dossier is posted, so that a file finds it: the first in
    /// order, or none for a dossier of a whole type.
    pub fn posting_tag(&self) -> Option<&Tag> {
        self.tags.first()
    }

    /// Says whether a file of this type and with these tags is a member.
    pub fn matches(&self, document_type: Option<&Tag>, tags: &Tags) -> bool {
        document_type == Some(&self.document_type) && self.tags.iter().all(|tag| tags.contains(tag))
    }

    /// Derives the id of the dossier with this signature.
    ///
    /// The same workspace and signature always give the same id, so two requests at once cannot
    /// make two dossiers of one signature.
    pub fn dossier_id(&self, workspace: &WorkspaceId) -> DossierId {
        let name = format!("{workspace}\n{self}");
        DossierId::new(Uuid::new_v5(&DOSSIER_NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for Signature {
    /// Writes `type:tag:tag`, with `\` before every `:` and `\` inside a part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escape = |tag: &Tag| tag.as_str().replace('\\', "\\\\").replace(':', "\\:");
        f.write_str(&escape(&self.document_type))?;
        for tag in &self.tags {
            write!(f, ":{}", escape(tag))?;
        }
        Ok(())
    }
}

/// Returns the signatures of the dossiers that a file's own type and tags call for.
///
/// The strategy is `primary_only`: one dossier, of the type and the primary tag. A file without a
/// type or without a tag other than its type calls for none.
pub fn called_for(document_type: Option<&Tag>, tags: &Tags) -> Vec<Signature> {
    let Some(document_type) = document_type else {
        return Vec::new();
    };
    tags.primary(document_type)
        .and_then(|tag| Signature::new(document_type.clone(), [tag.clone()]).ok())
        .into_iter()
        .collect()
}

/// One document of a dossier, with what its figures are computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The file.
    pub file: FileId,
    /// The version whose facts these are.
    pub version: u32,
    /// The date by which members are put in order: the document's own, else the day it was added.
    pub document_date: Date,
    /// The document's amount, where it has one.
    pub amount: Option<Money>,
    /// What it measures.
    pub quantities: Vec<Quantity>,
}

impl Member {
    /// Returns this member's share of the dossier's [`MemberSum`].
    pub fn element(&self) -> MemberSum {
        let mut hash = Sha256::new();
        hash.update(self.file.uuid().as_bytes());
        hash.update(self.version.to_be_bytes());
        hash.update(self.document_date.to_string());
        if let Some(money) = &self.amount {
            hash.update([1]);
            hash.update(money.amount.normalize().to_string());
            hash.update([0]);
            hash.update(money.currency.code());
        }
        for quantity in &self.quantities {
            hash.update([2]);
            hash.update(quantity.amount.normalize().to_string());
            hash.update([0]);
            hash.update(&quantity.unit);
        }
        let digest = hash.finalize();
        let lane = |at: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&digest[at..at + 4]);
            i64::from(u32::from_be_bytes(bytes))
        };
        MemberSum([lane(0), lane(4), lane(8), lane(12)])
    }
}

/// A hash of a set of members that does not depend on their order: four sums of 32-bit hashes.
///
/// Sums, because `DynamoDB` adds numbers without reading them: members are added and removed by
/// many writers at once and none of them reads the others' work. The sums are exact: two thousand
/// million members fit 63 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberSum(pub [i64; 4]);

impl MemberSum {
    /// Returns the sum of a whole set of members.
    pub fn of(members: &[Member]) -> Self {
        members
            .iter()
            .map(Member::element)
            .fold(Self::default(), |sum, element| {
                Self(std::array::from_fn(|lane| sum.0[lane] + element.0[lane]))
            })
    }

    /// Returns what must be added to a sum to put `new` in the place of `old`.
    pub fn replacing(old: Option<Self>, new: Option<Self>) -> Self {
        let (old, new) = (old.unwrap_or_default().0, new.unwrap_or_default().0);
        Self(std::array::from_fn(|lane| new[lane] - old[lane]))
    }
}

/// A dossier as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dossier {
    /// Its id, derived from the signature.
    pub id: DossierId,
    /// What makes it.
    pub signature: Signature,
    /// How many members it has.
    pub document_count: u64,
    /// Hash of the members it has now.
    pub members: MemberSum,
    /// Whether someone has asked for its summary; from then on it is kept up to date.
    pub wanted: bool,
    /// Who writes its summary at this moment, if someone does.
    pub lease: Option<Lease>,
    /// The last summary that was committed.
    pub summary: Option<DossierSummary>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// The right to write one summary, until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Grows with every claim; a commit must still hold the newest (fencing token).
    pub token: u64,
    /// When someone else may claim it.
    pub until: Timestamp,
}

/// The summary of a dossier and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DossierSummary {
    /// The prose. It quotes no figure that is not in `figures`.
    pub text: String,
    /// Computed by code in decimal arithmetic.
    pub figures: Figures,
    /// The share of members whose date and amount are known, from 0 to 1, as a decimal string.
    pub confidence: String,
    /// Which model wrote the prose.
    pub model: String,
    /// By which version of the prompt.
    pub prompt_version: String,
    /// When.
    pub made_at: Timestamp,
    /// The members it was made from.
    pub members: MemberSum,
}

/// Where a dossier stands. Derived, never stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DossierStatus {
    /// It has no summary yet.
    Pending,
    /// Its summary was made from the members it has.
    Generated,
    /// Its members have changed since.
    Outdated,
    /// Its summary is being written again.
    Regenerating,
}

impl Dossier {
    /// Derives the status from the members, the summary and the lease.
    pub fn status(&self, now: Timestamp) -> DossierStatus {
        let being_written = self.lease.is_some_and(|lease| lease.until > now);
        match &self.summary {
            None => DossierStatus::Pending,
            Some(_) if being_written => DossierStatus::Regenerating,
            Some(summary) if summary.members == self.members => DossierStatus::Generated,
            Some(_) => DossierStatus::Outdated,
        }
    }

    /// Says whether the summary was made from other members than those it has now.
    pub fn is_stale(&self) -> bool {
        self.summary
            .as_ref()
            .is_none_or(|summary| summary.members != self.members)
    }
}
