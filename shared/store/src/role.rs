//! Who has which role in which workspace.
//!
//! A member has a row in the workspace, which lists its members, and one of their own: a role, or
//! the invitation to one until they accept it. An invitation gives nothing, so a workspace cannot
//! push itself on anybody. Each change writes both rows and names the workspace's as it was, so
//! changes of one member follow each other.
//!
//! Who changes another is still an admin in the same transaction, and it revokes the keys by which
//! the other could do what they may not any more. See [`Store::change_role`].

use domain::principal::{Principal, Role};
use domain::{Error, Kind, Result, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::keys::{Key, invitations_partition, people_partition, roles_partition};
use crate::standing::{lost, still_holds};
use crate::table::{Expression, Page, Query, Rejected, Write, absent, busy, present, to_row};

/// How often a change of a member is tried again after losing a race.
const TRIES: u32 = 3;

/// Most keys that are revoked in the transaction that changes a member: it has at most 100 writes.
/// What is more is revoked after it.
const REVOKED_AT_ONCE: usize = 90;

/// The role of a principal in a workspace, or an invitation to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleItem {
    /// The workspace.
    pub workspace: WorkspaceId,
    /// The role.
    #[serde(rename = "principal_role")]
    pub role: Role,
}

/// A member of a workspace, or someone who is invited to be one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonItem {
    /// Who, by pseudonym.
    #[serde(rename = "sk")]
    pub principal: String,
    /// What they may do, or will once they have joined.
    #[serde(rename = "person_role")]
    pub role: Role,
    /// When they were invited.
    pub invited_at: Timestamp,
    /// When they accepted; none until then.
    pub joined_at: Option<Timestamp>,
}

impl PersonItem {
    /// Holds while the row is as it was read.
    fn unchanged(&self) -> Expression {
        let joined = match self.joined_at {
            Some(_) => "attribute_exists(joined_at)",
            None => "attribute_not_exists(joined_at)",
        };
        Expression::new(format!(
            "person_role = :role_before AND invited_at = :invited_at AND {joined}"
        ))
        .text(":role_before", self.role.to_string())
        .text(":invited_at", self.invited_at.to_string())
    }

    /// The most that keys they have made may do. An invitation takes nothing away: keys of someone
    /// who has not joined are from a role that no row gave them.
    fn keys_up_to(&self) -> Role {
        self.joined_at.map_or(Role::Admin, |_| self.role)
    }

    /// The rows that say this in the workspace and with the person.
    fn writes(&self, workspace: &WorkspaceId, before: Option<&Self>) -> Result<Vec<Write>> {
        let own = RoleItem {
            workspace: workspace.clone(),
            role: self.role,
        };
        let (role, invitation) = (
            Key::role(&self.principal, workspace),
            Key::invitation(&self.principal, workspace),
        );
        let mut writes = vec![Write::Put {
            condition: Some(before.map_or_else(absent, Self::unchanged)),
            row: to_row(Key::person(workspace, &self.principal), self)?,
        }];
        if self.joined_at.is_some() {
            writes.push(Write::Put {
                condition: None,
                row: to_row(role, &own)?,
            });
            writes.push(Write::Delete {
                condition: None,
                key: invitation,
            });
        } else {
            writes.push(Write::Put {
                condition: None,
                row: to_row(invitation, &own)?,
            });
        }
        Ok(writes)
    }
}

impl Store {
    /// Returns the role of a principal, by pseudonym, in a workspace.
    pub async fn role(&self, principal: &str, workspace: &WorkspaceId) -> Result<Option<Role>> {
        let item: Option<RoleItem> = self.table.get(Key::role(principal, workspace)).await?;
        Ok(item.map(|item| item.role))
    }

