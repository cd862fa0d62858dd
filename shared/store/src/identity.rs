//! Who may do what: the roles of principals in workspaces, and API keys.

use domain::principal::Role;
use domain::{Error, KeyId, Kind, Result, Sha256, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, api_keys_partition, roles_partition};
use crate::table::{Query, Rejected, Write, present, to_row};

/// The role of a principal in a workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleItem {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The role.
    #[serde(rename = "principal_role")]
    pub role: Role,
}

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
    /// Returns the role of a principal, by pseudonym, in a workspace.
    pub async fn role(&self, principal: &str, workspace: &WorkspaceId) -> Result<Option<Role>> {
        let item: Option<RoleItem> = self.table.get(Key::role(principal, workspace)).await?;
        Ok(item.map(|item| item.role))
    }

    /// Returns the workspaces of a principal; at most 100 are looked at.
    pub async fn roles(&self, principal: &str) -> Result<Vec<RoleItem>> {
        let page = self
            .table
            .query(Query {
                limit: 100,
                ..Query::prefix(roles_partition(principal), "")
            })
            .await?;
        Ok(page.rows)
    }

    /// Gives a principal a role in a workspace, in the place of any it has there.
    pub async fn set_role(
        &self,
        principal: &str,
        workspace: &WorkspaceId,
        role: Role,
    ) -> Result<()> {
        let item = RoleItem {
            workspace: workspace.clone(),
            role,
        };
        let write = Write::Put {
            condition: None,
            row: to_row(Key::role(principal, workspace), &item)?,
        };
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the role is being changed"))
    }

    /// Takes a principal's role in a workspace away.
    ///
    /// # Errors
    /// `NotFound` when it has none.
    pub async fn remove_role(&self, principal: &str, workspace: &WorkspaceId) -> Result<()> {
        let write = Write::Delete {
            condition: Some(present()),
            key: Key::role(principal, workspace),
        };
        match self.table.transact(vec![write]).await {
            Ok(()) => Ok(()),
            Err(Rejected::Conditions(_)) => Err(Error::not_found(Kind::Member, principal)),
            Err(Rejected::Error(error)) => Err(error),
        }
    }

    /// Keeps a new API key.
    pub async fn create_api_key(&self, workspace: &WorkspaceId, item: &ApiKeyItem) -> Result<()> {
        let write = Write::create(to_row(Key::api_key(workspace, item.id), item)?);
        self.table
            .transact(vec![write])
            .await
            .map_err(|rejected| rejected.into_error("the key is being made"))
    }

    /// Returns an API key.
    pub async fn api_key(&self, workspace: &WorkspaceId, id: KeyId) -> Result<Option<ApiKeyItem>> {
        self.table.get(Key::api_key(workspace, id)).await
    }

    /// Returns the API keys of a workspace.
    pub async fn api_keys(&self, workspace: &WorkspaceId) -> Result<Vec<ApiKeyItem>> {
        self.table
            .query_all(Query::prefix(api_keys_partition(workspace), ""))
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
