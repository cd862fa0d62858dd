//! What people say of a document where it was read wrong, and what was said before.

use domain::correction::{Correction, Corrections, Given};
use domain::fact_sheet::FactSheet;
use domain::facts::{Money, Quantity};
use domain::file::File;
use domain::{FileId, Result, WorkspaceId};
use jiff::civil::Date;

use crate::Store;
use crate::keys::{CORRECTION_PREFIX, Key, file_partition};
use crate::organize::Edit;
use crate::table::{Page, Query, Write, to_row};

/// What a person says of a document; what is kept stays as it is, what is cleared is as it was read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorrectionChange {
    /// The date it is about.
    pub document_date: Edit<Given<Date>>,
    /// Its amount.
    pub amount: Edit<Given<Money>>,
    /// All it measures.
    pub quantities: Edit<Vec<Quantity>>,
    /// Its language.
    pub language: Edit<Given<String>>,
}

impl CorrectionChange {
    /// Checks what is said, as [`Corrections::check`] does.
    ///
    /// # Errors
    /// `Invalid`, pointing to the field.
    pub fn check(&self) -> Result<()> {
        let mut said = Corrections::default();
        self.clone().apply(&mut said);
        said.check()
    }

    pub(crate) fn apply(self, corrections: &mut Corrections) {
        self.document_date.apply(&mut corrections.document_date);
        self.amount.apply(&mut corrections.amount);
        self.quantities.apply(&mut corrections.quantities);
        self.language.apply(&mut corrections.language);
    }
}

/// Writes down that a person has corrected what is known of a file, in the transaction that changes it. None where nothing
/// was said.
pub(crate) fn remember(
    workspace: &WorkspaceId,
    before: &File,
    after: &File,
    by: &str,
) -> Result<Option<Write>> {
    if before.corrections == after.corrections {
        return Ok(None);
    }
    let correction = Correction {
        version: after.version,
        revision: after.revision,
        at: after.updated_at,
        by: by.to_owned(),
        before: before.known_facts(),
        after: after.known_facts(),
    };
    let key = Key::correction(workspace, after.id, after.revision);
    Ok(Some(Write::Put {
        condition: None,
        row: to_row(key, &correction)?,
    }))
}

impl Store {
    /// Returns all that was read in a file's current version, each fact with where it comes from. Nothing when it has not
    /// been read.
    pub async fn fact_sheet(&self, workspace: &WorkspaceId, file: &File) -> Result<FactSheet> {
        let Some(sha256) = file.content.sha256 else {
            return Ok(FactSheet::default());
        };
        let content = self.content(workspace, sha256).await?;
        Ok(content
            .map(|content| content.fact_sheet)
            .unwrap_or_default())
    }

    /// Returns a page of the corrections of a file, the newest first, from before the revision `before`.
    pub async fn corrections(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        before: Option<u64>,
        limit: i32,
    ) -> Result<Page<Correction>> {
        let start = before.map(|revision| Key::correction(workspace, file, revision).attributes());
        self.table
            .query(Query {
                descending: true,
                limit,
                start,
                ..Query::prefix(file_partition(workspace, file), CORRECTION_PREFIX)
            })
            .await
    }

    /// Removes what was said of versions of a file that are being removed: it tells what stood in them.
    pub(crate) async fn forget_corrections(
        &self,
        workspace: &WorkspaceId,
        file: FileId,
        versions: &[u32],
    ) -> Result<()> {
        let mut before = None;
        loop {
            let page = self.corrections(workspace, file, before, AT_ONCE).await?;
            let gone = page
                .rows
                .iter()
                .filter(|correction| versions.contains(&correction.version));
            let writes: Vec<Write> = gone
                .map(|correction| Write::Delete {
                    condition: None,
                    key: Key::correction(workspace, file, correction.revision),
                })
                .collect();
            if !writes.is_empty() {
                self.table
                    .transact(writes)
                    .await
                    .map_err(|rejected| rejected.into_error("the version is being removed"))?;
            }
            before = page.rows.last().map(|last| last.revision);
            if page.next.is_none() {
                return Ok(());
            }
        }
    }
}

/// Corrections that are removed in one transaction. `DynamoDB` allows a hundred writes.
const AT_ONCE: i32 = 100;
