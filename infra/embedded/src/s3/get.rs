//! `GetObject` and `HeadObject`.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use s3s::dto::{
    self, ChecksumMode, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, StreamingBlob,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::content::{Content, Reader};
use super::fault::{Fault, Result};
use super::headers::{self, refuse_client_keys, show_checksums};
use super::objects::{self, Object, matches};
use super::store::Store;

/// How often an object is looked for again when it was replaced between finding its row and opening its bytes.
const TRIES: usize = 8;

/// What must hold of an object for it to be shown.
#[derive(Clone, Default)]
pub(super) struct Condition {
    pub(super) matching: Option<ETagCondition>,
    pub(super) not_matching: Option<ETagCondition>,
    pub(super) modified_since: Option<dto::Timestamp>,
    pub(super) unmodified_since: Option<dto::Timestamp>,
}

/// An object and the part of it asked for, the first bytes of which have been read.
pub(super) struct Opened {
    object: Object,
    pub(super) range: Range<u64>,
    first: Bytes,
    reader: Reader,
}

impl Opened {
    /// The bytes asked for.
    pub(super) fn content(self) -> StreamingBlob {
        StreamingBlob::new(Content::new(self.first, self.reader))
    }
}

pub(super) async fn get_object(
    store: &Store,
    req: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    refuse_part_number(input.part_number)?;
    let condition = Condition {
        matching: input.if_match,
        not_matching: input.if_none_match,
        modified_since: input.if_modified_since,
        unmodified_since: input.if_unmodified_since,
    };
    let (range, key, this) = (input.range, input.key, store.clone());
    let opened = store
        .blocking(move |_| open(&this, &key, &condition, range))
        .await?;

    let Opened {
        object,
        range: part,
        first,
        reader,
    } = opened;
    let mut output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(StreamingBlob::new(Content::new(first, reader))),
        content_length: Some(headers::signed(part.end - part.start)),
        content_range: range
            .map(|_| format!("bytes {}-{}/{}", part.start, part.end - 1, object.size)),
        content_type: Some(headers::content_type(&object.about)),
        content_encoding: object.about.content_encoding.clone(),
        content_disposition: object.about.content_disposition.clone(),
        cache_control: object.about.cache_control.clone(),
        e_tag: Some(headers::etag(&object.etag)),
        last_modified: Some(headers::timestamp(object.modified_at)),
        metadata: headers::metadata(&object.about),
        ..GetObjectOutput::default()
    };
    // The checksums are of the whole object, so they say nothing about a part of it.
    if wants_checksums(input.checksum_mode.as_ref()) && range.is_none() {
        show_checksums!(output, object.about.checksums);
        output.checksum_type = Some(object.about.checksum_type());
    }
    Ok(S3Response::new(output))
}

pub(super) async fn head_object(
    store: &Store,
    req: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    refuse_client_keys!(input);
    refuse_part_number(input.part_number)?;
    let condition = Condition {
        matching: input.if_match,
        not_matching: input.if_none_match,
        modified_since: input.if_modified_since,
        unmodified_since: input.if_unmodified_since,
    };
    let key = input.key;
    let object = store
        .database()
        .read(move |connection| objects::find(connection, &key))
        .await?;
    let object = object.ok_or_else(Fault::no_such_key)?;
    condition.check(&object)?;
    let part = part_of(&object, input.range)?;
    let mut output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(headers::signed(part.end - part.start)),
        content_range: input
            .range
            .map(|_| format!("bytes {}-{}/{}", part.start, part.end - 1, object.size)),
        content_type: Some(headers::content_type(&object.about)),
        content_encoding: object.about.content_encoding.clone(),
        content_disposition: object.about.content_disposition.clone(),
        cache_control: object.about.cache_control.clone(),
        e_tag: Some(headers::etag(&object.etag)),
        last_modified: Some(headers::timestamp(object.modified_at)),
        metadata: headers::metadata(&object.about),
        ..HeadObjectOutput::default()
    };
    if wants_checksums(input.checksum_mode.as_ref()) {
        show_checksums!(output, object.about.checksums);
        output.checksum_type = Some(object.about.checksum_type());
    }
    Ok(S3Response::new(output))
}

fn wants_checksums(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

fn refuse_part_number(part_number: Option<i32>) -> S3Result<()> {
    match part_number {
        None => Ok(()),
        Some(_) => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "partNumber is not implemented here",
        )),
    }
}

/// Finds an object and opens its bytes so that they stay until they are read. Blocks.
pub(super) fn open(
    store: &Store,
    key: &str,
    condition: &Condition,
    range: Option<dto::Range>,
) -> Result<Opened> {
    for _ in 0..TRIES {
        let found = store.database().read_blocking(|connection| {
            let object = objects::find(connection, key)?.ok_or_else(Fault::no_such_key)?;
            condition.check(&object)?;
            let part = part_of(&object, range)?;
            let pieces = objects::pieces(connection, object.content, &part)?;
            Ok::<_, Fault>((object, part, pieces))
        });
        let (object, range, pieces) = found?;
        let Some(reading) = store.blobs().hold(object.content) else {
            continue;
        };
        let mut reader = Reader::new(store.blobs(), reading, pieces, &range);
        match reader.next_chunk() {
            Ok(first) => {
                return Ok(Opened {
                    object,
                    range,
                    first,
                    reader,
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::Files(io::Error::new(
        io::ErrorKind::NotFound,
        "the bytes of an object are missing",
    )))
}

fn part_of(object: &Object, range: Option<dto::Range>) -> Result<Range<u64>> {
    let Some(range) = range else {
        return Ok(0..object.size);
    };
    range
        .check(object.size)
        .ok()
        .filter(|part| !part.is_empty())
        .ok_or_else(|| {
            let mut refusal = S3Error::with_message(
                S3ErrorCode::InvalidRange,
                "The requested range is not satisfiable",
            );
            if let Ok(size) = HeaderValue::try_from(format!("bytes */{}", object.size)) {
                refusal.set_headers(HeaderMap::from_iter([(header::CONTENT_RANGE, size)]));
            }
            Fault::Refused(refusal)
        })
}

impl Condition {
    /// The order is that of RFC 9110, section 13.2.2.
    fn check(&self, object: &Object) -> Result<()> {
        let modified_at = object.modified_at;
        let holds = match (&self.matching, &self.unmodified_since) {
            (Some(wanted), _) => matches(wanted, &object.etag),
            (None, Some(time)) => !is_after(modified_at, time),
            (None, None) => true,
        };
        if !holds {
            return Err(Fault::precondition_failed());
        }
        let unchanged = match (&self.not_matching, &self.modified_since) {
            (Some(known), _) => matches(known, &object.etag),
            (None, Some(time)) => !is_after(modified_at, time),
            (None, None) => false,
        };
        if unchanged {
            Err(not_modified(object))
        } else {
            Ok(())
        }
    }
}

/// Headers tell time in seconds, so what happened later in that second is not later.
fn is_after(modified_at: Timestamp, time: &dto::Timestamp) -> bool {
    let second = Timestamp::from_second(modified_at.as_second()).unwrap_or(modified_at);
    headers::timestamp(second) > *time
}

fn not_modified(object: &Object) -> Fault {
    let mut answer = S3Error::new(S3ErrorCode::NotModified);
    if let Ok(etag) = headers::etag(&object.etag).to_http_header() {
        answer.set_headers(HeaderMap::from_iter([(header::ETAG, etag)]));
    }
    Fault::Refused(answer)
}
