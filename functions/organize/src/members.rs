//! `/v1/members`: gives people roles in the workspace, and takes them away.

use api::auth::Caller;
use api::problem::Result;
use api::request::{Json, Query};
use axum::extract::Path;
use axum::http::StatusCode;
use domain::principal::{Identity, Principal, Role};
use domain::{Error, Kind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::State;
use crate::finish::to_the_end;

/// Longest issuer or subject, in bytes. Source: a `sub` of `OpenID` Connect is at most 255.
const MAX_BYTES: usize = 255;

/// Whom to give which role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetMember {
    /// Who says who they are: the `iss` of their tokens.
    #[schema(example = "https://issuer.example")]
    issuer: String,
    /// Who they are there: the `sub` of their tokens.
    #[schema(example = "248289761001")]
    subject: String,
    /// viewer, editor or admin.
    #[schema(example = "editor")]
    role: String,
}

/// A member of the workspace. Who it is cannot be told from it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// The pseudonym under which they own files and can be removed.
    #[schema(example = "user-5f0c7a523c1d5b7e9a53000000000001")]
    id: String,
    /// viewer, editor or admin.
    #[schema(value_type = String, example = "editor")]
    role: Role,
}

impl SetMember {
    fn read(self) -> domain::Result<(String, Role)> {
        for (pointer, text) in [("/issuer", &self.issuer), ("/subject", &self.subject)] {
            if text.is_empty() || text.len() > MAX_BYTES {
                return Err(Error::invalid(pointer, "this is 1 to 255 bytes"));
            }
        }
        let role = self.role.parse()?;
        let identity = Identity::User {
            issuer: self.issuer,
            subject: self.subject,
        };
        Ok((identity.pseudonym(), role))
    }
}

/// Gives someone a role in the workspace, in the place of any they have there.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "organize",
    request_body = SetMember,
    responses(
        (status = 200, description = "The member", body = MemberView),
        (status = 409, description = "own_role: nobody changes their own role"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn set(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Json { value, .. }: Json<SetMember>,
) -> Result<axum::Json<MemberView>> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let (id, role) = value.read()?;
    check_other(&principal, &id)?;
    let (store, workspace) = (state.store, principal.workspace);
    let member = id.clone();
    to_the_end(async move { store.set_role(&member, &workspace, role).await }).await?;
    Ok(axum::Json(MemberView { id, role }))
}

/// Takes someone's role in the workspace away.
#[utoipa::path(
    delete,
    path = "/v1/members/{id}",
    tag = "organize",
    params(("id" = String, Path, description = "The member", example = "user-5f0c7a523c1d5b7e9a53000000000001")),
    responses(
        (status = 204, description = "They have no role here any more"),
        (status = 404, description = "No such member"),
        (status = 409, description = "own_role: nobody takes their own role away"),
    )
)]
pub async fn remove(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
) -> Result<StatusCode> {
    principal.require(Role::Admin)?;
    query.finish()?;
    if !is_pseudonym(&id) {
        return Err(Error::not_found(Kind::Member, id).into());
    }
    check_other(&principal, &id)?;
    let (store, workspace) = (state.store, principal.workspace);
    to_the_end(async move { store.remove_role(&id, &workspace).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says whether this is how a person is named here; see [`Identity::pseudonym`].
fn is_pseudonym(id: &str) -> bool {
    let digits = id.strip_prefix("user-").unwrap_or_default();
    digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// So that a workspace is not left without an admin by mistake, another one is needed for that.
fn check_other(principal: &Principal, id: &str) -> domain::Result<()> {
    if principal.identity.pseudonym() == id {
        return Err(Error::Conflict {
            code: "own_role",
            detail: "your own role is changed by another admin".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_pseudonym_and_nothing_else() {
        let person = Identity::User {
            issuer: "https://issuer.example".to_owned(),
            subject: "s".to_owned(),
        };
        assert!(is_pseudonym(&person.pseudonym()));
        for other in [
            "",
            "user-",
            "user-xyz",
            "key-0199a0b1-7c00-7000-8000-000000000001",
        ] {
            assert!(!is_pseudonym(other), "{other}");
        }
    }

    #[test]
    fn empty_and_overlong_names_are_refused() {
        let member = |issuer: &str, subject: &str| {
            SetMember {
                issuer: issuer.to_owned(),
                subject: subject.to_owned(),
                role: "viewer".to_owned(),
            }
            .read()
        };
        assert!(member("i", "s").is_ok());
        assert!(member("", "s").is_err());
        assert!(member("i", &"s".repeat(256)).is_err());
    }
}
