//! Who calls: a JWT checked against its issuer's keys, or an API key checked against its hash.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use domain::principal::{Identity, Principal, Role};
use domain::{Error, KeyId, Result, Sha256, WorkspaceId};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use store::Store;
use store::identity::RoleItem;

use crate::jwks::Keys;
use crate::problem::Problem;

/// The header by which a principal with several workspaces chooses one.
pub const WORKSPACE_HEADER: &str = "sheaf-workspace";

/// Begins every API key, so that leak scanners know one.
pub const API_KEY_PREFIX: &str = "sheaf_";

/// How far a token's clock may be ahead of or behind ours, in seconds.
const LEEWAY_S: i64 = 30;

/// An issuer of tokens that is trusted to say who someone is.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Its `iss`.
    pub issuer: String,
    /// The `aud` its tokens must have.
    pub audience: String,
    /// Its keys.
    pub keys: Keys,
    /// Whether its tokens may also say in which workspace and with which role (`workspace`, `role`).
    pub trusted_with_roles: bool,
}

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
    first_admin: Option<FirstAdmin>,
}

#[derive(Debug, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    workspace: Option<String>,
    role: Option<String>,
}

impl Authenticator {
    /// Trusts these issuers.
    pub fn new(store: Store, issuers: Vec<Issuer>, first_admin: Option<FirstAdmin>) -> Self {
        Self(Arc::new(Inner {
            store,
            issuers,
            first_admin,
        }))
    }

    /// Tells who makes a request with these headers, in which workspace and with which role.
    ///
    /// # Errors
    /// `Unauthenticated`; `Forbidden` when the principal has no role in the workspace it names.
    pub async fn principal(&self, headers: &HeaderMap) -> Result<Principal> {
        let token = bearer(headers)?;
        let chosen = chosen_workspace(headers)?;
        match token.strip_prefix(API_KEY_PREFIX) {
            Some(key) => self.by_api_key(key, chosen).await,
            None => self.by_jwt(token, chosen).await,
        }
    }

