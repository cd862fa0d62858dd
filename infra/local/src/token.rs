//! Tokens of the local issuer: signed with the key of a data folder, which need not be served.

use std::path::Path;

use domain::WorkspaceId;
use domain::principal::Role;
use embedded::data_folder::make_private_folder;
use embedded::secrets::{Secrets, SecretsError};
use jiff::SignedDuration;
use runtime::clock::Clock;
use thiserror::Error;

/// Why a token could not be made.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The workspace or the role is none.
    #[error(transparent)]
    Invalid(#[from] domain::Error),
    /// The data folder could not be made.
    #[error("the data folder: {0}")]
    Folder(#[from] std::io::Error),
    /// Its key could not be used.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
}

/// Whom a token is for.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The workspace.
    pub workspace: &'a str,
    /// admin, editor or viewer.
    pub role: &'a str,
    /// Who, as `sub`.
    pub subject: &'a str,
}

/// Makes a token that a runner on the same data folder accepts, running or not.
///
/// # Errors
/// `TokenError` saying what is wrong with the holder or the folder.
pub fn issue(
    data: &Path,
    holder: Holder<'_>,
    lifetime: SignedDuration,
) -> Result<String, TokenError> {
    let workspace: WorkspaceId = holder.workspace.parse()?;
    let role: Role = holder.role.parse()?;
    make_private_folder(data)?;
    let secrets = Secrets::open(data)?;
    let now = Clock::system().now();
    Ok(secrets.sign(&workspace, role, holder.subject, now, lifetime)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn folder_that_is_made_for_a_key_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let data = place.path().join("deep/data");
        let holder = Holder {
            workspace: "acme",
            role: "viewer",
            subject: "someone",
        };

        issue(&data, holder, SignedDuration::from_hours(1)).unwrap();

        for folder in [data.as_path(), data.parent().unwrap()] {
            let mode = folder.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        }
    }
}
