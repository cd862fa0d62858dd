//! Multipart uploads: begun by us, sent part by part by a client, made an object at the end.

use std::ops::Range;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use domain::{Error, Kind, Result};

use super::object::copy_source;
use super::{Blobs, ObjectKey, decided, unsigned};

/// A part that S3 has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPart {
    /// From 1.
    pub number: u32,
    /// S3's tag of it.
    pub etag: String,
    /// Its size.
    pub size_bytes: u64,
}

/// What completing a multipart upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The object is there.
    Done,
    /// S3 knows no such multipart upload: completed before, or aborted.
    Unknown,
}

impl Blobs {
    /// Begins a multipart upload and returns S3's name for it.
    pub async fn begin_multipart(&self, key: &ObjectKey, content_type: &str) -> Result<String> {
        let output = self
            .client
            .create_multipart_upload()
            .bucket(&self.bucket)
            .key(key.path())
            .content_type(content_type)
            .send()
            .await
            .map_err(|error| Error::dependency("beginning a multipart upload", error))?;
        output
            .upload_id
            .ok_or_else(|| Error::corrupt("S3 gave a multipart upload no id"))
    }

    /// Sends a part.
    ///
    /// # Errors
    /// `Gone` when S3 no longer knows the multipart upload: it was completed or aborted.
    pub(crate) async fn put_part(
        &self,
        key: &ObjectKey,
        multipart_id: &str,
        number: u32,
        bytes: Bytes,
    ) -> Result<()> {
        self.client
            .upload_part()
            .bucket(&self.bucket)
            .key(key.path())
            .upload_id(multipart_id)
            .part_number(numbered(number))
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| unless_gone("sending a part", error))
    }

    /// Has S3 copy a part from a range of an object.
    ///
    /// # Errors
    /// `Gone` when S3 no longer knows the multipart upload.
    pub(crate) async fn copy_part(
        &self,
        key: &ObjectKey,
        multipart_id: &str,
        number: u32,
        from: &ObjectKey,
        bytes: &Range<u64>,
    ) -> Result<()> {
        self.client
            .upload_part_copy()
            .bucket(&self.bucket)
            .key(key.path())
            .upload_id(multipart_id)
            .part_number(numbered(number))
            .copy_source(copy_source(&self.bucket, from))
            .copy_source_range(format!("bytes={}-{}", bytes.start, bytes.end - 1))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| unless_gone("copying a part", error))
    }

    /// Lists the parts that have arrived; none when S3 no longer knows the multipart upload.
    pub async fn parts(
        &self,
        key: &ObjectKey,
        multipart_id: &str,
    ) -> Result<Option<Vec<StoredPart>>> {
        let mut parts = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let result = self
                .client
                .list_parts()
                .bucket(&self.bucket)
                .key(key.path())
                .upload_id(multipart_id)
                .set_part_number_marker(marker)
                .send()
                .await;
            let output = match result {
                Ok(output) => output,
                Err(error) if error.code() == Some("NoSuchUpload") => return Ok(None),
                Err(error) => return Err(Error::dependency("listing parts", error)),
            };
            parts.extend(output.parts().iter().map(|part| {
                StoredPart {
                    number: part
                        .part_number()
                        .and_then(|number| u32::try_from(number).ok())
                        .unwrap_or_default(),
                    etag: part.e_tag().unwrap_or_default().to_owned(),
                    size_bytes: unsigned(part.size()),
                }
            }));
            marker = output.next_part_number_marker;
            if output.is_truncated != Some(true) || marker.is_none() {
                return Ok(Some(parts));
            }
        }
    }

    /// Makes an object of its parts.
    ///
    /// # Errors
    /// `Invalid` when S3 does not have a part as it is named.
    pub async fn complete_multipart(
        &self,
        key: &ObjectKey,
        multipart_id: &str,
        parts: &[(u32, String)],
    ) -> Result<Completed> {
        let parts = parts
            .iter()
            .map(|(number, etag)| {
                CompletedPart::builder()
                    .set_part_number(i32::try_from(*number).ok())
                    .e_tag(etag)
                    .build()
            })
            .collect();
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let complete = || {
            self.client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(key.path())
                .upload_id(multipart_id)
                .if_none_match("*")
                .multipart_upload(parts.clone())
                .send()
        };
        let Err(error) = decided(complete).await else {
            return Ok(Completed::Done);
        };
        match error.code() {
            Some("NoSuchUpload" | "PreconditionFailed") => Ok(Completed::Unknown),
            Some("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall") => Err(Error::invalid(
                "/parts",
                "the parts are not as S3 has them: GET the upload and send the ones it lists",
            )),
            _ => Err(Error::dependency("completing a multipart upload", error)),
        }
    }

    /// Drops a multipart upload and its parts; one that S3 does not know is dropped already.
    pub async fn abort_multipart(&self, key: &ObjectKey, multipart_id: &str) -> Result<()> {
        let result = self
            .client
            .abort_multipart_upload()
            .bucket(&self.bucket)
            .key(key.path())
            .upload_id(multipart_id)
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchUpload") => Ok(()),
            Err(error) => Err(Error::dependency("aborting a multipart upload", error)),
        }
    }
}

/// A part's number as the SDK has it. Numbers go to 10,000.
fn numbered(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn unless_gone<E>(action: &'static str, error: SdkError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if error.code() == Some("NoSuchUpload") {
        Error::Gone {
            kind: Kind::Upload,
            id: "session".to_owned(),
            reason: "it was finished or aborted",
        }
    } else {
        Error::dependency(action, error)
    }
}
