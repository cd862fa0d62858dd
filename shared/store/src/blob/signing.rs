//! URLs by which clients reach single objects without us: each for one object and one thing to do
//! with it.

use std::time::Duration;

use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use domain::{Error, Result, Sha256};

use super::{Blobs, ObjectKey};

/// A URL that carries its own permission, and the headers its user must send.
#[derive(Clone, Debug)]
pub struct SignedUrl {
    /// The URL.
    pub url: String,
    /// Headers that are signed and must be sent as they are.
    pub headers: Vec<(String, String)>,
}

/// How content is to be handed to a client.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The Content-Disposition header.
    pub disposition: String,
    /// The Content-Type header.
    pub content_type: String,
    /// How long the URL holds.
    pub lifetime: Duration,
}

impl Blobs {
    /// Signs a URL to PUT one whole object of exactly this size where none is, with this hash when
    /// it is known.
    pub async fn sign_put(
        &self,
        key: &ObjectKey,
        size_bytes: u64,
        content_type: &str,
        sha256: Option<Sha256>,
        lifetime: Duration,
    ) -> Result<SignedUrl> {
        let request = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.path())
            .content_length(signed(size_bytes)?)
            .content_type(content_type)
            .if_none_match("*")
            .set_checksum_sha256(sha256.map(to_base64))
            .presigned(presigning(lifetime)?)
            .await
            .map_err(|error| Error::dependency("signing a URL", error))?;
        Ok(signed_url(&request))
    }

    /// Signs a URL to PUT one part of exactly this size.
    pub async fn sign_part(
        &self,
        key: &ObjectKey,
        multipart_id: &str,
        number: u32,
        size_bytes: u64,
        lifetime: Duration,
    ) -> Result<SignedUrl> {
        let number = i32::try_from(number)
            .map_err(|_| Error::invalid("/numbers", "there is no such part"))?;
        let request = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(key.path())
            .upload_id(multipart_id)
            .part_number(number)
            .content_length(signed(size_bytes)?)
            .presigned(presigning(lifetime)?)
            .await
            .map_err(|error| Error::dependency("signing a URL", error))?;
        Ok(signed_url(&request))
    }

    /// Signs a URL to GET an object.
    pub async fn sign_get(&self, key: &ObjectKey, delivery: &Delivery) -> Result<SignedUrl> {
        let request = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.path())
            .response_content_disposition(&delivery.disposition)
            .response_content_type(&delivery.content_type)
            .presigned(presigning(delivery.lifetime)?)
            .await
            .map_err(|error| Error::dependency("signing a URL", error))?;
        Ok(signed_url(&request))
    }
}

fn presigning(lifetime: Duration) -> Result<PresigningConfig> {
    PresigningConfig::expires_in(lifetime)
        .map_err(|error| Error::dependency("signing a URL", error))
}

fn signed_url(request: &PresignedRequest) -> SignedUrl {
    SignedUrl {
        url: request.uri().to_owned(),
        headers: request
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

fn signed(length: u64) -> Result<i64> {
    i64::try_from(length).map_err(|_| Error::TooLarge {
        detail: "a file is at most 5 TiB".to_owned(),
    })
}

pub(super) fn to_base64(hash: Sha256) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash.as_bytes())
}
