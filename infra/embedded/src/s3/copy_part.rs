//! `UploadPartCopy`: a part whose bytes are those of an object that is there, or of a range of it.

use s3s::dto::{self, CopyPartResult, CopySource, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::digest::{Algorithm, Checksums, Promise};
use super::fault::Fault;
use super::get::{self, Condition};
use super::headers::{self, refuse_client_keys, show_checksums};
use super::multipart::{check_part_algorithm, keep_part, part_number};
use super::receive::receive;
use super::store::Store;
use super::uploads;

pub(super) async fn copy_part(
    store: &Store,
    req: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let number = part_number(input.part_number)?;
    let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
        return Err(Fault::refused(
            S3ErrorCode::NotImplemented,
            "Copies are made from buckets only",
        )
        .into());
    };
    store.check_bucket(bucket)?;
    let condition = Condition {
        matching: input.copy_source_if_match,
        not_matching: input.copy_source_if_none_match,
        modified_since: input.copy_source_if_modified_since,
        unmodified_since: input.copy_source_if_unmodified_since,
    };
    let range = input
        .copy_source_range
        .as_deref()
        .map(source_range)
        .transpose()?;

    let upload = store.database().read({
        let (id, key) = (input.upload_id.clone(), input.key.clone());
        move |connection| uploads::find_open(connection, &id, &key)
    });
    let upload = upload.await?;
    check_part_algorithm(&upload, None)?;
    let opened = store.blocking({
        let (store, from) = (store.clone(), key.to_string());
        move |_| get::open(&store, &from, &condition, range)
    });
    let opened = opened.await?;
    let promise = Promise {
        length: opened.range.end - opened.range.start,
        md5: None,
        checksums: Checksums::default(),
        trailer: None,
    };
    // What a complete makes the checksum of the whole from.
    let also = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    let received = receive(store, Some(opened.content()), promise, None, Some(also)).await?;
    let part = keep_part(store, input.upload_id, input.key, number, received).await?;

    let mut result = CopyPartResult {
        e_tag: Some(headers::etag(&hex::encode(part.md5))),
        last_modified: Some(headers::timestamp(part.modified_at)),
        ..CopyPartResult::default()
    };
    show_checksums!(result, part.checksums);
    Ok(S3Response::new(UploadPartCopyOutput {
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    }))
}

/// Reads `bytes=first-last`: the only form there is here.
fn source_range(text: &str) -> S3Result<dto::Range> {
    let range = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
        .filter(|(first, last): &(u64, u64)| first <= last);
    range
        .map(|(first, last)| dto::Range::Int {
            first,
            last: Some(last),
        })
        .ok_or_else(|| {
            S3Error::with_message(
                S3ErrorCode::InvalidArgument,
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            )
        })
}
