//! `DeleteObject` and `DeleteObjects`.

use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETagCondition, Error as Refusal, ObjectIdentifier,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::fault::{Fault, Result};
use super::objects::{self, Condition};
use super::store::Store;

/// Most objects deleted in one request. Source: S3 API, `DeleteObjects`.
const MOST_OBJECTS: usize = 1000;

pub(super) async fn delete_object(
    store: &Store,
    req: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    let condition = Condition::of(input.if_match, None)?;
    let key = input.key;
    let deleted = store.to_the_end({
        let store = store.clone();
        async move {
            let delete = store
                .database()
                .write(move |transaction| objects::delete(transaction, &key, &condition));
            store.remove(delete.await?).await
        }
    });
    deleted.await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(super) async fn delete_objects(
    store: &Store,
    req: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    if input.delete.objects.len() > MOST_OBJECTS {
        return Err(S3Error::with_message(
            S3ErrorCode::MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema",
        ));
    }
    let quiet = input.delete.quiet.unwrap_or(false);
    let objects = input.delete.objects;
    let output = store.to_the_end({
        let store = store.clone();
        async move {
            let (output, unnamed) = store
                .database()
                .write(move |transaction| {
                    let mut output = DeleteObjectsOutput::default();
                    let mut unnamed = Vec::new();
                    for object in objects {
                        let condition = condition(&object)?;
                        match objects::delete(transaction, &object.key, &condition) {
                            Ok(removed) => {
                                unnamed.extend(removed);
                                if !quiet {
                                    output.deleted.get_or_insert_default().push(deleted(object));
                                }
                            }
                            Err(Fault::Refused(error)) => {
                                output
                                    .errors
                                    .get_or_insert_default()
                                    .push(refusal(object, &error));
                            }
                            Err(failed) => return Err(failed),
                        }
                    }
                    Ok((output, unnamed))
                })
                .await?;
            store.remove(unnamed).await?;
            Ok(output)
        }
    });
    Ok(S3Response::new(output.await?))
}

fn condition(object: &ObjectIdentifier) -> Result<Condition> {
    Condition::of(object.e_tag.clone().map(ETagCondition::ETag), None)
}

fn deleted(object: ObjectIdentifier) -> DeletedObject {
    DeletedObject {
        key: Some(object.key),
        ..DeletedObject::default()
    }
}

fn refusal(object: ObjectIdentifier, error: &S3Error) -> Refusal {
    Refusal {
        key: Some(object.key),
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        ..Refusal::default()
    }
}
