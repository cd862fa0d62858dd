//! Every key of the table, and the questions each answers.
//!
//! | what | `pk` | `sk` | asked for |
//! |---|---|---|---|
//! | file | `W#{workspace}#F#{file}` | `A` | by id |
//! | counters of a file | `W#{workspace}#F#{file}` | `B` | with the file, in one query |
//! | membership | `W#{workspace}#F#{file}` | `M#{dossier}` | the dossiers a file is in |
//! | version | `W#{workspace}#F#{file}` | `V#{number}` | the versions of a file |
//! | correction | `W#{workspace}#F#{file}` | `K#{revision}` | what people have said of a file |
//! | download | `W#{workspace}#F#{file}` | `L#{access}` | whether a download was counted |
//! | name | `W#{workspace}#N#{folder}` | the name | who has a name; a folder's content by name |
//! | folder | `W#{workspace}#D#{folder}` | `A` | by id |
//! | counters of a folder | `W#{workspace}#D#{folder}` | `C#{shard}` | what is directly in it, with the folder, in one query |
//! | folder in a folder | `W#{workspace}#D#{folder}` | `F#{name}` | the folders in a folder by name |
//! | trashed folder | `W#{workspace}#T` | `{folder}` | the folders in the trash |
//! | job | `W#{workspace}#J#{job}` | `A` | by id |
//! | finding | `W#{workspace}#J#{job}` | `F#{kind}#{hash}` | what a check has found |
//! | export | `W#{workspace}#E#{job}` | `A` | the archive that a job makes |
//! | upload | `W#{workspace}#U#{upload}` | `A` | by id |
//! | state of a tus upload | `W#{workspace}#U#{upload}` | `T` | with the upload, in one query |
//! | blob | `W#{workspace}#B#{blob}` | `A` | what an object in S3 belongs to |
//! | quota | `W#{workspace}#Q` | `A` | what may still be stored and is not given out |
//! | shard of a quota | `W#{workspace}#Q#{shard}` | `A` | what is given out to some of the writers |
//! | day | `W#{workspace}#Q` | `D#{date}` | what was used on a day |
//! | idempotency | `W#{workspace}#I#{principal}#{hash}` | `A` | whether a request was made before |
//! | work | `W#{workspace}#O#{work}` | `A` | whether work is still to be done |
//! | failure | `W#{workspace}#X` | `{work}` | work that was given up |
//! | content | `W#{workspace}#H#{sha256}` | `C` | what was read from some bytes |
//! | shared blob | `W#{workspace}#H#{sha256}` | `B` | which blob versions with these bytes share |
//! | summary | `W#{workspace}#H#{sha256}` | `S#{pipeline}#{prompt}#{model}` | the one summary of some bytes |
//! | dossier | `W#{workspace}#S#{dossier}` | `A` | by id, which follows from the signature |
//! | member | `W#{workspace}#S#{dossier}` | `M#{date}#{file}` | the members of a dossier in date order |
//! | posted file | `W#{workspace}#P#{type}:{tag}` | `F#{file}` | the files with a type and tag |
//! | posted dossier | `W#{workspace}#P#{type}:{tag}` | `S#{dossier}` | the dossiers a file may belong to |
//! | receipt | `W#{workspace}#R` | `{receipt}` | by id |
//! | page of a receipt | `W#{workspace}#R#{receipt}` | `{page}` | the versions that a deletion removes |
//! | key of receipts | `S#receipts` | `K#{key}` | the public keys that receipts were signed with |
//! | API key | `W#{workspace}#K` | `{key}` | by id; all keys of a workspace |
//! | person | `W#{workspace}#M` | the principal | the members of a workspace, and who is invited |
//! | role | `P#{principal}` | the workspace | what a principal may do where |
//! | invitation | `P#{principal}#I` | the workspace | the workspaces that a principal may join |
//! | reconciler | `S#reconciler` | `A` | how far the reconciler has come over objects |
//! | reconciler | `S#reconciler` | `B` | how far the reconciler has come over rows |
//! | recount | `S#reconciler` | `C` | what the walk over rows has counted of workspaces |
//! | inbox | `S#inbox` | `A` | how far the walk over the inbox has come |
//!
//! Only the key of receipts and the last six do not begin with the workspace: two tell a principal's workspaces, the
//! others are of the whole deployment.
//!
//! | index | `{name}_pk` | `{name}_sk` | asked for |
//! |---|---|---|---|
//! | `created` | `W#{workspace}#F#{shard}` | `{file}`, which begins with the time | the files of a workspace in the order they were made |
//! | `list` | `W#{workspace}#F#{shard}` | `{updated_at}#{file}` | the files of a workspace, and those that are gone, in the order they were changed |
//! | `folder` | `W#{workspace}#F#{folder}#{state}` | `{updated_at}#{file}` | the files of a folder, or those that went into the trash from it, in the order they were changed |
//! | `list` | `W#{workspace}#S` | the signature | the dossiers of a workspace |
//! | `list` | `W#{workspace}#J` | `{job}`, which begins with the time | the jobs of a workspace |
//! | `due` | `{kind}#{shard}` | `{time}#{id}` | what the sweep must look at, over all workspaces |
//!
//! Indexes may lag; what is found in one is read again from the table.

