//! The files below a folder of this machine, and which of them are passed over.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{DirEntry, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::{Error, Result};

/// What a folder may say of itself in the syntax of `.gitignore`.
pub(crate) const IGNORE_FILE: &str = ".sheafignore";
/// Longest name in bytes of UTF-8. Source: the API's rules of names.
const MOST_NAME_BYTES: usize = 255;
/// Deepest nesting of folders. Source: the API's rules of folders.
pub(crate) const MOST_DEPTH: usize = 32;

/// Why something is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Reason {
    Hidden,
    System,
    Credential,
    Ignored,
    TooLarge,
    Link,
    Special,
    Name,
}

impl Reason {
    /// As a person reads it, after a number.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::System => "temporary or of the system",
            Self::Credential => "looking like credentials",
            Self::Ignored => "ignored",
            Self::TooLarge => "too large",
            Self::Link => "symbolic links, which are not followed",
            Self::Special => "neither file nor folder",
            Self::Name => "with a name that Sheaf does not take",
        }
    }

    /// As a program reads it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Hidden => "hidden",
            Self::System => "system",
            Self::Credential => "credential",
            Self::Ignored => "ignored",
            Self::TooLarge => "too_large",
            Self::Link => "link",
            Self::Special => "special",
            Self::Name => "name",
        }
    }
}

/// What is passed over.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own")]
pub(crate) struct Rules {
    pub(crate) hidden: bool,
    pub(crate) system: bool,
    pub(crate) credentials: bool,
    /// Whether `.sheafignore` counts.
    pub(crate) ignored: bool,
    pub(crate) larger_than: Option<u64>,
}

impl Rules {
    /// Says why something of this name is passed over, whatever it is.
    pub(crate) fn by_name(self, name: &str, is_folder: bool) -> Option<Reason> {
        let lower = name.to_lowercase();
        if !is_taken(name) {
            Some(Reason::Name)
        } else if self.credentials && is_credential(&lower, is_folder) {
            Some(Reason::Credential)
        } else if self.system && is_system(&lower, is_folder) {
            Some(Reason::System)
        } else if self.hidden && name.starts_with('.') {
            Some(Reason::Hidden)
        } else {
            None
        }
    }
}

/// A name that the API takes.
fn is_taken(name: &str) -> bool {
    let bytes: usize = name.nfc().map(char::len_utf8).sum();
    (1..=MOST_NAME_BYTES).contains(&bytes)
        && !name.chars().any(char::is_control)
        && name != "."
        && name != ".."
}

/// Files that systems and programs keep for themselves. All of these are in lower case.
const SYSTEM_NAMES: [&str; 4] = ["thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store"];
const SYSTEM_BEGINNINGS: [&str; 3] = ["~$", "._", ".~lock."];
const SYSTEM_ENDINGS: [&str; 9] = [
    ".tmp",
    ".temp",
    ".swp",
    ".swo",
    ".part",
    ".partial",
    ".crdownload",
    ".download",
    "~",
];
const SYSTEM_FOLDERS: [&str; 4] = [
    "$recycle.bin",
    "system volume information",
    "lost+found",
    "__macosx",
];
/// Files that open doors, by the names they usually have.
const CREDENTIAL_NAMES: [&str; 16] = [
    "credentials",
    "credentials.json",
    "client_secret.json",
    ".env",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".git-credentials",
    ".htpasswd",
    ".npmrc",
    ".pypirc",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "secrets.yaml",
];
const CREDENTIAL_BEGINNINGS: [&str; 1] = [".env."];
const CREDENTIAL_ENDINGS: [&str; 12] = [
    ".env",
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".p8",
    ".ppk",
    ".jks",
    ".keystore",
    ".kdb",
    ".kdbx",
    ".ovpn",
];
const CREDENTIAL_FOLDERS: [&str; 7] = [
    ".aws",
    ".ssh",
    ".gnupg",
    ".azure",
    ".kube",
    ".docker",
    ".password-store",
];

