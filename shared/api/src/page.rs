//! Pages of lists: a limit, and a cursor that says where the next page begins.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use utoipa::ToSchema;

use crate::request::Query;

/// Items of a page when the client does not say.
pub(crate) const USUAL: usize = 50;
/// Longest cursor: a sort key of DynamoDB, 1,024 bytes at most, as a JSON text in base64.
const MAX_CURSOR_BYTES: usize = 1_368;
/// Most items of a page.
pub(crate) const MOST: usize = 100;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct Asked<C> {
    /// Most items.
    pub limit: usize,
    /// Where it begins.
    pub cursor: Option<C>,
}

impl<C: DeserializeOwned> Asked<C> {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    /// `Invalid` when the limit is out of range or the cursor is none of ours.
    pub fn from_query(query: &mut Query) -> Result<Self> {
        let limit = match query.take("limit")? {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| Error::invalid("/limit", "limit is from 1 to 100"))?,
        };
        let cursor = query
            .take("cursor")?
            .map(|text| decode(&text))
            .transpose()?;
        Ok(Self { limit, cursor })
    }
}

/// How many rows to read for a page: one more, to know whether there is one more.
pub fn rows_for(limit: usize) -> i32 {
    i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1)
}

/// Cuts what was read down to a page, and says whether there is more.
pub fn cut<T>(page: store::table::Page<T>, limit: usize) -> (Vec<T>, bool) {
    let mut rows = page.rows;
    let more = rows.len() > limit || page.next.is_some();
    rows.truncate(limit);
    (rows, more)
}

/// Writes a cursor.
///
/// # Errors
/// `Corrupt` when the position cannot be written.
pub fn encode<C: Serialize>(position: &C) -> Result<String> {
    let bytes = serde_json::to_vec(position)
        .map_err(|error| Error::corrupt(format!("a cursor cannot be written: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Reads a cursor.
///
/// # Errors
/// `Invalid` when it is none of ours.
pub fn decode<C: DeserializeOwned>(text: &str) -> Result<C> {
    let refused = || {
        Error::invalid(
            "/cursor",
            "this cursor was not given out for this list: begin without one",
        )
    };
    if text.len() > MAX_CURSOR_BYTES {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| refused())?;
    let position: Value = serde_json::from_slice(&bytes).map_err(|_| refused())?;
    // The empty text is no place in any list, and no key of DynamoDB.
    if holds_empty_text(&position) {
        return Err(refused());
    }
    serde_json::from_value(position).map_err(|_| refused())
}

fn holds_empty_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.iter().any(holds_empty_text),
        Value::Object(fields) => fields.values().any(holds_empty_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
