//! The reconciler: objects in S3 that no row knows are removed, and versions whose object is missing
//! are failed.
//!
//! It covers blobs, under both their prefixes, texts, staged bytes and exports: every blob older than an hour
//! must have its row, every text that old must be of bytes that a version has, staged bytes that old
//! must be of an open upload that names them, what belongs to an export that old must be of one that is
//! made or kept, and every multipart upload older than eight days must
//! have an open session. It walks over all objects, some pages a run, remembers where it stopped, and
//! rests for an hour when it has come to the end. Where forgetting some bytes stopped half-way, their text is still
//! there, and the walk over texts finishes it.
//!
//! The other way round it walks over the rows, some pages a run: every version older than an hour
//! must have its object, what is known of bytes that have no text must be referred to by a version,
//! and what a workspace uses must be what its rows add up to.

use std::time::Instant;

use domain::file::BlobRef;
use domain::finding::Outcome;
use domain::{BlobId, JobId, Result, UploadId, WorkspaceId};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use store::blob::{
    BLOBS_PREFIX, EXPORTS_PREFIX, ListedMultipart, ListedObject, ObjectKey, PRESIGNED_PREFIX,
    STAGED_PREFIX, TEXT_PREFIX,
};
use store::check::{self, Orphan};
use store::export::archive_key;
use store::forget::Text;
use store::stand::Stand;
use store::walk::Walked;

use crate::sweep::{AT_ONCE, Report};
use crate::{State, usage};

/// Age from which an object must have its row. That of a blob is written first, so this only has to
/// outlast a write that was under way when its session was aborted; that of a text is written right
/// after it, by a run of minutes at most.
const OBJECT_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Age from which a multipart upload must have an open session: above the seven days of a session.
const MULTIPART_AGE: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Compares some pages of objects with rows.
pub(crate) async fn reconcile(state: &State, until: Instant, report: &mut Report) {
    if let Err(error) = walk_objects(state, until, report).await {
        report.failed("comparing objects with rows", &error);
    }
    if let Err(error) = walk_rows(state, until, report).await {
        report.failed("comparing rows with objects", &error);
    }
}

/// Goes on where the last run stopped, to the end of the walk at most. Each walk looks at multipart
/// uploads first, of which there are few.
async fn walk_objects(state: &State, until: Instant, report: &mut Report) -> Result<()> {
    let store = &state.store;
    let now = store.clock.now();
    let Stand::After(mut looked_at) = store.stand_of_objects().await? else {
        return Ok(());
    };
    if looked_at.is_none()
        && let Err(error) = walk_multiparts(state, until, report).await
    {
        report.failed("looking for multipart uploads", &error);
    }
    for _ in 0..state.limits.object_pages {
        if Instant::now() >= until {
            break;
        }
        let prefix = prefix_at(looked_at.as_deref());
        let page = store.blobs.list(prefix, looked_at.as_deref()).await?;
        looked_at = match page.objects.last() {
            Some(last) if page.more => Some(last.path.clone()),
            _ => prefix_after(prefix).map(ToOwned::to_owned),
        };
        let mut objects = page.objects;
        objects.retain(|object| is_older(object.written_at, OBJECT_AGE, now));
        remove_orphans(state, &objects, report).await?;
        remove_exports(state, &objects, report).await?;
        remove_staged(state, &objects, report).await?;
        forget_texts(state, &objects, report).await?;
        store.note_objects_walked(looked_at.clone()).await?;
        if looked_at.is_none() {
            break;
        }
    }
    Ok(())
}