/// `name` is in lower case.
fn is_system(name: &str, is_folder: bool) -> bool {
    if is_folder {
        return SYSTEM_FOLDERS.contains(&name);
    }
    SYSTEM_NAMES.contains(&name)
        || SYSTEM_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || SYSTEM_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// `name` is in lower case.
fn is_credential(name: &str, is_folder: bool) -> bool {
    if is_folder {
        return CREDENTIAL_FOLDERS.contains(&name);
    }
    CREDENTIAL_NAMES.contains(&name)
        || CREDENTIAL_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
        || CREDENTIAL_ENDINGS
            .iter()
            .any(|ending| name.ends_with(ending))
}

/// What changes when a file is written to or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Stamp {
    pub(crate) size_bytes: u64,
    pub(crate) inode: u64,
    pub(crate) device: u64,
    /// Seconds and nanoseconds.
    pub(crate) modified: (i64, i64),
    /// Of the content, the name or the permissions; no program can set it.
    pub(crate) changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self {
            size_bytes: found.len(),
            inode: found.ino(),
            device: found.dev(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A file that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Where it is below the folder, as Sheaf names it: `2025/May.pdf` in NFC.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

/// Something that is passed over, with all that is below it.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    /// Where it is below the folder; what is not UTF-8 in it replaced.
    pub(crate) name: String,
    pub(crate) reason: Reason,
}

/// What is below a folder.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// In order of their names.
    pub(crate) files: Vec<Found>,
    pub(crate) skipped: Vec<Skipped>,
    /// What could not be looked at, such as a folder of someone else's.
    pub(crate) failed: Vec<(String, Error)>,
    /// What the folders say of themselves, with where they are below the root.
    ignores: Vec<(String, Gitignore)>,
}

impl Tree {
    /// Says whether something that is not there would be passed over if it were.
    pub(crate) fn would_skip(&self, rules: Rules, name: &str) -> bool {
        let own = name.rsplit('/').next().unwrap_or_default();
        let mut folders = name.split('/').rev().skip(1);
        rules.by_name(own, false).is_some()
            || folders.any(|folder| rules.by_name(folder, true).is_some())
            || self.skipped.iter().any(|skipped| {
                name.strip_prefix(skipped.name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            || self.is_ignored(name)
    }

    /// What is nearest decides, as where it is there.
    fn is_ignored(&self, name: &str) -> bool {
        let mut nearest = None;
        for (folder, ignore) in &self.ignores {
            let Some(below) = below(folder, name) else {
                continue;
            };
            match ignore.matched_path_or_any_parents(below, false) {
                Match::None => {}
                Match::Ignore(_) => nearest = nearest.max(Some((folder.len(), true))),
                Match::Whitelist(_) => nearest = nearest.max(Some((folder.len(), false))),
            }
        }
        nearest.is_some_and(|(_, is_ignored)| is_ignored)
    }
}

/// The rest of a name below a folder, if it is below.
fn below<'a>(folder: &str, name: &'a str) -> Option<&'a str> {
    if folder.is_empty() {
        return Some(name);
    }
    name.strip_prefix(folder)?.strip_prefix('/')
}

/// Looks through a folder. Blocks.
///
/// # Errors
/// When the folder itself cannot be read.
pub(crate) fn walk(root: &Path, rules: Rules) -> Result<Tree> {
    let mut walk = Walk {
        rules,
        tree: Tree::default(),
        names: HashSet::new(),
        ignores: Vec::new(),
    };
    walk.folder(root, "", 0)?;
    walk.tree.files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(walk.tree)
}

struct Walk {
    rules: Rules,
    tree: Tree,
    /// Two names can be one once they are composed.
    names: HashSet<String>,
    /// Of the folders from the root down.
    ignores: Vec<Gitignore>,
}

impl Walk {
    fn folder(&mut self, path: &Path, name: &str, depth: usize) -> Result<()> {
        let entries = std::fs::read_dir(path)
            .and_then(Iterator::collect::<std::io::Result<Vec<DirEntry>>>)
            .map_err(Error::disk("read", path))?;
        let ignore = self.ignore_of(path, name);
        let is_ignoring = ignore.is_some();
        self.ignores.extend(ignore);
        for entry in entries {
            self.entry(&entry, name, depth);
        }
        if is_ignoring && let Some(ignore) = self.ignores.pop() {
            self.tree.ignores.push((name.to_owned(), ignore));
        }
        Ok(())
    }

    fn ignore_of(&mut self, path: &Path, name: &str) -> Option<Gitignore> {
        let file = path.join(IGNORE_FILE);
        if !self.rules.ignored || !file.is_file() {
            return None;
        }
        let (ignore, error) = read_ignore(path, &file);
        if let Some(error) = error {
            self.tree.failed.push((join(name, IGNORE_FILE), error));
        }
        Some(ignore)
    }

    fn entry(&mut self, entry: &DirEntry, folder: &str, depth: usize) {
        let path = entry.path();
        let found = match path.symlink_metadata() {
            Ok(found) => found,
            // Gone since the folder was listed.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let name = join(folder, &entry.file_name().to_string_lossy());
                self.tree
                    .failed
                    .push((name, Error::disk("read", path)(error)));
                return;
            }
        };
        match self.name_of(&entry.file_name(), folder, &path, &found, depth) {
            Err(skipped) => self.tree.skipped.push(skipped),
            Ok(name) if found.is_dir() => {
                if let Err(error) = self.folder(&path, &name, depth + 1) {
                    self.tree.failed.push((name, error));
                }
            }
            Ok(name) => {
                self.names.insert(name.clone());
                self.tree.files.push(Found {
                    name,
                    path,
                    stamp: Stamp::of(&found),
                });
            }
        }
    }

    /// Returns where something is below the root, or why it is passed over.
    fn name_of(
        &self,
        own: &OsStr,
        folder: &str,
        path: &Path,
        found: &Metadata,
        depth: usize,
    ) -> Result<String, Skipped> {
        let skip = |reason| {
            Err(Skipped {
                name: join(folder, &own.to_string_lossy()),
                reason,
            })
        };
        let Some(own) = own.to_str() else {
            return skip(Reason::Name);
        };
        let is_folder = found.is_dir();
        let composed: String = own.nfc().collect();
        let name = join(folder, &composed);
        if let Some(reason) = self.rules.by_name(&composed, is_folder) {
            return skip(reason);
        }
        if found.is_symlink() {
            return skip(Reason::Link);
        }
        if !is_folder && !found.is_file() {
            return skip(Reason::Special);
        }
        if self.is_ignored(path, is_folder) {
            return skip(Reason::Ignored);
        }
        if self.names.contains(&name) || (is_folder && depth >= MOST_DEPTH) {
            return skip(Reason::Name);
        }
        let is_too_large = |most| found.len() > most;
        if !is_folder && self.rules.larger_than.is_some_and(is_too_large) {
            return skip(Reason::TooLarge);
        }
        Ok(name)
    }

    /// What is nearest decides, as with git.
    fn is_ignored(&self, path: &Path, is_folder: bool) -> bool {
        for ignore in self.ignores.iter().rev() {
            match ignore.matched(path, is_folder) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

fn read_ignore(folder: &Path, file: &Path) -> (Gitignore, Option<Error>) {
    let mut builder = GitignoreBuilder::new(folder);
    let failed = builder.add(file);
    let (ignore, unbuilt) = match builder.build() {
        Ok(ignore) => (ignore, None),
        Err(error) => (Gitignore::empty(), Some(error)),
    };
    let error = failed.or(unbuilt).map(|error| {
        Error::failed(
            format!("{} cannot be read", file.display()),
            format!("{error}. Its other lines count."),
        )
    });
    (ignore, error)
}

/// Joins a folder below the root and a name in it.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rules = Rules {
        hidden: true,
        system: true,
        credentials: true,
        ignored: true,
        larger_than: Some(1_000),
    };

    fn tree_of(files: &[(&str, usize)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, size) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![b'x'; *size]).unwrap();
        }
        folder
    }

    fn names(tree: &Tree) -> Vec<&str> {
        tree.files.iter().map(|found| found.name.as_str()).collect()
    }

    fn skipped(tree: &Tree) -> Vec<(&str, Reason)> {
        let mut skipped: Vec<_> = tree
            .skipped
            .iter()
            .map(|skipped| (skipped.name.as_str(), skipped.reason))
            .collect();
        skipped.sort_unstable();
        skipped
    }

    #[test]
    fn everything_is_found_where_nothing_is_asked_for() {
        let folder = tree_of(&[("a.txt", 1), ("b/c/d.txt", 1), (".hidden", 1), ("x.key", 1)]);

        let tree = walk(folder.path(), Rules::default()).unwrap();

        assert_eq!(names(&tree), [".hidden", "a.txt", "b/c/d.txt", "x.key"]);
        assert!(tree.skipped.is_empty() && tree.failed.is_empty());
    }

    #[test]
    fn what_is_passed_over_is_told_with_its_reason() {
        let folder = tree_of(&[
            ("good.txt", 1),
            ("large.bin", 1_001),
            ("just.bin", 1_000),
            (".config/x", 1),
            ("sub/Thumbs.db", 1),
            ("~$letter.docx", 1),
            ("movie.mp4.part", 1),
            (".env.local", 1),
            ("keys/id_rsa", 1),
            ("keys/server.PEM", 1),
            (".ssh/config", 1),
        ]);
        std::os::unix::fs::symlink("good.txt", folder.path().join("link")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket"));

        let tree = walk(folder.path(), ALL).unwrap();

        drop(socket);
        assert_eq!(names(&tree), ["good.txt", "just.bin"]);
        assert_eq!(
            skipped(&tree),
            [
                (".config", Reason::Hidden),
                (".env.local", Reason::Credential),
                (".ssh", Reason::Credential),
                ("keys/id_rsa", Reason::Credential),
                ("keys/server.PEM", Reason::Credential),
                ("large.bin", Reason::TooLarge),
                ("link", Reason::Link),
                ("movie.mp4.part", Reason::System),
                ("socket", Reason::Special),
                ("sub/Thumbs.db", Reason::System),
                ("~$letter.docx", Reason::System),
            ]
        );
    }

    #[test]
    fn ignore_files_are_read_as_git_reads_them() {
        let folder = tree_of(&[
            ("a.log", 1),
            ("keep.log", 1),
            ("build/x", 1),
            ("sub/a.log", 1),
            ("sub/other.log", 1),
        ]);
        std::fs::write(
            folder.path().join(IGNORE_FILE),
            "*.log\n!keep.log\n/build/\n",
        )
        .unwrap();
        std::fs::write(folder.path().join("sub").join(IGNORE_FILE), "!a.log\n").unwrap();

        let tree = walk(folder.path(), ALL).unwrap();

        assert_eq!(names(&tree), ["keep.log", "sub/a.log"]);
        // Also of what is no longer there.
        for (name, would_skip) in [
            ("gone.log", true),
            ("build/gone", true),
            ("sub/b.log", true),
            ("sub/c/a.log", false),
            ("sub/gone.txt", false),
            (".env", true),
            (".git/config", true),
        ] {
            assert_eq!(tree.would_skip(ALL, name), would_skip, "{name}");
        }
    }

    #[test]
    fn names_that_sheaf_does_not_take_are_passed_over() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = tree_of(&[("a\nb", 1), ("good", 1)]);
        let broken = folder.path().join(OsStr::from_bytes(b"\xff.txt"));
        std::fs::write(broken, "x").unwrap();
        // One name, composed and not.
        std::fs::write(folder.path().join("\u{fc}"), "x").unwrap();
        std::fs::write(folder.path().join("u\u{308}"), "x").unwrap();

        let tree = walk(folder.path(), Rules::default()).unwrap();

        assert_eq!(names(&tree), ["good", "\u{fc}"]);
        assert_eq!(tree.skipped.len(), 3);
        assert!(
            tree.skipped
                .iter()
                .all(|skipped| skipped.reason == Reason::Name)
        );
    }

    #[test]
    fn missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();

        assert!(walk(&folder.path().join("none"), ALL).is_err());
    }
}
