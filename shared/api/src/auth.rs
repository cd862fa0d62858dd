//! Who calls: a JWT checked against its issuer's keys, or an API key checked against its hash.

mod checked;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use domain::principal::{Identity, Principal, Role, Standing};
use domain::{Error, KeyId, Result, Sha256, WorkspaceId};
use store::Store;
use store::role::RoleItem;

use crate::page::rows_for;
use crate::problem::Problem;
use checked::Checked;
use token::Claims;

pub use token::Issuer;

/// The header by which a principal with several workspaces chooses one.
pub const WORKSPACE_HEADER: &str = "sheaf-workspace";

/// Begins every API key, so that leak scanners know one.
pub const API_KEY_PREFIX: &str = "sheaf_";

/// The first admin of a workspace, from the deployment's settings.
#[derive(Clone, Debug)]
pub struct FirstAdmin {
    /// The `sub` of their tokens.
    pub subject: String,
    /// The workspace.
    pub workspace: WorkspaceId,
}

/// Tells who calls.
#[derive(Clone, Debug)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    issuers: Vec<Issuer>,
    checked: Checked,
    first_admin: Option<FirstAdmin>,
}

/// Who makes a request.
pub struct Known {
    identity: Identity,
    /// The roles that credentials or the deployment's settings give. They stand above those of
    /// members, and the first above the others.
    granted: Vec<RoleItem>,
}

impl Known {
    /// Where those roles stand: a key is itself a row, and its role with it.
    const fn standing(&self) -> Standing {
        match self.identity {
            Identity::User { .. } => Standing::Granted,
            Identity::Key { .. } => Standing::Kept,
        }
    }
}

impl Authenticator {
    /// Trusts these issuers.
    pub fn new(store: Store, issuers: Vec<Issuer>, first_admin: Option<FirstAdmin>) -> Self {
        Self(Arc::new(Inner {
            store,
            issuers,
            checked: Checked::default(),
            first_admin,
        }))
    }

