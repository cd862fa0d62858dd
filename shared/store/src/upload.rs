//! Upload sessions. One is begun before any byte is written, by whoever writes: a client, a
//! generation, the inbox. So no object in S3 is ever without a row.

use domain::file::{BlobRef, Writer};
use domain::message::Work;
use domain::upload::{Intent, Plan, Upload, UploadState};
use domain::{BlobId, Error, Kind, Result, Sha256, UploadId, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::idempotency::{self, Repeatable};
use crate::keys::{Due, Key};
use crate::quota;
use crate::reference::BlobItem;
use crate::table::{Expression, Rejected, Write, to_row};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UploadItem {
    id: UploadId,
    pub(crate) blob: BlobRef,
    intent: Intent,
    pub(crate) size_bytes: u64,
    content_type: Option<String>,
    sha256: Option<Sha256>,
    plan: Plan,
    multipart_id: Option<String>,
    /// `open`, `committed` or `aborted`, for conditions.
    phase: String,
    pub(crate) upload_state: UploadState,
    created_at: Timestamp,
    expires_at: Timestamp,
    due_pk: Option<String>,
    due_sk: Option<String>,
    /// When DynamoDB may remove the row, in seconds since 1970; none while the session is open.
    forget_at: Option<i64>,
}

/// How long a finished session can still be asked about.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How often a request is begun anew whose session another one like it has aborted meanwhile.
const TRIES: u32 = 8;

impl From<UploadItem> for Upload {
    fn from(item: UploadItem) -> Self {
        Self {
            id: item.id,
            blob: item.blob,
            intent: item.intent,
            size_bytes: item.size_bytes,
            content_type: item.content_type,
            sha256: item.sha256,
            plan: item.plan,
            multipart_id: item.multipart_id,
            state: item.upload_state,
            created_at: item.created_at,
            expires_at: item.expires_at,
        }
    }
}

impl UploadItem {
    /// When it was closed; none while it is open.
    pub(crate) fn closed_at(&self) -> Option<Timestamp> {
        let forget_at = Timestamp::from_second(self.forget_at?).ok()?;
        forget_at.checked_sub(REMEMBERED_FOR).ok()
    }

    fn new(upload: &Upload) -> Self {
        let due = Due::Upload.key(upload.expires_at, upload.id.uuid());
        Self {
            id: upload.id,
            blob: upload.blob,
            intent: upload.intent.clone(),
            size_bytes: upload.size_bytes,
            content_type: upload.content_type.clone(),
            sha256: upload.sha256,
            plan: upload.plan,
            multipart_id: upload.multipart_id.clone(),
            phase: OPEN.to_owned(),
            upload_state: upload.state.clone(),
            created_at: upload.created_at,
            expires_at: upload.expires_at,
            due_pk: Some(due.pk),
            due_sk: Some(due.sk),
            forget_at: None,
        }
    }
}

const OPEN: &str = "open";

/// When DynamoDB may remove what is left of a session that ends now, in seconds since 1970.
pub(crate) fn forgotten_at(now: Timestamp) -> i64 {
    let at = now.checked_add(REMEMBERED_FOR);
    at.unwrap_or(Timestamp::MAX).as_second()
}

/// Closes an open session that has reserved what it had when it was read. Holds only once, so whatever
/// is written beside it is written once.
pub(crate) fn close(
    workspace: &WorkspaceId,
    upload: &Upload,
    state: &UploadState,
    now: Timestamp,
) -> Result<Write> {
    let phase = match state {
        UploadState::Open => OPEN,
        UploadState::Committed { .. } => "committed",
        UploadState::Aborted { .. } => "aborted",
    };
    Ok(Write::Update {
        condition: Some(open_with(upload.size_bytes)),
        key: Key::upload(workspace, upload.id),
        change: Expression::new(
            "SET phase = :phase, upload_state = :upload_state, forget_at = :forget_at REMOVE due_pk, due_sk",
        )
        .text(":phase", phase)
        .value(":upload_state", state)?
        .number(":forget_at", forgotten_at(now)),
    })
}

/// Holds while a session is open and has reserved so many bytes.
fn open_with(size_bytes: u64) -> Expression {
    Expression::new("phase = :open AND size_bytes = :reserved")
        .text(":open", OPEN)
        .number(":reserved", size_bytes)
}

/// What is known when an upload begins.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// What the file will be.
    pub intent: Intent,
    /// How many bytes there will be.
    pub size_bytes: u64,
    /// What the client says they are.
    pub content_type: Option<String>,
    /// The hash the client says they have.
    pub sha256: Option<Sha256>,
    /// How they are sent.
    pub plan: Plan,
    /// Who writes them to S3.
    pub writer: Writer,
    /// How long the session stays open.
    pub lifetime: SignedDuration,
    /// The request, when it may be repeated.
    pub repeatable: Option<Repeatable>,
}

