//! Forgetting what is known of some bytes once no version has them: text, facts, summaries.
//!
//! It can stop anywhere. The row is marked first, so that nobody refers to it any more, and the text
//! goes last: while anything is left of these bytes, their text is there, and the reconciler walks
//! over texts and finishes what it finds unneeded.

use std::collections::{BTreeMap, HashMap};

use domain::{BlobId, Error, Result, Sha256, WorkspaceId};
use serde::Deserialize;

use crate::Store;
use crate::blob::ObjectKey;
use crate::content::{ContentItem, Reading};
use crate::keys::{Key, SUMMARY_PREFIX, content_partition};
use crate::table::{Expression, Query, Rejected, Write, from_row};

/// A text, as its key names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Whose.
    pub workspace: WorkspaceId,
    /// The bytes it was read from.
    pub content: Sha256,
    /// Which reading.
    pub id: BlobId,
}

impl Text {
    fn is_named_by(&self, item: &ContentItem) -> bool {
        matches!(item.reading, Reading::Text { text, .. } if text == self.id)
    }
}

impl Store {
    /// Forgets what is known of some bytes, if no version refers to them.
    ///
    /// Safe to run twice and at once: each step holds only while this very reading is being
    /// forgotten.
    pub async fn forget_content(&self, workspace: &WorkspaceId, content: Sha256) -> Result<()> {
        let item: Option<ContentItem> = self.table.get(Key::content(workspace, content)).await?;
        let Some(item) = item else { return Ok(()) };
        let key = Key::content(workspace, content);
        let unneeded =
            Expression::new("(attribute_not_exists(refs) OR refs <= :zero) AND reading = :reading")
                .number(":zero", 0)
                .value(":reading", &item.reading)?;
        let mark = Write::Update {
            condition: Some(unneeded),
            key: key.clone(),
            change: Expression::new("SET being_forgotten = :yes").flag(":yes", true),
        };
        // Another file has the same bytes, or is just being read.
        if !self.holds(vec![mark]).await? {
            return Ok(());
        }
        let marked = Expression::new("being_forgotten = :yes AND reading = :reading")
            .flag(":yes", true)
            .value(":reading", &item.reading)?;
        if self.forget_summaries(workspace, content, &marked).await? {
            let row = Write::Delete {
                condition: Some(marked),
                key,
            };
            self.holds(vec![row]).await?;
        }
        self.remove_text(workspace, content, &item.reading).await
    }

    /// Removes the summaries of bytes whose row is marked. False when someone else came to the end
    /// of it, and the summaries that are there now may be new ones.
    async fn forget_summaries(
        &self,
        workspace: &WorkspaceId,
        content: Sha256,
        marked: &Expression,
    ) -> Result<bool> {
        #[derive(Deserialize)]
        struct Keyed {
            sk: String,
        }
        let partition = content_partition(workspace, content);
        let summaries: Vec<Keyed> = self
            .table
            .query_all(Query::prefix(partition.clone(), SUMMARY_PREFIX))
            .await?;
        for Keyed { sk } in summaries {
            let pk = partition.clone();
            let writes = vec![
                Write::Delete {
                    condition: None,
                    key: Key { pk, sk },
                },
                Write::Check {
                    condition: marked.clone(),
                    key: Key::content(workspace, content),
                },
            ];
            if !self.holds(writes).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns those texts that no row names, or whose bytes no version has, and what is wrong with
    /// rows that do not read back: nobody knows what those need.
    pub async fn unneeded_texts(&self, texts: Vec<Text>) -> Result<(Vec<Text>, Vec<Error>)> {
        let key = |text: &Text| Key::content(&text.workspace, text.content);
        // One row for all readings of the same bytes, since DynamoDB refuses to be asked twice.
        let keys: BTreeMap<String, Key> =
            texts.iter().map(|text| (key(text).pk, key(text))).collect();
        let mut known: HashMap<String, Option<ContentItem>> = HashMap::new();
        let mut unreadable = Vec::new();
        for row in self.table.get_rows(keys.into_values().collect()).await? {
            let Partition { pk } = from_row(row.clone())?;
            let item = from_row(row).map_err(|error| unreadable.push(error)).ok();
            known.insert(pk, item);
        }
        let is_needed = |text: &Text| match known.get(&key(text).pk) {
            Some(Some(item)) => item.refs > 0 && text.is_named_by(item),
            Some(None) => true,
            None => false,
        };
        let unneeded = texts.into_iter().filter(|text| !is_needed(text)).collect();
        Ok((unneeded, unreadable))
    }

    /// Removes a text that was found unneeded, with all else that is known of the bytes when it is
    /// theirs. One that has come to be needed since stays.
    pub async fn forget_text(&self, text: &Text) -> Result<()> {
        let Text {
            workspace,
            content,
            id,
        } = text;
        let item: Option<ContentItem> = self.table.get(Key::content(workspace, *content)).await?;
        if item.is_some_and(|item| text.is_named_by(&item)) {
            return self.forget_content(workspace, *content).await;
        }
        let key = ObjectKey::Text(workspace.clone(), *content, *id);
        self.blobs.delete(&key).await
    }

    /// Does the writes. False when a condition did not hold.
    async fn holds(&self, writes: Vec<Write>) -> Result<bool> {
        match self.table.transact(writes).await {
            Ok(()) => Ok(true),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct Partition {
    pk: String,
}
