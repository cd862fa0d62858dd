//! Uploads whose bytes come in order through us, in pieces of any size (tus).
//!
//! A row beside the session says how many bytes have come for good, and where they are: in parts of
//! a multipart upload, and in S3 under the upload's own prefix (staged) those too few for a part. Who
//! sends bytes claims the row first, by a lease and a fencing token: what an earlier holder still
//! writes is refused once someone else has claimed after it, and a part number that it may have used
//! is never used again.

mod append;
mod concatenate;
mod finish;

use domain::hashing::Hashing;
use domain::upload::{Plan, TusKind, Upload, UploadState};
use domain::{BlobId, Error, Kind, Result, UploadId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, upload_partition};
use crate::lease::Run;
use crate::table::{Expression, Query, Rejected, Write, from_row, to_row};
use crate::upload::{Beginning, Begun, UploadItem};

pub use self::append::{Appended, Appending};

/// How long a holder has the row for itself since it last wrote it. Long enough for a request that
/// carries its bytes at once, and short enough for a client that comes back after a cut to wait:
/// clients of tus try again for about ten seconds.
const LEASE: SignedDuration = SignedDuration::from_secs(5);

/// The media type that S3 keeps for what is not a file yet.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The state of an open tus upload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TusItem {
    /// How many bytes there will be; none while nobody knows.
    length_bytes: Option<u64>,
    /// How many have come for good.
    offset_bytes: u64,
    /// Those of them that are in no part yet, in order.
    staged: Vec<Staged>,
    /// The number of the next part.
    next_part: u32,
    /// Numbers below it that are of no part of this upload: who had them broke off.
    lost_parts: Vec<u32>,
    /// The hash of the bytes so far; none when it was kept in a form that is not read any more.
    hashing: Option<String>,
    /// What the client says of the upload, as it wrote it.
    metadata: Option<String>,
    /// The uploads that this one is made of.
    pieces: Vec<UploadId>,
    /// Whether the object of a piece is there.
    #[serde(default)]
    is_made: bool,
    /// Grows with every write of the row: who has read it before changes nothing more.
    fence: u64,
    /// Until when a holder has the row for itself, in microseconds since 1970; 0 when nobody has.
    lease_until_us: i64,
    /// The run of the holder, where only one process works on the store.
    lease_run: Option<Run>,
    /// When DynamoDB may remove the row, in seconds since 1970; none while the session is open.
    forget_at: Option<i64>,
}

/// Bytes that wait to become a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Staged {
    id: BlobId,
    size_bytes: u64,
}

impl TusItem {
    fn new(length_bytes: Option<u64>, metadata: Option<String>, pieces: Vec<UploadId>) -> Self {
        Self {
            length_bytes,
            offset_bytes: 0,
            staged: Vec::new(),
            next_part: 1,
            lost_parts: Vec::new(),
            hashing: Some(Hashing::default().keep()),
            metadata,
            pieces,
            is_made: false,
            fence: 1,
            lease_until_us: 0,
            lease_run: None,
            forget_at: None,
        }
    }

    fn staged_bytes(&self) -> u64 {
        self.staged.iter().map(|staged| staged.size_bytes).sum()
    }

    fn is_whole(&self) -> bool {
        self.length_bytes == Some(self.offset_bytes)
    }

    /// Uses the next number for nothing.
    fn lose_part(&mut self) {
        self.lost_parts.push(self.next_part);
        self.next_part += 1;
    }

    /// Says whether a part of this number is one of the upload's.
    fn has_part(&self, number: u32) -> bool {
        number < self.next_part && !self.lost_parts.contains(&number)
    }
}

/// What is known of a tus upload before it begins.
#[derive(Clone, Debug)]
pub struct TusBeginning {
    /// What the session is; its size counts for nothing where the length is not known.
    pub beginning: Beginning,
    /// How many bytes there will be; none while nobody knows.
    pub length_bytes: Option<u64>,
    /// What the client says of it, as it wrote it.
    pub metadata: Option<String>,
    /// Whether bytes come at once, so that who begins it holds it.
    pub is_held: bool,
}

