//! The sweep: what is due in the table's `due` index, over all workspaces; after it, the inbox and the
//! reconciler.
//!
//! Files whose time is up, or that in the trash, lose their bytes and leave a receipt; folders that were
//! in the trash for long enough are deleted, by a job; erasures that stopped half-way go
//! on; uploads whose session ran out are aborted; blobs that nothing refers to are removed, and archives of
//! exported files a day after they were made; work
//! whose message may be lost is sent again; what a workspace uses is counted once a day. An index may
//! lag behind the table, so each row is looked at before anything is done about it.

use std::collections::VecDeque;
use std::time::Instant;

use domain::{BlobId, FileId, FolderId, JobId, Result, UploadId, WorkId};
use futures::future::join_all;
use jiff::Timestamp;
use serde::Serialize;
use store::due::DueId;
use store::keys::{DUE_SHARDS, Due};
use store::table::Row;
use tracing::{info, warn};

use crate::{State, inbox, reconcile, usage};

/// How many rows are worked on at once: enough to hide the waiting, few enough to leave the table
/// to the requests of people.
pub(crate) const AT_ONCE: usize = 8;

/// What one run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Files whose bytes were removed: their time was up, or that in the trash, or a deletion had
    /// stopped half-way.
    pub expired: u64,
    /// Folders that were in the trash for long enough, or whose deletion had failed: a job deletes each with
    /// all it holds.
    pub folders_purged: u64,
    /// Uploads that were left open too long.
    pub uploads_aborted: u64,
    /// Blobs that nothing referred to any more.
    pub blobs_removed: u64,
    /// Archives of exported files whose time was up.
    pub exports_removed: u64,
    /// Pieces of work that were sent again.
    pub work_resent: u64,
    /// Workspaces whose usage was counted for the day.
    pub usage_counted: u64,
    /// Objects of the inbox that were asked for because their event may be lost.
    pub inbox_resent: u64,
    /// Objects, multipart uploads and readings that belonged to nothing.
    pub orphans_removed: u64,
    /// Versions whose object is missing.
    pub missing: u64,
    /// Workspaces whose quota said something else than their rows add up to.
    pub quotas_wrong: u64,
    /// Those of them that were mended.
    pub quotas_mended: u64,
    /// What could not be done now; it is tried again by the next run.
    pub errors: u64,
}

impl Report {
    /// Counts and logs something that could not be done.
    pub(crate) fn failed(&mut self, what: &'static str, error: &domain::Error) {
        self.errors += 1;
        warn!(what, error = error.for_log(), "cleaning up failed");
    }
}

/// Does one run, and says what it came to.
pub async fn run(state: &State) -> Report {
    let until = Instant::now() + state.limits.time;
    let mut report = Report::default();
    // Boxed: the futures of a whole SDK call within each other make one too large for a stack.
    Box::pin(sweep(state, until, &mut report)).await;
    Box::pin(inbox::walk(state, until, &mut report)).await;
    Box::pin(reconcile::reconcile(state, until, &mut report)).await;
    info!(
        expired = report.expired,
        folders_purged = report.folders_purged,
        uploads_aborted = report.uploads_aborted,
        blobs_removed = report.blobs_removed,
        exports_removed = report.exports_removed,
        work_resent = report.work_resent,
        usage_counted = report.usage_counted,
        inbox_resent = report.inbox_resent,
        orphans_removed = report.orphans_removed,
        missing = report.missing,
        quotas_wrong = report.quotas_wrong,
        quotas_mended = report.quotas_mended,
        errors = report.errors,
        "cleaned up"
    );
    report
}

/// One part of the index, and how far it has been read.
struct Shard {
    due: Due,
    number: u8,
    next: Option<Row>,
}

/// Works on what is due until nothing is left or the time is up.
async fn sweep(state: &State, until: Instant, report: &mut Report) {
    let now = state.store.clock.now();
    let mut shards: VecDeque<Shard> = Due::ALL
        .into_iter()
        .flat_map(|due| (0..DUE_SHARDS).map(move |number| (due, number)))
        .map(|(due, number)| Shard {
            due,
            number,
            next: None,
        })
        .collect();
    // In turn, a page each: however much there is of one kind, the others are not left out.
    while let Some(mut shard) = shards.pop_front() {
        if Instant::now() >= until {
            return;
        }
        if work_on_page(state, &mut shard, now, report).await {
            shards.push_back(shard);
        }
    }
}

/// Works on the next page of a shard. Says whether there is another.
async fn work_on_page(
    state: &State,
    shard: &mut Shard,
    now: Timestamp,
    report: &mut Report,
) -> bool {
    let limit = state.limits.page_rows;
    let page = state
        .store
        .due(shard.due, shard.number, now, limit, shard.next.take())
        .await;
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            report.failed("listing what is due", &error);
            return false;
        }
    };
    for some in page.rows.chunks(AT_ONCE) {
        let results = some.iter().map(|row| work_on(state, shard.due, row));
        for result in join_all(results).await {
            match (result, shard.due) {
                (Ok(false), _) => {}
                (Ok(true), Due::Expiry) => report.expired += 1,
                (Ok(true), Due::Trash) => report.folders_purged += 1,
                (Ok(true), Due::Upload) => report.uploads_aborted += 1,
                (Ok(true), Due::Blob) => report.blobs_removed += 1,
                (Ok(true), Due::Export) => report.exports_removed += 1,
                (Ok(true), Due::Work) => report.work_resent += 1,
                (Ok(true), Due::Usage) => report.usage_counted += 1,
                (Err(error), Due::Expiry) => report.failed("erasing a file", &error),
                (Err(error), Due::Trash) => report.failed("deleting a folder of the trash", &error),
                (Err(error), Due::Upload) => report.failed("aborting an upload", &error),
                (Err(error), Due::Blob) => report.failed("removing a blob", &error),
                (Err(error), Due::Export) => report.failed("removing an export", &error),
                (Err(error), Due::Work) => report.failed("sending work again", &error),
                (Err(error), Due::Usage) => report.failed("counting a usage", &error),
            }
        }
    }
    shard.next = page.next;
    shard.next.is_some()
}

/// Works on one row. Says whether there was something to do.
async fn work_on(state: &State, due: Due, row: &DueId) -> Result<bool> {
    let store = &state.store;
    let workspace = &row.workspace;
    match due {
        Due::Expiry => {
            let receipt = store.erase_due(workspace, FileId::new(row.id)).await?;
            Ok(receipt.is_some())
        }
        Due::Trash => store.purge_due(workspace, FolderId::new(row.id)).await,
        Due::Upload => store.abort_due(workspace, UploadId::new(row.id)).await,
        Due::Blob => store.remove_due_blob(workspace, BlobId::new(row.id)).await,
        Due::Export => store.remove_due_export(workspace, JobId::new(row.id)).await,
        Due::Work => store.resend(workspace, WorkId::new(row.id)).await,
        Due::Usage => usage::count(state, workspace).await,
    }
}
