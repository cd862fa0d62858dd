//! Bytes in S3: where they are, writing them once, signing URLs for clients.

mod key;
mod listing;
mod multipart;
mod object;
mod signing;

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

pub use self::key::{
    BLOBS_PREFIX, EXPORTS_PREFIX, ExportPiece, INBOX_PREFIX, ObjectKey, PRESIGNED_PREFIX,
    STAGED_PREFIX, TEXT_PREFIX,
};
pub(crate) use self::key::{export_prefix, staged_prefix};
pub use self::listing::{ListedMultipart, ListedObject, MultipartPage, ObjectPage};
pub use self::multipart::{Completed, StoredPart};
pub use self::object::ObjectHead;
pub use self::signing::{Delivery, SignedUrl};

/// The bucket and how to reach it.
#[derive(Clone, Debug)]
pub struct Blobs {
    client: Client,
    bucket: String,
}

impl Blobs {
    /// Uses a bucket through `client`.
    pub const fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Returns the client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }
}

/// How often a conditional write is tried again while S3 has not decided about another one.
const CONFLICT_TRIES: u32 = 6;

/// Makes a conditional write, and makes it again where S3 was just deciding about another write of
/// the same key: neither of them has taken place by then.
async fn decided<T, E, F>(write: impl Fn() -> F) -> Result<T, SdkError<E>>
where
    E: ProvideErrorMetadata,
    F: Future<Output = Result<T, SdkError<E>>>,
{
    let mut attempt = 0;
    loop {
        attempt += 1;
        match write().await {
            Err(error)
                if error.code() == Some("ConditionalRequestConflict")
                    && attempt < CONFLICT_TRIES =>
            {
                tokio::time::sleep(Duration::from_millis(25 << attempt)).await;
            }
            result => return result,
        }
    }
}

fn instant(at: &aws_sdk_s3::primitives::DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

fn unsigned(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}
