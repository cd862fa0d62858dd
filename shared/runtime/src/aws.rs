//! Set-up of the AWS SDK, pointed by endpoint so that the same code runs against the embedded stack.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

/// Reads region, credentials and endpoint from the environment, as the AWS SDK does.
pub async fn from_environment() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// A key pair for the embedded stack.
#[derive(Clone)]
pub struct LocalCredentials {
    /// The public half.
    pub access_key: String,
    /// The secret half.
    pub secret_key: String,
}

impl std::fmt::Debug for LocalCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalCredentials({})", self.access_key)
    }
}

/// Points the SDK at an endpoint of the embedded stack. Nothing is looked up: neither the
/// environment nor the network may decide where the local runner keeps its files.
pub fn for_endpoint(endpoint: &str, credentials: &LocalCredentials) -> SdkConfig {
    let credentials = Credentials::new(
        &credentials.access_key,
        &credentials.secret_key,
        None,
        None,
        "local",
    );
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Makes an S3 client. Paths hold the bucket, so that an endpoint needs no name per bucket.
pub fn s3_client(config: &SdkConfig) -> aws_sdk_s3::Client {
    let config = aws_sdk_s3::config::Builder::from(config)
        .force_path_style(config.endpoint_url().is_some())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}