    /// Lists a page of the workspaces of a principal, by their ids.
    pub async fn roles(
        &self,
        principal: &str,
        after: Option<&WorkspaceId>,
        limit: i32,
    ) -> Result<Page<RoleItem>> {
        let start = after.map(|workspace| Key::role(principal, workspace).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(roles_partition(principal), "")
            })
            .await
    }

    /// Lists a page of the workspaces that a principal is invited to, by their ids.
    pub async fn invitations(
        &self,
        principal: &str,
        after: Option<&WorkspaceId>,
        limit: i32,
    ) -> Result<Page<RoleItem>> {
        let start = after.map(|workspace| Key::invitation(principal, workspace).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(invitations_partition(principal), "")
            })
            .await
    }

    /// Lists a page of the members of a workspace and of those invited, by their pseudonyms.
    pub async fn people(
        &self,
        workspace: &WorkspaceId,
        after: Option<&str>,
        limit: i32,
    ) -> Result<Page<PersonItem>> {
        let start = after.map(|principal| Key::person(workspace, principal).attributes());
        self.table
            .query(Query {
                limit,
                start,
                ..Query::prefix(people_partition(workspace), "")
            })
            .await
    }

    /// Invites a principal to a role in a workspace; gives the role to one who has joined.
    ///
    /// # Errors
    /// Those of [`Store::change_role`], but for `NotFound`.
    pub async fn invite(
        &self,
        admin: &Principal,
        principal: &str,
        role: Role,
    ) -> Result<PersonItem> {
        let now = self.clock.now();
        self.change_person(&admin.workspace, principal, Some(admin), |before| {
            Ok(match before {
                Some(before) => PersonItem { role, ..before },
                None => PersonItem {
                    principal: principal.to_owned(),
                    role,
                    invited_at: now,
                    joined_at: None,
                },
            })
        })
        .await
    }

    /// Gives a member, or someone who is invited, another role. What keys of a member may do more
    /// than that are revoked with it; where this stops half-way, asking again finishes it.
    ///
    /// # Errors
    /// `NotFound` when they are neither; `Forbidden` when the admin is none any more.
    pub async fn change_role(
        &self,
        admin: &Principal,
        principal: &str,
        role: Role,
    ) -> Result<PersonItem> {
        self.change_person(&admin.workspace, principal, Some(admin), |before| {
            let before = before.ok_or_else(|| Error::not_found(Kind::Member, principal))?;
            Ok(PersonItem { role, ..before })
        })
        .await
    }

    /// Accepts an invitation. One that was accepted before stays so.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn accept_invitation(
        &self,
        workspace: &WorkspaceId,
        principal: &str,
    ) -> Result<PersonItem> {
        let now = self.clock.now();
        self.change_person(workspace, principal, None, |before| {
            let before = before.ok_or_else(|| Error::not_found(Kind::Invitation, workspace))?;
            Ok(PersonItem {
                joined_at: before.joined_at.or(Some(now)),
                ..before
            })
        })
        .await
    }

    /// Declines an invitation that was not accepted.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn decline_invitation(&self, workspace: &WorkspaceId, principal: &str) -> Result<()> {
        let invited = Expression::new("attribute_exists(pk) AND attribute_not_exists(joined_at)");
        if self
            .remove_person(workspace, principal, invited, Vec::new())
            .await?
        {
            return Ok(());
        }
        Err(Error::not_found(Kind::Invitation, workspace))
    }

    /// Takes a principal's role in a workspace, or the invitation to one, away, and revokes all of
    /// their keys. Where this stops half-way, asking again finishes it.
    ///
    /// # Errors
    /// `NotFound` when they have none of these; `Forbidden` when the admin is none any more.
    pub async fn remove_member(&self, admin: &Principal, principal: &str) -> Result<()> {
        let workspace = &admin.workspace;
        let beside = self.beside(admin, principal, None).await?;
        let was_there = self
            .remove_person(workspace, principal, present(), beside)
            .await?;
        // Without a role they make no more of them.
        let had_keys = self.revoke_above(workspace, principal, None).await?;
        if was_there || had_keys {
            return Ok(());
        }
        Err(Error::not_found(Kind::Member, principal))
    }

    /// What an admin's change of someone else has beside it: the check that they still are one, if
    /// a row says so, comes first, then most of the keys that end with it.
    async fn beside(
        &self,
        admin: &Principal,
        principal: &str,
        role: Option<Role>,
    ) -> Result<Vec<Write>> {
        let keys = self.revocations(&admin.workspace, principal, role).await?;
        let keys = keys.into_iter().take(REVOKED_AT_ONCE);
        Ok(still_holds(admin).into_iter().chain(keys).collect())
    }

    /// Changes a person; without an admin, it is their own doing.
    async fn change_person(
        &self,
        workspace: &WorkspaceId,
        principal: &str,
        admin: Option<&Principal>,
        change: impl Fn(Option<PersonItem>) -> Result<PersonItem>,
    ) -> Result<PersonItem> {
        for _ in 0..TRIES {
            let before: Option<PersonItem> =
                self.table.get(Key::person(workspace, principal)).await?;
            let after = change(before.clone())?;
            let keys_up_to = Some(after.keys_up_to());
            let mut writes = after.writes(workspace, before.as_ref())?;
            let check = writes.len();
            if let Some(admin) = admin {
                writes.extend(self.beside(admin, principal, keys_up_to).await?);
            }
            match self.table.transact(writes).await {
                Ok(()) => {
                    if admin.is_some() {
                        self.revoke_above(workspace, principal, keys_up_to).await?;
                    }
                    return Ok(after);
                }
                Err(rejected) if rejected.at(check) => return Err(lost()),
                Err(Rejected::Conditions(_)) => {}
                Err(Rejected::Error(error)) => return Err(error),
            }
        }
        Err(busy("the member is being changed by someone else"))
    }

    /// Removes all that a person has of a workspace, and says whether the condition held.
    async fn remove_person(
        &self,
        workspace: &WorkspaceId,
        principal: &str,
        condition: Expression,
        beside: Vec<Write>,
    ) -> Result<bool> {
        let delete = |key| Write::Delete {
            condition: None,
            key,
        };
        let mut writes = vec![
            Write::Delete {
                condition: Some(condition),
                key: Key::person(workspace, principal),
            },
            delete(Key::role(principal, workspace)),
            delete(Key::invitation(principal, workspace)),
        ];
        let check = writes.len();
        writes.extend(beside);
        match self.table.transact(writes).await {
            Ok(()) => Ok(true),
            Err(rejected) if rejected.at(check) => Err(lost()),
            Err(Rejected::Conditions(_)) => Ok(false),
            Err(Rejected::Error(error)) => Err(error),
        }
    }
}
