//! `CopyObject`: the blobs get second names, so the size of the object does not matter.

use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, MetadataDirective,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};
use uuid::Uuid;

use super::fault::{Fault, Result};
use super::headers::{self, given_about, refuse_client_keys, show_checksums};
use super::notification::Cause;
use super::objects::{self, About, Condition, Object, Piece, matches};
use super::store::Store;

pub(super) async fn copy_object(
    store: &Store,
    req: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let mut input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let CopySource::Bucket {
        bucket, key: from, ..
    } = &input.copy_source
    else {
        return Err(Fault::refused(
            S3ErrorCode::NotImplemented,
            "Copies are made from buckets only",
        )
        .into());
    };
    store.check_bucket(bucket)?;
    let from = from.to_string();
    let replaces = input
        .metadata_directive
        .as_ref()
        .is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
    let about = replaces.then(|| given_about!(input));
    let (if_match, if_none_match) = (
        input.copy_source_if_match.take(),
        input.copy_source_if_none_match.take(),
    );
    let allowed = move |source: &Object| {
        if_match.is_none_or(|wanted| matches(&wanted, &source.etag))
            && !if_none_match.is_some_and(|known| matches(&known, &source.etag))
    };

    let key = input.key;
    let copied = store.to_the_end({
        let store = store.clone();
        async move {
            let (object, pieces) = copy(&store, from, about, allowed).await?;
            store
                .commit_object(
                    key,
                    object.clone(),
                    pieces,
                    Condition::default(),
                    Cause::Copy,
                )
                .await?;
            Ok(object)
        }
    });
    Ok(S3Response::new(answer(&copied.await?)))
}

/// Gives the content of an object second names. The source is held while that is done.
async fn copy(
    store: &Store,
    from: String,
    about: Option<About>,
    allowed: impl FnOnce(&Object) -> bool + Send + 'static,
) -> Result<(Object, Vec<Piece>)> {
    let now = store.now();
    let this = store.clone();
    store
        .blocking(move |blobs| {
            let (source, pieces) = this.database().read_blocking(|connection| {
                let source = objects::find(connection, &from)?.ok_or_else(Fault::no_such_key)?;
                let pieces = objects::pieces(connection, source.content, &(0..source.size))?;
                Ok::<_, Fault>((source, pieces))
            })?;
            if !allowed(&source) {
                return Err(Fault::precondition_failed());
            }
            let _held = blobs.hold(source.content).ok_or_else(Fault::no_such_key)?;
            let pieces = pieces
                .into_iter()
                .map(|piece| {
                    Ok(Piece {
                        blob: blobs.copy(piece.blob)?,
                        ..piece
                    })
                })
                .collect::<Result<_>>()?;
            let object = Object {
                content: Uuid::new_v4(),
                modified_at: now,
                about: about_of_copy(&source, about),
                ..source
            };
            Ok((object, pieces))
        })
        .await
}

/// New headers replace the old ones; what is known of the bytes stays.
fn about_of_copy(source: &Object, replacement: Option<About>) -> About {
    match replacement {
        None => source.about.clone(),
        Some(replacement) => About {
            checksums: source.about.checksums.clone(),
            composite: source.about.composite,
            ..replacement
        },
    }
}

fn answer(object: &Object) -> CopyObjectOutput {
    let mut result = CopyObjectResult {
        e_tag: Some(headers::etag(&object.etag)),
        last_modified: Some(headers::timestamp(object.modified_at)),
        checksum_type: Some(object.about.checksum_type()),
        ..CopyObjectResult::default()
    };
    show_checksums!(result, object.about.checksums);
    CopyObjectOutput {
        copy_object_result: Some(result),
        ..CopyObjectOutput::default()
    }
}
