//! Reading requests: query parameters, paths and JSON bodies, with errors that name the field.

use std::str::FromStr;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use domain::{Error, Result};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::problem::Problem;

/// Largest JSON body: parameters of a template with a table of a few thousand rows.
const MAX_JSON_BYTES: usize = 2 * 1024 * 1024;

/// The query parameters of a request. Each is taken once; what is left over is an error.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Takes a parameter that may be given once.
    ///
    /// # Errors
    /// `Invalid` when it is given several times.
    pub fn take(&mut self, name: &str) -> Result<Option<String>> {
        let mut values = self.take_all(name);
        if values.len() > 1 {
            return Err(Error::invalid(
                format!("/{name}"),
                format!("{name} is given once at most"),
            ));
        }
        Ok(values.pop())
    }

    /// Takes a parameter that may be given several times.
    pub fn take_all(&mut self, name: &str) -> Vec<String> {
        let (taken, left) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// Takes a parameter and reads it.
    ///
    /// # Errors
    /// The error of reading it.
    pub fn take_as<T: FromStr<Err = Error>>(&mut self, name: &str) -> Result<Option<T>> {
        self.take(name)?.map(|text| text.parse()).transpose()
    }

    /// Takes a parameter that is `true` or `false`, false when it is left out.
    ///
    /// # Errors
    /// `Invalid` when it is neither.
    pub fn take_flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::invalid(
                format!("/{name}"),
                format!("{name} is true or false"),
            )),
        }
    }

    /// Checks that every parameter was taken, so that a misspelt one is not ignored.
    ///
    /// # Errors
    /// `Invalid`, naming the first that was not.
    pub fn finish(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(
                format!("/{name}"),
                format!("this route has no parameter {name}"),
            )),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|_| Error::malformed("the query string cannot be read"))?;
        Ok(Self(pairs))
    }
}

/// A JSON body.
#[derive(Clone, Debug)]
pub struct Json<T> {
    /// What was read.
    pub value: T,
    /// The bytes it was read from.
    pub bytes: Bytes,
}

impl<S, T> FromRequest<S> for Json<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read_body(request.into_body(), MAX_JSON_BYTES).await?;
        let value = read_json(&bytes)?;
        Ok(Self { value, bytes })
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer_of(error.path());
        let cause = error.into_inner();
        if cause.is_data() {
            Error::invalid(pointer, without_position(&cause.to_string()))
        } else {
            Error::malformed(format!("the body is not JSON: {cause}"))
        }
    })?;
    reader
        .end()
        .map_err(|error| Error::malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// A JSON pointer (RFC 6901) of a path.
fn pointer_of(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
            }
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// The pointer already says where.
fn without_position(message: &str) -> &str {
    message
        .split_once(" at line ")
        .map_or(message, |(text, _)| text)
}

/// Reads a body into memory.
///
/// # Errors
/// `TooLarge` above `limit`; `Malformed` when the client stops before its end.
pub async fn read_body(body: Body, limit: usize) -> Result<Bytes> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::TooLarge {
            detail: format!(
                "this route takes at most {limit} bytes; for more begin an upload with POST /v1/uploads"
            ),
        }),
        Err(_) => Err(Error::malformed("the body ended before its time")),
    }
}