mod due;

pub use self::due::{DUE_SHARDS, Due, due_at, due_until, due_usage, owner_and_id};

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::dossier::Signature;
use domain::file::State;
use domain::name::FileName;
use domain::summary::SummaryKey;
use domain::tag::Tag;
use domain::{
    BlobId, DossierId, FileId, FolderId, JobId, KeyId, ReceiptId, Sha256, UploadId, WorkId,
    WorkspaceId,
};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Number of parts over which a workspace's files are spread in an index, so that 10,000 writers
/// stay below the 1,000 writes per second of one partition.
pub const LIST_SHARDS: u8 = 16;

/// Number of parts over which the counters of a folder are spread, so that many writers of one
/// folder do not meet on one row.
pub const TALLY_SHARDS: u8 = 8;

/// The primary key of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// The sort key of the row that a partition is about.
pub const SELF: &str = "A";

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// A file.
    pub fn file(workspace: &WorkspaceId, file: FileId) -> Self {
        Self::new(file_partition(workspace, file), SELF)
    }

    /// The counters of a file.
    pub fn counters(workspace: &WorkspaceId, file: FileId) -> Self {
        Self::new(file_partition(workspace, file), "B")
    }

    /// The membership of a file in a dossier, on the file's side.
    pub fn membership(workspace: &WorkspaceId, file: FileId, dossier: DossierId) -> Self {
        Self::new(
            file_partition(workspace, file),
            format!("{MEMBERSHIP_PREFIX}{dossier}"),
        )
    }

    /// A version of a file.
    pub fn version(workspace: &WorkspaceId, file: FileId, number: u32) -> Self {
        Self::new(
            file_partition(workspace, file),
            format!("{VERSION_PREFIX}{number:010}"),
        )
    }

    /// What a person said of a file, which got this revision by it.
    pub fn correction(workspace: &WorkspaceId, file: FileId, revision: u64) -> Self {
        Self::new(
            file_partition(workspace, file),
            format!("{CORRECTION_PREFIX}{revision:020}"),
        )
    }

    /// One download of a file.
    pub fn access(workspace: &WorkspaceId, file: FileId, access: &str) -> Self {
        Self::new(file_partition(workspace, file), format!("L#{access}"))
    }

    /// A name in a folder.
    pub fn name(workspace: &WorkspaceId, folder: FolderId, name: &FileName) -> Self {
        Self::new(names_partition(workspace, folder), name.as_str())
    }

    /// A folder.
    pub fn folder(workspace: &WorkspaceId, folder: FolderId) -> Self {
        Self::new(folder_partition(workspace, folder), SELF)
    }

    /// One part of the counters of a folder.
    pub fn tally(workspace: &WorkspaceId, folder: FolderId, shard: u8) -> Self {
        Self::new(
            folder_partition(workspace, folder),
            format!("{TALLY_PREFIX}{shard}"),
        )
    }

    /// A folder in a folder.
    pub fn child_folder(workspace: &WorkspaceId, parent: FolderId, name: &FileName) -> Self {
        Self::new(
            folder_partition(workspace, parent),
            format!("{CHILD_FOLDER_PREFIX}{name}"),
        )
    }

    /// A folder in the trash.
    pub fn trashed_folder(workspace: &WorkspaceId, folder: FolderId) -> Self {
        Self::new(trash_partition(workspace), folder.to_string())
    }

    /// A job.
    pub fn job(workspace: &WorkspaceId, job: JobId) -> Self {
        Self::new(job_partition(workspace, job), SELF)
    }

    /// Something that a check has found, which is a job: `what` is the hash of what it is about.
    pub fn finding(workspace: &WorkspaceId, job: JobId, kind: &str, what: Sha256) -> Self {
        Self::new(
            job_partition(workspace, job),
            format!("{FINDING_PREFIX}{kind}#{what}"),
        )
    }

    /// The archive that a job makes.
    pub fn export(workspace: &WorkspaceId, job: JobId) -> Self {
        Self::new(format!("W#{workspace}#E#{job}"), SELF)
    }

    /// An upload.
    pub fn upload(workspace: &WorkspaceId, upload: UploadId) -> Self {
        Self::new(upload_partition(workspace, upload), SELF)
    }

    /// The state of an open tus upload.
    pub fn tus(workspace: &WorkspaceId, upload: UploadId) -> Self {
        Self::new(upload_partition(workspace, upload), "T")
    }

    /// A blob.
    pub fn blob(workspace: &WorkspaceId, blob: BlobId) -> Self {
        Self::new(format!("W#{workspace}#B#{blob}"), SELF)
    }

    /// The quota of a workspace.
    pub fn quota(workspace: &WorkspaceId) -> Self {
        Self::new(quota_partition(workspace), SELF)
    }

    /// A shard of the quota of a workspace. Each is in a partition of its own, because a partition
    /// takes no more writes than a row.
    pub fn quota_shard(workspace: &WorkspaceId, shard: u8) -> Self {
        Self::new(format!("W#{workspace}#Q#{shard:02}"), SELF)
    }

    /// What a workspace used on a day.
    pub fn usage_of_day(workspace: &WorkspaceId, date: Date) -> Self {
        Self::new(
            quota_partition(workspace),
            format!("{USAGE_OF_DAY_PREFIX}{date}"),
        )
    }

    /// A request that may be repeated; `hash` is of the client's Idempotency-Key.
    pub fn idempotency(workspace: &WorkspaceId, principal: &str, hash: Sha256) -> Self {
        Self::new(format!("W#{workspace}#I#{principal}#{hash}"), SELF)
    }

    /// A row of work still to be done.
    pub fn work(workspace: &WorkspaceId, work: WorkId) -> Self {
        Self::new(format!("W#{workspace}#O#{work}"), SELF)
    }

    /// A piece of work that was given up.
    pub fn failure(workspace: &WorkspaceId, work: WorkId) -> Self {
        Self::new(failures_partition(workspace), work.to_string())
    }

    /// What was read from some bytes.
    pub fn content(workspace: &WorkspaceId, content: Sha256) -> Self {
        Self::new(content_partition(workspace, content), CONTENT)
    }

    /// The blob that versions with some bytes share.
    pub fn shared_blob(workspace: &WorkspaceId, content: Sha256) -> Self {
        Self::new(content_partition(workspace, content), SHARED_BLOB)
    }

    /// The one summary of some bytes by one model and prompt.
    pub fn summary(workspace: &WorkspaceId, key: &SummaryKey) -> Self {
        Self::new(
            content_partition(workspace, key.content),
            format!(
                "{SUMMARY_PREFIX}{}#{}#{}",
                key.pipeline_version, key.prompt_version, key.model
            ),
        )
    }

    /// A dossier.
    pub fn dossier(workspace: &WorkspaceId, dossier: DossierId) -> Self {
        Self::new(dossier_partition(workspace, dossier), SELF)
    }

    /// The membership of a file in a dossier, on the dossier's side.
    pub fn member(workspace: &WorkspaceId, dossier: DossierId, date: Date, file: FileId) -> Self {
        Self::new(
            dossier_partition(workspace, dossier),
            format!("{MEMBER_PREFIX}{date}#{file}"),
        )
    }

    /// A file posted under a type and tag; under no tag for all files of a type.
    pub fn posted_file(
        workspace: &WorkspaceId,
        document_type: &Tag,
        tag: Option<&Tag>,
        file: FileId,
    ) -> Self {
        Self::new(
            posting_partition(workspace, document_type, tag),
            format!("{POSTED_FILE_PREFIX}{file}"),
        )
    }

    /// A dossier posted under its type and first tag.
    pub fn posted_dossier(
        workspace: &WorkspaceId,
        signature: &Signature,
        dossier: DossierId,
    ) -> Self {
        Self::new(
            posting_partition(
                workspace,
                signature.document_type(),
                signature.posting_tag(),
            ),
            format!("{POSTED_DOSSIER_PREFIX}{dossier}"),
        )
    }

    /// A deletion receipt.
    pub fn receipt(workspace: &WorkspaceId, receipt: ReceiptId) -> Self {
        Self::new(receipts_partition(workspace), receipt.to_string())
    }

    /// A page of the versions that a deletion removes.
    pub fn receipt_page(workspace: &WorkspaceId, receipt: ReceiptId, page: u32) -> Self {
        Self::new(
            receipt_pages_partition(workspace, receipt),
            format!("{page:010}"),
        )
    }

    /// A public key that receipts were signed with.
    pub fn receipt_key(id: &str) -> Self {
        Self::new(
            receipt_keys_partition(),
            format!("{RECEIPT_KEY_PREFIX}{id}"),
        )
    }

    /// An API key.
    pub fn api_key(workspace: &WorkspaceId, key: KeyId) -> Self {
        Self::new(api_keys_partition(workspace), key.to_string())
    }

    /// A member of a workspace, or someone invited, by pseudonym.
    pub fn person(workspace: &WorkspaceId, principal: &str) -> Self {
        Self::new(people_partition(workspace), principal)
    }

    /// The role of a principal, by pseudonym, in a workspace.
    pub fn role(principal: &str, workspace: &WorkspaceId) -> Self {
        Self::new(roles_partition(principal), workspace.as_str())
    }

    /// The invitation of a principal, by pseudonym, to a workspace.
    pub fn invitation(principal: &str, workspace: &WorkspaceId) -> Self {
        Self::new(invitations_partition(principal), workspace.as_str())
    }

    /// How far the reconciler has come over objects.
    pub fn reconciler() -> Self {
        Self::new("S#reconciler".to_owned(), SELF)
    }

    /// How far the walk over the inbox has come.
    pub fn inbox() -> Self {
        Self::new("S#inbox".to_owned(), SELF)
    }

    /// How far the reconciler has come over rows.
    pub fn reconciler_of_rows() -> Self {
        Self::new("S#reconciler".to_owned(), "B")
    }

    /// What the walk over rows has counted of workspaces.
    pub fn recount() -> Self {
        Self::new("S#reconciler".to_owned(), "C")
    }

    /// Returns the key as attributes.
    pub fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(self.pk)),
            ("sk".to_owned(), AttributeValue::S(self.sk)),
        ])
    }
}

