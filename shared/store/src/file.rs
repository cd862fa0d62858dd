//! Files, their counters and versions.

use std::collections::HashMap;

use domain::correction::Corrections;
use domain::dossier::Member;
use domain::facts::Facts;
use domain::file::{
    Content, Failure, File, Origin, Posting, State, Status, SummaryReason, Version, gone,
};
use domain::folder::Place;
use domain::name::FileName;
use domain::receipt::Reason;
use domain::summary::Summary;
use domain::tag::{Tag, Tags};
use domain::{BlobId, DossierId, Error, FileId, FolderId, Kind, ReceiptId, Result, WorkspaceId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{self, Due, Key, MEMBERSHIP_PREFIX, VERSION_PREFIX, file_partition};
use crate::table::{Expression, Query, Row, Write, from_row, present, to_row};

/// The row of a file that is there.
#[derive(Debug, Serialize, Deserialize)]
struct FileItem {
    kind: RowKind,
    id: FileId,
    file_name: FileName,
    folder: FolderId,
    document_type: Option<Tag>,
    tags: Tags,
    pipeline_status: Status,
    current_version: u32,
    content: Content,
    origin: Origin,
    file_owner: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
    file_state: State,
    #[serde(default)]
    purge_at: Option<Timestamp>,
    facts: Facts,
    #[serde(default, skip_serializing_if = "Corrections::is_empty")]
    corrections: Corrections,
    /// The date that a person gave, in rows of before there were other corrections.
    #[serde(default, skip_serializing)]
    given_date: Option<Date>,
    summary: Option<Summary>,
    summary_reason: Option<SummaryReason>,
    failure: Option<Failure>,
    favorite: bool,
    archived: bool,
    posted: Option<Posting>,
    revision: u64,
    created_pk: String,
    created_sk: String,
    list_pk: String,
    list_sk: String,
    /// Its place in the index of its folder; none of before there was one.
    #[serde(default)]
    folder_pk: Option<String>,
    #[serde(default)]
    folder_sk: Option<String>,
    due_pk: Option<String>,
    due_sk: Option<String>,
}

/// What the row of a file id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowKind {
    /// A file.
    File,
    /// A file that is gone for readers and whose bytes are being removed.
    Erasing,
    /// What remains: that there was a file.
    Tombstone,
}

/// The row of a file that is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct GoneItem {
    pub(crate) kind: RowKind,
    pub(crate) id: FileId,
    pub(crate) reason: Reason,
    pub(crate) gone_at: Timestamp,
    pub(crate) receipt: ReceiptId,
    /// On how many pages of the receipt the versions to remove are written down; none until all are.
    pub(crate) planned_pages: Option<u32>,
    /// How many of these pages are removed.
    pub(crate) removed_pages: u32,
    /// The postings there are to remove.
    pub(crate) posted: Option<Posting>,
    pub(crate) due_pk: Option<String>,
    pub(crate) due_sk: Option<String>,
    /// Its place among the changes of the workspace; none of before they were told of.
    pub(crate) list_pk: Option<String>,
    pub(crate) list_sk: Option<String>,
    /// When DynamoDB may remove the tombstone, in seconds since 1970.
    pub(crate) forget_at: Option<i64>,
}

/// A file that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoneFile {
    /// What it was known by.
    pub id: FileId,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub gone_at: Timestamp,
}

/// What is known under the id of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A file, which may be in the trash.
    File(Box<File>),
    /// One that is gone.
    Gone(GoneFile),
}

