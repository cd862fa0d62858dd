//! Single objects: written where nothing is, looked at, read, copied and removed.

use std::ops::Range;
use std::path::Path;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, MetadataDirective, TaggingDirective};
use bytes::Bytes;
use domain::{Error, Kind, Result, Sha256};
use sha2::Digest;
use tokio::io::AsyncWriteExt;

use super::signing::to_base64;
use super::{Blobs, ObjectKey, decided, instant, unsigned};

/// What S3 says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Its size.
    pub size_bytes: u64,
    /// Its media type as the writer declared it.
    pub content_type: Option<String>,
    /// The SHA-256 of the whole object, where S3 verified one.
    pub sha256: Option<Sha256>,
    /// Its version tag.
    pub etag: String,
    /// When it was written, to the second.
    pub written_at: Option<jiff::Timestamp>,
}

impl Blobs {
    /// Writes an object where none is. An object that is there already stays and is no error: keys
    /// of blobs are random, so it is the same write made before.
    pub async fn create(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<()> {
        let write = || {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(key.path())
                .content_type(content_type)
                .if_none_match("*")
                .body(ByteStream::from(bytes.clone()))
                .send()
        };
        match decided(write).await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(()),
            Err(error) => Err(Error::dependency("storing a blob", error)),
        }
    }

