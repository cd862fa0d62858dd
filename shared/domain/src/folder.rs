//! Folders: rows that name their parent, so that moving one moves everything in it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::file::{File, State, gone};
use crate::id::{FolderId, JobId};
use crate::name::{FileName, FolderPath};
use crate::{Error, Kind};

/// A folder other than the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its id.
    pub id: FolderId,
    /// The folder it is in; of one in the trash, the folder it was in.
    pub parent: FolderId,
    /// Its name there.
    pub name: FileName,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its name, its place or its state last changed.
    pub updated_at: Timestamp,
    /// What became of itself; of those above it, see [`Place`].
    pub state: FolderState,
    /// When the trash lets go of it, and while it is being removed, when that is looked after; none
    /// otherwise, and where things stay in the trash for ever.
    pub purge_at: Option<Timestamp>,
    /// At least as many levels of folders as there are below it.
    pub height: usize,
    /// Grows with every change but those of `height`.
    pub revision: u64,
    /// The last job that was about all it holds.
    pub job: Option<JobId>,
}

/// What became of a folder. What is below it shares the worst of those above, which come last.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum FolderState {
    /// It is where it was put.
    #[default]
    Active,
    /// In the trash, with all it holds; it can be restored.
    Trashed,
    /// Deleted for good: unreachable, with all it holds, which is being removed.
    Erasing,
}

impl FolderState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trashed => "trashed",
            Self::Erasing => "erasing",
        }
    }
}

/// Where a folder is, and what became of it with regard to all folders above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// From the root. Folders that are no longer there are left out.
    pub path: FolderPath,
    /// Its own state, or where that is active that of the nearest above it that is not: what was put
    /// into the trash by itself has left the folder it was in.
    pub state: FolderState,
    /// When the trash lets go of all that is here; none outside of it, and where things stay there for
    /// ever.
    pub purge_at: Option<Timestamp>,
}

impl Place {
    /// The root.
    pub const fn root() -> Self {
        Self {
            path: FolderPath::root(),
            state: FolderState::Active,
            purge_at: None,
        }
    }

    /// The place of the first of these folders; each is in the next one.
    pub fn of<'a>(upwards: impl IntoIterator<Item = &'a Folder>) -> Self {
        let (mut names, mut state, mut purge_at) = (Vec::new(), FolderState::Active, None);
        for folder in upwards {
            names.push(folder.name.clone());
            if state == FolderState::Active {
                (state, purge_at) = (folder.state, folder.purge_at);
            }
        }
        names.reverse();
        Self {
            path: FolderPath::of(names),
            state,
            purge_at,
        }
    }

    /// The place of a folder in this one.
    #[must_use]
    pub fn below(&self, folder: &Folder) -> Self {
        let mut names = self.path.segments().to_vec();
        names.push(folder.name.clone());
        let (state, purge_at) = match folder.state {
            FolderState::Active => (self.state, self.purge_at),
            FolderState::Trashed | FolderState::Erasing => (folder.state, folder.purge_at),
        };
        Self {
            path: FolderPath::of(names),
            state,
            purge_at,
        }
    }

    /// Says whether what is here is neither in the trash nor being removed.
    pub fn is_active(&self) -> bool {
        self.state == FolderState::Active
    }

    /// What becomes of a file here: in a folder of the trash it is in the trash, too.
    pub fn state_of(&self, file: &File) -> State {
        if self.is_active() {
            file.state
        } else {
            State::Trashed
        }
    }

    /// When the trash lets go of a file here, by itself or with its folder.
    pub fn purge_of(&self, file: &File) -> Option<Timestamp> {
        match file.state {
            State::Active => self.purge_at,
            State::Trashed => file.purge_at,
        }
    }

    /// Checks that a file here can be reached. One that was put into the trash by itself has left its folder,
    /// and stays when that is deleted.
    ///
    /// # Errors
    /// `Gone` when all that is here is being removed.
    pub fn reach(&self, file: &File) -> Result<(), Error> {
        if self.state == FolderState::Erasing && file.state == State::Active {
            return Err(gone(file.id, "its folder was deleted"));
        }
        Ok(())
    }
}

/// The answer for a folder that was there.
pub fn deleted(id: FolderId) -> Error {
    Error::Gone {
        kind: Kind::Folder,
        id: id.to_string(),
        reason: "it was deleted",
    }
}

/// What is directly in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files.
    pub files: i64,
    /// Folders.
    pub folders: i64,
    /// Bytes of the current versions of the files.
    pub bytes: i64,
}

impl Tally {
    /// One file of so many bytes.
    pub fn file(bytes: u64) -> Self {
        Self {
            files: 1,
            folders: 0,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        }
    }

    /// One folder.
    pub const fn folder() -> Self {
        Self {
            files: 0,
            folders: 1,
            bytes: 0,
        }
    }

    /// The bytes by which a file of `before` bytes grows to `after`, or shrinks.
    pub fn growth(before: u64, after: u64) -> Self {
        Self {
            files: 0,
            folders: 0,
            bytes: Self::file(after)
                .bytes
                .saturating_sub(Self::file(before).bytes),
        }
    }

    /// As much less.
    #[must_use]
    pub const fn negated(self) -> Self {
        Self {
            files: -self.files,
            folders: -self.folders,
            bytes: -self.bytes,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            files: self.files.saturating_add(other.files),
            folders: self.folders.saturating_add(other.folders),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, state: FolderState) -> Folder {
        Folder {
            id: FolderId::ROOT,
            parent: FolderId::ROOT,
            name: name.parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            state,
            purge_at: None,
            height: 0,
            revision: 1,
            job: None,
        }
    }

    #[test]
    fn a_place_shares_the_worst_of_the_folders_above_it() {
        let upwards = [
            folder("c", FolderState::Active),
            folder("b", FolderState::Trashed),
            folder("a", FolderState::Active),
        ];

        let place = Place::of(&upwards);
        let below = place.below(&folder("d", FolderState::Erasing));

        assert_eq!(
            (place.path.to_string(), place.state),
            ("/a/b/c".into(), FolderState::Trashed)
        );
        assert_eq!(
            (below.path.to_string(), below.state),
            ("/a/b/c/d".into(), FolderState::Erasing)
        );
        assert!(Place::root().is_active());
    }
}