impl Known {
    pub(crate) const fn id(&self) -> FileId {
        match self {
            Self::File(file) => file.id,
            Self::Gone(gone) => gone.id,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct CountersItem {
    #[serde(default)]
    download_count: u64,
    last_accessed_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VersionItem {
    pub(crate) number: u32,
    pub(crate) content: Content,
    version_owner: String,
    pub(crate) created_at: Timestamp,
    /// Whether what is known of its bytes counts it among those that refer to them.
    #[serde(default)]
    pub(crate) counted: bool,
    #[serde(default)]
    pub(crate) failure: Option<Failure>,
    /// The id of its blob once more, for conditions; none in rows of before blobs were shared.
    #[serde(default)]
    blob_id: Option<BlobId>,
    /// The blob it had before it came to share another: it goes when no URL can lead there any more,
    /// or with the version.
    #[serde(default)]
    pub(crate) left: Option<BlobId>,
}

impl VersionItem {
    /// Holds while the version is there, and refers to the same blob and is counted as when it was
    /// read.
    pub(crate) fn is_as_read(&self) -> Expression {
        Expression::new("counted = :counted AND (attribute_not_exists(blob_id) OR blob_id = :blob)")
            .flag(":counted", self.counted)
            .text(":blob", self.content.blob.id.to_string())
    }
}

/// A membership as the file's partition has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipItem {
    /// The dossier.
    pub dossier: DossierId,
    /// What it counts for there.
    #[serde(rename = "counted_as")]
    pub member: Member,
}

/// What is under a file id.
#[derive(Debug)]
pub(crate) enum Found {
    File(Box<File>),
    Gone(Box<GoneItem>),
}

#[derive(Deserialize)]
struct Kinded {
    kind: RowKind,
}

/// Reads what is under a file id.
pub(crate) fn read(row: Row) -> Result<Found> {
    let Kinded { kind } = from_row(row.clone())?;
    Ok(match kind {
        RowKind::File => Found::File(Box::new(from_row::<FileItem>(row)?.into())),
        RowKind::Erasing | RowKind::Tombstone => Found::Gone(from_row(row)?),
    })
}

impl From<FileItem> for File {
    fn from(item: FileItem) -> Self {
        Self {
            id: item.id,
            name: item.file_name,
            folder: item.folder,
            document_type: item.document_type,
            tags: item.tags,
            status: item.pipeline_status,
            version: item.current_version,
            content: item.content,
            origin: item.origin,
            owner: item.file_owner,
            created_at: item.created_at,
            updated_at: item.updated_at,
            expires_at: item.expires_at,
            state: item.file_state,
            purge_at: item.purge_at,
            facts: item.facts,
            corrections: item.corrections.or_date(item.given_date),
            summary: item.summary,
            summary_reason: item.summary_reason,
            failure: item.failure,
            favorite: item.favorite,
            archived: item.archived,
            posted: item.posted,
            revision: item.revision,
            download_count: 0,
            last_accessed_at: None,
        }
    }
}

fn file_row(workspace: &WorkspaceId, file: &File) -> Result<Row> {
    let created = keys::created_file(workspace, file.id);
    let listed = keys::listed_file(workspace, file.updated_at, file.id);
    let due = file.due_at().map(|at| Due::Expiry.key(at, file.id.uuid()));
    let (due_partition, due_position) = due.map(|key| (key.pk, key.sk)).unzip();
    let item = FileItem {
        kind: RowKind::File,
        id: file.id,
        file_name: file.name.clone(),
        folder: file.folder,
        document_type: file.document_type.clone(),
        tags: file.tags.clone(),
        pipeline_status: file.status,
        current_version: file.version,
        content: file.content.clone(),
        origin: file.origin,
        file_owner: file.owner.clone(),
        created_at: file.created_at,
        updated_at: file.updated_at,
        expires_at: file.expires_at,
        file_state: file.state,
        purge_at: file.purge_at,
        facts: file.facts.clone(),
        corrections: file.corrections.clone(),
        given_date: None,
        summary: file.summary.clone(),
        summary_reason: file.summary_reason,
        failure: file.failure.clone(),
        favorite: file.favorite,
        archived: file.archived,
        posted: file.posted.clone(),
        revision: file.revision,
        created_pk: created.pk,
        created_sk: created.sk,
        list_pk: listed.pk,
        folder_pk: Some(keys::files_in(workspace, file.folder, file.state)),
        folder_sk: Some(listed.sk.clone()),
        list_sk: listed.sk,
        due_pk: due_partition,
        due_sk: due_position,
    };
    to_row(Key::file(workspace, file.id), &item)
}

/// Writes the row of a new file.
pub(crate) fn create_file(workspace: &WorkspaceId, file: &File) -> Result<Write> {
    Ok(Write::create(file_row(workspace, file)?))
}

/// Holds while the file is at this revision.
pub(crate) fn unchanged(revision: u64) -> Expression {
    Expression::new("revision = :revision").number(":revision", revision)
}

/// Writes a changed file in the place of the one that was read, if nobody else changed it.
/// The revision grows here and nowhere else.
pub(crate) fn change_file(
    workspace: &WorkspaceId,
    file: &mut File,
    now: Timestamp,
) -> Result<Write> {
    let condition = unchanged(file.revision);
    file.revision += 1;
    file.updated_at = now;
    Ok(Write::Put {
        condition: Some(condition),
        row: file_row(workspace, file)?,
    })
}

/// Holds while the file is there: not while it is being erased, and not after.
pub(crate) fn check_there(workspace: &WorkspaceId, file: FileId) -> Result<Write> {
    Ok(Write::Check {
        condition: Expression::new("kind = :file").value(":file", &RowKind::File)?,
        key: Key::file(workspace, file),
    })
}

/// Holds while the file is at this revision, and changes nothing.
pub(crate) fn check_file(workspace: &WorkspaceId, file: &File) -> Write {
    Write::Check {
        condition: unchanged(file.revision),
        key: Key::file(workspace, file.id),
    }
}

/// Writes a version that is new.
pub(crate) fn create_version(
    workspace: &WorkspaceId,
    file: FileId,
    version: &Version,
) -> Result<Write> {
    let row = version_row(workspace, file, version, false, None)?;
    Ok(Write::create(row))
}

/// Writes a version that is new and whose bytes have been read: it counts among those that have them.
pub(crate) fn create_read_version(
    workspace: &WorkspaceId,
    file: FileId,
    version: &Version,
) -> Result<Write> {
    let row = version_row(workspace, file, version, true, None)?;
    Ok(Write::create(row))
}

/// Writes a version again, with its hash and as counted. Holds while it is as it was read.
pub(crate) fn settle_version(
    workspace: &WorkspaceId,
    file: FileId,
    version: &Version,
    before: &VersionItem,
) -> Result<Write> {
    Ok(Write::Put {
        condition: Some(before.is_as_read()),
        row: version_row(workspace, file, version, true, left_by(version, before))?,
    })
}

/// Writes a version again with its hash, and counted as before. Holds while it is as it was read.
pub(crate) fn verify_version(
    workspace: &WorkspaceId,
    file: FileId,
    version: &Version,
    before: &VersionItem,
) -> Result<Write> {
    Ok(Write::Put {
        condition: Some(before.is_as_read()),
        row: version_row(
            workspace,
            file,
            version,
            before.counted,
            left_by(version, before),
        )?,
    })
}

/// The blob that a version has left for another.
fn left_by(version: &Version, before: &VersionItem) -> Option<BlobId> {
    let (blob, had) = (version.content.blob.id, before.content.blob.id);
    if blob == had { before.left } else { Some(had) }
}

/// Notes in a version's row why reading it was given up. Holds while it is there.
pub(crate) fn fail_version(
    workspace: &WorkspaceId,
    file: FileId,
    number: u32,
    failure: &Failure,
) -> Result<Write> {
    Ok(Write::Update {
        condition: Some(present()),
        key: Key::version(workspace, file, number),
        change: Expression::new("SET failure = :failure").value(":failure", failure)?,
    })
}

/// Takes that note away, because the version is to be read again. Holds while it is there.
pub(crate) fn unfail_version(workspace: &WorkspaceId, file: FileId, number: u32) -> Write {
    Write::Update {
        condition: Some(present()),
        key: Key::version(workspace, file, number),
        change: Expression::new("REMOVE failure"),
    }
}

/// Removes a version. Holds while it is as it was read.
pub(crate) fn remove_version(workspace: &WorkspaceId, file: FileId, before: &VersionItem) -> Write {
    Write::Delete {
        condition: Some(before.is_as_read()),
        key: Key::version(workspace, file, before.number),
    }
}

/// Returns the row of a version of a file whose bytes another version may have.
///
/// # Errors
/// `NotFound`; `Conflict` when its bytes are held back, missing, or not those that were promised.
pub(crate) fn readable_version(
    file: &File,
    item: Option<VersionItem>,
    number: u32,
) -> Result<VersionItem> {
    let item = item.ok_or_else(|| Error::not_found(Kind::Version, number))?;
    if number == file.version && file.status == Status::Quarantined {
        return Err(Error::Conflict {
            code: "quarantined",
            detail: "the file is held back: its content cannot be used".to_owned(),
        });
    }
    match &item.failure {
        Some(failure) if failure.is_of_missing_bytes() => Err(Error::Conflict {
            code: Failure::BYTES_MISSING,
            detail: failure.detail.clone(),
        }),
        Some(failure) if !item.content.is_readable() => Err(Error::Conflict {
            code: "not_verified",
            detail: format!("the content cannot be used: {}", failure.detail),
        }),
        Some(_) | None => Ok(item),
    }
}

/// Holds while a version is as it was read, and changes nothing.
pub(crate) fn check_version(workspace: &WorkspaceId, file: FileId, before: &VersionItem) -> Write {
    Write::Check {
        condition: before.is_as_read(),
        key: Key::version(workspace, file, before.number),
    }
}

fn version_row(
    workspace: &WorkspaceId,
    file: FileId,
    version: &Version,
    counted: bool,
    left: Option<BlobId>,
) -> Result<Row> {
    let item = VersionItem {
        number: version.number,
        content: version.content.clone(),
        version_owner: version.owner.clone(),
        created_at: version.created_at,
        counted,
        failure: version.failure.clone(),
        blob_id: Some(version.content.blob.id),
        left,
    };
    to_row(Key::version(workspace, file, version.number), &item)
}

impl From<VersionItem> for Version {
    fn from(item: VersionItem) -> Self {
        Self {
            number: item.number,
            content: item.content,
            owner: item.version_owner,
            created_at: item.created_at,
            failure: item.failure,
        }
    }
}

impl Store {
    /// Returns a file that is there, with its counters, in one query.
    ///
    /// # Errors
    /// `NotFound`, or `Gone` from the instant it expires until its tombstone is removed.
    pub async fn file(&self, workspace: &WorkspaceId, id: FileId) -> Result<File> {
        let rows = self
            .table
            .query_rows(Query {
                index: None,
                partition: file_partition(workspace, id),
                range: Some(
                    Expression::new("{sk} BETWEEN :first AND :last")
                        .text(":first", Key::file(workspace, id).sk)
                        .text(":last", Key::counters(workspace, id).sk),
                ),
                descending: false,
                limit: 2,
                start: None,
            })
            .await?;
        let mut rows = rows.rows.into_iter();
        // Counters of a file that is gone sort first when they are all that is left.
        let Some(row) = rows.next().filter(|row| row.contains_key("kind")) else {
            return Err(Error::not_found(Kind::File, id));
        };
        let mut file = match read(row)? {
            Found::File(file) => file.living(self.clock.now())?,
            Found::Gone(item) => return Err(gone(id, gone_reason(item.reason))),
        };
        if let Some(counters) = rows.next().map(from_row::<CountersItem>).transpose()? {
            file.download_count = counters.download_count;
            file.last_accessed_at = counters.last_accessed_at;
        }
        Ok(file)
    }

    /// Returns a file that can be reached, with its counters, and where its folder is.
    ///
    /// # Errors
    /// As for [`Store::file`]; `Gone` also when its folder is being removed with all it holds.
    pub async fn reachable_file(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
    ) -> Result<(File, Place)> {
        let file = self.file(workspace, id).await?;
        let place = self.place_of(workspace, file.folder).await?;
        place.reach(&file)?;
        Ok((file, place))
    }

    /// Returns what is under a file id, expired or not, without counters.
    pub(crate) async fn found(&self, workspace: &WorkspaceId, id: FileId) -> Result<Option<Found>> {
        let row = self.table.get_row(Key::file(workspace, id)).await?;
        row.map(read).transpose()
    }

    /// Returns a file for the pipeline: none when it is gone or its time is up.
    pub async fn file_if_living(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
    ) -> Result<Option<File>> {
        match self.found(workspace, id).await? {
            Some(Found::File(file)) if !file.is_expired(self.clock.now()) => Ok(Some(*file)),
            _ => Ok(None),
        }
    }

    /// Returns those of the files that are there, with counters left at zero, in the order asked for.
    pub async fn files(&self, workspace: &WorkspaceId, ids: &[FileId]) -> Result<Vec<File>> {
        let found = self.files_and_gone(workspace, ids).await?;
        let files = found.into_iter().filter_map(|known| match known {
            Known::File(file) => Some(*file),
            Known::Gone(_) => None,
        });
        Ok(files.collect())
    }

    /// Returns what is known under some ids, in their order; nothing of those that never were or are
    /// forgotten.
    pub async fn files_and_gone(
        &self,
        workspace: &WorkspaceId,
        ids: &[FileId],
    ) -> Result<Vec<Known>> {
        let keys = ids.iter().map(|id| Key::file(workspace, *id)).collect();
        let rows = self.table.get_rows(keys).await?;
        let now = self.clock.now();
        let mut found = HashMap::new();
        for row in rows {
            let known = match read(row)? {
                Found::File(file) => match file.expires_at.filter(|_| file.is_expired(now)) {
                    Some(gone_at) => Known::Gone(GoneFile {
                        id: file.id,
                        reason: Reason::Expired,
                        gone_at,
                    }),
                    None => Known::File(file),
                },
                Found::Gone(item) => Known::Gone(GoneFile {
                    id: item.id,
                    reason: item.reason,
                    gone_at: item.gone_at,
                }),
            };
            found.insert(known.id(), known);
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// Writes a changed file, if nobody else changed it since it was read.
    ///
    /// # Errors
    /// `Busy` when someone did.
    pub async fn save_file(&self, workspace: &WorkspaceId, file: &mut File) -> Result<()> {
        let write = change_file(workspace, file, self.clock.now())?;
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the file was changed by someone else"))
    }

    /// Returns the versions of a file, the newest first.
    pub async fn versions(&self, workspace: &WorkspaceId, file: FileId) -> Result<Vec<Version>> {
        let items: Vec<VersionItem> = self
            .table
            .query_all(Query {
                descending: true,
                ..Query::prefix(file_partition(workspace, file), VERSION_PREFIX)
            })
            .await?;
        Ok(items.into_iter().map(Version::from).collect())
    }

    /// Returns a page of the versions of a file, the newest first, from below `before`, and whether
    /// there are more.
    pub async fn versions_page(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        before: Option<u32>,
        limit: i32,
    ) -> Result<(Vec<Version>, bool)> {
        let start = before.map(|number| Key::version(workspace, file, number).attributes());
        let page: crate::table::Page<VersionItem> = self
            .table
            .query(Query {
                descending: true,
                // One more, to know whether there is one more.
                limit: limit.saturating_add(1),
                start,
                ..Query::prefix(file_partition(workspace, file), VERSION_PREFIX)
            })
            .await?;
        let mut versions: Vec<Version> = page.rows.into_iter().map(Version::from).collect();
        let most = usize::try_from(limit).unwrap_or_default();
        let more = versions.len() > most || page.next.is_some();
        versions.truncate(most);
        Ok((versions, more))
    }

    /// Returns one version of a file.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn version(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        number: u32,
    ) -> Result<Version> {
        let item = self.version_item(workspace, file, number).await?;
        item.map(Version::from)
            .ok_or_else(|| Error::not_found(Kind::Version, number))
    }

    /// Returns the row of a version.
    pub(crate) async fn version_item(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        number: u32,
    ) -> Result<Option<VersionItem>> {
        self.table.get(Key::version(workspace, file, number)).await
    }

    /// Returns the memberships of a file.
    pub(crate) async fn memberships(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
    ) -> Result<Vec<MembershipItem>> {
        self.table
            .query_all(Query::prefix(
                file_partition(workspace, file),
                MEMBERSHIP_PREFIX,
            ))
            .await
    }
}

fn gone_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "its time was up",
        // Of a file that is gone, nothing was only pruned.
        Reason::Deleted | Reason::Pruned => "it was deleted",
        Reason::Purged => "its time in the trash was up",
    }
}