/// What beginning an upload came to.
#[derive(Debug)]
pub enum Begun {
    /// A new session.
    New(Upload),
    /// The request was made before: this is its session, open or committed when it was read.
    Before(Upload),
}

impl Store {
    /// Begins an upload: reserves the quota and writes the rows of the session and its blob.
    ///
    /// A request that was made before and whose session was aborted made nothing: it begins anew.
    ///
    /// # Errors
    /// `QuotaExceeded`; `Conflict` when the Idempotency-Key was used for another request.
    pub async fn begin_upload(
        &self,
        workspace: &WorkspaceId,
        beginning: Beginning,
    ) -> Result<Begun> {
        let repeatable = beginning.repeatable.clone();
        let upload = self.new_upload(beginning);
        self.insert_upload(workspace, upload, repeatable.as_ref(), None)
            .await
    }

    /// Makes the session of a beginning, which nothing knows of yet.
    pub(crate) fn new_upload(&self, beginning: Beginning) -> Upload {
        let now = self.clock.now();
        Upload {
            id: UploadId::new(self.ids.sortable(now)),
            blob: BlobRef {
                id: BlobId::new(self.ids.random()),
                written_by: beginning.writer,
            },
            intent: beginning.intent,
            size_bytes: beginning.size_bytes,
            content_type: beginning.content_type,
            sha256: beginning.sha256,
            plan: beginning.plan,
            multipart_id: None,
            state: UploadState::Open,
            created_at: now,
            expires_at: now
                .checked_add(beginning.lifetime)
                .unwrap_or(Timestamp::MAX),
        }
    }

    /// Reserves the quota of a session and writes its rows, and `beside` them what belongs to it.
    pub(crate) async fn insert_upload(
        &self,
        workspace: &WorkspaceId,
        upload: Upload,
        repeatable: Option<&Repeatable>,
        beside: Option<Write>,
    ) -> Result<Begun> {
        const REPEATED: usize = 2;
        let blob = BlobItem::of_upload(upload.id, upload.blob);
        let now = upload.created_at;
        let reserved = upload.reserved();
        let writes = [
            Write::create(to_row(
                Key::upload(workspace, upload.id),
                &UploadItem::new(&upload),
            )?),
            Write::create(to_row(Key::blob(workspace, upload.blob.id), &blob)?),
        ];
        let mut remember = repeatable
            .map(|repeatable| idempotency::remember(workspace, repeatable, upload.id, now))
            .transpose()?;
        for _ in 0..TRIES {
            let writes: Vec<Write> = writes
                .iter()
                .chain(&remember)
                .chain(&beside)
                .cloned()
                .collect();
            let begun = self.transact_reserving(workspace, reserved.bytes, reserved.files, &writes);
            match begun.await {
                Ok(()) => return Ok(Begun::New(upload)),
                Err(rejected) if repeatable.is_some() && rejected.at(REPEATED) => {
                    let Some(repeatable) = repeatable else { break };
                    let before = self.made_before(workspace, repeatable).await?;
                    let before = self.upload(workspace, before).await?;
                    if !matches!(before.state, UploadState::Aborted { .. }) {
                        return Ok(Begun::Before(before));
                    }
                    let anew = idempotency::remember_anew(
                        workspace, repeatable, upload.id, before.id, now,
                    );
                    remember = Some(anew?);
                }
                Err(rejected) => return Err(rejected.into_error("the upload could not begin")),
            }
        }
        Err(crate::table::busy("the upload could not begin"))
    }

