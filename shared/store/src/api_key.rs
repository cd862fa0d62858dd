//! API keys.

use domain::principal::Role;
use domain::{Error, KeyId, Kind, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::idempotency::{self, Repeatable};
use crate::keys::{Key, api_keys_partition};
use crate::table::{Page, Query, Rejected, Row, Write, present, to_row};

/// An API key. Of its secret only the hash is kept: 256 random bits need no slow hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyItem {
    /// Its public half.
    pub id: KeyId,
    /// What a person calls it.
    pub label: String,
    /// What it may do.
    #[serde(rename = "key_role")]
    pub role: Role,
    /// Hash of its secret half.
    pub secret_hash: Sha256,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

impl Store {
    /// Keeps a new API key.
    ///
    /// # Errors
    /// `Conflict` when the request was made before: its secret cannot be shown again. `Invalid`
    /// when the Idempotency-Key was used for another request.
    pub async fn create_api_key(
        &self,
        workspace: &WorkspaceId,
        item: &ApiKeyItem,
        repeatable: Option<&Repeatable>,
    ) -> Result<()> {
        let mut writes = vec![Write::create(to_row(
            Key::api_key(workspace, item.id),
            item,
        )?)];
        if let Some(repeatable) = repeatable {
            let now = item.created_at;
            writes.push(idempotency::remember(workspace, repeatable, item.id, now)?);
        }
        match (self.table.transact(writes).await, repeatable) {
            (Ok(()), _) => Ok(()),
            (Err(rejected), Some(repeatable)) if rejected.at(1) => {
                let before: KeyId = self.made_before(workspace, repeatable).await?;
                Err(made_already(before))
            }
            (Err(rejected), _) => Err(rejected.into_error("the key is being made")),
        }
    }

    /// Returns an API key.
    pub async fn api_key(&self, workspace: &WorkspaceId, id: KeyId) -> Result<Option<ApiKeyItem>> {
        self.table.get(Key::api_key(workspace, id)).await
    }

    /// Lists a page of the API keys of a workspace, the oldest first.
    pub async fn api_keys(
        &self,
        workspace: &WorkspaceId,
        after: Option<KeyId>,
        limit: i32,
    ) -> Result<Page<ApiKeyItem>> {
        let start: Option<Row> = after.map(|id| Key::api_key(workspace, id).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(api_keys_partition(workspace), "")
            })
            .await
    }

    /// Revokes an API key.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_api_key(&self, workspace: &WorkspaceId, id: KeyId) -> Result<()> {
        let write = Write::Delete {
            condition: Some(present()),
            key: Key::api_key(workspace, id),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(()),
            Err(Rejected::Conditions(_)) => Err(Error::not_found(Kind::ApiKey, id)),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}

/// The answer to a repeated request. Its key may be lost with the first answer, and is never made
/// twice.
fn made_already(id: KeyId) -> Error {
    Error::Conflict {
        code: "key_made",
        detail: format!(
            "this request made the API key {id} before, and its secret was shown then: if you do \
             not have it, revoke that key and make another with a new Idempotency-Key"
        ),
    }
}
