//! `sheaf sync`: keeps a folder of Sheaf in step with one of this machine.

mod hashes;
mod plan;
mod remote;
mod told;
mod watch;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use futures::StreamExt as _;

use self::hashes::{Hashes, is_settled};
use self::plan::{Local, Plan, Why};
use self::remote::Index;
use self::told::{Counts, Teller};
use self::watch::{QUIET, Watch};
use super::Context;
use super::put::keeping;
use crate::client::Client;
use crate::ending::Endings;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::size;
use crate::state::{self, Journal};
use crate::transfer::source::Source;
use crate::transfer::upload::{AT_ONCE, Keeping, PARTS_AT_ONCE, Stored, Uploader, Wishes};
use crate::tree::{self, Found, Rules, Stamp, Tree};
use crate::views::{self, File};

/// Files that are hashed at once: more would only have a disk seek.
const HASHED_AT_ONCE: usize = 2;
/// How often what has been hashed is written down, while very much is.
const SAVE_EVERY: Duration = Duration::from_secs(30);
/// How often everything is looked at while watching, whatever was noticed.
const LOOK_EVERY: Duration = Duration::from_mins(10);
/// The first wait after a failure while watching; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a failure while watching.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Keeps a folder of Sheaf in step with one of this machine
///
/// One way: files that are new or changed here, by their content, are stored; what changes in Sheaf
/// is not fetched. Passed over are links, what begins with a dot, temporary files and files of the
/// system, files that look like credentials, very large ones, and what .sheafignore names, in the
/// syntax of .gitignore.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Arguments {
    /// The folder of this machine
    #[arg(value_name = "DIR")]
    root: PathBuf,
    /// The folder of Sheaf, such as /documents; made when missing
    folder: String,
    /// Moves files of Sheaf to the trash that are not here, or to their new place
    #[arg(long)]
    delete: bool,
    /// Moves to the trash even more than half of the files
    #[arg(long, requires = "delete")]
    force: bool,
    /// Tells what would be done, and does nothing
    #[arg(long)]
    dry_run: bool,
    /// Goes on until Ctrl-C, and does what becomes necessary
    #[arg(long, conflicts_with = "dry_run")]
    watch: bool,
    /// Also what begins with a dot
    #[arg(long)]
    hidden: bool,
    /// Also what looks like credentials, such as `.env`, `id_rsa` and `*.pem`
    #[arg(long)]
    include_credentials: bool,
    /// Passes over files larger than this
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = size::parse)]
    max_size: u64,
    /// Parts of one file on their way at once, 64 at most
    #[arg(
        long,
        value_name = "N",
        default_value_t = PARTS_AT_ONCE,
        value_parser = super::get::parse_parallel
    )]
    parallel: usize,
    /// Names each file that is passed over
    #[arg(short, long)]
    verbose: bool,
}

pub(super) async fn run(arguments: &Arguments, context: &Context<'_>) -> Result<()> {
    let mut endings = Endings::listen()?;
    let client = context.client()?;
    let mut sync = Sync::new(arguments, context, &client)?;
    let work = async {
        if arguments.watch {
            sync.watch().await
        } else {
            sync.once().await
        }
    };
    let done = tokio::select! {
        done = work => done,
        // Watching ends no other way, so that is its good end.
        ending = endings.asked() => if arguments.watch {
            Ok(())
        } else {
            Err(Error::Ended(ending))
        },
    };
    let saved = sync.hashes.save();
    done.and(saved)
}

struct Sync<'a> {
    client: &'a Client,
    uploader: Uploader<'a>,
    teller: Teller<'a>,
    arguments: &'a Arguments,
    /// `/documents`, or nothing for the root.
    base: String,
    rules: Rules,
    hashes: Hashes,
    index: Option<Index>,
    /// What Sheaf refused, until it changes.
    refused: HashMap<String, Stamp>,
    /// What could not be read and was told.
    unread: HashSet<String>,
    /// How many deletions were last held back.
    held_back: usize,
    /// One sync of these two folders at a time.
    _lock: Option<Journal>,
}

/// What a round leaves to be done.
#[derive(Debug, Default)]
struct Round {
    counts: Counts,
    /// Whether a file is being written just now.
    is_unsettled: bool,
    /// Whether what failed may succeed later by itself.
    may_pass: bool,
}

