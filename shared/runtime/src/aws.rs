//! Set-up of the AWS SDK, pointed by endpoint so that the same code runs against the embedded stack.

use std::sync::LazyLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};

use crate::config::{self, ConfigError};

/// How long a connection may take to be made, as in the SDK's own settings.
const CONNECTING: Duration = Duration::from_millis(3100);

/// What makes the process's requests. Each client of the SDK would make one of its own, and each of
/// those reads the certificates of all authorities: tens of milliseconds and megabytes at the start.
static CONNECTOR: LazyLock<SharedHttpConnector> = LazyLock::new(|| {
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECTING)
        .build();
    SharedHttpConnector::new(
        Connector::builder()
            .connector_settings(settings)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build(),
    )
});

/// What makes the process's requests over HTTPS, to AWS and to others. It is made when it is first
/// asked for; all who ask share its connections.
pub fn https() -> SharedHttpConnector {
    CONNECTOR.clone()
}

/// Reads region, credentials and endpoint as Lambda gives them to a function: from the environment and nowhere else.
///
/// # Errors
/// `ConfigError` without a region.
pub fn from_environment() -> Result<SdkConfig, ConfigError> {
    let region: String = config::required("AWS_REGION", "the AWS region of the table and bucket")?;
    let endpoint: Option<String> = config::optional(
        "AWS_ENDPOINT_URL",
        "where AWS is, when it is somewhere else",
    )?;
    let mut settings = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .http_client(http_client_fn(|_, _| https()))
        .credentials_provider(SharedCredentialsProvider::new(
            EnvironmentVariableCredentialsProvider::new(),
        ));
    settings.set_endpoint_url(endpoint);
    Ok(settings.build())
}

/// Looks for region, credentials and endpoint wherever the AWS SDK and its command line do: environment, profiles,
/// roles, containers, instances.
pub async fn from_anywhere() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client_fn(|_, _| https()))
        .load()
        .await
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
        .http_client(aws_smithy_http_client::Builder::new().build_http())
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
