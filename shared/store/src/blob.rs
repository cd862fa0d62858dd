//! Bytes in S3: where they are, writing them once, signing URLs for clients.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use domain::file::{BlobRef, Writer};
use domain::{BlobId, Error, Kind, ReceiptId, Result, Sha256, WorkspaceId};
use sha2::Digest;
use tokio::io::AsyncWriteExt;

/// The bucket and how to reach it.
#[derive(Clone, Debug)]
pub struct Blobs {
    client: Client,
    bucket: String,
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectKey {
    /// The bytes of a version.
    Blob(WorkspaceId, BlobRef),
    /// The text that was read from some bytes.
    Text(WorkspaceId, BlobId),
    /// The manifest of a receipt.
    Receipt(WorkspaceId, ReceiptId),
    /// A file that someone dropped to be taken in; the rest of the path is its own.
    Inbox(WorkspaceId, String),
}

/// Blobs that our functions write. They raise no event.
pub const BLOBS_PREFIX: &str = "blobs/";
/// Blobs that clients write through signed URLs. They raise an event.
pub const PRESIGNED_PREFIX: &str = "presigned/";
/// Objects to be taken in. They raise an event.
pub const INBOX_PREFIX: &str = "inbox/";

impl ObjectKey {
    /// Returns the key as S3 has it.
    pub fn path(&self) -> String {
        match self {
            Self::Blob(workspace, blob) => match blob.written_by {
                Writer::Function => format!("{BLOBS_PREFIX}{workspace}/{}", blob.id),
                Writer::Client => format!("{PRESIGNED_PREFIX}{workspace}/{}", blob.id),
            },
            Self::Text(workspace, text) => format!("text/{workspace}/{text}"),
            Self::Receipt(workspace, receipt) => format!("receipts/{workspace}/{receipt}"),
            Self::Inbox(workspace, path) => format!("{INBOX_PREFIX}{workspace}/{path}"),
        }
    }

    /// Reads a key of a blob or of the inbox; none for any other.
    pub fn parse(path: &str) -> Option<Self> {
        let blob = |rest: &str, written_by| {
            let (workspace, id) = rest.split_once('/')?;
            let id = BlobId::from_str(id).ok()?;
            Some(Self::Blob(
                workspace.parse().ok()?,
                BlobRef { id, written_by },
            ))
        };
        if let Some(rest) = path.strip_prefix(BLOBS_PREFIX) {
            blob(rest, Writer::Function)
        } else if let Some(rest) = path.strip_prefix(PRESIGNED_PREFIX) {
            blob(rest, Writer::Client)
        } else {
            let (workspace, rest) = path.strip_prefix(INBOX_PREFIX)?.split_once('/')?;
            (!rest.is_empty())
                .then(|| workspace.parse().ok())
                .flatten()
                .map(|workspace| Self::Inbox(workspace, rest.to_owned()))
        }
    }
}

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

/// What completing a multipart upload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completed {
    /// The object is there.
    Done,
    /// S3 knows no such multipart upload: completed before, or aborted.
    Unknown,
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

    /// Writes an object where none is. An object that is there already stays and is no error: keys
    /// of blobs are random, so it is the same write made before.
    pub async fn create(&self, key: &ObjectKey, bytes: Bytes, content_type: &str) -> Result<()> {
        let result = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key.path())
            .content_type(content_type)
            .if_none_match("*")
            .body(ByteStream::from(bytes))
            .send()
            .await;
        match result {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("PreconditionFailed") => Ok(()),
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
    pub async fn read_head(&self, key: &ObjectKey, length: u64) -> Result<Bytes> {
        let result = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.path())
            .range(format!("bytes=0-{}", length.saturating_sub(1)))
            .send()
            .await;
        match result {
            Ok(output) => collect(output.body).await,
            // An object of 0 bytes has no range.
            Err(error) if error.code() == Some("InvalidRange") => Ok(Bytes::new()),
            Err(error) if is_missing(&error) => Err(missing(key)),
            Err(error) => Err(Error::dependency("reading a blob", error)),
        }
    }

