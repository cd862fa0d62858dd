//! Filling a workspace with many files at once, to measure how the rest fares with them. The rows are
//! those that are left of uploads once all has been read: they are made by what makes them otherwise,
//! but written many together, and what they count for is summed up first.
//!
//! All files have the bytes of one that is there already, and share its blob. Nothing of this is safe
//! to repeat: a workspace that was not filled to the end is thrown away.

use std::collections::HashMap;

use domain::file::File;
use domain::folder::{Folder, Tally};
use domain::name::FileName;
use domain::{Error, FileId, FolderId, Result, WorkspaceId};
use jiff::Timestamp;

use crate::Store;
use crate::file::{create_file, create_read_version};
use crate::folder::{folder_row, list_child};
use crate::keys::{Key, tally_shard};
use crate::name::{claim_folder_name, claim_name};
use crate::table::{Expression, Write};
use crate::tally;

/// A workspace that is being filled.
#[derive(Debug)]
pub struct Filling {
    workspace: WorkspaceId,
    /// The file whose bytes all others have.
    like: File,
    files: u64,
    tallies: HashMap<(FolderId, u8), Tally>,
}

impl Store {
    /// Begins to fill a workspace with so many files like one that is there and has been read:
    /// reserves their quota.
    ///
    /// # Errors
    /// `QuotaExceeded`; `Conflict` when the file has not been read, or dossiers find it.
    pub async fn begin_filling(
        &self,
        workspace: &WorkspaceId,
        like: FileId,
        files: u64,
    ) -> Result<Filling> {
        let like = self.file(workspace, like).await?;
        if like.content.sha256.is_none() || like.posted.is_some() {
            return Err(Error::Conflict {
                code: "not_read",
                detail: "files are made like one that has been read, and has no type".to_owned(),
            });
        }
        let bytes = like.content.size_bytes.saturating_mul(files);
        self.transact_reserving(workspace, bytes, files, &[])
            .await
            .map_err(|rejected| rejected.into_error("the quota could not be reserved"))?;
        Ok(Filling {
            workspace: workspace.clone(),
            like,
            files: 0,
            tallies: HashMap::new(),
        })
    }
}

impl Filling {
    /// The rows of a folder. Its height must be as many levels as are to be below it.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be a row.
    pub fn folder(&mut self, folder: &Folder) -> Result<Vec<Write>> {
        self.count(folder.parent, folder.id.uuid(), Tally::folder());
        let mut writes = vec![
            Write::create(folder_row(&self.workspace, folder)?),
            claim_folder_name(&self.workspace, folder, folder.created_at)?,
            list_child(&self.workspace, folder)?,
        ];
        writes.extend(tally::open(&self.workspace, folder.id)?);
        Ok(writes)
    }

    /// The rows of a file, made and read at a time.
    ///
    /// # Errors
    /// `Corrupt` when it cannot be a row.
    pub fn file(
        &mut self,
        id: FileId,
        folder: FolderId,
        name: FileName,
        at: Timestamp,
    ) -> Result<Vec<Write>> {
        let file = File {
            id,
            folder,
            name,
            created_at: at,
            updated_at: at,
            ..self.like.clone()
        };
        self.files += 1;
        self.count(folder, id.uuid(), Tally::file(file.content.size_bytes));
        let version = file.made_version(file.owner.clone(), at);
        Ok(vec![
            claim_name(&self.workspace, &file, at)?,
            create_file(&self.workspace, &file)?,
            create_read_version(&self.workspace, id, &version)?,
        ])
    }

    /// The rows that count what was made, to be written last.
    ///
    /// # Errors
    /// `Corrupt` when the bytes of the files have no hash.
    pub fn counts(&self) -> Result<Vec<Write>> {
        let content = &self.like.content;
        let sha256 = content.sha256;
        let sha256 = sha256.ok_or_else(|| Error::corrupt("bytes that were read have no hash"))?;
        let more = || Expression::new("ADD refs :more").number(":more", self.files);
        let of_bytes = [
            Key::blob(&self.workspace, content.blob.id),
            Key::content(&self.workspace, sha256),
        ]
        .map(|key| Write::Update {
            condition: Some(crate::table::present()),
            key,
            change: more(),
        });
        let of_folders = self.tallies.iter().map(|((folder, shard), counted)| {
            tally::count_in(&self.workspace, *folder, *shard, *counted)
        });
        Ok(of_bytes.into_iter().chain(of_folders).collect())
    }

    fn count(&mut self, folder: FolderId, child: uuid::Uuid, by: Tally) {
        let shard = tally_shard(child);
        let counted = self.tallies.entry((folder, shard)).or_default();
        *counted = counted.and(by);
    }
}