/// Goes on over the rows where the last run stopped, to the end of the walk at most.
async fn walk_rows(state: &State, until: Instant, report: &mut Report) -> Result<()> {
    let store = &state.store;
    let Stand::After(mut last) = store.stand_of_rows().await? else {
        return Ok(());
    };
    let mut recount = store.recount(last.as_ref()).await?;
    for _ in 0..state.limits.row_pages {
        if Instant::now() >= until {
            break;
        }
        let page = store
            .walk_rows(last.take(), state.limits.rows_of_page)
            .await?;
        for error in &page.unreadable {
            report.failed("reading a row", error);
        }
        for some in page.rows.chunks(AT_ONCE) {
            for result in join_all(some.iter().map(|row| look_at(state, row))).await {
                match result {
                    Ok(Found::Nothing) => {}
                    Ok(Found::Missing) => report.missing += 1,
                    Ok(Found::Forgotten) => report.orphans_removed += 1,
                    Err(error) => report.failed("looking after a row", &error),
                }
            }
        }
        last = page.last;
        if let Some(counted) = recount {
            recount = store
                .count_page(counted, &page.charges, last.as_ref())
                .await?;
        }
        store.note_rows_walked(last.clone()).await?;
        if last.is_none() {
            if let Some(recount) = recount {
                usage::tell_differences(&store.end_recount(recount).await?, report);
            }
            break;
        }
    }
    Ok(())
}

/// What looking at a row came to.
enum Found {
    Nothing,
    /// A version whose object is missing.
    Missing,
    /// What was known of bytes that no version has.
    Forgotten,
}

async fn look_at(state: &State, row: &Walked) -> Result<Found> {
    let store = &state.store;
    match row {
        Walked::Version {
            workspace,
            file,
            version,
        } => {
            let is_missing = store.fail_if_missing(workspace, *file, version).await?;
            Ok(if is_missing {
                let finding = check::missing_object(*file, version, Outcome::Left);
                check::tell(workspace, &finding);
                Found::Missing
            } else {
                Found::Nothing
            })
        }
        Walked::Content { workspace, content } => {
            store.forget_content(workspace, *content).await?;
            Ok(Found::Forgotten)
        }
    }
}

/// The prefixes of a walk, in its order.
const PREFIXES: [&str; 5] = [
    BLOBS_PREFIX,
    EXPORTS_PREFIX,
    PRESIGNED_PREFIX,
    STAGED_PREFIX,
    TEXT_PREFIX,
];

/// The prefix a walk is in that has come to this key.
fn prefix_at(looked_at: Option<&str>) -> &'static str {
    let of_key = |prefix: &&str| looked_at.is_some_and(|key| key.starts_with(*prefix));
    PREFIXES.into_iter().find(of_key).unwrap_or(BLOBS_PREFIX)
}

/// The prefix a walk comes to next; none at its end.
fn prefix_after(prefix: &str) -> Option<&'static str> {
    let position = PREFIXES.iter().position(|other| *other == prefix)?;
    PREFIXES.get(position + 1).copied()
}

/// Removes those of a page's blobs that no row knows.
async fn remove_orphans(
    state: &State,
    objects: &[ListedObject],
    report: &mut Report,
) -> Result<()> {
    let blobs = objects
        .iter()
        .filter_map(|object| blob_at(&object.path))
        .collect();
    for (workspace, blob) in state.store.orphans(blobs).await? {
        remove(state, &Orphan::Blob(workspace, blob), report).await;
    }
    Ok(())
}

/// Removes those of a page's objects that belong to an export that is neither made nor kept.
async fn remove_exports(
    state: &State,
    objects: &[ListedObject],
    report: &mut Report,
) -> Result<()> {
    let mut jobs: Vec<_> = objects
        .iter()
        .filter_map(|object| export_at(&object.path))
        .collect();
    // Objects of one export follow each other.
    jobs.dedup();
    let ended = state.store.ended_exports(jobs).await?;
    for object in objects {
        let Some(key) = ObjectKey::parse(&object.path) else {
            continue;
        };
        if export_at(&object.path).is_none_or(|job| !ended.contains(&job)) {
            continue;
        }
        match state.store.blobs.delete(&key).await {
            Ok(()) => report.orphans_removed += 1,
            Err(error) => report.failed("removing what is left of an export", &error),
        }
    }
    Ok(())
}

