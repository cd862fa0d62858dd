//! The walk over rows: versions whose bytes are missing, and what is known of bytes that no version
//! has.
//!
//! No index lists either, and none is written for this: a scan of the table, a few pages in each
//! run of the sweep, costs less than a write for every version and disturbs nobody.

use domain::file::{Failure, Status, Version};
use domain::{Error, FileId, Result, Sha256, WorkspaceId};
use jiff::SignedDuration;

use crate::Store;
use crate::blob::ObjectKey;
use crate::content::{ContentItem, Reading};
use crate::failure::record;
use crate::file::{VersionItem, change_file, check_file, fail_version};
use crate::keys::{self, CONTENT, Key, SELF, VERSION_PREFIX};
use crate::recount::{Charges, charge_of};
use crate::stand::{REST, Stand};
use crate::table::{Expression, Rejected, Row, from_row};
use crate::upload::read_version;

/// Age from which a version must have its bytes. They are there before it is, so this only keeps
/// the walk away from what is just being made.
pub(crate) const VERSION_AGE: SignedDuration = SignedDuration::from_hours(1);

/// A row that the walk looks at.
#[derive(Clone, Debug)]
pub enum Walked {
    /// A version, which must have its bytes.
    Version {
        /// Whose.
        workspace: WorkspaceId,
        /// Of which file.
        file: FileId,
        /// The version.
        version: Box<Version>,
    },
    /// What is known of some bytes that no version refers to and that have no text.
    Content {
        /// Whose.
        workspace: WorkspaceId,
        /// Of which bytes.
        content: Sha256,
    },
}

/// A page of the walk.
#[derive(Debug)]
pub struct WalkedPage {
    /// The rows to look at.
    pub rows: Vec<Walked>,
    /// What they count for.
    pub charges: Charges,
    /// What is wrong with rows that do not read back. They are stepped over.
    pub unreadable: Vec<Error>,
    /// The key of the last row that was read; none at the end of the walk.
    pub last: Option<Key>,
}

impl Store {
    /// Reads the next page of the walk, from behind a row: `limit` rows, of which those are returned
    /// that are to be looked at.
    pub async fn walk_rows(&self, after: Option<Key>, limit: i32) -> Result<WalkedPage> {
        // Of the rows that partitions are about, files and uploads: one has a kind, the other a phase.
        let filter = Expression::new(
            "begins_with(sk, :version) OR sk = :content OR \
             (sk = :self AND (attribute_exists(kind) OR attribute_exists(phase)))",
        )
        .text(":version", VERSION_PREFIX)
        .text(":content", CONTENT)
        .text(":self", SELF);
        let page = self.table.scan_rows(filter, limit, after).await?;
        let mut walked = WalkedPage {
            rows: Vec::new(),
            charges: Charges::default(),
            unreadable: Vec::new(),
            last: page.next.map(from_row).transpose()?,
        };
        for row in page.rows {
            let key: Key = from_row(row.clone())?;
            walked.charges.0.extend(charge_of(&key, &row));
            match self.walked(&key, row) {
                Ok(row) => walked.rows.extend(row),
                Err(error) => walked.unreadable.push(error),
            }
        }
        Ok(walked)
    }

    /// Reads a row, if there is something to look at.
    fn walked(&self, key: &Key, row: Row) -> Result<Option<Walked>> {
        if let Some((workspace, file)) = keys::file_of_version(key) {
            let version = Version::from(from_row::<VersionItem>(row)?);
            let age = self.clock.now().duration_since(version.created_at);
            return Ok((age > VERSION_AGE).then_some(Walked::Version {
                workspace,
                file,
                version: Box::new(version),
            }));
        }
        let Some((workspace, content)) = keys::bytes_of_content(key) else {
            return Ok(None);
        };
        let item: ContentItem = from_row(row)?;
        // Those with a text are found by it.
        let has_text = matches!(item.reading, Reading::Text { .. });
        Ok((item.refs == 0 && !has_text).then_some(Walked::Content { workspace, content }))
    }

    /// Fails a version whose bytes are not in store, lists that and removes nothing. Returns whether
    /// it did.
    pub async fn fail_if_missing(
        &self,
        workspace: &WorkspaceId,
        id: FileId,
        version: &Version,
    ) -> Result<bool> {
        if version
            .failure
            .as_ref()
            .is_some_and(Failure::is_of_missing_bytes)
        {
            return Ok(false);
        }
        if !self.is_missing(workspace, version).await? {
            return Ok(false);
        }
        // After the look at the bytes: who erases a file marks it before they remove any.
        let Some(mut file) = self.file_if_living(workspace, id).await? else {
            return Ok(false);
        };
        let is_current = file.version == version.number;
        if is_current && matches!(file.status, Status::Pending | Status::Scanning) {
            // It is about to be read, which finds out the same.
            return Ok(false);
        }
        let now = self.clock.now();
        let failure = missing();
        let work = read_version(workspace, id, version.number);
        let of_file = if is_current {
            file.status = Status::Failed;
            file.failure = Some(failure.clone());
            change_file(workspace, &mut file, now)?
        } else {
            check_file(workspace, &file)
        };
        let writes = vec![
            of_file,
            fail_version(workspace, id, version.number, &failure)?,
            record(&work, &failure, now)?,
        ];
        match self.table.transact(writes).await {
            Ok(()) => Ok(true),
            // It was changed meanwhile: the next walk looks again.
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Says whether the bytes of a version are not in store.
    pub(crate) async fn is_missing(
        &self,
        workspace: &WorkspaceId,
        version: &Version,
    ) -> Result<bool> {
        let key = ObjectKey::Blob(workspace.clone(), version.content.blob);
        Ok(self.blobs.head(&key).await?.is_none())
    }

    /// Returns where the walk stands: behind which row.
    pub async fn stand_of_rows(&self) -> Result<Stand<Key>> {
        self.stand_of(Key::reconciler_of_rows(), REST).await
    }

    /// Notes the key of the last row that the walk has read; none at its end.
    pub async fn note_rows_walked(&self, last: Option<Key>) -> Result<()> {
        self.note_stand(Key::reconciler_of_rows(), last).await
    }
}

fn missing() -> Failure {
    Failure {
        stage: "storage".to_owned(),
        code: Failure::BYTES_MISSING.to_owned(),
        detail: "the bytes of this version are no longer in store: upload the file again, or \
                 redrive this once they are restored"
            .to_owned(),
    }
}