impl<'a> Sync<'a> {
    fn new(arguments: &'a Arguments, context: &Context<'a>, client: &'a Client) -> Result<Self> {
        let root =
            std::path::absolute(&arguments.root).map_err(Error::disk("read", &arguments.root))?;
        if !root.is_dir() {
            return Err(Error::failed(
                format!("{} is no folder", root.display()),
                "Nothing was done.",
            ));
        }
        let base = match arguments.folder.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        let keeping = keeping(false, context.output);
        let (lock, hashes) = match &keeping {
            Keeping::Nothing => (None, Hashes::read(None)),
            Keeping::Resume(_) | Keeping::Anew(_) => remembered(client, &root, &base)?,
        };
        Ok(Self {
            client,
            uploader: Uploader::new(client)
                .parallel(arguments.parallel)
                .keeping(keeping),
            teller: Teller {
                output: context.output,
                is_dry: arguments.dry_run,
                is_verbose: arguments.verbose,
            },
            arguments,
            base,
            rules: Rules {
                hidden: !arguments.hidden,
                system: true,
                credentials: !arguments.include_credentials,
                ignored: true,
                larger_than: Some(arguments.max_size),
            },
            hashes,
            index: None,
            refused: HashMap::new(),
            unread: HashSet::new(),
            held_back: 0,
            _lock: lock,
        })
    }

    async fn once(&mut self) -> Result<()> {
        let round = self.round(None).await?;
        self.teller.sum(&round.counts)?;
        match round.counts.failed {
            0 => Ok(()),
            failed => Err(Error::failed(
                format!("{failed} failed"),
                "Each is told above; the others are done.",
            )),
        }
    }

    async fn watch(&mut self) -> Result<()> {
        let root = self.arguments.root.clone();
        let mut watch = Watch::begin(&root)?;
        let mut is_told = false;
        let mut wait = FIRST_WAIT;
        loop {
            let round = self.round(Some(QUIET)).await;
            let was_there = !matches!(round, Err(Error::Disk { .. }));
            let next = match round {
                Ok(round) => {
                    let is_through = !round.is_unsettled && !round.may_pass;
                    if (is_through && !is_told) || !round.counts.is_nothing() {
                        self.teller.sum(&round.counts)?;
                    }
                    if is_through && !is_told {
                        is_told = true;
                        self.teller.watching(&root.display().to_string())?;
                    }
                    if round.may_pass {
                        self.index = None;
                        Some(backoff(&mut wait))
                    } else {
                        wait = FIRST_WAIT;
                        round.is_unsettled.then_some(QUIET)
                    }
                }
                Err(error) if may_pass(&error) => {
                    // Told once, not at each attempt.
                    if wait == FIRST_WAIT {
                        self.teller.output.report(None, &error);
                        self.teller.output.note("trying again until it works");
                    }
                    self.index = None;
                    Some(backoff(&mut wait))
                }
                Err(error) => return Err(error),
            };
            if let Some(next) = next {
                tokio::time::sleep(next).await;
            } else {
                let begun = tokio::time::Instant::now();
                watch.changed(LOOK_EVERY).await;
                if begun.elapsed() >= LOOK_EVERY {
                    self.index = None;
                }
            }
            if watch.was_lost() {
                self.index = None;
            }
            // A folder that was away is another, or is told of no more.
            if !(was_there && watch.is_of_folder())
                && let Ok(again) = Watch::begin(&root)
            {
                watch = again;
                self.index = None;
            }
        }
    }

    /// Looks at both sides once and does what is necessary. With `quiet`, a file that was touched
    /// within that time is left for later.
    async fn round(&mut self, quiet: Option<Duration>) -> Result<Round> {
        let mut round = Round::default();
        let tree = self.walk().await?;
        for (name, error) in &tree.failed {
            round.counts.failed += 1;
            // While watching it is told once, not at each change.
            if self.unread.insert(name.clone()) {
                self.teller.output.report(Some(name), error);
            }
        }
        for skipped in &tree.skipped {
            *round.counts.skipped.entry(skipped.reason).or_default() += 1;
        }
        if self.index.is_none() {
            self.teller.skipped(&tree.skipped)?;
        }
        let (local, unsettled) = self.hash(&tree, quiet, &mut round).await?;
        let index = match self.index.take() {
            Some(index) => index,
            None => Index::read(self.client, &self.base, &self.hashes).await?,
        };
        let plan = Plan::make(&local, &index.files, self.arguments.delete, |name| {
            unsettled.iter().any(|unsettled| unsettled == name) || tree.would_skip(self.rules, name)
        });
        round.counts.same = plan.same;
        let done = self.carry_out(&tree, &local, plan, index, &mut round).await;
        self.hashes.save()?;
        done.map(|()| round)
    }

