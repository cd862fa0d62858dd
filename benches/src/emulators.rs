//! Where the emulators of a comparison are, and the keys to them: what both sides are told.

use domain::WorkspaceId;
use domain::principal::Role;
use embedded::secrets::{AUDIENCE, ISSUER, Secrets};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use runtime::aws::LocalCredentials;
use serde::{Deserialize, Serialize};

/// The environment variable that both sides find it in, as JSON.
pub const VARIABLE: &str = "EMULATORS";

/// Where everything is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Emulators {
    /// The endpoint of DynamoDB and SQS.
    pub rows: String,
    /// The endpoint of S3.
    pub objects: String,
    /// The table.
    pub table: String,
    /// The bucket.
    pub bucket: String,
    /// The queue that is told of new files. Nobody works on it.
    pub queue: String,
    /// The public half of the key of all of them.
    pub access_key: String,
    /// The secret half.
    pub secret_key: String,
    /// Whose tokens are accepted.
    pub issuer: String,
    /// For whom they must be.
    pub audience: String,
    /// The keys that check them.
    pub keys: JwkSet,
    /// A token of an admin of [`Self::workspace`].
    pub token: String,
    /// The workspace.
    pub workspace: WorkspaceId,
}

impl Emulators {
    /// Describes emulators with these secrets at these endpoints.
    ///
    /// # Panics
    /// When no token can be signed.
    pub fn at(rows: String, objects: String, secrets: &Secrets) -> Self {
        let workspace: WorkspaceId = "acme".parse().expect("a workspace");
        let lifetime = SignedDuration::from_hours(24);
        let token = secrets.sign(&workspace, Role::Admin, "bench", Timestamp::now(), lifetime);
        let LocalCredentials {
            access_key,
            secret_key,
        } = secrets.storage().clone();
        Self {
            queue: format!("{rows}/ingest"),
            rows,
            objects,
            table: embedded::schema::TABLE.to_owned(),
            bucket: embedded::stack::BUCKET.to_owned(),
            access_key,
            secret_key,
            issuer: ISSUER.to_owned(),
            audience: AUDIENCE.to_owned(),
            keys: secrets.public_keys().expect("the keys that check tokens"),
            token: token.expect("a token"),
            workspace,
        }
    }

    /// Reads it from the environment.
    ///
    /// # Panics
    /// When it is not there.
    pub fn from_environment() -> Self {
        let text = std::env::var(VARIABLE).expect("EMULATORS, as the comparison sets it");
        serde_json::from_str(&text).expect("where the emulators are")
    }

    /// The key of all of them.
    pub fn credentials(&self) -> LocalCredentials {
        LocalCredentials {
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
        }
    }

    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        runtime::aws::s3_client(&runtime::aws::for_endpoint(
            &self.objects,
            &self.credentials(),
        ))
    }

    /// Writes it down for the other side.
    ///
    /// # Panics
    /// Never: all of it is text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("text")
    }
}