/// The sort key of what was read from some bytes.
pub const CONTENT: &str = "C";
/// The sort key of which blob versions with some bytes share.
pub const SHARED_BLOB: &str = "B";
/// Begins the sort keys of what a check has found.
pub const FINDING_PREFIX: &str = "F#";
/// Begins the sort keys of memberships, on the file's side.
pub const MEMBERSHIP_PREFIX: &str = "M#";
/// Begins the sort keys of versions.
pub const VERSION_PREFIX: &str = "V#";
/// Begins the sort keys of what people have said of a file.
pub const CORRECTION_PREFIX: &str = "K#";
/// Begins the sort keys of members, on the dossier's side.
pub const MEMBER_PREFIX: &str = "M#";
/// Begins the sort keys of posted files.
pub const POSTED_FILE_PREFIX: &str = "F#";
/// Begins the sort keys of posted dossiers.
pub const POSTED_DOSSIER_PREFIX: &str = "S#";
/// Begins the sort keys of public keys that receipts were signed with.
pub const RECEIPT_KEY_PREFIX: &str = "K#";
/// Begins the sort keys of what was used on days.
pub const USAGE_OF_DAY_PREFIX: &str = "D#";
/// Begins the sort keys of the counters of a folder.
pub const TALLY_PREFIX: &str = "C#";
/// Begins the sort keys of the folders in a folder.
pub const CHILD_FOLDER_PREFIX: &str = "F#";
/// Begins the sort keys of summaries.
pub const SUMMARY_PREFIX: &str = "S#";

