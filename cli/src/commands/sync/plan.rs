//! What is to be done so that a folder of Sheaf holds what one of this machine does.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::remote::Remote;

/// A file of this machine.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) sha256: String,
    pub(super) size_bytes: u64,
}

/// Why a file is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    New,
    Changed,
}

/// What is to be done. Names are those below the folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) moves: Vec<Move>,
    pub(super) stores: Vec<(String, Why)>,
    pub(super) trash: Vec<String>,
    pub(super) same: u64,
}

/// A file that has another name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) from: String,
    pub(super) to: String,
}

impl Plan {
    /// Compares by hash. What `is_kept` says yes to is left alone where it is only in Sheaf.
    pub(super) fn make(
        local: &BTreeMap<String, Local>,
        remote: &BTreeMap<String, Remote>,
        delete: bool,
        is_kept: impl Fn(&str) -> bool,
    ) -> Self {
        let mut plan = Self::default();
        for (name, file) in local {
            match remote.get(name) {
                None => plan.stores.push((name.clone(), Why::New)),
                Some(there) if there.sha256.as_ref() == Some(&file.sha256) => plan.same += 1,
                Some(_) => plan.stores.push((name.clone(), Why::Changed)),
            }
        }
        if delete {
            let gone = remote
                .keys()
                .filter(|name| !local.contains_key(*name) && !is_kept(name));
            plan.trash = gone.cloned().collect();
            plan.find_moves(local, remote);
        }
        plan
    }

    /// A new file with the bytes of one that is gone is that one, moved.
    fn find_moves(&mut self, local: &BTreeMap<String, Local>, remote: &BTreeMap<String, Remote>) {
        let mut gone: HashMap<&str, Vec<&String>> = HashMap::new();
        for name in self.trash.iter().rev() {
            if let Some(sha256) = remote.get(name).and_then(|there| there.sha256.as_deref()) {
                gone.entry(sha256).or_default().push(name);
            }
        }
        let mut moves = Vec::new();
        self.stores.retain(|(to, why)| {
            let file = local.get(to).filter(|_| *why == Why::New);
            let from = file.and_then(|file| gone.get_mut(file.sha256.as_str())?.pop());
            moves.extend(from.map(|from| Move {
                from: from.clone(),
                to: to.clone(),
            }));
            from.is_none()
        });
        let kept: HashSet<&String> = moves.iter().map(|one| &one.from).collect();
        self.trash.retain(|name| !kept.contains(name));
        self.moves = moves;
    }

    /// Says whether so many would go that something else is likely: a disk that is not mounted.
    pub(super) fn is_drastic(&self, remote: &BTreeMap<String, Remote>) -> bool {
        self.trash.len().saturating_mul(2) > remote.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(files: &[(&str, &str)]) -> BTreeMap<String, Local> {
        let file = |(name, sha256): &(&str, &str)| {
            let local = Local {
                sha256: (*sha256).to_owned(),
                size_bytes: 1,
            };
            ((*name).to_owned(), local)
        };
        files.iter().map(file).collect()
    }

    fn remote(files: &[(&str, &str)]) -> BTreeMap<String, Remote> {
        let file = |(name, sha256): &(&str, &str)| {
            let remote = Remote {
                id: format!("id of {name}"),
                version: 1,
                sha256: (*sha256 != "?").then(|| (*sha256).to_owned()),
            };
            ((*name).to_owned(), remote)
        };
        files.iter().map(file).collect()
    }

    #[test]
    fn new_and_changed_files_are_stored_and_nothing_is_lost_without_being_asked() {
        let plan = Plan::make(
            &local(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
            &remote(&[("a", "1"), ("b", "old"), ("d", "?"), ("gone", "5")]),
            false,
            |_| false,
        );

        let stores = [("b", Why::Changed), ("c", Why::New), ("d", Why::Changed)];
        assert_eq!(
            plan,
            Plan {
                stores: stores.map(|(name, why)| (name.to_owned(), why)).into(),
                same: 1,
                ..Plan::default()
            }
        );
    }

    #[test]
    fn what_is_gone_goes_to_the_trash_but_for_what_is_kept() {
        let remote = remote(&[("a", "1"), ("gone", "2"), (".env", "3")]);
        let plan = Plan::make(&local(&[("a", "1")]), &remote, true, |name| name == ".env");

        assert_eq!(plan.trash, ["gone"]);
        assert!(!plan.is_drastic(&remote));
    }

    #[test]
    fn file_with_another_name_is_moved_each_once() {
        let remote = remote(&[("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")]);
        let plan = Plan::make(
            &local(&[("x", "1"), ("y", "1"), ("z", "1"), ("d", "2")]),
            &remote,
            true,
            |_| false,
        );

        let moved = |from: &str, to: &str| Move {
            from: from.to_owned(),
            to: to.to_owned(),
        };
        assert_eq!(plan.moves, [moved("a", "x"), moved("b", "y")]);
        assert_eq!(
            plan.stores,
            [("d".to_owned(), Why::Changed), ("z".to_owned(), Why::New)]
        );
        assert_eq!(plan.trash, ["c"]);
    }

    #[test]
    fn losing_more_than_half_is_drastic() {
        let remote = remote(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let plan = |files: &[(&str, &str)]| Plan::make(&local(files), &remote, true, |_| false);

        assert!(!plan(&[("a", "1"), ("b", "2")]).is_drastic(&remote));
        assert!(plan(&[("a", "1")]).is_drastic(&remote));
        assert!(plan(&[]).is_drastic(&remote));
    }
}