    /// Reads a whole object into memory. For objects known to be small.
    pub async fn read(&self, key: &ObjectKey) -> Result<Bytes> {
        let result = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.path())
            .send()
            .await;
        match result {
            Ok(output) => collect(output.body).await,
            Err(error) if is_missing(&error) => Err(missing(key)),
            Err(error) => Err(Error::dependency("reading an object", error)),
        }
    }

    /// Streams an object into a local file and returns its hash and size.
    ///
    /// # Errors
    /// `NotFound` when the object is not there.
    pub async fn download(&self, key: &ObjectKey, to: &Path) -> Result<(Sha256, u64)> {
        let failed = |error: std::io::Error| Error::dependency("reading a blob", error);
        let result = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key.path())
            .send()
            .await;
        let mut body = match result {
            Ok(output) => output.body,
            Err(error) if is_missing(&error) => return Err(missing(key)),
            Err(error) => return Err(Error::dependency("reading a blob", error)),
        };
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

    /// Removes an object; one that is not there is removed already.
    pub async fn delete(&self, key: &ObjectKey) -> Result<()> {
        self.client
            .delete_object()
            .bucket(&self.bucket)
            .key(key.path())
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
    /// # Errors
    /// `NotFound` when the object is not there; `Busy` when it was written since.
    pub async fn copy(&self, from: &ObjectKey, etag: &str, to: &ObjectKey) -> Result<()> {
        let source = format!(
            "{}/{}",
            self.bucket,
            percent_encoding::utf8_percent_encode(&from.path(), COPY_SOURCE)
        );
        let result = self
            .client
            .copy_object()
            .bucket(&self.bucket)
            .key(to.path())
            .copy_source(source)
            .copy_source_if_match(etag)
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

    /// Lists a page of the objects under a prefix, from behind the key `after`.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<ObjectPage> {
        let output = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_start_after(after.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| Error::dependency("listing objects", error))?;
        let objects = output
            .contents()
            .iter()
            .filter_map(|object| {
                Some(ListedObject {
                    path: object.key()?.to_owned(),
                    written_at: instant(object.last_modified()?)?,
                    size_bytes: unsigned(object.size()),
                })
            })
            .collect();
        Ok(ObjectPage {
            objects,
            more: output.is_truncated == Some(true),
        })
    }

    /// Lists a page of the multipart uploads that are open under a prefix, from behind `after`.
    pub async fn list_multiparts(
        &self,
        prefix: &str,
        after: Option<&ListedMultipart>,
    ) -> Result<MultipartPage> {
        let output = self
            .client
            .list_multipart_uploads()
            .bucket(&self.bucket)
            .prefix(prefix)
            .set_key_marker(after.map(|last| last.path.clone()))
            .set_upload_id_marker(after.map(|last| last.multipart_id.clone()))
            .send()
            .await
            .map_err(|error| Error::dependency("listing multipart uploads", error))?;
        let multiparts = output
            .uploads()
            .iter()
            .filter_map(|upload| {
                Some(ListedMultipart {
                    path: upload.key()?.to_owned(),
                    multipart_id: upload.upload_id()?.to_owned(),
                    begun_at: instant(upload.initiated()?)?,
                })
            })
            .collect();
        Ok(MultipartPage {
            multiparts,
            more: output.is_truncated == Some(true),
        })
    }

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
        let result = self
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket)
            .key(key.path())
            .upload_id(multipart_id)
            .if_none_match("*")
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .send()
            .await;
        let Err(error) = result else {
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

/// An object in a listing.
#[derive(Clone, Debug)]
pub struct ListedObject {
    /// Its key.
    pub path: String,
    /// When it was written.
    pub written_at: jiff::Timestamp,
    /// Its size.
    pub size_bytes: u64,
}

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct ObjectPage {
    /// The objects, in the order of their keys.
    pub objects: Vec<ListedObject>,
    /// Whether there are more behind the last.
    pub more: bool,
}

/// A multipart upload in a listing.
#[derive(Clone, Debug)]
pub struct ListedMultipart {
    /// The key of the object it is to become.
    pub path: String,
    /// S3's name for it.
    pub multipart_id: String,
    /// When it was begun.
    pub begun_at: jiff::Timestamp,
}

/// A page of a listing of multipart uploads.
#[derive(Clone, Debug)]
pub struct MultipartPage {
    /// The multipart uploads, in the order of their keys.
    pub multiparts: Vec<ListedMultipart>,
    /// Whether there are more behind the last.
    pub more: bool,
}

/// What must be escaped in `x-amz-copy-source`.
const COPY_SOURCE: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');

fn instant(at: &aws_sdk_s3::primitives::DateTime) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}

fn presigning(lifetime: Duration) -> Result<PresigningConfig> {
    PresigningConfig::expires_in(lifetime)
        .map_err(|error| Error::dependency("signing a URL", error))
}

fn signed_url(request: &aws_sdk_s3::presigning::PresignedRequest) -> SignedUrl {
    SignedUrl {
        url: request.uri().to_owned(),
        headers: request
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

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

fn unsigned(length: Option<i64>) -> u64 {
    length
        .and_then(|length| u64::try_from(length).ok())
        .unwrap_or_default()
}

fn signed(length: u64) -> Result<i64> {
    i64::try_from(length).map_err(|_| Error::TooLarge {
        detail: "a file is at most 5 TiB".to_owned(),
    })
}

fn to_base64(hash: Sha256) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, hash.as_bytes())
}

/// Reads a whole-object checksum; those of multipart uploads end in `-N` and are no SHA-256 of the bytes.
fn from_base64(text: &str) -> Option<Sha256> {
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).ok()?;
    Some(Sha256::new(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back() {
        let workspace: WorkspaceId = "acme".parse().unwrap();
        for written_by in [Writer::Function, Writer::Client] {
            let id = BlobId::new(uuid::Uuid::from_u128(7));
            let key = ObjectKey::Blob(workspace.clone(), BlobRef { id, written_by });
            assert_eq!(ObjectKey::parse(&key.path()), Some(key));
        }
        let inbox = ObjectKey::Inbox(workspace, "bills/May.pdf".to_owned());
        assert_eq!(ObjectKey::parse(&inbox.path()), Some(inbox));
        for other in ["text/acme/x", "inbox/acme/", "inbox/UP/x", "blobs/acme/x"] {
            assert_eq!(ObjectKey::parse(other), None, "{other}");
        }
    }
}