/// The partition of a file: itself, its counters, versions, memberships and downloads.
pub fn file_partition(workspace: &WorkspaceId, file: FileId) -> String {
    format!("W#{workspace}#F#{file}")
}

/// The partition of an upload: its session, and the state of a tus upload.
pub fn upload_partition(workspace: &WorkspaceId, upload: UploadId) -> String {
    format!("W#{workspace}#U#{upload}")
}

/// The partition of a job: itself, and what it has found where it is a check.
pub fn job_partition(workspace: &WorkspaceId, job: JobId) -> String {
    format!("W#{workspace}#J#{job}")
}

/// Begins the partition keys of all rows of a workspace but those of its people's roles.
pub fn workspace_prefix(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#")
}

/// Reads a partition key of a workspace: what kind of rows it has, and whose. None for a key of
/// another workspace.
pub fn kind_and_id<'a>(workspace: &WorkspaceId, pk: &'a str) -> Option<(&'a str, &'a str)> {
    let (owner, rest) = pk.strip_prefix("W#")?.split_once('#')?;
    (owner == workspace.as_str()).then(|| rest.split_once('#').unwrap_or((rest, "")))
}

/// The partition of the names in a folder.
pub fn names_partition(workspace: &WorkspaceId, folder: FolderId) -> String {
    format!("W#{workspace}#N#{folder}")
}

