//! The secrets of a data folder, made once: the key that signs tokens, and the key of the object store.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::WorkspaceId;
use domain::principal::Role;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use runtime::aws::LocalCredentials;
use runtime::ids::Ids;
use serde::Serialize;
use serde_json::json;
use thiserror::Error;

/// The `iss` of the local runner's tokens.
pub const ISSUER: &str = "sheaf-local";
/// The `aud` of the tokens it accepts.
pub const AUDIENCE: &str = "sheaf";

/// The id of the only key.
const KEY_ID: &str = "local-1";

/// Why the secrets of a data folder cannot be used.
#[derive(Debug, Error)]
pub enum SecretsError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key in the folder is none.
    #[error("{0} holds no Ed25519 key: restore it from a backup, or remove it and make new tokens")]
    Key(PathBuf),
    /// A token could not be signed.
    #[error("signing a token: {0}")]
    Token(#[from] jsonwebtoken::errors::Error),
}

/// The secrets of a data folder.
pub struct Secrets {
    key: Ed25519KeyPair,
    der: Vec<u8>,
    storage: LocalCredentials,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    exp: i64,
    workspace: &'a str,
    role: String,
}

impl Secrets {
    /// Reads the secrets of a data folder, and makes those that are missing.
    ///
    /// # Errors
    /// `SecretsError` naming the file that cannot be used.
    pub fn open(folder: &Path) -> Result<Self, SecretsError> {
        let path = folder.join("token-key.der");
        let der = read_or_make(&path, || {
            Ed25519KeyPair::generate()
                .and_then(|key| Ok(key.to_pkcs8v1()?.as_ref().to_vec()))
                .map_err(|_| io::Error::other("no key could be made"))
        })?;
        let key = Ed25519KeyPair::from_pkcs8(&der).map_err(|_| SecretsError::Key(path))?;
        let secret = read_or_make(&folder.join("storage-secret"), || {
            Ok(Ids.secret().into_bytes())
        })?;
        Ok(Self {
            key,
            der,
            storage: LocalCredentials {
                access_key: "sheaf-local".to_owned(),
                secret_key: String::from_utf8_lossy(&secret).into_owned(),
            },
        })
    }

    /// Returns the key of the object store.
    pub const fn storage(&self) -> &LocalCredentials {
        &self.storage
    }

    /// Returns the public keys that check tokens.
    ///
    /// # Errors
    /// `SecretsError` when they cannot be written.
    pub fn public_keys(&self) -> Result<JwkSet, SecretsError> {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        let keys = json!({"keys": [{
            "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": KEY_ID, "x": x,
        }]});
        serde_json::from_value(keys)
            .map_err(|error| SecretsError::Token(jsonwebtoken::errors::Error::from(error)))
    }

    /// Signs a token for a subject with a role in a workspace.
    ///
    /// # Errors
    /// `SecretsError` when it cannot be signed.
    pub fn sign(
        &self,
        workspace: &WorkspaceId,
        role: Role,
        subject: &str,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Result<String, SecretsError> {
        let claims = Claims {
            iss: ISSUER,
            aud: AUDIENCE,
            sub: subject,
            iat: now.as_second(),
            exp: now.as_second().saturating_add(lifetime.as_secs()),
            workspace: workspace.as_str(),
            role: role.to_string(),
        };
        self.sign_claims(&claims)
    }

    /// Signs any claims, as an issuer that is not this one might.
    ///
    /// # Errors
    /// `SecretsError` when they cannot be signed.
    pub fn sign_claims<T: Serialize>(&self, claims: &T) -> Result<String, SecretsError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(KEY_ID.to_owned());
        let key = EncodingKey::from_ed_der(&self.der);
        Ok(jsonwebtoken::encode(&header, claims, &key)?)
    }
}

/// Reads a secret, or makes it and has it on the disk before it is used.
fn read_or_make(
    path: &Path,
    make: impl FnOnce() -> io::Result<Vec<u8>>,
) -> Result<Vec<u8>, SecretsError> {
    let failed = |source| SecretsError::File {
        path: path.to_owned(),
        source,
    };
    match fs::read(path) {
        Ok(secret) => return Ok(secret),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let secret = make().map_err(failed)?;
    write_private(path, &secret).map_err(failed)?;
    // Two processes may have made one at once; the one on the disk stands.
    fs::read(path).map_err(failed)
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    // A link, unlike a rename, does not replace what someone else has put there meanwhile.
    let linked = fs::hard_link(&unfinished, path);
    fs::remove_file(&unfinished)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
