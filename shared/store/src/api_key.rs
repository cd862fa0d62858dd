//! API keys.
//!
//! A key names the person who made it, or whose key did. What that person may no longer do, no key
//! of theirs may either: it is revoked when their role is changed or taken away.

use domain::principal::{Principal, Role};
use domain::{Error, KeyId, Kind, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::idempotency::{self, Repeatable};
use crate::keys::{Key, api_keys_partition};
use crate::standing::{lost, still_holds};
use crate::table::{Page, Query, Rejected, Row, Write, present, to_row};

/// Most writes of a transaction. Source: DynamoDB quotas.
const TRANSACTION: usize = 100;

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
    /// The person who made it, by pseudonym; none where that was not noted yet.
    #[serde(default)]
    pub made_by: Option<String>,
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
    /// when the Idempotency-Key was used for another request. `Forbidden` when the maker's role was
    /// changed meanwhile.
    pub async fn create_api_key(
        &self,
        maker: &Principal,
        item: &ApiKeyItem,
        repeatable: Option<&Repeatable>,
    ) -> Result<()> {
        let workspace = &maker.workspace;
        let mut writes = vec![Write::create(to_row(
            Key::api_key(workspace, item.id),
            item,
        )?)];
        if let Some(repeatable) = repeatable {
            let now = item.created_at;
            writes.push(idempotency::remember(workspace, repeatable, item.id, now)?);
        }
        writes.extend(still_holds(maker));
        match (self.table.transact(writes).await, repeatable) {
            (Ok(()), _) => Ok(()),
            (Err(rejected), Some(repeatable)) if rejected.at(1) => {
                let before: KeyId = self.made_before(workspace, repeatable).await?;
                Err(made_already(before))
            }
            (Err(Rejected::Conditions(_)), _) => Err(lost()),
            (Err(Rejected::Error(error)), _) => Err(error),
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

impl Store {
    /// The writes that revoke the keys of a person which may do more than the role they have now:
    /// all of their keys where they have none.
    pub(crate) async fn revocations(
        &self,
        workspace: &WorkspaceId,
        person: &str,
        role: Option<Role>,
    ) -> Result<Vec<Write>> {
        let keys: Vec<ApiKeyItem> = self
            .table
            .query_all(Query::prefix(api_keys_partition(workspace), ""))
            .await?;
        Ok(keys
            .into_iter()
            .filter(|key| key.made_by.as_deref() == Some(person) && Some(key.role) > role)
            .map(|key| Write::Delete {
                condition: None,
                key: Key::api_key(workspace, key.id),
            })
            .collect())
    }

    /// Revokes those keys, until there are none, and says whether there were any: one of them may
    /// be making another.
    pub(crate) async fn revoke_above(
        &self,
        workspace: &WorkspaceId,
        person: &str,
        role: Option<Role>,
    ) -> Result<bool> {
        let mut had_any = false;
        loop {
            let writes = self.revocations(workspace, person, role).await?;
            if writes.is_empty() {
                return Ok(had_any);
            }
            had_any = true;
            for some in writes.chunks(TRANSACTION) {
                let revoked = self.table.transact(some.to_vec()).await;
                revoked.map_err(|rejected| rejected.into_error("the keys are being revoked"))?;
            }
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
