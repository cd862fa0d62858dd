//! Files and versions on the wire.

use domain::file::{File, Origin, State, SummaryReason, Version};
use domain::folder::Place;
use domain::name::FolderPath;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub struct FileView {
    /// Its id.
    id: Uuid,
    /// Its name.
    #[schema(example = "2024-11 electricity.pdf")]
    name: String,
    /// The folder it is in; all zeros for the root.
    folder_id: Uuid,
    /// Its path from the root.
    #[schema(example = "/bills/2024-11 electricity.pdf")]
    path: String,
    /// What the document is.
    #[serde(rename = "type")]
    #[schema(example = "bill")]
    document_type: Option<String>,
    /// Its tags.
    tags: Vec<String>,
    /// Where it stands in the pipeline: pending, scanning, extracted, classified, summarized,
    /// completed, failed or quarantined.
    #[schema(example = "completed")]
    status: &'static str,
    /// Its size.
    size_bytes: u64,
    /// What its bytes are.
    content_type: String,
    /// The hash of its bytes; null until it is verified.
    sha256: Option<String>,
    /// Number of its current version.
    version: u32,
    /// How it came to be: uploaded, generated or imported.
    #[schema(example = "uploaded")]
    origin: &'static str,
    /// Who made it, by pseudonym.
    owner: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// From when on it is gone.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When its content was last fetched.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_accessed_at: Option<Timestamp>,
    /// How often its content was fetched.
    download_count: u64,
    /// The date the document is about.
    #[schema(value_type = Option<String>, format = Date)]
    document_date: Option<jiff::civil::Date>,
    /// active or trashed.
    #[schema(example = "active")]
    state: &'static str,
    /// When the trash lets go of it, by itself or with its folder: a sweep soon after deletes it for good.
    /// Null outside of the trash, and where things stay there for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    purge_at: Option<Timestamp>,
    /// Its summary, once it is written.
    summary: Option<SummaryView>,
    /// Why it has none: `no_text` or unsupported.
    summary_reason: Option<&'static str>,
    /// Why the pipeline stopped.
    failure: Option<FailureView>,
    /// Marked by a person.
    favorite: bool,
    /// Put away by a person.
    archived: bool,
}

/// The summary of a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Summary)]
pub struct SummaryView {
    /// The summary.
    text: String,
    /// Which model wrote it.
    model: String,
    /// By which version of the prompt.
    prompt_version: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    made_at: Timestamp,
}

/// Why a stage of the pipeline could not do its work.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureView {
    /// The stage.
    #[schema(example = "extract")]
    stage: String,
    /// A word to switch on.
    #[schema(example = "encrypted")]
    code: String,
    /// What happened and what to do.
    detail: String,
}

impl From<domain::file::Failure> for FailureView {
    fn from(failure: domain::file::Failure) -> Self {
        Self {
            stage: failure.stage,
            code: failure.code,
            detail: failure.detail,
        }
    }
}

/// How a file stands, without its path, which may be long, and what is known of its content.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BriefFile)]
pub struct BriefFileView {
    /// Its id; of a copy, that of the new file.
    id: Uuid,
    /// Its name.
    #[schema(example = "2024-11 electricity.pdf")]
    name: String,
    /// The folder it is in; all zeros for the root.
    folder_id: Uuid,
    /// active or trashed.
    #[schema(example = "active")]
    state: &'static str,
    /// Number of its current version.
    version: u32,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Its entity tag, for `if_match` and `If-Match`.
    #[schema(example = "\"7-0f0e0d0c0b0a0908\"")]
    etag: String,
}

impl FileView {
    /// Returns the id of the file.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Shows only what tells how the file stands, with its entity tag.
    pub fn into_brief(self, etag: String) -> BriefFileView {
        BriefFileView {
            id: self.id,
            name: self.name,
            folder_id: self.folder_id,
            state: self.state,
            version: self.version,
            updated_at: self.updated_at,
            etag,
        }
    }

    /// Shows a file whose folder is in `place`: in a folder of the trash it is in the trash.
    pub fn placed(file: File, place: &Place) -> Self {
        let (state, purge_at) = (place.state_of(&file), place.purge_of(&file));
        Self {
            state: self::state(state),
            purge_at,
            ..Self::new(file, &place.path)
        }
    }

    /// Shows a file in the folder at `folder`.
    pub fn new(file: File, folder: &FolderPath) -> Self {
        Self {
            id: file.id.uuid(),
            document_date: file.document_date(),
            path: folder.join(&file.name),
            name: file.name.into(),
            folder_id: file.folder.uuid(),
            document_type: file.document_type.map(Into::into),
            tags: Vec::from(file.tags).into_iter().map(Into::into).collect(),
            status: file.status.as_str(),
            size_bytes: file.content.size_bytes,
            content_type: file.content.content_type,
            sha256: file.content.sha256.map(Into::into),
            version: file.version,
            origin: origin(file.origin),
            owner: file.owner,
            created_at: file.created_at,
            updated_at: file.updated_at,
            expires_at: file.expires_at,
            last_accessed_at: file.last_accessed_at,
            download_count: file.download_count,
            state: state(file.state),
            purge_at: file.purge_at,
            summary: file.summary.map(|summary| SummaryView {
                text: summary.text,
                model: summary.model,
                prompt_version: summary.prompt_version,
                made_at: summary.made_at,
            }),
            summary_reason: file.summary_reason.map(summary_reason),
            failure: file.failure.map(FailureView::from),
            favorite: file.favorite,
            archived: file.archived,
        }
    }
}

/// A version of a file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub struct VersionView {
    /// Its number, from 1.
    version: u32,
    /// Its size.
    size_bytes: u64,
    /// What its bytes are.
    content_type: String,
    /// The hash of its bytes; null until it is verified.
    sha256: Option<String>,
    /// Who made it, by pseudonym.
    owner: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        Self {
            version: version.number,
            size_bytes: version.content.size_bytes,
            content_type: version.content.content_type,
            sha256: version.content.sha256.map(Into::into),
            owner: version.owner,
            created_at: version.created_at,
        }
    }
}

const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Uploaded => "uploaded",
        Origin::Generated => "generated",
        Origin::Imported => "imported",
    }
}

const fn state(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Trashed => "trashed",
    }
}

const fn summary_reason(reason: SummaryReason) -> &'static str {
    match reason {
        SummaryReason::NoText => "no_text",
        SummaryReason::Unsupported => "unsupported",
    }
}
