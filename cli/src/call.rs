//! One call of the API before it is made: method, path, query and body, kept so that it can be
//! made again.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use serde_json::Value;
use uuid::Uuid;

/// What stays as it is in a query: the unreserved characters of RFC 3986.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One call of the API.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Sent as `Idempotency-Key`, the same at every attempt, so that a repeated POST is done once.
    pub(crate) idempotency_key: Option<Uuid>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
}

/// What a call carries.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    Bytes(Bytes),
}

impl Body {
    /// How many bytes go over the wire, as far as they matter for a timeout.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::None | Self::Json(_) => 0,
            Self::Bytes(bytes) => bytes.len().try_into().unwrap_or(u64::MAX),
        }
    }
}

impl Call {
    /// Reads `/v1/` and the given parts, each of which is escaped.
    pub(crate) fn get(path: &[&str]) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// Makes something. Gets a fresh idempotency key, so it can be repeated after a broken line.
    pub(crate) fn post(path: &[&str]) -> Self {
        Self::new(Method::POST, path, Some(Uuid::new_v4()))
    }

    /// Changes something.
    pub(crate) fn patch(path: &[&str]) -> Self {
        Self::new(Method::PATCH, path, None)
    }

    /// Deletes something.
    pub(crate) fn delete(path: &[&str]) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    fn new(method: Method, path: &[&str], idempotency_key: Option<Uuid>) -> Self {
        Self {
            method,
            idempotency_key,
            headers: Vec::new(),
            body: Body::None,
            path: path.iter().map(|&part| part.to_owned()).collect(),
            query: Vec::new(),
        }
    }

    /// Adds a query parameter, if there is a value.
    pub(crate) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Adds a query parameter once for each value.
    pub(crate) fn query_each(mut self, name: &'static str, values: &[String]) -> Self {
        self.query
            .extend(values.iter().map(|value| (name, value.clone())));
        self
    }

    /// Sets a header.
    pub(crate) fn header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Carries JSON.
    pub(crate) fn json(mut self, value: Value) -> Self {
        self.body = Body::Json(value);
        self
    }

    /// Carries bytes.
    pub(crate) fn bytes(mut self, bytes: Bytes) -> Self {
        self.body = Body::Bytes(bytes);
        self
    }

    /// The method and path, for messages; without the query, which holds names of files.
    pub(crate) fn describe(&self) -> String {
        format!("{} /v1/{}", self.method, self.path.join("/"))
    }

    /// The full address below the one Sheaf is at.
    pub(crate) fn url(&self, base: &Url) -> Url {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(&self.path);
        }
        // Spaces as %20: a plus sign means a space only to those who read forms.
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY)))
            .collect();
        url.set_query((!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_values_are_escaped() {
        let base = Url::parse("https://api.example.com/stage/").unwrap();
        let call = Call::get(&["templates", "a/b c"])
            .query("name", Some("jan & féb +1.pdf"))
            .query("limit", None::<u32>)
            .query_each("tag", &["x".to_owned(), "y=z".to_owned()]);

        let url = call.url(&base);

        assert_eq!(
            url.as_str(),
            "https://api.example.com/stage/v1/templates/a%2Fb%20c\
             ?name=jan%20%26%20f%C3%A9b%20%2B1.pdf&tag=x&tag=y%3Dz"
        );
    }

    #[test]
    fn only_what_makes_something_has_an_idempotency_key() {
        assert!(Call::post(&["uploads"]).idempotency_key.is_some());
        assert!(Call::get(&["files"]).idempotency_key.is_none());
        assert_ne!(
            Call::post(&["uploads"]).idempotency_key,
            Call::post(&["uploads"]).idempotency_key
        );
    }
}
