//! What a workspace holds, as plainly as it can be said. Nothing here knows how it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use domain::FolderId;

/// Bytes of a version.
pub(super) type Bytes = Rc<[u8]>;

/// Why a request is refused: the status and the code of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
}

const fn refusal(status: u16, code: &'static str) -> Refusal {
    Refusal { status, code }
}

pub(super) const GONE: Refusal = refusal(410, "gone");
pub(super) const NOT_FOUND: Refusal = refusal(404, "not_found");
pub(super) const NAME_TAKEN: Refusal = refusal(409, "name_taken");
pub(super) const NOT_A_FOLDER: Refusal = refusal(409, "not_a_folder");
pub(super) const IN_TRASH: Refusal = refusal(409, "in_trash");
pub(super) const BELOW_ITSELF: Refusal = refusal(409, "below_itself");
pub(super) const CURRENT_VERSION: Refusal = refusal(409, "current_version");
pub(super) const INCOMPLETE: Refusal = refusal(409, "incomplete");
pub(super) const CHANGED: Refusal = refusal(412, "precondition_failed");
pub(super) const QUOTA: Refusal = refusal(507, "quota_exceeded");

/// A file that was not erased.
#[derive(Clone, Debug)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) folder: String,
    /// When it was put into the trash by itself, in minutes since the beginning.
    pub(super) trashed_at: Option<u64>,
    pub(super) versions: BTreeMap<u32, Bytes>,
    pub(super) version: u32,
    /// In minutes since the beginning.
    pub(super) expires_at: Option<u64>,
    pub(super) tags: BTreeSet<String>,
}

impl File {
    pub(super) fn bytes(&self) -> &Bytes {
        &self.versions[&self.version]
    }
}

/// What became of a folder itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Active,
    /// Since so many minutes after the beginning.
    Trashed(u64),
    /// It is gone; what it was in is still known.
    Removed,
}

#[derive(Clone, Debug)]
pub(super) struct Folder {
    pub(super) name: String,
    pub(super) parent: String,
    pub(super) state: State,
}

/// What a file is to be that is on its way.
#[derive(Clone, Debug)]
pub(super) struct Intent {
    pub(super) name: String,
    pub(super) path: Vec<String>,
    pub(super) on_conflict: OnConflict,
    pub(super) expires_in: Option<u64>,
    pub(super) tag: Option<String>,
    pub(super) bytes: Bytes,
    /// Whether it comes under the tag of the file that has the name; false when under another one.
    pub(super) expected: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnConflict {
    Fail,
    Rename,
    Version,
}

impl OnConflict {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Rename => "rename",
            Self::Version => "version",
        }
    }
}

/// An open upload.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) intent: Intent,
    pub(super) way: Way,
}

#[derive(Clone, Debug)]
pub(super) enum Way {
    /// To a signed URL; whether the bytes are there.
    Signed(bool),
    /// By tus; how many bytes have come.
    Tus(usize),
}

/// Who has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    File(String),
    Folder(String),
}

/// Where the bytes of an upload go.
#[derive(Clone, Debug)]
pub(super) enum Target {
    /// A new file of this name, or of a form of it where it is taken.
    New,
    Existing(String),
}

#[derive(Debug, Default)]
pub(super) struct Workspace {
    pub(super) files: BTreeMap<String, File>,
    pub(super) folders: BTreeMap<String, Folder>,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Files that were erased.
    pub(super) gone: BTreeSet<String>,
    /// Minutes since the beginning.
    pub(super) now: u64,
    pub(super) quota_bytes: u64,
    pub(super) quota_files: u64,
    /// How many minutes things stay in the trash.
    pub(super) trash_time: u64,
}

pub(super) fn root() -> String {
    FolderId::ROOT.to_string()
}

impl Workspace {
    pub(super) fn used_files(&self) -> u64 {
        (self.files.len() + self.sessions.len()) as u64
    }