    /// Tells who makes a request with these headers, in which workspace and with which role.
    ///
    /// # Errors
    /// `Unauthenticated`; `Forbidden` when the principal has no role in the workspace it names;
    /// `Invalid` when it names none and has several.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Principal> {
        let known = self.known(headers).await?;
        let chosen = chosen_workspace(headers)?;
        let granted = known.granted.iter().find(|item| {
            chosen
                .as_ref()
                .is_none_or(|workspace| item.workspace == *workspace)
        });
        let (RoleItem { workspace, role }, standing) = match (granted, chosen) {
            (Some(granted), _) => (granted.clone(), known.standing()),
            (None, Some(workspace)) => {
                let kept = self.role_in(workspace, &known.identity).await?;
                (kept, Standing::Kept)
            }
            (None, None) => (self.only_role(&known.identity).await?, Standing::Kept),
        };
        Ok(Principal {
            identity: known.identity,
            workspace,
            role,
            standing,
        })
    }

    /// Tells who makes a request with these headers. No workspace need be chosen for that.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn identity(&self, headers: &HeaderMap) -> Result<Identity> {
        Ok(self.known(headers).await?.identity)
    }

    /// Lists the workspaces after `after` in which whoever makes a request has a role, and says
    /// whether there are more than `limit`. None need be chosen for that.
    pub async fn workspaces(
        &self,
        known: Known,
        after: Option<&WorkspaceId>,
        limit: usize,
    ) -> Result<(Vec<RoleItem>, bool)> {
        let Known { identity, granted } = known;
        let pseudonym = identity.pseudonym();
        let store = &self.0.store;
        let page = store.roles(&pseudonym, after, rows_for(limit)).await?;
        // Where a workspace comes twice, the last one put in stays.
        let roles: BTreeMap<WorkspaceId, Role> = page
            .rows
            .into_iter()
            .chain(granted.into_iter().rev())
            .filter(|item| after.is_none_or(|after| item.workspace > *after))
            .map(|item| (item.workspace, item.role))
            .collect();
        let more = roles.len() > limit;
        let roles = roles
            .into_iter()
            .take(limit)
            .map(|(workspace, role)| RoleItem { workspace, role })
            .collect();
        Ok((roles, more))
    }

    /// Tells who makes a request with these headers, and what they may do where by their token.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn known(&self, headers: &HeaderMap) -> Result<Known> {
        let token = bearer(headers)?;
        match token.strip_prefix(API_KEY_PREFIX) {
            Some(key) => self.by_api_key(key).await,
            None => self.by_jwt(token).await,
        }
    }

    async fn by_api_key(&self, key: &str) -> Result<Known> {
        const REFUSED: Error = Error::Unauthenticated {
            detail: "the API key is unknown, revoked or expired",
        };
        let mut parts = key.split('.');
        let (Some(workspace), Some(id), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(REFUSED);
        };
        let workspace: WorkspaceId = workspace.parse().map_err(|_| REFUSED)?;
        let id: KeyId = id.parse().map_err(|_| REFUSED)?;
        let store = &self.0.store;
        let item = store.api_key(&workspace, id).await?.ok_or(REFUSED)?;
        // Hashes are compared, not secrets: how long it takes says nothing about the secret.
        if item.secret_hash != Sha256::of(secret.as_bytes())
            || item.expires_at.is_some_and(|at| at <= store.clock.now())
        {
            return Err(REFUSED);
        }
        Ok(Known {
            identity: Identity::Key {
                id,
                made_by: item.made_by,
            },
            granted: vec![RoleItem {
                workspace,
                role: item.role,
            }],
        })
    }

    async fn by_jwt(&self, token: &str) -> Result<Known> {
        let inner = &self.0;
        let now = inner.store.clock.now();
        let (issuer, claims) = token::verify(&inner.issuers, &inner.checked, token, now).await?;
        let mut granted = Vec::new();
        if issuer.trusted_with_roles {
            granted.extend(claimed(&claims)?);
        }
        if let Some(admin) = &inner.first_admin
            && admin.subject == claims.sub
        {
            granted.push(RoleItem {
                workspace: admin.workspace.clone(),
                role: Role::Admin,
            });
        }
        Ok(Known {
            identity: Identity::User {
                issuer: claims.iss,
                subject: claims.sub,
            },
            granted,
        })
    }

    /// The role of a member of the workspace that was chosen.
    async fn role_in(&self, workspace: WorkspaceId, identity: &Identity) -> Result<RoleItem> {
        let role = self.0.store.role(&identity.pseudonym(), &workspace).await?;
        Ok(RoleItem {
            role: role.ok_or_else(no_role)?,
            workspace,
        })
    }

    /// The role in the only workspace the principal has joined.
    async fn only_role(&self, identity: &Identity) -> Result<RoleItem> {
        let page = self.0.store.roles(&identity.pseudonym(), None, 2).await?;
        let mut roles = page.rows.into_iter();
        match (roles.next(), roles.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(no_role()),
            (Some(_), Some(_)) => Err(Error::invalid(
                "/Sheaf-Workspace",
                "you belong to several workspaces: choose one with the Sheaf-Workspace header",
            )),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Error::Unauthenticated {
            detail: "send Authorization: Bearer with a JWT or an API key",
        })
}

fn chosen_workspace(headers: &HeaderMap) -> Result<Option<WorkspaceId>> {
    headers
        .get(WORKSPACE_HEADER)
        .map(|value| value.to_str().unwrap_or_default().parse())
        .transpose()
}

/// The role a trusted token claims, when it claims one.
fn claimed(claims: &Claims) -> Result<Option<RoleItem>> {
    let refused = |_| Error::Unauthenticated {
        detail: "the token names no valid workspace or role",
    };
    let (Some(workspace), Some(role)) = (&claims.workspace, &claims.role) else {
        return Ok(None);
    };
    Ok(Some(RoleItem {
        workspace: workspace.parse().map_err(refused)?,
        role: role.parse().map_err(refused)?,
    }))
}

/// The same answer for a workspace that is not there and for one of others.
fn no_role() -> Error {
    Error::Forbidden {
        detail: "you have no role in this workspace".to_owned(),
    }
}

/// The principal of a request, as an argument of a handler.
#[derive(Clone, Debug)]
pub struct Caller(pub Principal);

impl<S> FromRequestParts<S> for Caller
where
    Authenticator: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let authenticator = Authenticator::from_ref(state);
        Ok(Self(authenticator.principal(&parts.headers).await?))
    }
}
