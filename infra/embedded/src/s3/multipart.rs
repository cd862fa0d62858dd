//! Multipart uploads, but for their completion: create, upload a part, list, abort.

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, ChecksumAlgorithm, ChecksumType,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload,
    Part as ListedPart, StorageClass, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use uuid::Uuid;

use super::digest::Algorithm;
use super::fault::{Fault, Result};
use super::headers::{self, given_about, given_checksums, refuse_client_keys, show_checksums};
use super::receive::{Received, receive};
use super::store::Store;
use super::uploads::{self, Part, Upload};

/// Highest number a part can have. Source: S3 multipart limits.
pub(super) const MOST_PARTS: u16 = 10_000;

pub(super) async fn create(
    store: &Store,
    req: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let mut input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(|a| Algorithm::from_name(a.as_str()))
        .transpose()?;
    let mut about = given_about!(input);
    about.composite = is_composite(algorithm, input.checksum_type.as_ref())?;
    let upload = Upload {
        id: Uuid::new_v4().simple().to_string(),
        key: input.key,
        initiated_at: store.now(),
        about,
        algorithm,
        made: None,
    };

    let output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(upload.key.clone()),
        upload_id: Some(upload.id.clone()),
        checksum_algorithm: algorithm.map(algorithm_name),
        checksum_type: algorithm.map(|_| upload.about.checksum_type()),
        ..CreateMultipartUploadOutput::default()
    };
    store
        .database()
        .write(move |transaction| {
            uploads::forget_completed(transaction, upload.initiated_at)?;
            uploads::insert(transaction, &upload)
        })
        .await?;
    Ok(S3Response::new(output))
}

/// Which kind of checksum a whole gets. A hash of the whole cannot be had from its parts, so S3 refuses that.
fn is_composite(algorithm: Option<Algorithm>, wanted: Option<&ChecksumType>) -> Result<bool> {
    let Some(algorithm) = algorithm else {
        return Ok(false);
    };
    let composite = match wanted.map(ChecksumType::as_str) {
        Some(ChecksumType::FULL_OBJECT) => false,
        Some(ChecksumType::COMPOSITE) => true,
        _ => algorithm != Algorithm::Crc64Nvme,
    };
    if (composite && algorithm == Algorithm::Crc64Nvme) || (!composite && !algorithm.is_crc()) {
        return Err(Fault::refused(
            S3ErrorCode::InvalidRequest,
            "The checksum type cannot be used with the specified checksum algorithm.",
        ));
    }
    Ok(composite)
}

pub(super) async fn upload_part(
    store: &Store,
    req: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let mut input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let number = part_number(input.part_number)?;
    let promise = headers::promise(
        input.content_length,
        input.content_md5.take(),
        given_checksums!(input),
        input.checksum_algorithm.take(),
        req.trailing_headers.is_some(),
    )?;
    let (id, key) = (input.upload_id, input.key);
    let upload = store.database().read({
        let (id, key) = (id.clone(), key.clone());
        move |connection| uploads::find_open(connection, &id, &key)
    });
    let upload = upload.await?;
    let promised = promise
        .checksums
        .keys()
        .copied()
        .chain(promise.trailer)
        .next();
    check_part_algorithm(&upload, promised)?;
    // What a complete makes the checksum of the whole from.
    let also = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let received = receive(
        store,
        input.body.take(),
        promise,
        req.trailing_headers,
        Some(also),
    )
    .await?;

    let part = keep_part(store, id, key, number, received).await?;
    let mut output = UploadPartOutput {
        e_tag: Some(headers::etag(&hex::encode(part.md5))),
        ..UploadPartOutput::default()
    };
    show_checksums!(output, part.checksums);
    Ok(S3Response::new(output))
}

/// Makes the bytes of a request a part of an upload.
pub(super) async fn keep_part(
    store: &Store,
    id: String,
    key: String,
    number: u32,
    received: Received,
) -> S3Result<Part> {
    store
        .to_the_end({
            let store = store.clone();
            async move {
                let (blob, digested) = store.blocking(|_| received.place()).await?;
                let part = Part {
                    number,
                    blob,
                    size: digested.length,
                    md5: digested.md5,
                    checksums: digested.checksums,
                    modified_at: store.now(),
                };
                commit_part(&store, id, key, part.clone()).await?;
                Ok(part)
            }
        })
        .await
}

/// A composite is made of what the client said of each part, so each part must come with it.
pub(super) fn check_part_algorithm(upload: &Upload, promised: Option<Algorithm>) -> S3Result<()> {
    let Some(expected) = upload.algorithm.filter(|_| upload.about.composite) else {
        return Ok(());
    };
    if promised == Some(expected) {
        return Ok(());
    }
    Err(S3Error::with_message(
        S3ErrorCode::InvalidRequest,
        format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            expected.name().to_lowercase(),
            promised.map_or_else(|| "null".to_owned(), |a| a.name().to_lowercase())
        ),
    ))
}

