//! `CompleteMultipartUpload`: the parts become the pieces of an object where they lie; no byte is copied.

use rusqlite::Connection;
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use uuid::Uuid;

use super::blobs::BlobId;
use super::digest::{self, Algorithm, Checksums};
use super::fault::{Fault, Result};
use super::headers::{self, given_checksums, refuse_client_keys, show_checksums};
use super::multipart::MOST_PARTS;
use super::notification::Cause;
use super::objects::{self, Condition, Object, Piece, Unnamed};
use super::store::Store;
use super::uploads::{self, Part, Upload};

/// Smallest part but for the last: 5 MiB. Source: S3 multipart limits.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// What a complete asks for.
struct Wanted {
    key: String,
    upload: String,
    parts: Vec<WantedPart>,
    condition: Condition,
    checksums: Checksums,
    size: Option<i64>,
}

struct WantedPart {
    number: u32,
    etag: String,
    checksums: Checksums,
}

/// What a complete did, and is left to do.
struct Completed {
    object: Object,
    unnamed: Option<Unnamed>,
    unused: Vec<BlobId>,
    told: Option<domain::message::Destination>,
}

pub(super) async fn complete(
    store: &Store,
    req: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let mut input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    let parts = input
        .multipart_upload
        .take()
        .and_then(|upload| upload.parts)
        .unwrap_or_default();
    let wanted = Wanted {
        condition: Condition::of(input.if_match.take(), input.if_none_match.as_ref())?,
        parts: parts.into_iter().map(wanted_part).collect::<Result<_>>()?,
        checksums: given_checksums!(input),
        size: input.mpu_object_size,
        key: input.key.clone(),
        upload: input.upload_id,
    };
    let object = store.to_the_end({
        let store = store.clone();
        async move {
            let this = store.clone();
            let completed = store
                .database()
                .write(move |transaction| commit(&this, transaction, &wanted))
                .await?;
            store.wake(completed.told);
            store.remove(completed.unnamed).await?;
            store.remove_blobs(completed.unused).await?;
            Ok(completed.object)
        }
    });
    let object = object.await?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(format!("/{}/{}", input.bucket, input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(headers::etag(&object.etag)),
        checksum_type: Some(object.about.checksum_type()),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksums!(output, object.about.checksums);
    Ok(S3Response::new(output))
}

fn wanted_part(mut part: CompletedPart) -> Result<WantedPart> {
    let checksums = given_checksums!(part);
    match (
        part.part_number
            .and_then(|number| u32::try_from(number).ok()),
        part.e_tag,
    ) {
        (Some(number), Some(etag)) => Ok(WantedPart {
            number,
            etag: etag.into_value(),
            checksums,
        }),
        _ => Err(Fault::refused(
            S3ErrorCode::MalformedXML,
            "A part must be named by its number and its ETag",
        )),
    }
}

fn commit(store: &Store, transaction: &Connection, wanted: &Wanted) -> Result<Completed> {
    let upload = uploads::find(transaction, &wanted.upload, &wanted.key)?;
    if let Some(made) = upload.made {
        // The answer to an earlier complete was lost; it is the same as long as the object is the one it made.
        let object =
            objects::find(transaction, &wanted.key)?.filter(|object| object.content == made);
        return Ok(Completed {
            object: object.ok_or_else(Fault::no_such_upload)?,
            unnamed: None,
            unused: Vec::new(),
            told: None,
        });
    }
    let arrived = uploads::parts(transaction, &upload.id, 0, usize::from(MOST_PARTS))?;
    let (parts, unused) = choose(arrived, &wanted.parts)?;
    let object = assemble(store, upload, &parts, wanted)?;
    let pieces = pieces(&object, &parts);
    let unnamed = objects::replace(
        transaction,
        &wanted.key,
        &object,
        &pieces,
        &wanted.condition,
    )?;
    uploads::complete(
        transaction,
        &wanted.upload,
        object.content,
        object.modified_at,
    )?;
    let told = store.tell(
        transaction,
        &wanted.key,
        &object,
        Cause::CompleteMultipartUpload,
    )?;
    Ok(Completed {
        object,
        unnamed,
        unused,
        told,
    })
}

/// Picks the parts named, which must be in order and as they arrived. Returns them, and the blobs of the others.
fn choose(arrived: Vec<Part>, wanted: &[WantedPart]) -> Result<(Vec<Part>, Vec<BlobId>)> {
    if wanted.is_empty() {
        return Err(Fault::refused(
            S3ErrorCode::MalformedXML,
            "You must specify at least one part",
        ));
    }
    if !wanted.is_sorted_by(|one, next| one.number < next.number) {
        return Err(Fault::refused(
            S3ErrorCode::InvalidPartOrder,
            "The list of parts was not in ascending order. The parts list must be specified in order by part number.",
        ));
    }
    let mut wanted = wanted.iter().peekable();
    let mut parts = Vec::new();
    let mut unused = Vec::new();
    for part in arrived {
        match wanted.next_if(|wanted| wanted.number == part.number) {
            Some(wanted) if is_as_wanted(&part, wanted) => parts.push(part),
            Some(_) => return Err(invalid_part()),
            None => unused.push(part.blob),
        }
    }
    if wanted.next().is_some() {
        return Err(invalid_part());
    }
    if parts
        .iter()
        .rev()
        .skip(1)
        .any(|part| part.size < SMALLEST_PART)
    {
        return Err(Fault::refused(
            S3ErrorCode::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        ));
    }
    Ok((parts, unused))
}

fn is_as_wanted(part: &Part, wanted: &WantedPart) -> bool {
    let known = |algorithm: &Algorithm, sum: &String| {
        part.checksums
            .get(algorithm)
            .is_none_or(|known| known == sum)
    };
    hex::encode(part.md5) == wanted.etag
        && wanted
            .checksums
            .iter()
            .all(|(algorithm, sum)| known(algorithm, sum))
}

fn invalid_part() -> Fault {
    Fault::refused(
        S3ErrorCode::InvalidPart,
        "One or more of the specified parts could not be found. The part might not have been uploaded, or the specified entity tag might not have matched the part's entity tag.",
    )
}

fn assemble(store: &Store, upload: Upload, parts: &[Part], wanted: &Wanted) -> Result<Object> {
    let mut about = upload.about;
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64Nvme);
    if let Some(checksum) = checksum_of_parts(algorithm, about.composite, parts) {
        about.checksums.insert(algorithm, checksum);
    }
    for (algorithm, promised) in &wanted.checksums {
        if about
            .checksums
            .get(algorithm)
            .is_some_and(|actual| actual != promised)
        {
            return Err(S3Error::with_message(
                S3ErrorCode::BadDigest,
                format!(
                    "The {} you specified did not match the calculated checksum.",
                    algorithm.name()
                ),
            )
            .into());
        }
    }
    let size = parts.iter().map(|part| part.size).sum();
    if wanted
        .size
        .is_some_and(|wanted| wanted != headers::signed(size))
    {
        return Err(Fault::refused(
            S3ErrorCode::InvalidRequest,
            "The provided 'x-amz-mp-object-size' header does not match what was computed.",
        ));
    }
    Ok(Object {
        content: Uuid::new_v4(),
        size,
        etag: digest::multipart_etag(parts.iter().map(|part| &part.md5)),
        modified_at: store.now(),
        about,
    })
}

/// `None` when not every part came with the algorithm.
fn checksum_of_parts(algorithm: Algorithm, composite: bool, parts: &[Part]) -> Option<String> {
    let sums: Vec<(&str, u64)> = parts
        .iter()
        .map(|part| Some((part.checksums.get(&algorithm)?.as_str(), part.size)))
        .collect::<Option<_>>()?;
    if composite {
        digest::composite(algorithm, &sums)
    } else {
        digest::whole(algorithm, &sums)
    }
}

fn pieces(object: &Object, parts: &[Part]) -> Vec<Piece> {
    let mut offset = 0;
    let pieces = parts.iter().map(|part| {
        let piece = Piece {
            blob: part.blob,
            offset,
            size: part.size,
        };
        offset += part.size;
        piece
    });
    let pieces: Vec<Piece> = pieces.collect();
    debug_assert_eq!(offset, object.size);
    pieces
}