/// A tus upload as it was read.
#[derive(Clone, Debug)]
pub struct Tus {
    /// The session.
    pub upload: Upload,
    item: Option<TusItem>,
}

impl Tus {
    /// How many bytes have come for good.
    pub fn offset_bytes(&self) -> u64 {
        match &self.item {
            Some(item) => item.offset_bytes,
            None => self.upload.size_bytes,
        }
    }

    /// How many bytes there will be; none while nobody knows.
    pub fn length_bytes(&self) -> Option<u64> {
        match &self.item {
            Some(item) => item.length_bytes,
            None => Some(self.upload.size_bytes),
        }
    }

    /// What the client says of the upload, as it wrote it.
    pub fn metadata(&self) -> Option<&str> {
        self.item.as_ref()?.metadata.as_deref()
    }

    /// What it becomes.
    pub fn kind(&self) -> TusKind {
        match self.upload.plan {
            Plan::Tus(kind) => kind,
            Plan::Single | Plan::Multipart { .. } => TusKind::Whole,
        }
    }

    /// The uploads that it is made of.
    pub fn pieces(&self) -> &[UploadId] {
        self.item.as_ref().map_or(&[], |item| &item.pieces)
    }

    /// Says whether all its bytes have come and it is no file yet, or no piece that one can be made
    /// of: whoever was to make it one broke off.
    pub fn is_to_be_finished(&self) -> bool {
        self.upload.state == UploadState::Open
            && self.kind() != TusKind::Final
            && self
                .item
                .as_ref()
                .is_some_and(|item| item.is_whole() && !item.is_made)
    }

    /// Returns the upload when bytes may still be sent.
    ///
    /// # Errors
    /// `Gone` when it was aborted or has run out, `RefusedType` when its bytes were refused.
    pub fn living(self, now: Timestamp) -> Result<Self> {
        match &self.upload.state {
            UploadState::Aborted { refused } => Err(crate::commit::aborted(refused.clone())),
            UploadState::Open if self.upload.expires_at <= now => Err(crate::commit::aborted(None)),
            UploadState::Open | UploadState::Committed { .. } => Ok(self),
        }
    }
}

/// What beginning a tus upload came to.
#[derive(Debug)]
pub enum TusBegun {
    /// A new one, in the hands of the caller where bytes come at once.
    New(Box<Appending>),
    /// The request was made before.
    Before(Box<Tus>),
}

impl Store {
    /// Begins a tus upload.
    ///
    /// # Errors
    /// Those of [`Store::begin_upload`].
    pub async fn begin_tus(&self, workspace: &WorkspaceId, tus: TusBeginning) -> Result<TusBegun> {
        let mut item = TusItem::new(tus.length_bytes, tus.metadata, Vec::new());
        if tus.is_held {
            self.hold(&mut item);
        }
        self.insert_tus(workspace, tus.beginning, item).await
    }

    async fn insert_tus(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
        item: TusItem,
    ) -> Result<TusBegun> {
        let repeatable = beginning.repeatable.clone();
        let upload = self.new_upload(beginning);
        let row = Write::create(to_row(Key::tus(workspace, upload.id), &item)?);
        let begun = self.insert_upload(workspace, upload, repeatable.as_ref(), Some(row));
        Ok(match begun.await? {
            Begun::New(upload) => {
                let appending = Appending::new(self.clone(), workspace.clone(), upload, item);
                TusBegun::New(Box::new(appending))
            }
            Begun::Before(upload) => {
                TusBegun::Before(Box::new(self.tus(workspace, upload.id).await?))
            }
        })
    }

