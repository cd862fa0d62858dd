//! The inbox: an object that has been there for long is asked for again, because its event may be
//! lost. One that was refused stays until someone redrives it or it is written again.
//!
//! A page of the inbox a run, from where the last run stopped.

use std::time::Instant;

use domain::{Result, WorkspaceId};
use futures::future::join_all;
use jiff::SignedDuration;
use store::blob::{INBOX_PREFIX, ListedObject, ObjectKey};
use store::stand::Stand;

use crate::State;
use crate::sweep::{AT_ONCE, Report};

/// Age from which an event is thought lost: above what it takes to be tried to the end.
const LOST_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Looks at the next page.
pub(crate) async fn walk(state: &State, until: Instant, report: &mut Report) {
    if Instant::now() >= until {
        return;
    }
    if let Err(error) = look_at_page(state, until, report).await {
        report.failed("looking through the inbox", &error);
    }
}

async fn look_at_page(state: &State, until: Instant, report: &mut Report) -> Result<()> {
    let store = &state.store;
    let now = store.clock.now();
    let Stand::After(mut looked_at) = store.stand_of_inbox().await? else {
        return Ok(());
    };
    let before = looked_at.clone();
    let page = store.blobs.list(INBOX_PREFIX, looked_at.as_deref()).await?;
    let mut is_whole = true;
    for some in page.objects.chunks(AT_ONCE) {
        if Instant::now() >= until {
            is_whole = false;
            break;
        }
        let old = some
            .iter()
            .filter(|object| now.duration_since(object.written_at) > LOST_AFTER);
        for asked in join_all(old.map(|object| ask_for(state, object))).await {
            match asked {
                Ok(true) => report.inbox_resent += 1,
                Ok(false) => {}
                Err(error) => report.failed("asking for an object of the inbox", &error),
            }
        }
        looked_at = some.last().map(|object| object.path.clone());
    }
    if is_whole && !page.more {
        looked_at = None;
    }
    if looked_at != before {
        store.note_inbox_walked(looked_at).await?;
    }
    Ok(())
}

/// Asks for an object whose event may be lost. Says whether it was asked for.
async fn ask_for(state: &State, object: &ListedObject) -> Result<bool> {
    let Some((workspace, path)) = object_at(&object.path) else {
        return Ok(false);
    };
    let written_at = object.written_at;
    state
        .store
        .ask_for_object(&workspace, &path, written_at)
        .await
}

/// Reads the key of an object of the inbox. What belongs to no workspace is left alone, and so is
/// what consoles make to show an empty folder.
fn object_at(key: &str) -> Option<(WorkspaceId, String)> {
    match ObjectKey::parse(key)? {
        ObjectKey::Inbox(workspace, path) if !path.ends_with('/') => Some((workspace, path)),
        ObjectKey::Inbox(..)
        | ObjectKey::Blob(..)
        | ObjectKey::Text(..)
        | ObjectKey::Staged(..)
        | ObjectKey::Export(..)
        | ObjectKey::Receipt(..)
        | ObjectKey::ReceiptKey(_) => None,
    }
}