    async fn walk(&self) -> Result<Tree> {
        let (root, rules) = (self.arguments.root.clone(), self.rules);
        tokio::task::spawn_blocking(move || tree::walk(&root, rules))
            .await
            .map_err(|error| Error::failed("looking for files stopped", error.to_string()))?
    }

    /// Hashes what is not known, and returns what is at rest and the names of what is not.
    async fn hash(
        &mut self,
        tree: &Tree,
        quiet: Option<Duration>,
        round: &mut Round,
    ) -> Result<(BTreeMap<String, Local>, Vec<String>)> {
        let now = SystemTime::now();
        let (mut local, mut unsettled, mut unknown) = (BTreeMap::new(), Vec::new(), Vec::new());
        for found in &tree.files {
            if self.refused.get(&found.name) == Some(&found.stamp) {
                unsettled.push(found.name.clone());
            } else if quiet.is_some_and(|quiet| !is_settled(&found.stamp, now, quiet)) {
                round.is_unsettled = true;
                unsettled.push(found.name.clone());
            } else if let Some(sha256) = self.hashes.hash(&found.name, &found.stamp) {
                local.insert(found.name.clone(), known(found, sha256));
            } else {
                unknown.push(found);
            }
        }
        let total = unknown.iter().map(|found| found.stamp.size_bytes).sum();
        let progress = Progress::bytes("looking at what is here", total);
        let mut hashing = futures::stream::iter(unknown)
            .map(|found| async move { (found, SystemTime::now(), hash_still(found).await) })
            .buffer_unordered(HASHED_AT_ONCE);
        let mut saved = tokio::time::Instant::now();
        while let Some((found, read_at, hashed)) = hashing.next().await {
            progress.advance(found.stamp.size_bytes);
            match hashed {
                Ok(sha256) => {
                    self.hashes.note(&found.name, found.stamp, &sha256, read_at);
                    local.insert(found.name.clone(), known(found, &sha256));
                }
                // It is looked at again once it is at rest.
                Err(Error::Failed { .. }) if quiet.is_some() => {
                    round.is_unsettled = true;
                    unsettled.push(found.name.clone());
                }
                Err(error) => {
                    unsettled.push(found.name.clone());
                    self.refused.insert(found.name.clone(), found.stamp);
                    progress.suspend(|| fail(&self.teller, round, &found.name, &error));
                }
            }
            if saved.elapsed() >= SAVE_EVERY {
                self.hashes.save()?;
                saved = tokio::time::Instant::now();
            }
        }
        drop(hashing);
        progress.finish();
        Ok((local, unsettled))
    }

    async fn carry_out(
        &mut self,
        tree: &Tree,
        local: &BTreeMap<String, Local>,
        plan: Plan,
        mut index: Index,
        round: &mut Round,
    ) -> Result<()> {
        let stamps: HashMap<&str, Stamp> = tree
            .files
            .iter()
            .map(|found| (found.name.as_str(), found.stamp))
            .collect();
        self.refused
            .retain(|name, stamp| stamps.get(name.as_str()) == Some(stamp));
        let is_held_back = plan.is_drastic(&index.files) && !self.arguments.force;
        if self.arguments.dry_run {
            self.tell(local, &plan, &index, round, is_held_back)?;
            self.index = Some(index);
            return Ok(());
        }
        self.rename(&plan, &mut index, round).await?;
        self.store(tree, &plan, &mut index, round).await?;
        self.trash(&plan, &mut index, round, is_held_back).await?;
        let ids: HashSet<&str> = index
            .files
            .values()
            .map(|remote| remote.id.as_str())
            .collect();
        self.hashes
            .retain(|name| stamps.contains_key(name), |id| ids.contains(id));
        self.index = Some(index);
        Ok(())
    }

