//! Folders on the wire.

use domain::FolderId;
use domain::folder::Folder;
use domain::name::FolderPath;
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
    /// When it was made; null for the root, which always was.
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Timestamp>,
}

impl FolderView {
    /// Shows a folder in the one at `parent`.
    pub fn new(folder: Folder, parent: &FolderPath) -> Self {
        Self {
            id: folder.id.uuid(),
            path: parent.join(&folder.name),
            name: folder.name.into(),
            parent_id: Some(folder.parent.uuid()),
            created_at: Some(folder.created_at),
        }
    }

    /// Shows the root.
    pub fn root() -> Self {
        Self {
            id: FolderId::ROOT.uuid(),
            name: String::new(),
            parent_id: None,
            path: FolderPath::root().to_string(),
            created_at: None,
        }
    }
}
