//! What every HTTP function reads from its environment besides the store.

use runtime::config::{self, ConfigError};
use store::Store;

use crate::auth::{Authenticator, FirstAdmin, Issuer};
use crate::jwks::Keys;
use crate::serve::Origins;

impl Authenticator {
    /// Trusts the issuer that the environment names.
    ///
    /// # Errors
    /// `ConfigError` naming the setting that is missing or cannot be read.
    pub fn from_environment(store: Store) -> Result<Self, ConfigError> {
        let jwks_url =
            config::required("AUTH_JWKS_URL", "where the token issuer publishes its keys")?;
        let issuer = Issuer {
            issuer: config::required("AUTH_ISSUER", "the iss of the tokens that are accepted")?,
            audience: config::required("AUTH_AUDIENCE", "the aud of the tokens that are accepted")?,
            keys: Keys::at(jwks_url, store.clock.clone()),
            trusted_with_roles: config::optional(
                "AUTH_TRUST_ROLES",
                "true when the issuer's tokens may carry workspace and role",
            )?
            .unwrap_or(false),
        };
        let subject: Option<String> = config::optional(
            "FIRST_ADMIN_SUBJECT",
            "the sub of whoever is admin from the start",
        )?;
        let workspace = config::optional(
            "FIRST_ADMIN_WORKSPACE",
            "the workspace of whoever is admin from the start",
        )?;
        let first_admin = subject
            .zip(workspace)
            .map(|(subject, workspace)| FirstAdmin { subject, workspace });
        Ok(Self::new(store, vec![issuer], first_admin))
    }
}

/// Reads which origins browsers may call from.
///
/// # Errors
/// `ConfigError` when they cannot be read.
pub fn allowed_origins() -> Result<Origins, ConfigError> {
    Ok(config::optional(
        "ALLOWED_ORIGINS",
        "the origins browsers may call from, separated by commas",
    )?
    .unwrap_or_default())
}
