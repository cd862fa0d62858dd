//! `PutObject`.

use s3s::dto::{ChecksumType, PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Response, S3Result};
use uuid::Uuid;

use super::headers::{self, given_about, given_checksums, refuse_client_keys, show_checksums};
use super::notification::Cause;
use super::objects::{Condition, Object, Piece};
use super::receive::receive;
use super::store::Store;

pub(super) async fn put_object(
    store: &Store,
    req: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let mut input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let condition = Condition::of(input.if_match.take(), input.if_none_match.as_ref())?;
    let promise = headers::promise(
        input.content_length,
        input.content_md5.take(),
        given_checksums!(input),
        input.checksum_algorithm.take(),
        req.trailing_headers.is_some(),
    )?;
    let mut about = given_about!(input);
    let received = receive(
        store,
        input.body.take(),
        promise,
        req.trailing_headers,
        None,
    )
    .await?;

    let key = input.key;
    let object = store.to_the_end({
        let store = store.clone();
        async move {
            let (blob, digested) = store.blocking(|_| received.place()).await?;
            about.checksums.clone_from(&digested.checksums);
            let object = Object {
                content: Uuid::new_v4(),
                size: digested.length,
                etag: digested.etag(),
                modified_at: store.now(),
                about,
            };
            let piece = Piece {
                blob,
                offset: 0,
                size: digested.length,
            };
            store
                .commit_object(key, object.clone(), vec![piece], condition, Cause::Put)
                .await?;
            Ok(object)
        }
    });
    Ok(S3Response::new(answer(&object.await?)))
}

fn answer(object: &Object) -> PutObjectOutput {
    let mut output = PutObjectOutput {
        e_tag: Some(headers::etag(&object.etag)),
        checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
        ..PutObjectOutput::default()
    };
    show_checksums!(output, object.about.checksums);
    output
}