    /// Returns an upload session.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn upload(&self, workspace: &WorkspaceId, id: UploadId) -> Result<Upload> {
        let item: Option<UploadItem> = self.table.get(Key::upload(workspace, id)).await?;
        item.map(Upload::from)
            .ok_or_else(|| Error::not_found(Kind::Upload, id))
    }

    /// Notes S3's name for a multipart upload. Holds only while the session has none.
    ///
    /// # Errors
    /// `Busy` when another request named one first.
    pub async fn name_multipart(
        &self,
        workspace: &WorkspaceId,
        upload: &mut Upload,
        multipart_id: String,
    ) -> Result<()> {
        let write = Write::Update {
            condition: Some(
                Expression::new("phase = :open AND attribute_not_exists(multipart_id)")
                    .text(":open", OPEN),
            ),
            key: Key::upload(workspace, upload.id),
            change: Expression::new("SET multipart_id = :multipart_id")
                .text(":multipart_id", multipart_id.clone()),
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the upload was begun twice"))?;
        upload.multipart_id = Some(multipart_id);
        Ok(())
    }

    /// Gives up an open upload: returns the quota, then removes what bytes there are.
    ///
    /// Does nothing to a session that is closed, so it may run twice and late. The rows go first:
    /// bytes without a row are found by the reconciler, a session without its bytes is not.
    pub async fn abort_upload(&self, workspace: &WorkspaceId, upload: &Upload) -> Result<()> {
        self.abort_as(workspace, upload, None).await
    }

    /// Gives up an open upload whose bytes are of a type that is refused, and remembers which, for
    /// whoever asks what became of it.
    pub(crate) async fn refuse_upload(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        media_type: &str,
    ) -> Result<()> {
        self.abort_as(workspace, upload, Some(media_type.to_owned()))
            .await
    }

    async fn abort_as(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        refused: Option<String>,
    ) -> Result<()> {
        let mut upload = upload.clone();
        for _ in 0..TRIES {
            let writes = self.giving_up(workspace, &upload, refused.clone(), None)?;
            match self.table.transact(writes).await {
                Ok(()) => return self.remove_unfinished(workspace, &upload).await,
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
            // Closed by someone else, or it has reserved more since it was read.
            upload = match self.upload(workspace, upload.id).await {
                Ok(upload) if upload.state == UploadState::Open => upload,
                Ok(_) | Err(Error::NotFound { .. }) => return Ok(()),
                Err(error) => return Err(error),
            };
        }
        Err(crate::table::busy("the upload is growing"))
    }

    /// The writes that give up an open session and return what it has reserved. Where `held` is given,
    /// they hold only while the state of the tus upload is like that.
    pub(crate) fn giving_up(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
        refused: Option<String>,
        held: Option<Expression>,
    ) -> Result<Vec<Write>> {
        let aborted = UploadState::Aborted { refused };
        let mut writes = end(workspace, upload, &aborted, held, self.clock.now())?;
        let reserved = upload.reserved();
        writes.push(quota::give_back(
            workspace,
            &self.shard,
            reserved.bytes,
            reserved.files,
        ));
        Ok(writes)
    }

    /// Removes what there is in S3 of a session that ended without a file.
    pub(crate) async fn remove_unfinished(
        &self,
        workspace: &WorkspaceId,
        upload: &Upload,
    ) -> Result<()> {
        let key = crate::blob::ObjectKey::Blob(workspace.clone(), upload.blob);
        if let Some(multipart_id) = &upload.multipart_id {
            self.blobs.abort_multipart(&key, multipart_id).await?;
        }
        if let Plan::Tus(_) = upload.plan {
            let staged = crate::blob::staged_prefix(workspace, upload.id);
            self.blobs.delete_all(&staged).await?;
        }
        self.blobs.delete(&key).await
    }
}

/// Ends an open session that becomes no file: its rows but for the one that says so. Where `held` is
/// given, only while the state of the tus upload is like that.
pub(crate) fn end(
    workspace: &WorkspaceId,
    upload: &Upload,
    state: &UploadState,
    held: Option<Expression>,
    now: Timestamp,
) -> Result<Vec<Write>> {
    let mut writes = vec![
        close(workspace, upload, state, now)?,
        Write::Delete {
            condition: None,
            key: Key::blob(workspace, upload.blob.id),
        },
    ];
    if let Plan::Tus(_) = upload.plan {
        writes.push(Write::Delete {
            condition: held,
            key: Key::tus(workspace, upload.id),
        });
    }
    Ok(writes)
}

/// Gives an open session another place for its object.
pub(crate) fn move_blob(
    workspace: &WorkspaceId,
    upload: &Upload,
    to: BlobRef,
) -> Result<Vec<Write>> {
    let blob = BlobItem::of_upload(upload.id, to);
    let moved = Upload {
        blob: to,
        ..upload.clone()
    };
    Ok(vec![
        Write::Put {
            condition: Some(open_with(upload.size_bytes)),
            row: to_row(Key::upload(workspace, upload.id), &UploadItem::new(&moved))?,
        },
        Write::create(to_row(Key::blob(workspace, to.id), &blob)?),
        Write::Delete {
            condition: None,
            key: Key::blob(workspace, upload.blob.id),
        },
    ])
}

/// Grows what an open session of unknown length has reserved by the bytes that came. Holds while it
/// is as it was read.
pub(crate) fn grow(workspace: &WorkspaceId, upload: &Upload, size_bytes: u64) -> Write {
    Write::Update {
        condition: Some(open_with(upload.size_bytes)),
        key: Key::upload(workspace, upload.id),
        change: Expression::new("SET size_bytes = :size").number(":size", size_bytes),
    }
}

/// The work that a committed version makes necessary.
pub(crate) fn read_version(workspace: &WorkspaceId, file: domain::FileId, version: u32) -> Work {
    crate::work::new_work(
        workspace,
        domain::message::Task::ReadVersion { file, version },
    )
}