    pub(super) fn used_bytes(&self) -> u64 {
        let stored = self.files.values().flat_map(|file| file.versions.values());
        let coming = self.sessions.values().map(|session| &session.intent.bytes);
        stored.chain(coming).map(|bytes| bytes.len() as u64).sum()
    }

    pub(super) fn reserve(&self, bytes: usize, files: u64) -> Result<(), Refusal> {
        let fits = self.used_bytes() + bytes as u64 <= self.quota_bytes
            && self.used_files() + files <= self.quota_files;
        if fits { Ok(()) } else { Err(QUOTA) }
    }

    pub(super) fn is_expired(&self, file: &File) -> bool {
        file.expires_at.is_some_and(|at| at <= self.now)
    }

    /// A folder and those above it that are there, the nearest first, without the root.
    pub(super) fn upwards(&self, folder: &str) -> Vec<&str> {
        let mut found = Vec::new();
        let mut at = folder;
        while let Some((id, folder)) = self.folders.get_key_value(at) {
            if folder.state != State::Removed {
                found.push(id.as_str());
            }
            at = &folder.parent;
        }
        found
    }

    /// Says whether a folder is in the trash, by itself or with one above it.
    pub(super) fn is_in_trash(&self, folder: &str) -> bool {
        let upwards = self.upwards(folder);
        upwards
            .iter()
            .any(|id| matches!(self.folders[*id].state, State::Trashed(_)))
    }

    /// The path of what is in a folder.
    pub(super) fn path(&self, folder: &str, name: &str) -> String {
        format!("/{}", self.segments(folder, name).join("/"))
    }

    pub(super) fn segments(&self, folder: &str, name: &str) -> Vec<String> {
        let above = self.upwards(folder).into_iter().rev();
        let names = above.map(|id| self.folders[id].name.as_str());
        names.chain([name]).map(ToOwned::to_owned).collect()
    }

    /// The nearest folder, from this one upwards, that is not in the trash.
    pub(super) fn nearest_active(&self, folder: &str) -> String {
        let upwards = self.upwards(folder);
        let active = upwards.into_iter().find(|id| !self.is_in_trash(id));
        active.map_or_else(root, ToOwned::to_owned)
    }

    pub(super) fn holder(&self, folder: &str, name: &str) -> Option<Holder> {
        let file = self.files.iter().find(|(_, file)| {
            file.folder == folder
                && file.name == name
                && file.trashed_at.is_none()
                && !self.is_expired(file)
        });
        if let Some((id, _)) = file {
            return Some(Holder::File(id.clone()));
        }
        let child = self.children(folder).find(|(_, child)| child.name == name);
        child.map(|(id, _)| Holder::Folder(id.clone()))
    }

    /// The folders in a folder.
    pub(super) fn children(&self, folder: &str) -> impl Iterator<Item = (&String, &Folder)> {
        let in_it = move |(_, child): &(&String, &Folder)| {
            child.parent == folder && child.state == State::Active
        };
        self.folders.iter().filter(in_it)
    }

