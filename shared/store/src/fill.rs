//! Filling a new dossier with the files that match it and were there before it.
//!
//! They may be very many, so a run looks at some of them, notes the last one in the dossier's row and
//! asks for the rest. A file that comes meanwhile finds the dossier itself, wherever the run is.

use domain::dossier::Signature;
use domain::file::{File, Status};
use domain::{DossierId, Error, FileId, Result, WorkspaceId};

use crate::Store;
use crate::dossier::{summary_work, wanted_is};
use crate::keys::{Key, POSTED_FILE_PREFIX, posting_partition};
use crate::membership::PostedFile;
use crate::table::{Expression, Query, Rejected, Write, busy};
use crate::work::{self, WorkItem};

/// Files of a page. After each, the place is noted.
const PAGE_FILES: i32 = 100;

/// How often a file is looked at again that changes meanwhile.
const TRIES: u32 = 8;

impl Store {
    /// Puts files that match a dossier into it: `pages` pages of them, from where the last run
    /// stopped. Then asks for the rest, or notes that the dossier is filled.
    ///
    /// Safe to run twice and at once: the place that is noted is one up to which a run has looked at
    /// all files, and a file that is in the dossier already is not put in again.
    pub async fn fill_dossier(
        &self,
        workspace: &WorkspaceId,
        item: &WorkItem,
        id: DossierId,
        pages: usize,
    ) -> Result<()> {
        let kept = self.dossier(workspace, id).await?;
        if kept.filled {
            return self.finish(item).await;
        }
        let signature = &kept.dossier.signature;
        let mut after = kept.filled_to;
        let again = work::anew(&item.work);
        for page in 1..=pages {
            after = self.fill_page(workspace, id, signature, after).await?;
            let Some(last) = after else {
                self.mark_filled(workspace, id).await?;
                return self.finish(item).await;
            };
            let mut writes = vec![note_place(workspace, id, last)];
            if page == pages {
                writes.push(work::ask(&again, self.clock.now())?);
            }
            match self.table.transact(writes).await {
                Ok(()) => {}
                // Another run came to the end.
                Err(Rejected::Conditions(_)) => return self.finish(item).await,
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        self.send(&again).await;
        Ok(())
    }

    /// Looks at the next page of files. Returns the last one; none when there are no more.
    async fn fill_page(
        &self,
        workspace: &WorkspaceId,
        id: DossierId,
        signature: &Signature,
        after: Option<FileId>,
    ) -> Result<Option<FileId>> {
        let (document_type, tag) = (signature.document_type(), signature.posting_tag());
        let partition = posting_partition(workspace, document_type, tag);
        let start =
            after.map(|file| Key::posted_file(workspace, document_type, tag, file).attributes());
        let page = self
            .table
            .query::<PostedFile>(Query {
                limit: PAGE_FILES,
                start,
                ..Query::prefix(partition, POSTED_FILE_PREFIX)
            })
            .await?;
        let ids: Vec<FileId> = page.rows.iter().map(|posted| posted.file).collect();
        for file in self.files(workspace, &ids).await? {
            self.add_matching(workspace, id, signature, file).await?;
        }
        Ok(page.next.and(ids.last().copied()))
    }

    /// Puts a file into the dossier if it matches. When it changes meanwhile, it is looked at again:
    /// what it has become may match no more, and its own work may have been done before the dossier
    /// was there.
    async fn add_matching(
        &self,
        workspace: &WorkspaceId,
        id: DossierId,
        signature: &Signature,
        file: File,
    ) -> Result<()> {
        let mut file = file;
        for _ in 0..TRIES {
            if !is_to_join(signature, &file) {
                return Ok(());
            }
            match self.join_dossier(workspace, &file, id).await {
                Err(Error::Busy { .. }) => {}
                joined => return joined,
            }
            match self.file_if_living(workspace, file.id).await? {
                Some(now) => file = now,
                None => return Ok(()),
            }
        }
        Err(busy("a file of the dossier is being changed"))
    }

    /// Notes that a dossier has been filled, and asks for its summary when someone wants it.
    async fn mark_filled(&self, workspace: &WorkspaceId, id: DossierId) -> Result<()> {
        // Twice: someone may come to want it between the look and the write.
        for _ in 0..2 {
            let kept = self.dossier(workspace, id).await?;
            let now = self.clock.now();
            let mut writes = vec![Write::Update {
                condition: Some(wanted_is(kept.dossier.wanted)),
                key: Key::dossier(workspace, id),
                change: Expression::new("SET filled = :yes REMOVE filled_to").flag(":yes", true),
            }];
            let summarize = summary_work(workspace, id);
            if kept.dossier.wanted {
                writes.push(work::ask(&summarize, now)?);
            }
            match self.table.transact(writes).await {
                Ok(()) => {
                    if kept.dossier.wanted {
                        self.send(&summarize).await;
                    }
                    return Ok(());
                }
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(crate::table::busy("the dossier is being changed"))
    }
}

/// Says whether a file belongs into the dossier as it is. One that is still to be read or placed
/// finds the dossier itself, with its facts.
fn is_to_join(signature: &Signature, file: &File) -> bool {
    let posting = file.posting();
    let matches = posting
        .as_ref()
        .is_some_and(|posting| signature.matches(Some(&posting.document_type), &posting.tags));
    matches && file.posted == posting && file.status != Status::Pending
}

/// Notes the last file that was looked at, while there are more.
fn note_place(workspace: &WorkspaceId, id: DossierId, last: FileId) -> Write {
    Write::Update {
        condition: Some(Expression::new("filled = :no").flag(":no", false)),
        key: Key::dossier(workspace, id),
        change: Expression::new("SET filled_to = :last").text(":last", last.to_string()),
    }
}