/// Removes those of a page's staged bytes that no open upload names.
async fn remove_staged(state: &State, objects: &[ListedObject], report: &mut Report) -> Result<()> {
    let staged = objects
        .iter()
        .filter_map(|object| staged_at(&object.path))
        .collect();
    for (workspace, upload, id) in state.store.unneeded_staged(staged).await? {
        remove(state, &Orphan::Staged(workspace, upload, id), report).await;
    }
    Ok(())
}

/// Removes those of a page's texts that no version needs, and what else is known of their bytes.
async fn forget_texts(state: &State, objects: &[ListedObject], report: &mut Report) -> Result<()> {
    let texts = objects
        .iter()
        .filter_map(|object| text_at(&object.path))
        .collect();
    let (unneeded, unreadable) = state.store.unneeded_texts(texts).await?;
    // Stepped over: a walk that stopped here would never get past it.
    for error in &unreadable {
        report.failed("reading what is known of some bytes", error);
    }
    for text in unneeded {
        remove(state, &Orphan::Text(text), report).await;
    }
    Ok(())
}

/// Removes an object that no row names, and tells of it.
async fn remove(state: &State, orphan: &Orphan, report: &mut Report) {
    let removing = async {
        let is_there = state.store.is_there(orphan).await?;
        if is_there {
            state.store.remove_orphan(orphan).await?;
        }
        Ok(is_there)
    };
    match removing.await {
        Ok(true) => {
            report.orphans_removed += 1;
            check::tell(orphan.workspace(), &orphan.finding(None, Outcome::Mended));
        }
        // It has gone by itself, and its row after it.
        Ok(false) => {}
        Err(error) => report.failed("removing an object that no row names", &error),
    }
}

/// Aborts multipart uploads that are older than any session and that no session names. All pages,
/// while there is time: only the open ones are listed.
async fn walk_multiparts(state: &State, until: Instant, report: &mut Report) -> Result<()> {
    for prefix in [PRESIGNED_PREFIX, BLOBS_PREFIX, EXPORTS_PREFIX] {
        walk_multiparts_of(state, prefix, until, report).await?;
    }
    Ok(())
}

async fn walk_multiparts_of(
    state: &State,
    prefix: &str,
    until: Instant,
    report: &mut Report,
) -> Result<()> {
    let now = state.store.clock.now();
    let mut last: Option<ListedMultipart> = None;
    while Instant::now() < until {
        let blobs = &state.store.blobs;
        let page = blobs.list_multiparts(prefix, last.as_ref()).await?;
        for multipart in &page.multiparts {
            if !is_older(multipart.begun_at, MULTIPART_AGE, now) {
                continue;
            }
            match abort_orphan(state, multipart).await {
                Ok(true) => report.orphans_removed += 1,
                Ok(false) => {}
                Err(error) => report.failed("aborting a multipart upload", &error),
            }
        }
        last = page.multiparts.last().cloned();
        if !page.more || last.is_none() {
            break;
        }
    }
    Ok(())
}

async fn abort_orphan(state: &State, multipart: &ListedMultipart) -> Result<bool> {
    let store = &state.store;
    let id = &multipart.multipart_id;
    if let Some((workspace, job)) = export_at(&multipart.path) {
        if store.is_being_exported(&workspace, job, id).await? {
            return Ok(false);
        }
        let key = archive_key(&workspace, job);
        store.blobs.abort_multipart(&key, id).await?;
        return Ok(true);
    }
    let Some((workspace, blob)) = blob_at(&multipart.path) else {
        return Ok(false);
    };
    if store.is_being_uploaded(&workspace, blob, id).await? {
        return Ok(false);
    }
    let key = ObjectKey::Blob(workspace, blob);
    store.blobs.abort_multipart(&key, id).await?;
    Ok(true)
}