    /// The folder at a path; none where it is missing, from some folder on.
    pub(super) fn at(&self, path: &[String]) -> Result<Option<String>, Refusal> {
        let mut at = root();
        for name in path {
            match self.holder(&at, name) {
                Some(Holder::Folder(id)) => at = id,
                Some(Holder::File(_)) => return Err(NOT_A_FOLDER),
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// A file that can be read.
    pub(super) fn readable(&self, id: &str) -> Result<&File, Refusal> {
        match self.files.get(id) {
            Some(file) if self.is_expired(file) => Err(GONE),
            Some(file) => Ok(file),
            None if self.gone.contains(id) => Err(GONE),
            None => Err(NOT_FOUND),
        }
    }

    /// A folder that can be looked at.
    pub(super) fn reachable(&self, id: &str) -> Result<&Folder, Refusal> {
        match self.folders.get(id) {
            Some(folder) if folder.state == State::Removed => Err(GONE),
            Some(folder) => Ok(folder),
            None => Err(NOT_FOUND),
        }
    }

    /// Whether a file is in the trash, by itself or with a folder.
    pub(super) fn is_trashed(&self, file: &File) -> bool {
        file.trashed_at.is_some() || self.is_in_trash(&file.folder)
    }

    /// Where an upload goes. The folders of its path are there, or to be made.
    pub(super) fn target(&self, intent: &Intent) -> Result<Target, Refusal> {
        let holder = match self.at(&intent.path)? {
            Some(folder) => self.holder(&folder, &intent.name),
            None => None,
        };
        match (holder, intent.on_conflict) {
            (None, _) if intent.expected.is_some() => Err(CHANGED),
            (None, _) | (Some(_), OnConflict::Rename) => Ok(Target::New),
            (Some(Holder::File(_)), OnConflict::Version) if intent.expected == Some(false) => {
                Err(CHANGED)
            }
            (Some(Holder::File(id)), OnConflict::Version) => Ok(Target::Existing(id)),
            (Some(_), OnConflict::Fail | OnConflict::Version) => Err(NAME_TAKEN),
        }
    }

    /// An upload has become a version of a file.
    pub(super) fn commit(&mut self, intent: &Intent, id: &str, name: &str, folder: &str) {
        let expires_at = intent.expires_in.map(|minutes| self.now + minutes);
        if let Some(file) = self.files.get_mut(id) {
            file.version += 1;
            file.versions.insert(file.version, Rc::clone(&intent.bytes));
            if expires_at.is_some() {
                file.expires_at = expires_at;
            }
            if intent.tag.is_some() {
                file.tags = intent.tag.iter().cloned().collect();
            }
            return;
        }
        let file = File {
            name: name.to_owned(),
            folder: folder.to_owned(),
            trashed_at: None,
            versions: BTreeMap::from([(1, Rc::clone(&intent.bytes))]),
            version: 1,
            expires_at,
            tags: intent.tag.iter().cloned().collect(),
        };
        self.files.insert(id.to_owned(), file);
    }

    pub(super) fn erase(&mut self, id: &str) {
        self.files.remove(id);
        self.gone.insert(id.to_owned());
    }

    /// A folder that is deleted for good takes with it all that is in it and was not put into the
    /// trash by itself before.
    pub(super) fn remove_folder(&mut self, id: &str) {
        let below: Vec<String> = self.children(id).map(|(id, _)| id.clone()).collect();
        for child in below {
            self.remove_folder(&child);
        }
        let inside = self.files.iter();
        let inside = inside.filter(|(_, file)| file.folder == id && file.trashed_at.is_none());
        let inside: Vec<String> = inside.map(|(id, _)| id.clone()).collect();
        for file in inside {
            self.erase(&file);
        }
        if let Some(folder) = self.folders.get_mut(id) {
            folder.state = State::Removed;
        }
    }

    /// How many levels of folders there are from this one down.
    pub(super) fn height(&self, folder: &str) -> usize {
        let below = self.children(folder).map(|(id, _)| self.height(id)).max();
        1 + below.unwrap_or_default()
    }

    /// Says whether a folder is another one or above it.
    pub(super) fn is_above(&self, folder: &str, below: &str) -> bool {
        self.upwards(below).contains(&folder)
    }

    /// The sweep erases what has expired, and what was in the trash for long enough.
    pub(super) fn sweep(&mut self) {
        let is_purged = |since: u64| since + self.trash_time <= self.now;
        let due = self
            .files
            .iter()
            .filter(|(_, file)| self.is_expired(file) || file.trashed_at.is_some_and(is_purged));
        let due: Vec<String> = due.map(|(id, _)| id.clone()).collect();
        let folders = self.folders.iter().filter(
            |(_, folder)| matches!(folder.state, State::Trashed(since) if is_purged(since)),
        );
        let folders: Vec<String> = folders.map(|(id, _)| id.clone()).collect();
        for id in due {
            self.erase(&id);
        }
        for id in folders {
            self.remove_folder(&id);
        }
    }
}
