//! Folders: rows that name their parent, so that moving one moves everything in it.

use jiff::Timestamp;

use crate::id::FolderId;
use crate::name::FileName;

/// A folder other than the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// The folder it is in.
    pub parent: FolderId,
    /// Its name there.
    pub name: FileName,
    /// When it was made.
    pub created_at: Timestamp,
}