    /// Writes an object where none is. One that is there already stays; returns whether what is there
    /// now has these bytes.
    pub(crate) async fn create_unless_other(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        content_type: &str,
        sha256: Sha256,
    ) -> Result<bool> {
        let write = || {
            self.client
                .put_object()
                .bucket(&self.bucket)
                .key(key.path())
                .content_type(content_type)
                .if_none_match("*")
                .checksum_sha256(to_base64(sha256))
                .body(ByteStream::from(bytes.clone()))
                .send()
        };
        match decided(write).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("PreconditionFailed") => {
                let head = self.head(key).await?;
                Ok(head.is_some_and(|head| head.sha256 == Some(sha256)))
            }
            Err(error) => Err(Error::dependency("storing a blob", error)),
        }
    }

    /// Writes an object whose content follows from its key, so that writing it again is the same.
    pub async fn put(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<()> {
        self.client
            .put_object()
            .bucket(&self.bucket)
            .key(key.path())
            .content_type(content_type)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| Error::dependency("storing an object", error))?;
        Ok(())
    }

    /// Asks what S3 knows of an object; none when it is not there.
    pub async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectHead>> {
        let result = self
            .client
            .head_object()
            .bucket(&self.bucket)
            .key(key.path())
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await;
        let output = match result {
            Ok(output) => output,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(Error::dependency("looking at a blob", error)),
        };
        Ok(Some(ObjectHead {
            size_bytes: unsigned(output.content_length()),
            content_type: output.content_type().map(ToOwned::to_owned),
            sha256: output.checksum_sha256().and_then(from_base64),
            etag: output.e_tag().unwrap_or_default().to_owned(),
            written_at: output.last_modified().and_then(instant),
        }))
    }

    /// Reads the first `length` bytes of an object; fewer when it is shorter.
    ///
    /// # Errors
    /// `NotFound` when the object is not there.
    pub async fn read_head(&self, key: &ObjectKey, length: u64) -> Result<Bytes> {
        self.read_some(key, 0..length).await
    }

    /// Reads a whole object into memory. For objects known to be small.
    ///
    /// # Errors
    /// `NotFound` when the object is not there.
    pub async fn read(&self, key: &ObjectKey) -> Result<Bytes> {
        collect(self.whole(key).await?).await
    }

    /// Reads a range of an object into memory, all of it.
    ///
    /// # Errors
    /// `NotFound` when the object is not there; `Corrupt` when it is shorter.
    pub(crate) async fn read_range(&self, key: &ObjectKey, bytes: Range<u64>) -> Result<Bytes> {
        let length = bytes.end - bytes.start;
        let read = self.read_some(key, bytes).await?;
        if read.len() as u64 == length {
            Ok(read)
        } else {
            Err(Error::corrupt("an object is shorter than it should be"))
        }
    }

    async fn read_some(&self, key: &ObjectKey, bytes: Range<u64>) -> Result<Bytes> {
        match self.open(key, Some(bytes)).await? {
            Some(body) => collect(body).await,
            // An object of 0 bytes has no range.
            None => Ok(Bytes::new()),
        }
    }

    /// Streams an object into a local file and returns its hash and size.
    ///
    /// # Errors
    /// `NotFound` when the object is not there.
    pub async fn download(&self, key: &ObjectKey, to: &Path) -> Result<(Sha256, u64)> {
        let failed = |error: std::io::Error| Error::dependency("reading a blob", error);
        let mut body = self.whole(key).await?;
        let mut file = tokio::fs::File::create(to).await.map_err(failed)?;
        let mut hash = sha2::Sha256::new();
        let mut size_bytes = 0;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Error::dependency("reading a blob", error))?;
            hash.update(&chunk);
            size_bytes += chunk.len() as u64;
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok((Sha256::new(hash.finalize().into()), size_bytes))
    }

    async fn whole(&self, key: &ObjectKey) -> Result<ByteStream> {
        let body = self.open(key, None).await?;
        body.ok_or_else(|| Error::corrupt("a range was refused that was not asked for"))
    }

    /// Opens an object, or the bytes of a range, to be read as they come. None when the range
    /// begins behind its last byte.
    ///
    /// # Errors
    /// `NotFound` when the object is not there.
    pub(crate) async fn open(
        &self,
        key: &ObjectKey,
        bytes: Option<Range<u64>>,
    ) -> Result<Option<ByteStream>> {
        let range =
            bytes.map(|bytes| format!("bytes={}-{}", bytes.start, bytes.end.saturating_sub(1)));
        let result = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.path())
            .set_range(range)
            .send()
            .await;
        match result {
            Ok(output) => Ok(Some(output.body)),
            Err(error) if error.code() == Some("InvalidRange") => Ok(None),
            Err(error) if is_missing(&error) => Err(missing(key)),
            Err(error) => Err(Error::dependency("reading a blob", error)),
        }
    }

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<()> {
        self.delete_at(&key.path()).await
    }

    pub(crate) async fn delete_at(&self, path: &str) -> Result<()> {
        self.client
            .delete_object()
            .bucket(&self.bucket)
            .key(path)
            .send()
            .await
            .map_err(|error| Error::dependency("removing a blob", error))?;
        Ok(())
    }

    /// Removes an object if it is still the one of this tag; one that was written since stays.
    pub async fn delete_unchanged(&self, key: &ObjectKey, etag: &str) -> Result<()> {
        let result = self
            .client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.path())
            .if_match(etag)
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) || error.code() == Some("PreconditionFailed") => {
                Ok(())
            }
            Err(error) => Err(Error::dependency("removing an object", error)),
        }
    }

    /// Copies an object of the inbox to where a blob is, within S3, if it is still the one of this
    /// tag. Objects above 5 GiB are refused.
    ///
    /// The copy has this media type and nothing else of what the source says of itself: so its tags
    /// need not be read, which would take a permission of its own.
    ///
    /// # Errors
    /// `NotFound` when the object is not there; `Busy` when it was written since.
    pub async fn copy(
        &self,
        from: &ObjectKey,
        etag: &str,
        to: &ObjectKey,
        content_type: &str,
    ) -> Result<()> {
        let result = self
            .client
            .copy_object()
            .bucket(&self.bucket)
            .key(to.path())
            .copy_source(copy_source(&self.bucket, from))
            .copy_source_if_match(etag)
            .metadata_directive(MetadataDirective::Replace)
            .tagging_directive(TaggingDirective::Replace)
            .content_type(content_type)
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Err(missing(from)),
            Err(error) if error.code() == Some("PreconditionFailed") => {
                Err(crate::table::busy("the object was written again meanwhile"))
            }
            Err(error) => Err(Error::dependency("copying an object", error)),
        }
    }
}

/// Writes a key as `x-amz-copy-source` has it.
pub(super) fn copy_source(bucket: &str, key: &ObjectKey) -> String {
    let path = key.path();
    let path = percent_encoding::utf8_percent_encode(&path, COPY_SOURCE);
    format!("{bucket}/{path}")
}

/// What must be escaped in `x-amz-copy-source`.
const COPY_SOURCE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    // A HEAD has no body, so its only word is the status.
    matches!(error.code(), Some("NoSuchKey" | "NotFound"))
        || error
            .raw_response()
            .is_some_and(|response| response.status().as_u16() == 404)
}

fn missing(key: &ObjectKey) -> Error {
    Error::not_found(Kind::Blob, key.path())
}

async fn collect(body: ByteStream) -> Result<Bytes> {
    body.collect()
        .await
        .map(aws_sdk_s3::primitives::AggregatedBytes::into_bytes)
        .map_err(|error| Error::dependency("reading a blob", error))
}

/// Reads a whole-object checksum; those of multipart uploads end in `-N` and are no SHA-256 of the bytes.
fn from_base64(text: &str) -> Option<Sha256> {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok()?;
    Some(Sha256::new(bytes.try_into().ok()?))
}