    /// Tells the plan.
    fn tell(
        &self,
        local: &BTreeMap<String, Local>,
        plan: &Plan,
        index: &Index,
        round: &mut Round,
        is_held_back: bool,
    ) -> Result<()> {
        let id = |name: &str| index.files.get(name).map_or("", |remote| &remote.id);
        for one in &plan.moves {
            let (from, to) = (index.path_of(&one.from), index.path_of(&one.to));
            self.teller.moved(&from, &to, id(&one.from))?;
            round.counts.moved += 1;
        }
        for (name, why) in &plan.stores {
            let size_bytes = local.get(name).map_or(0, |file| file.size_bytes);
            self.teller
                .stored(&index.path_of(name), *why, size_bytes, None)?;
            round.counts.stored += 1;
        }
        if is_held_back {
            fail(&self.teller, round, &self.shown(), &drastic(plan, index));
            return Ok(());
        }
        for name in &plan.trash {
            self.teller.trashed(&index.path_of(name), id(name))?;
            round.counts.trashed += 1;
        }
        Ok(())
    }

    async fn rename(&mut self, plan: &Plan, index: &mut Index, round: &mut Round) -> Result<()> {
        for one in &plan.moves {
            let Some(seen) = index.files.get(&one.from).cloned() else {
                continue;
            };
            let path = index.path_of(&one.to);
            match remote::rename(self.client, index, &seen, &one.to).await {
                Ok(value) => {
                    let file: File = views::read("moving a file", &value)?;
                    index.files.remove(&one.from);
                    index.note(&file, seen.sha256.as_deref());
                    self.teller
                        .moved(&index.path_of(&one.from), &path, &seen.id)?;
                    round.counts.moved += 1;
                }
                Err(error) => self.failed(round, &path, error)?,
            }
        }
        Ok(())
    }

    async fn store(
        &mut self,
        tree: &Tree,
        plan: &Plan,
        index: &mut Index,
        round: &mut Round,
    ) -> Result<()> {
        let found: HashMap<&str, &Found> = tree
            .files
            .iter()
            .map(|found| (found.name.as_str(), found))
            .collect();
        let wanted: Vec<(&Found, Why)> = plan
            .stores
            .iter()
            .filter_map(|(name, why)| Some((*found.get(name.as_str())?, *why)))
            .collect();
        let total = wanted.iter().map(|(found, _)| found.stamp.size_bytes).sum();
        let progress = Progress::bytes("storing", total);
        let (uploader, places) = (&self.uploader, &*index);
        let jobs: Vec<(&Found, Why, (String, String))> = wanted
            .into_iter()
            .map(|(found, why)| (found, why, places.place_of(&found.name)))
            .collect();
        let mut sending = futures::stream::iter(jobs)
            .map(async |(found, why, (folder, name))| {
                let read_at = SystemTime::now();
                let stored = store(uploader, found, folder, &name, &progress).await;
                (found, why, read_at, stored)
            })
            .buffer_unordered(AT_ONCE);
        let mut ended = Ok(());
        while let Some((found, why, read_at, stored)) = sending.next().await {
            let path = index.path_of(&found.name);
            let done = match stored {
                Ok(Stored { value, sha256 }) => {
                    let file: File = views::read("storing a file", &value)?;
                    self.hashes.note_sent(&file.id, file.version, &sha256);
                    if stamp_of(&found.path) == Some(found.stamp) {
                        self.hashes.note(&found.name, found.stamp, &sha256, read_at);
                    }
                    index.note(&file, Some(&sha256));
                    round.counts.stored += 1;
                    let size_bytes = file.size_bytes;
                    progress.suspend(|| self.teller.stored(&path, why, size_bytes, Some(&value)))
                }
                Err(error) if is_away(&error) => Err(error),
                Err(error) => progress.suspend(|| {
                    let is_of_file = matches!(error, Error::Disk { .. });
                    if may_pass(&error) && !is_of_file {
                        round.may_pass = true;
                    } else {
                        self.refused.insert(found.name.clone(), found.stamp);
                    }
                    fail(&self.teller, round, &path, &error);
                    Ok(())
                }),
            };
            if done.is_err() {
                ended = done;
                break;
            }
        }
        drop(sending);
        progress.finish();
        ended
    }

    async fn trash(
        &mut self,
        plan: &Plan,
        index: &mut Index,
        round: &mut Round,
        is_held_back: bool,
    ) -> Result<()> {
        if is_held_back {
            // While watching it is told once, not at each change.
            if self.held_back != plan.trash.len() {
                self.held_back = plan.trash.len();
                fail(&self.teller, round, &self.shown(), &drastic(plan, index));
            }
            return Ok(());
        }
        self.held_back = 0;
        if plan.trash.is_empty() {
            return Ok(());
        }
        if round.counts.failed > 0 {
            self.teller
                .output
                .note("nothing goes to the trash while something fails");
            return Ok(());
        }
        for name in &plan.trash {
            let Some(seen) = index.files.get(name).cloned() else {
                continue;
            };
            let path = index.path_of(name);
            match remote::trash(self.client, &seen).await {
                Ok(()) => {
                    index.files.remove(name);
                    self.teller.trashed(&path, &seen.id)?;
                    round.counts.trashed += 1;
                }
                Err(error) => self.failed(round, &path, error)?,
            }
        }
        Ok(())
    }

