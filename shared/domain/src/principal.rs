//! Who calls, and what they may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::id::{KeyId, WorkspaceId};

/// What a principal may do in a workspace. Each role can do all that the ones before it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Uploads, generates, changes and deletes files and dossiers.
    Editor,
    /// Manages keys, members and settings.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "editor" => Ok(Self::Editor),
            "admin" => Ok(Self::Admin),
            _ => Err(Error::invalid("/role", "a role is admin, editor or viewer")),
        }
    }
}

/// Who someone is, before it is asked what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A user, by issuer and subject of a JWT.
    User {
        /// The `iss` claim.
        issuer: String,
        /// The `sub` claim.
        subject: String,
    },
    /// An API key.
    Key {
        /// Its public half.
        id: KeyId,
        /// The person who made it, by pseudonym; none where that was not noted yet.
        made_by: Option<String>,
    },
}

impl Identity {
    /// Returns the pseudonym under which this identity owns files and is looked up: a hash, so
    /// that rows and logs hold no name or address.
    pub fn pseudonym(&self) -> String {
        let mut hash = Sha256::new();
        match self {
            Self::User { issuer, subject } => {
                hash.update([0]);
                // The length keeps (issuer, subject) pairs apart.
                hash.update(issuer.len().to_be_bytes());
                hash.update(issuer);
                hash.update(subject);
                format!("user-{}", hex::encode(&hash.finalize()[..16]))
            }
            Self::Key { id, .. } => format!("key-{id}"),
        }
    }

    /// Returns the pseudonym of the person who answers for what this identity does: of a key, who
    /// made it. A key that nobody is known to have made answers for itself.
    pub fn person(&self) -> String {
        match self {
            Self::Key {
                made_by: Some(person),
                ..
            } => person.clone(),
            Self::Key { made_by: None, .. } | Self::User { .. } => self.pseudonym(),
        }
    }
}

/// Where it stands that a principal has their role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In their token or in the deployment's settings: it holds as long as those do.
    Granted,
    /// In a row, of a member or of an API key, which may be changed or removed at any time.
    Kept,
}

/// Someone acting in one workspace with one role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who.
    pub identity: Identity,
    /// In which workspace.
    pub workspace: WorkspaceId,
    /// As what.
    pub role: Role,
    /// Where that stands.
    pub standing: Standing,
}

impl Principal {
    /// Checks that the role is at least `needed`.
    ///
    /// # Errors
    /// `Forbidden`, naming the role that is needed.
    pub fn require(&self, needed: Role) -> Result<(), Error> {
        if self.role >= needed {
            return Ok(());
        }
        Err(Error::Forbidden {
            detail: format!(
                "this needs the role {needed}; yours in workspace {} is {}",
                self.workspace, self.role
            ),
        })
    }
}
