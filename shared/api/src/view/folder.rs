//! Folders on the wire.

use domain::FolderId;
use domain::folder::{Folder, Place, Tally};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A folder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Folder)]
pub struct FolderView {
    /// Its id; all zeros for the root.
    id: Uuid,
    /// Its name; empty for the root.
    #[schema(example = "2024")]
    name: String,
    /// The folder it is in; null for the root.
    parent_id: Option<Uuid>,
    /// Its path from the root.
    #[schema(example = "/bills/2024")]
    path: String,
    /// active or trashed. What is in a folder of the trash is in the trash.
    #[schema(example = "active")]
    state: &'static str,
    /// When the trash lets go of it, by itself or with a folder above it: a sweep soon after deletes it for
    /// good. Null outside of the trash, and where things stay there for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    purge_at: Option<Timestamp>,
    /// How many files are directly in it.
    file_count: u64,
    /// How many folders are directly in it.
    folder_count: u64,
    /// Bytes of the current versions of the files that are directly in it.
    size_bytes: u64,
    /// When it was made; null for the root, which always was.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
    /// When its name, its place or its state last changed; null for the root.
    #[schema(value_type = Option<String>, format = DateTime)]
    updated_at: Option<Timestamp>,
}

/// How a folder stands, without its path, which may be long, and what is in it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BriefFolder)]
pub struct BriefFolderView {
    /// Its id.
    id: Uuid,
    /// Its name.
    #[schema(example = "2024")]
    name: String,
    /// The folder it is in.
    parent_id: Option<Uuid>,
    /// active or trashed.
    #[schema(example = "active")]
    state: &'static str,
    /// Its entity tag, for `if_match` and `If-Match`.
    #[schema(example = "\"0f0e0d0c0b0a09080706050403020100\"")]
    etag: String,
}

impl FolderView {
    /// Shows only what tells how the folder stands, with its entity tag.
    pub fn into_brief(self, etag: String) -> BriefFolderView {
        BriefFolderView {
            id: self.id,
            name: self.name,
            parent_id: self.parent_id,
            state: self.state,
            etag,
        }
    }

    /// Shows a folder, which is at `place`, with what is directly in it.
    pub fn new(folder: Folder, place: &Place, tally: Tally) -> Self {
        Self {
            id: folder.id.uuid(),
            path: place.path.to_string(),
            name: folder.name.into(),
            parent_id: Some(folder.parent.uuid()),
            state: place.state.as_str(),
            purge_at: place.purge_at,
            created_at: Some(folder.created_at),
            updated_at: Some(folder.updated_at),
            ..Self::root(tally)
        }
    }

    /// Shows the root.
    pub fn root(tally: Tally) -> Self {
        let place = Place::root();
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Self {
            id: FolderId::ROOT.uuid(),
            name: String::new(),
            parent_id: None,
            path: place.path.to_string(),
            state: place.state.as_str(),
            purge_at: place.purge_at,
            file_count: count(tally.files),
            folder_count: count(tally.folders),
            size_bytes: count(tally.bytes),
            created_at: None,
            updated_at: None,
        }
    }
}