/// The partition of a folder: itself, its counters and the folders in it.
pub fn folder_partition(workspace: &WorkspaceId, folder: FolderId) -> String {
    format!("W#{workspace}#D#{folder}")
}

/// The partition of the folders in the trash.
pub fn trash_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#T")
}

/// The partition of what is known of some bytes.
pub fn content_partition(workspace: &WorkspaceId, content: Sha256) -> String {
    format!("W#{workspace}#H#{content}")
}

/// The partition of a dossier: itself and its members.
pub fn dossier_partition(workspace: &WorkspaceId, dossier: DossierId) -> String {
    format!("W#{workspace}#S#{dossier}")
}

/// The partition of the files and dossiers posted under a type and tag.
pub fn posting_partition(
    workspace: &WorkspaceId,
    document_type: &Tag,
    tag: Option<&Tag>,
) -> String {
    let escape = |tag: &Tag| tag.as_str().replace('\\', "\\\\").replace(':', "\\:");
    // No tag is empty, so nothing after the colon stands for "any tag".
    let tag = tag.map(escape).unwrap_or_default();
    format!("W#{workspace}#P#{}:{tag}", escape(document_type))
}

/// The partition of a workspace's quota: what is not given out, and what was used on days.
pub fn quota_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#Q")
}

/// The partition of a workspace's given-up work.
pub fn failures_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#X")
}

/// The partition of a workspace's receipts.
pub fn receipts_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#R")
}

/// The partition of the public keys that receipts were signed with, of the whole deployment.
pub fn receipt_keys_partition() -> String {
    "S#receipts".to_owned()
}

/// The partition of the versions that a deletion removes.
pub fn receipt_pages_partition(workspace: &WorkspaceId, receipt: ReceiptId) -> String {
    format!("W#{workspace}#R#{receipt}")
}

/// The partition of a workspace's API keys.
pub fn api_keys_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#K")
}

/// The partition of a principal's roles.
pub fn roles_partition(principal: &str) -> String {
    format!("P#{principal}")
}

/// The partition of a principal's invitations.
pub fn invitations_partition(principal: &str) -> String {
    format!("P#{principal}#I")
}

/// The partition of a workspace's members and of those invited.
pub fn people_partition(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#M")
}

/// The key of a row in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexKey {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

/// The partition of one shard of a workspace's files, in the `created` index and in the `list` index.
pub fn listed_files(workspace: &WorkspaceId, shard: u8) -> String {
    format!("W#{workspace}#F#{shard:02}")
}

/// The partition of a workspace's dossiers in the `list` index.
pub fn listed_dossiers(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#S")
}

/// The partition of a workspace's jobs in the `list` index.
pub fn listed_jobs(workspace: &WorkspaceId) -> String {
    format!("W#{workspace}#J")
}

/// The part of a folder's counters in which a file or folder in it counts: always the same.
pub fn tally_shard(child: uuid::Uuid) -> u8 {
    shard_of(child, TALLY_SHARDS)
}

/// A file in the `created` index, where it keeps its place.
pub fn created_file(workspace: &WorkspaceId, file: FileId) -> IndexKey {
    IndexKey {
        pk: listed_files(workspace, shard_of(file.uuid(), LIST_SHARDS)),
        sk: file.to_string(),
    }
}

/// A file in the `list` index, where a change moves it to the end.
pub fn listed_file(workspace: &WorkspaceId, updated_at: Timestamp, file: FileId) -> IndexKey {
    IndexKey {
        pk: listed_files(workspace, shard_of(file.uuid(), LIST_SHARDS)),
        sk: format!("{}#{file}", sortable(updated_at)),
    }
}