/// The upload may have been completed or aborted while the bytes arrived.
async fn commit_part(store: &Store, id: String, key: String, part: Part) -> Result<()> {
    let blob = part.blob;
    let committed = store.database().write(move |transaction| {
        let upload = uploads::find_open(transaction, &id, &key)?;
        uploads::put_part(transaction, &upload.id, &part)
    });
    match committed.await {
        Ok(replaced) => store.remove_blobs(replaced.into_iter().collect()).await,
        Err(refused @ Fault::Refused(_)) => {
            store.remove_blobs(vec![blob]).await?;
            Err(refused)
        }
        Err(failed) => Err(failed),
    }
}

pub(super) fn part_number(number: i32) -> S3Result<u32> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=u32::from(MOST_PARTS)).contains(number))
        .ok_or_else(|| {
            S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
            )
        })
}

pub(super) async fn list_parts(
    store: &Store,
    req: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    let most = headers::page_size(input.max_parts)?;
    let after = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
    let (id, key) = (input.upload_id.clone(), input.key.clone());
    let found = store.database().read(move |connection| {
        let upload = uploads::find_open(connection, &id, &key)?;
        let parts = uploads::parts(connection, &upload.id, after, most + 1)?;
        Ok::<_, Fault>((upload, parts))
    });
    let (upload, mut parts) = found.await?;
    let truncated = parts.len() > most;
    parts.truncate(most);
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        part_number_marker: input.part_number_marker,
        next_part_number_marker: parts.last().map(|part| listed_number(part.number)),
        max_parts: i32::try_from(most).ok(),
        is_truncated: Some(truncated),
        checksum_algorithm: upload.algorithm.map(algorithm_name),
        checksum_type: upload.algorithm.map(|_| upload.about.checksum_type()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        parts: Some(parts.iter().map(listed_part).collect()),
        ..ListPartsOutput::default()
    }))
}

fn listed_part(part: &Part) -> ListedPart {
    let mut listed = ListedPart {
        part_number: Some(listed_number(part.number)),
        e_tag: Some(headers::etag(&hex::encode(part.md5))),
        size: Some(headers::signed(part.size)),
        last_modified: Some(headers::timestamp(part.modified_at)),
        ..ListedPart::default()
    };
    show_checksums!(listed, part.checksums);
    listed
}

fn listed_number(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn algorithm_name(algorithm: Algorithm) -> ChecksumAlgorithm {
    ChecksumAlgorithm::from_static(algorithm.name())
}

pub(super) async fn abort(
    store: &Store,
    req: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    let aborted = store.to_the_end({
        let store = store.clone();
        async move {
            let abort = store.database().write(move |transaction| {
                let upload = uploads::find_open(transaction, &input.upload_id, &input.key)?;
                uploads::abort(transaction, &upload.id)
            });
            store.remove_blobs(abort.await?).await
        }
    });
    aborted.await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

pub(super) async fn list_uploads(
    store: &Store,
    req: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    if input.delimiter.is_some() {
        return Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "Listing uploads with a delimiter is not implemented here",
        ));
    }
    let most = headers::page_size(input.max_uploads)?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = match (&input.key_marker, &input.upload_id_marker) {
        (None, _) => (Vec::new(), String::new()),
        (Some(key), Some(id)) => (key.clone().into_bytes(), id.clone()),
        // Without an upload, all those for the key marked are left out: ids are ASCII and sort before this.
        (Some(key), None) => (key.clone().into_bytes(), "\u{7f}".to_owned()),
    };
    let query =
        move |connection: &_| uploads::list(connection, &prefix, (&after.0, &after.1), most + 1);
    let mut found = store.database().read(query).await?;
    let truncated = found.len() > most;
    found.truncate(most);
    let last = found.last().filter(|_| truncated).cloned();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        key_marker: input.key_marker,
        upload_id_marker: input.upload_id_marker,
        next_key_marker: last.as_ref().map(|upload| upload.key.clone()),
        next_upload_id_marker: last.map(|upload| upload.id),
        max_uploads: i32::try_from(most).ok(),
        is_truncated: Some(truncated),
        uploads: Some(found.into_iter().map(listed_upload).collect()),
        ..ListMultipartUploadsOutput::default()
    }))
}

fn listed_upload(upload: Upload) -> MultipartUpload {
    MultipartUpload {
        key: Some(upload.key),
        upload_id: Some(upload.id),
        initiated: Some(headers::timestamp(upload.initiated_at)),
        checksum_algorithm: upload.algorithm.map(algorithm_name),
        checksum_type: upload.algorithm.map(|_| upload.about.checksum_type()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        ..MultipartUpload::default()
    }
}