    /// Tells a failure that the others go on after.
    fn failed(&self, round: &mut Round, path: &str, error: Error) -> Result<()> {
        if is_away(&error) {
            return Err(error);
        }
        // Sheaf holds something else than was seen: look anew.
        round.may_pass = true;
        fail(&self.teller, round, path, &error);
        Ok(())
    }

    fn shown(&self) -> String {
        if self.base.is_empty() {
            "/".to_owned()
        } else {
            self.base.clone()
        }
    }
}

fn fail(teller: &Teller<'_>, round: &mut Round, subject: &str, error: &Error) {
    round.counts.failed += 1;
    teller.output.report(Some(subject), error);
}

/// Finds what is remembered of two folders.
fn remembered(client: &Client, root: &Path, base: &str) -> Result<(Option<Journal>, Hashes)> {
    let key = state::key(&[&client.identity(), &root.to_string_lossy(), base]);
    let folder = state::folder("sync")?;
    let lock = Journal::open(&folder.join(format!("{key}.lock")))?.ok_or_else(|| {
        Error::failed(
            format!("{} is being synced by another run", root.display()),
            "End that one first, such as one with --watch.",
        )
    })?;
    let hashes = Hashes::read(Some(folder.join(format!("{key}.json"))));
    Ok((Some(lock), hashes))
}

async fn store(
    uploader: &Uploader<'_>,
    found: &Found,
    folder: String,
    name: &str,
    progress: &Progress,
) -> Result<Stored> {
    let source = Source::file(&found.path, Some(name))?;
    let wishes = Wishes {
        folder: Some(folder),
        on_conflict: Some("version"),
        ..Wishes::default()
    };
    uploader.store(&source, &wishes, progress).await
}

/// Hashes a file, if it stays as it was found.
async fn hash_still(found: &Found) -> Result<String> {
    let opened = Source::file(&found.path, Some(&found.name))?.open()?;
    let sha256 = opened.sha256().await?;
    if stamp_of(&found.path) == Some(found.stamp) {
        Ok(sha256)
    } else {
        Err(Error::failed(
            "it changed while it was read",
            "It was not stored. Sync again once it is at rest.",
        ))
    }
}

fn stamp_of(path: &Path) -> Option<Stamp> {
    Some(Stamp::of(&path.symlink_metadata().ok()?))
}

fn known(found: &Found, sha256: &str) -> Local {
    Local {
        sha256: sha256.to_owned(),
        size_bytes: found.stamp.size_bytes,
    }
}

fn drastic(plan: &Plan, index: &Index) -> Error {
    Error::failed(
        format!(
            "{} of {} files would go to the trash, which is more than half",
            plan.trash.len(),
            index.files.len()
        ),
        "None of them did. If the folder is whole, and no disk is missing, --force does it.",
    )
}

/// Says whether Sheaf cannot be reached, so that nothing else will work either.
const fn is_away(error: &Error) -> bool {
    matches!(error, Error::Unreachable { .. })
}

/// Says whether it may work later without anyone's doing.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. }
        | Error::Transport { .. }
        | Error::Unexpected { .. }
        | Error::Disk { .. }
        | Error::Failed { .. } => true,
        Error::Storage { status, .. } => matches!(status, 403 | 408 | 409 | 429 | 500..),
        Error::Problem(problem) => {
            matches!(problem.status, 408 | 412 | 423 | 429 | 500..=506 | 508..)
        }
        Error::Usage(_) | Error::Output(_) | Error::Runtime(_) | Error::Ended(_) => false,
    }
}

fn backoff(wait: &mut Duration) -> Duration {
    let now = *wait;
    *wait = (now * 2).min(LONGEST_WAIT);
    now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute() {
        let mut wait = FIRST_WAIT;
        let waits: Vec<u64> = (0..8).map(|_| backoff(&mut wait).as_secs()).collect();

        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
