//! Waiting for something to change in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// How long nothing may happen before what happened is looked at.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// How long that is waited for at most, in a folder that is never quiet.
const LONGEST: Duration = Duration::from_secs(10);

/// Notices changes below a folder from when it is made.
#[derive(Debug)]
pub(super) struct Watch {
    heard: Arc<Heard>,
    /// Ends the watching when it goes.
    _watcher: RecommendedWatcher,
    folder: PathBuf,
    identity: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Heard {
    something: Notify,
    /// Whether events were lost, so that more may have changed than was told.
    was_lost: AtomicBool,
}

impl Watch {
    /// Begins to watch.
    pub(super) fn begin(folder: &Path) -> Result<Self> {
        let heard = Arc::new(Heard::default());
        let failed = |error: notify::Error| {
            Error::failed(
                format!("cannot watch {}", folder.display()),
                format!(
                    "{error}\nWhere it is the number of watched folders, \
                     `sysctl fs.inotify.max_user_watches` raises it."
                ),
            )
        };
        let listener = Arc::clone(&heard);
        let mut watcher =
            notify::recommended_watcher(move |event| listener.take(&event)).map_err(failed)?;
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .map_err(failed)?;
        Ok(Self {
            heard,
            _watcher: watcher,
            folder: folder.to_owned(),
            identity: identity(folder),
        })
    }

    /// Says whether it still watches what is there: a disk may have been taken off, or put on.
    pub(super) fn is_of_folder(&self) -> bool {
        self.identity.is_some() && self.identity == identity(&self.folder)
    }

    /// Returns when something has changed and it has been quiet since, or after `longest`.
    pub(super) async fn changed(&self, longest: Duration) {
        let something = self.heard.something.notified();
        if tokio::time::timeout(longest, something).await.is_err() {
            return;
        }
        let deadline = Instant::now() + LONGEST;
        loop {
            let until = deadline.min(Instant::now() + QUIET);
            let something = self.heard.something.notified();
            if tokio::time::timeout_at(until, something).await.is_err() {
                return;
            }
        }
    }

    /// Says whether events were lost since the last time it was asked.
    pub(super) fn was_lost(&self) -> bool {
        self.heard.was_lost.swap(false, Ordering::Relaxed)
    }
}

impl Heard {
    fn take(&self, event: &notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.was_lost.store(true, Ordering::Relaxed),
            Ok(event) if !is_change(event.kind) => return,
            Ok(_) => {}
            Err(_) => self.was_lost.store(true, Ordering::Relaxed),
        }
        self.something.notify_one();
    }
}

/// Reading a file is no change, and this command does it.
const fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Remove(_)
        | EventKind::Other => true,
        EventKind::Access(_) => false,
    }
}

fn identity(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let found = std::fs::metadata(folder).ok()?;
    Some((found.dev(), found.ino()))
}