    /// Returns a tus upload.
    ///
    /// # Errors
    /// `NotFound`, also for an upload of another kind.
    pub async fn tus(&self, workspace: &WorkspaceId, id: UploadId) -> Result<Tus> {
        let page = self
            .table
            .query_rows(Query {
                limit: 2,
                ..Query::prefix(upload_partition(workspace, id), "")
            })
            .await?;
        let mut rows = page.rows.into_iter();
        let missing = || Error::not_found(Kind::Upload, id);
        let upload: UploadItem = rows.next().map(from_row).transpose()?.ok_or_else(missing)?;
        let upload = Upload::from(upload);
        if !matches!(upload.plan, Plan::Tus(_)) {
            return Err(missing());
        }
        let item = rows.next().map(from_row).transpose()?;
        Ok(Tus { upload, item })
    }

    /// Claims an open tus upload, to send bytes to it or to finish it.
    ///
    /// # Errors
    /// `Busy` while another request has it.
    pub async fn claim_tus(&self, workspace: &WorkspaceId, tus: Tus) -> Result<Appending> {
        let now = self.clock.now();
        let Tus { upload, item } = tus.living(now)?;
        let Some(mut item) = item.filter(|_| upload.state == UploadState::Open) else {
            return Err(crate::table::busy("the upload is being finished"));
        };
        let held_until = self
            .holders
            .holds_until(item.lease_until_us, item.lease_run);
        if held_until > now {
            return Err(Error::Busy {
                detail: "another request sends bytes of this upload: try again".to_owned(),
                retry_after: std::time::Duration::from_secs(1),
            });
        }
        if item.lease_until_us != 0 && upload.multipart_id.is_some() {
            // Who had the row has not given it back, and may still send a part of this number.
            item.lose_part();
        }
        let seen = item.fence;
        self.hold(&mut item);
        self.write_tus(workspace, upload.id, &item, seen, Vec::new())
            .await?;
        Ok(Appending::new(
            self.clone(),
            workspace.clone(),
            upload,
            item,
        ))
    }

    /// Names a new holder.
    fn hold(&self, item: &mut TusItem) {
        item.fence += 1;
        item.lease_until_us = self.lease_end();
        item.lease_run = self.holders.run();
    }

    fn lease_end(&self) -> i64 {
        let until = self.clock.now().checked_add(LEASE);
        until.unwrap_or(Timestamp::MAX).as_microsecond()
    }

    /// Writes the state of an upload, while its token is the one that was seen.
    ///
    /// # Errors
    /// `Busy` when someone else has claimed it since; `Gone` when it has ended.
    async fn write_tus(
        &self,
        workspace: &WorkspaceId,
        upload: UploadId,
        item: &TusItem,
        seen: u64,
        beside: Vec<Write>,
    ) -> Result<()> {
        let mut writes = vec![Write::Put {
            condition: Some(is_held(seen)),
            row: to_row(Key::tus(workspace, upload), item)?,
        }];
        writes.extend(beside);
        match self.table.transact(writes).await {
            Ok(()) => Ok(()),
            Err(Rejected::Conditions(_)) => Err(self.claimed_by_another(workspace, upload).await),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Says what it means that the row is not as it was read.
    async fn claimed_by_another(&self, workspace: &WorkspaceId, upload: UploadId) -> Error {
        match self.upload(workspace, upload).await {
            Ok(Upload {
                state: UploadState::Aborted { refused },
                ..
            }) => crate::commit::aborted(refused),
            Ok(_) => crate::table::busy("another request sends bytes of this upload"),
            Err(error) => error,
        }
    }

    /// Returns those staged bytes that no open upload names: who wrote them broke off.
    pub async fn unneeded_staged(
        &self,
        staged: Vec<(WorkspaceId, UploadId, BlobId)>,
    ) -> Result<Vec<(WorkspaceId, UploadId, BlobId)>> {
        let mut unneeded = Vec::new();
        for (workspace, upload, id) in staged {
            let item: Option<TusItem> = self.table.get(Key::tus(&workspace, upload)).await?;
            let is_named = item.is_some_and(|item| item.staged.iter().any(|kept| kept.id == id));
            if !is_named {
                unneeded.push((workspace, upload, id));
            }
        }
        Ok(unneeded)
    }
}

/// Holds while the row has this token.
fn is_held(fence: u64) -> Expression {
    Expression::new("fence = :fence").number(":fence", fence)
}