    /// Tells in which workspaces whoever makes a request has a role. None need be chosen for that.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn workspaces(&self, headers: &HeaderMap) -> Result<Vec<RoleItem>> {
        let token = bearer(headers)?;
        if let Some(key) = token.strip_prefix(API_KEY_PREFIX) {
            let Principal {
                workspace, role, ..
            } = self.by_api_key(key, None).await?;
            return Ok(vec![RoleItem { workspace, role }]);
        }
        let (issuer, claims) = self.verify(token).await?;
        let identity = Identity::User {
            issuer: claims.iss,
            subject: claims.sub.clone(),
        };
        let mut roles = self.0.store.roles(&identity.pseudonym()).await?;
        // What a trusted token or the deployment says stands above what the table says.
        let mut above = Vec::new();
        if issuer.trusted_with_roles
            && let (Some(workspace), Some(role)) = (claims.workspace, claims.role)
        {
            let Principal {
                workspace, role, ..
            } = claimed(identity, &workspace, &role, None)?;
            above.push(RoleItem { workspace, role });
        }
        if let Some(admin) = &self.0.first_admin
            && admin.subject == claims.sub
        {
            above.push(RoleItem {
                workspace: admin.workspace.clone(),
                role: Role::Admin,
            });
        }
        for item in above {
            roles.retain(|role| role.workspace != item.workspace);
            roles.push(item);
        }
        roles.sort_by(|a, b| a.workspace.cmp(&b.workspace));
        Ok(roles)
    }

    async fn by_api_key(&self, key: &str, chosen: Option<WorkspaceId>) -> Result<Principal> {
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
        if chosen.is_some_and(|chosen| chosen != workspace) {
            return Err(no_role());
        }
        Ok(Principal {
            identity: Identity::Key(id),
            workspace,
            role: item.role,
        })
    }

    async fn by_jwt(&self, token: &str, chosen: Option<WorkspaceId>) -> Result<Principal> {
        let (issuer, claims) = self.verify(token).await?;
        let identity = Identity::User {
            issuer: claims.iss,
            subject: claims.sub.clone(),
        };
        if issuer.trusted_with_roles
            && let (Some(workspace), Some(role)) = (claims.workspace, claims.role)
        {
            return claimed(identity, &workspace, &role, chosen);
        }
        self.with_role(identity, &claims.sub, chosen).await
    }

    async fn verify(&self, token: &str) -> Result<(&Issuer, Claims)> {
        const UNREADABLE: Error = Error::Unauthenticated {
            detail: "the token cannot be read",
        };
        const REFUSED: Error = Error::Unauthenticated {
            detail: "the token's signature, issuer or audience is not accepted here",
        };
        let header = jsonwebtoken::decode_header(token).map_err(|_| UNREADABLE)?;
        // Only to choose the issuer: nothing is believed before the signature is checked.
        let unchecked: Claims =
            jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| UNREADABLE)?;
        let issuer = self
            .0
            .issuers
            .iter()
            .find(|issuer| issuer.issuer == unchecked.iss)
            .ok_or(REFUSED)?;
        let key = issuer
            .keys
            .find(header.kid.as_deref())
            .await?
            .ok_or(REFUSED)?;
        let algorithm = algorithm_of(&key, header.alg).ok_or(REFUSED)?;
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&issuer.audience]);
        validation.set_issuer(&[&issuer.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Checked below, by our own clock.
        validation.validate_exp = false;
        let decoding = DecodingKey::from_jwk(&key).map_err(|_| REFUSED)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &decoding, &validation)
            .map_err(|_| REFUSED)?
            .claims;
        let now = self.0.store.clock.now().as_second();
        if claims.exp.saturating_add(LEEWAY_S) <= now {
            return Err(Error::Unauthenticated {
                detail: "the token has expired: get a new one",
            });
        }
        if claims
            .nbf
            .is_some_and(|nbf| nbf > now.saturating_add(LEEWAY_S))
        {
            return Err(Error::Unauthenticated {
                detail: "the token is not valid yet",
            });
        }
        Ok((issuer, claims))
    }

    async fn with_role(
        &self,
        identity: Identity,
        subject: &str,
        chosen: Option<WorkspaceId>,
    ) -> Result<Principal> {
        let pseudonym = identity.pseudonym();
        let admin = self
            .0
            .first_admin
            .as_ref()
            .filter(|admin| admin.subject == subject)
            .map(|admin| admin.workspace.clone());
        let store = &self.0.store;
        let workspace = match chosen.or(admin.clone()) {
            Some(workspace) => workspace,
            None => only_workspace(store.roles(&pseudonym).await?)?,
        };
        let role = if admin.as_ref() == Some(&workspace) {
            Role::Admin
        } else {
            store
                .role(&pseudonym, &workspace)
                .await?
                .ok_or_else(no_role)?
        };
        Ok(Principal {
            identity,
            workspace,
            role,
        })
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

/// The role a trusted token claims.
fn claimed(
    identity: Identity,
    workspace: &str,
    role: &str,
    chosen: Option<WorkspaceId>,
) -> Result<Principal> {
    let refused = |_| Error::Unauthenticated {
        detail: "the token names no valid workspace or role",
    };
    let workspace: WorkspaceId = workspace.parse().map_err(refused)?;
    let role: Role = role.parse().map_err(refused)?;
    if chosen.is_some_and(|chosen| chosen != workspace) {
        return Err(no_role());
    }
    Ok(Principal {
        identity,
        workspace,
        role,
    })
}

fn only_workspace(mut roles: Vec<RoleItem>) -> Result<WorkspaceId> {
    match roles.len() {
        1 => Ok(roles.remove(0).workspace),
        0 => Err(no_role()),
        _ => Err(Error::invalid(
            "/Sheaf-Workspace",
            "you belong to several workspaces: choose one with the Sheaf-Workspace header",
        )),
    }
}

/// The same answer for a workspace that is not there and for one of others.
fn no_role() -> Error {
    Error::Forbidden {
        detail: "you have no role in this workspace".to_owned(),
    }
}

/// The algorithm a key is for. A token's own word counts only among what the key can do, and never
/// for keys that both sides share.
fn algorithm_of(key: &Jwk, claimed: Algorithm) -> Option<Algorithm> {
    let asymmetric = !matches!(
        claimed,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512
    );
    let agrees = match key.common.key_algorithm {
        Some(algorithm) => names(algorithm, claimed),
        None => true,
    };
    (asymmetric && agrees).then_some(claimed)
}

fn names(algorithm: KeyAlgorithm, claimed: Algorithm) -> bool {
    algorithm.to_string() == format!("{claimed:?}")
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
