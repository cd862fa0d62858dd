//! `/v1/members`: lists who has which role in the workspace, invites, changes roles and takes them
//! away.

use api::auth::Caller;
use api::page::{Asked, Page, cut, encode, rows_for};
use api::problem::Result;
use api::request::{Json, Query};
use axum::extract::Path;
use axum::http::StatusCode;
use domain::principal::{Identity, Principal, Role};
use domain::{Error, Kind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::role::PersonItem;
use utoipa::ToSchema;

use crate::State;
use api::finish::to_the_end;

/// Longest issuer or subject, in bytes. Source: a `sub` of `OpenID` Connect is at most 255.
const MAX_BYTES: usize = 255;

/// Whom to invite to which role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteMember {
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

/// What is to be changed of a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMember {
    /// viewer, editor or admin.
    #[schema(example = "viewer")]
    role: String,
}

/// A member of the workspace, or someone who is invited. Who it is cannot be told from it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub struct MemberView {
    /// The pseudonym under which they own files and can be removed.
    #[schema(example = "user-5f0c7a523c1d5b7e9a53000000000001")]
    id: String,
    /// viewer, editor or admin.
    #[schema(value_type = String, example = "editor")]
    role: Role,
    /// invited, which gives nothing yet, or joined.
    #[schema(example = "joined")]
    state: &'static str,
    /// When they were invited.
    #[schema(value_type = String, format = DateTime)]
    invited_at: Timestamp,
    /// When they accepted.
    #[schema(value_type = Option<String>, format = DateTime)]
    joined_at: Option<Timestamp>,
}

impl From<PersonItem> for MemberView {
    fn from(item: PersonItem) -> Self {
        Self {
            id: item.principal,
            role: item.role,
            state: if item.joined_at.is_some() {
                "joined"
            } else {
                "invited"
            },
            invited_at: item.invited_at,
            joined_at: item.joined_at,
        }
    }
}

impl InviteMember {
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

/// Invites someone to a role in the workspace; gives it at once to who has joined already.
///
/// An invitation gives nothing until they accept it with `POST /v1/invitations/{workspace}/accept`.
/// Asking again changes nothing but the role, as `PATCH /v1/members/{id}` does.
#[utoipa::path(
    post,
    path = "/v1/members",
    tag = "organize",
    request_body = InviteMember,
    responses(
        (status = 200, description = "The member, or who is invited to be one", body = MemberView),
        (status = 409, description = "own_role: nobody changes their own role"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn invite(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    query: Query,
    Json { value, .. }: Json<InviteMember>,
) -> Result<axum::Json<MemberView>> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let (id, role) = value.read()?;
    check_other(&principal, &id)?;
    let store = state.store;
    let invited = to_the_end(async move { store.invite(&principal, &id, role).await });
    Ok(axum::Json(invited.await?.into()))
}

/// Lists the members of the workspace and those invited, in the order of their ids.
///
/// Those whose role comes from their token or from the deployment's settings are not among them.
#[utoipa::path(
    get,
    path = "/v1/members",
    tag = "organize",
    params(
        ("limit" = Option<usize>, Query, description = "Most members of a page, 1 to 100; 50 by default"),
        ("cursor" = Option<String>, Query, description = "The next_cursor of the page before"),
    ),
    responses((status = 200, description = "A page of members", body = Page<MemberView>))
)]
pub async fn list(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    mut query: Query,
) -> Result<axum::Json<Page<MemberView>>> {
    principal.require(Role::Admin)?;
    // The cursor is the last member shown.
    let asked: Asked<String> = Asked::from_query(&mut query)?;
    query.finish()?;
    let page = state
        .store
        .people(
            &principal.workspace,
            asked.cursor.as_deref(),
            rows_for(asked.limit),
        )
        .await?;
    let (people, more) = cut(page, asked.limit);
    let last = people.last().filter(|_| more);
    let next_cursor = last.map(|last| encode(&last.principal)).transpose()?;
    let items = people.into_iter().map(MemberView::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

/// Gives a member, or someone who is invited, another role.
///
/// API keys that a member has made and that may do more than that are revoked.
#[utoipa::path(
    patch,
    path = "/v1/members/{id}",
    tag = "organize",
    params(("id" = String, Path, description = "The member", example = "user-5f0c7a523c1d5b7e9a53000000000001")),
    request_body = ChangeMember,
    responses(
        (status = 200, description = "The member as they are now", body = MemberView),
        (status = 404, description = "No such member"),
        (status = 409, description = "own_role: nobody changes their own role"),
        (status = 413, description = "The body is too large"),
    )
)]
pub async fn change(
    axum::extract::State(state): axum::extract::State<State>,
    Caller(principal): Caller,
    Path(id): Path<String>,
    query: Query,
    Json { value, .. }: Json<ChangeMember>,
) -> Result<axum::Json<MemberView>> {
    principal.require(Role::Admin)?;
    query.finish()?;
    let role = value.role.parse()?;
    check_pseudonym(&id)?;
    check_other(&principal, &id)?;
    let store = state.store;
    let changed = to_the_end(async move { store.change_role(&principal, &id, role).await });
    Ok(axum::Json(changed.await?.into()))
}

/// Takes someone's role in the workspace, or the invitation to one, away.
///
/// All API keys that they have made are revoked.
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
    check_pseudonym(&id)?;
    check_other(&principal, &id)?;
    let store = state.store;
    to_the_end(async move { store.remove_member(&principal, &id).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Checks that this is how a person is named here; see [`Identity::pseudonym`].
fn check_pseudonym(id: &str) -> domain::Result<()> {
    let digits = id.strip_prefix("user-").unwrap_or_default();
    if digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(Error::not_found(Kind::Member, id))
}

/// So that a workspace is not left without an admin by mistake, another one is needed for that. A
/// key acts for who made it.
fn check_other(principal: &Principal, id: &str) -> domain::Result<()> {
    if principal.identity.person() == id {
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
        assert!(check_pseudonym(&person.pseudonym()).is_ok());
        for other in [
            "",
            "user-",
            "user-xyz",
            "key-0199a0b1-7c00-7000-8000-000000000001",
        ] {
            assert!(check_pseudonym(other).is_err(), "{other}");
        }
    }

    #[test]
    fn empty_and_overlong_names_are_refused() {
        let member = |issuer: &str, subject: &str| {
            InviteMember {
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