/// Reads the key of a blob. What is not one of ours is left alone.
fn blob_at(path: &str) -> Option<(WorkspaceId, BlobRef)> {
    match ObjectKey::parse(path)? {
        ObjectKey::Blob(workspace, blob) => Some((workspace, blob)),
        ObjectKey::Text(..)
        | ObjectKey::Staged(..)
        | ObjectKey::Inbox(..)
        | ObjectKey::Export(..)
        | ObjectKey::Receipt(..)
        | ObjectKey::ReceiptKey(_) => None,
    }
}

/// Reads the key of what belongs to an export. What is not one of ours is left alone.
fn export_at(path: &str) -> Option<(WorkspaceId, JobId)> {
    match ObjectKey::parse(path)? {
        ObjectKey::Export(workspace, job, _) => Some((workspace, job)),
        ObjectKey::Blob(..)
        | ObjectKey::Text(..)
        | ObjectKey::Staged(..)
        | ObjectKey::Inbox(..)
        | ObjectKey::Receipt(..)
        | ObjectKey::ReceiptKey(_) => None,
    }
}

/// Reads the key of staged bytes. What is not one of ours is left alone.
fn staged_at(path: &str) -> Option<(WorkspaceId, UploadId, BlobId)> {
    match ObjectKey::parse(path)? {
        ObjectKey::Staged(workspace, upload, id) => Some((workspace, upload, id)),
        ObjectKey::Blob(..)
        | ObjectKey::Text(..)
        | ObjectKey::Inbox(..)
        | ObjectKey::Export(..)
        | ObjectKey::Receipt(..)
        | ObjectKey::ReceiptKey(_) => None,
    }
}

/// Reads the key of a text. What is not one of ours is left alone.
fn text_at(path: &str) -> Option<Text> {
    match ObjectKey::parse(path)? {
        ObjectKey::Text(workspace, content, id) => Some(Text {
            workspace,
            content,
            id,
        }),
        ObjectKey::Blob(..)
        | ObjectKey::Staged(..)
        | ObjectKey::Inbox(..)
        | ObjectKey::Export(..)
        | ObjectKey::Receipt(..)
        | ObjectKey::ReceiptKey(_) => None,
    }
}

fn is_older(written_at: Timestamp, age: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(written_at) > age
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_goes_through_one_prefix_after_the_other() {
        assert_eq!(prefix_at(None), BLOBS_PREFIX);
        assert_eq!(prefix_at(Some("blobs/acme/x")), BLOBS_PREFIX);
        assert_eq!(prefix_at(prefix_after(BLOBS_PREFIX)), EXPORTS_PREFIX);
        assert_eq!(prefix_at(Some("exports/acme/x/archive")), EXPORTS_PREFIX);
        assert_eq!(prefix_at(prefix_after(EXPORTS_PREFIX)), PRESIGNED_PREFIX);
        assert_eq!(prefix_at(Some("presigned/acme/x")), PRESIGNED_PREFIX);
        assert_eq!(prefix_at(prefix_after(PRESIGNED_PREFIX)), STAGED_PREFIX);
        assert_eq!(prefix_at(Some("staged/acme/x/y")), STAGED_PREFIX);
        assert_eq!(prefix_at(prefix_after(STAGED_PREFIX)), TEXT_PREFIX);
        assert_eq!(prefix_at(Some("text/acme/x")), TEXT_PREFIX);
        assert_eq!(prefix_after(TEXT_PREFIX), None);
    }

    #[test]
    fn only_blobs_are_compared_with_rows() {
        let id = "00000000-0000-4000-8000-000000000001";
        assert!(blob_at(&format!("blobs/acme/{id}")).is_some());
        assert!(blob_at(&format!("presigned/acme/{id}")).is_some());
        for other in ["blobs/acme/x", "inbox/acme/x", "text/acme/x", ""] {
            assert!(blob_at(other).is_none(), "{other}");
        }
    }
}