/// The partition of a folder's files in the `folder` index: of those that are there, or that went into
/// the trash from it by themselves.
pub fn files_in(workspace: &WorkspaceId, folder: FolderId, state: State) -> String {
    let state = match state {
        State::Active => "active",
        State::Trashed => "trashed",
    };
    format!("W#{workspace}#F#{folder}#{state}")
}

/// Reads the key of a version. None for any other: a name in a folder can look like its sort key.
pub fn file_of_version(key: &Key) -> Option<(WorkspaceId, FileId)> {
    let (workspace, id) = owner_of(&key.pk, "F")?;
    key.sk
        .starts_with(VERSION_PREFIX)
        .then_some((workspace, id.parse().ok()?))
}

/// Reads the key of what was read from some bytes. None for any other.
pub fn bytes_of_content(key: &Key) -> Option<(WorkspaceId, Sha256)> {
    let (workspace, content) = owner_of(&key.pk, "H")?;
    (key.sk == CONTENT).then_some((workspace, content.parse().ok()?))
}

/// A row that counts for what a workspace uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charged {
    /// A file.
    File,
    /// A version.
    Version,
    /// An upload.
    Upload,
}

/// Reads the key of a row that counts for what a workspace uses. None for any other.
pub fn charged(key: &Key) -> Option<(WorkspaceId, Charged)> {
    if let Some((workspace, _)) = file_of_version(key) {
        return Some((workspace, Charged::Version));
    }
    if key.sk != SELF {
        return None;
    }
    let of = |kind, charged| owner_of(&key.pk, kind).map(|(workspace, _)| (workspace, charged));
    of("F", Charged::File).or_else(|| of("U", Charged::Upload))
}

/// Reads a partition key of this kind: the workspace, and what is behind the kind.
fn owner_of<'a>(pk: &'a str, kind: &str) -> Option<(WorkspaceId, &'a str)> {
    let (workspace, rest) = pk.strip_prefix("W#")?.split_once('#')?;
    let (found, id) = rest.split_once('#')?;
    (found == kind).then_some((workspace.parse().ok()?, id))
}

/// Writes a time so that text order is time order: microseconds since 1970, 20 digits.
pub fn sortable(at: Timestamp) -> String {
    format!("{:020}", at.as_microsecond().max(0))
}

/// Chooses a shard by the random bits of a UUID.
fn shard_of(id: uuid::Uuid, shards: u8) -> u8 {
    // The last byte of a UUID of version 7 is random, of version 5 a hash.
    id.as_bytes()[15] % shards
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_text() {
        let early: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let late: Timestamp = "2026-01-01T00:00:00.000001Z".parse().unwrap();
        assert!(sortable(early) < sortable(late));
    }

    #[test]
    fn keys_of_versions_and_contents_read_back_and_no_name_is_taken_for_one() {
        let workspace: WorkspaceId = "acme".parse().unwrap();
        let (file, content) = (FileId::new(uuid::Uuid::from_u128(7)), Sha256::of(b"bytes"));
        let version = Key::version(&workspace, file, 3);
        let kept = Key::content(&workspace, content);
        let shared = Key::shared_blob(&workspace, content);
        assert_eq!(file_of_version(&version), Some((workspace.clone(), file)));
        assert_eq!(bytes_of_content(&kept), Some((workspace.clone(), content)));
        for name in ["V#0000000001", "C"] {
            let name = Key::name(&workspace, FolderId::ROOT, &name.parse().unwrap());
            for other in [
                &name,
                &shared,
                &Key::file(&workspace, file),
                &Key::quota(&workspace),
            ] {
                assert_eq!(file_of_version(other), None, "{other:?}");
                assert_eq!(bytes_of_content(other), None, "{other:?}");
            }
        }
        assert_eq!(file_of_version(&kept), None);
        assert_eq!(bytes_of_content(&version), None);
    }

    #[test]
    fn tags_with_colons_are_posted_apart() {
        let workspace: WorkspaceId = "w".parse().unwrap();
        let tag = |text: &str| text.parse::<Tag>().unwrap();
        assert_ne!(
            posting_partition(&workspace, &tag("a:b"), Some(&tag("c"))),
            posting_partition(&workspace, &tag("a"), Some(&tag("b:c"))),
        );
        assert_ne!(
            posting_partition(&workspace, &tag("a:"), None),
            posting_partition(&workspace, &tag("a"), None),
        );
    }
}
