//! `ListObjectsV2`, by the index of keys: with a delimiter, the keys behind a common prefix are skipped, not read.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rusqlite::{Connection, params};
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object as ListedObject,
    ObjectStorageClass,
};
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::fault::{Fault, Result};
use super::headers;
use super::objects::{self, Object};
use super::store::Store;

/// What stays as it is in keys with `encoding-type=url`.
const KEPT_IN_KEYS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A page of a listing being asked for.
#[derive(Default)]
struct Page {
    prefix: Vec<u8>,
    delimiter: Option<String>,
    /// The first key that may be listed.
    from: Vec<u8>,
    most: usize,
}

/// A page of a listing.
#[derive(Default)]
struct Listing {
    objects: Vec<(String, Object)>,
    common_prefixes: Vec<String>,
    /// Where the next page begins.
    next: Option<Vec<u8>>,
}

pub(super) async fn list_objects(
    store: &Store,
    req: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = req.input;
    store.check_bucket(&input.bucket)?;
    let page = Page {
        prefix: input.prefix.clone().unwrap_or_default().into_bytes(),
        delimiter: input
            .delimiter
            .clone()
            .filter(|delimiter| !delimiter.is_empty()),
        from: first_key(&input)?,
        most: headers::page_size(input.max_keys)?,
    };
    let most = page.most;
    let listing = store
        .database()
        .read(move |connection| list(connection, page))
        .await?;

    let encode = |text: String| match input.encoding_type.as_ref().map(EncodingType::as_str) {
        Some(EncodingType::URL) => utf8_percent_encode(&text, KEPT_IN_KEYS).to_string(),
        _ => text,
    };
    let common_prefix = |prefix| CommonPrefix {
        prefix: Some(encode(prefix)),
    };
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        max_keys: i32::try_from(most).ok(),
        key_count: i32::try_from(listing.objects.len() + listing.common_prefixes.len()).ok(),
        is_truncated: Some(listing.next.is_some()),
        next_continuation_token: listing.next.map(|next| URL_SAFE_NO_PAD.encode(next)),
        contents: Some(
            listing
                .objects
                .into_iter()
                .map(|(key, object)| listed(encode(key), &object))
                .collect(),
        ),
        common_prefixes: Some(
            listing
                .common_prefixes
                .into_iter()
                .map(common_prefix)
                .collect(),
        ),
        prefix: input.prefix.map(encode),
        delimiter: input.delimiter.map(encode),
        start_after: input.start_after.map(encode),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type.clone(),
        ..ListObjectsV2Output::default()
    }))
}

fn first_key(input: &ListObjectsV2Input) -> Result<Vec<u8>> {
    match (&input.continuation_token, &input.start_after) {
        (Some(token), _) => URL_SAFE_NO_PAD.decode(token).map_err(|_| {
            Fault::refused(
                S3ErrorCode::InvalidArgument,
                "The continuation token provided is incorrect",
            )
        }),
        (None, Some(key)) => Ok(right_after(key.as_bytes())),
        (None, None) => Ok(Vec::new()),
    }
}

fn listed(key: String, object: &Object) -> ListedObject {
    ListedObject {
        key: Some(key),
        e_tag: Some(headers::etag(&object.etag)),
        size: Some(headers::signed(object.size)),
        last_modified: Some(headers::timestamp(object.modified_at)),
        storage_class: Some(ObjectStorageClass::from_static(
            ObjectStorageClass::STANDARD,
        )),
        ..ListedObject::default()
    }
}

fn list(connection: &Connection, page: Page) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut at = page.from.max(page.prefix.clone());
    let mut statement = connection.prepare_cached(
        "SELECT key, content, size, etag, modified_at, about FROM objects WHERE key >= ?1 ORDER BY key",
    )?;
    // Each turn reads on from `at` until a common prefix is met, behind which it begins anew.
    'turns: loop {
        let mut rows = statement.query(params![at])?;
        while let Some(row) = rows.next()? {
            let key: Vec<u8> = row.get(0)?;
            if !key.starts_with(&page.prefix) {
                return Ok(listing);
            }
            if listing.objects.len() + listing.common_prefixes.len() == page.most {
                listing.next = Some(key).filter(|_| page.most > 0);
                return Ok(listing);
            }
            let name = String::from_utf8_lossy(&key).into_owned();
            let Some(common) = common_prefix(&name, page.prefix.len(), page.delimiter.as_deref())
            else {
                listing.objects.push((name, objects::object(row, 1)?));
                continue;
            };
            let behind = behind_all(common.as_bytes());
            listing.common_prefixes.push(common.to_owned());
            match behind {
                Some(behind) => at = behind,
                None => return Ok(listing),
            }
            continue 'turns;
        }
        return Ok(listing);
    }
}

/// The part of a key up to the first delimiter after the prefix asked for.
fn common_prefix<'a>(key: &'a str, prefix: usize, delimiter: Option<&str>) -> Option<&'a str> {
    let delimiter = delimiter?;
    let found = key.get(prefix..)?.find(delimiter)?;
    key.get(..prefix + found + delimiter.len())
}

/// The first key there can be after this one.
fn right_after(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}

/// The first key there can be after all that begin with `prefix`.
fn behind_all(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut behind = prefix[..=last].to_vec();
    behind[last] += 1;
    Some(behind)
}
