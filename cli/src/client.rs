//! Speaks HTTP with Sheaf: credentials, timeouts, repetition, problems turned into errors.
//!
//! Two connections, so that a credential can't go astray: `api` carries the bearer token and
//! follows no redirect; `store` knows no token and is the only one that is given signed URLs.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde_json::{Value, json};

use crate::arguments::Connection;
use crate::call::{Body, Call};
use crate::error::{Error, Result, root_cause};
use crate::retry;
use crate::views::{Page, Problem};

const AGENT: &str = concat!("sheaf/", env!("CARGO_PKG_VERSION"));
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take. Source: the longest an HTTP API of API Gateway allows is 30 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(45);
/// The slowest line that is waited for, in bytes a second.
const SLOWEST_LINE: u64 = 32 * 1024;
/// Redirects followed at the object store, which sends callers to the region of a new bucket.
const STORE_REDIRECTS: usize = 3;

/// A connection to Sheaf.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: Url,
    authorization: Option<HeaderValue>,
    workspace: Option<String>,
    api: reqwest::Client,
    store: reqwest::Client,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Bytes,
    what: String,
}

impl Client {
    /// Prepares a connection; nothing is sent yet.
    pub(crate) fn new(connection: &Connection) -> Result<Self> {
        let authorization = match &connection.token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                    .map_err(|_| Error::Usage("the token is not one".to_owned()))?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Ok(Self {
            base: connection.url.clone(),
            authorization,
            workspace: connection.workspace.clone(),
            api: connector(&connection.url, Policy::none)?,
            store: connector(&connection.url, || Policy::limited(STORE_REDIRECTS))?,
        })
    }

    /// Returns what tells one Sheaf and workspace from another, as far as it is known here.
    pub(crate) fn identity(&self) -> String {
        let workspace = self.workspace.as_deref().unwrap_or_default();
        format!("{} {workspace}", self.base)
    }

    /// Makes a call, again where that may help, and returns its JSON.
    pub(crate) async fn json(&self, call: Call) -> Result<Value> {
        self.send(call).await?.json()
    }

    /// Makes a call, again where that may help.
    pub(crate) async fn send(&self, call: Call) -> Result<Reply> {
        retry::repeat(async || self.attempt(&call).await).await
    }

    /// Reads a list: one page, or with `all` every page put together as one.
    pub(crate) async fn list(&self, call: Call, all: bool) -> Result<Value> {
        let first = self.json(call.clone()).await?;
        if !all {
            return Ok(first);
        }
        let what = call.describe();
        let mut page: Page<Value> = Page::read(&what, &first)?;
        let mut items = page.items;
        while let Some(cursor) = page.next_cursor {
            let next = self
                .json(call.clone().query("cursor", Some(&cursor)))
                .await?;
            page = Page::read(&what, &next)?;
            if page.next_cursor.as_ref() == Some(&cursor) {
                return Err(Error::Unexpected {
                    what,
                    detail: "a page names itself as the next one".to_owned(),
                });
            }
            items.append(&mut page.items);
        }
        Ok(json!({"items": items, "next_cursor": null}))
    }

    /// Begins a request to a signed URL, without any credential of ours.
    pub(crate) fn signed(
        &self,
        method: reqwest::Method,
        url: &str,
    ) -> Result<reqwest::RequestBuilder> {
        let unexpected = |detail: &str| Error::Unexpected {
            what: "a signed URL".to_owned(),
            detail: detail.to_owned(),
        };
        let url = self
            .base
            .join(url)
            .map_err(|_| unexpected("it is no URL"))?;
        match (self.base.scheme(), url.scheme()) {
            (_, "https") | ("http", "http") => Ok(self.store.request(method, url)),
            _ => Err(unexpected(
                "it leaves the encrypted connection that --url asks for",
            )),
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Reply> {
        let mut request = self
            .api
            .request(call.method.clone(), call.url(&self.base))
            .timeout(timeout_for(call.body.len()));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(workspace) = &self.workspace {
            request = request.header("Sheaf-Workspace", workspace);
        }
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key.to_string());
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        request = match &call.body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Bytes(bytes) => request.body(bytes.clone()),
        };
        let what = call.describe();
        let response = request
            .send()
            .await
            .map_err(|error| self.network_error(&what, error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = response
            .bytes()
            .await
            .map_err(|error| self.network_error(&what, error))?;
        if status.is_success() || status.is_redirection() {
            Ok(Reply {
                status,
                headers,
                body,
                what,
            })
        } else {
            Err(Error::Problem(Box::new(read_problem(
                status, &headers, &body,
            ))))
        }
    }

    fn network_error(&self, what: &str, error: reqwest::Error) -> Error {
        let source = error.without_url();
        if source.is_connect() {
            Error::Unreachable {
                url: self.base.as_str().trim_end_matches('/').to_owned(),
                source,
            }
        } else {
            Error::Transport {
                action: what.to_owned(),
                source,
            }
        }
    }
}

impl Reply {
    /// The body as JSON; `null` when there is none.
    pub(crate) fn json(&self) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|error| Error::Unexpected {
            what: self.what.clone(),
            detail: format!("it is no JSON: {error}"),
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Where the content is.
    pub(crate) fn location(&self) -> Result<&str> {
        self.headers
            .get(LOCATION)
            .filter(|_| self.status.is_redirection())
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| Error::Unexpected {
                what: self.what.clone(),
                detail: format!("expected a redirect to a signed URL, got {}", self.status),
            })
    }
}

/// Prepares a pool of connections.
///
/// A machine without any CA certificate, such as a bare container, can still talk to a local
/// runner: it trusts nobody then, so every `https` fails.
fn connector(base: &Url, redirects: impl Fn() -> Policy) -> Result<reqwest::Client> {
    let builder = || {
        reqwest::Client::builder()
            .user_agent(AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(redirects())
    };
    builder()
        .build()
        .or_else(|error| match base.scheme() {
            "http" => builder().tls_certs_only([]).build(),
            _ => Err(error),
        })
        .map_err(|error| {
            Error::failed(
                "cannot prepare an encrypted connection",
                format!(
                    "{}\nInstall the CA certificates of this system.",
                    root_cause(&error)
                ),
            )
        })
}

/// How long sending so many bytes and reading the answer may take.
pub(crate) fn timeout_for(body_bytes: u64) -> Duration {
    ANSWER_TIMEOUT + Duration::from_secs(body_bytes / SLOWEST_LINE)
}

/// Makes a problem of whatever came: gateways and proxies answer in shapes of their own.
fn read_problem(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Problem {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut raw = match serde_json::from_slice::<Value>(body) {
        Ok(value) if value.get("title").is_some_and(Value::is_string) => value,
        other => json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or("The request was refused"),
            // What API Gateway says of itself.
            "detail": other.ok().as_ref().and_then(|value| value.get("message")),
        }),
    };
    raw["status"] = status.as_u16().into();
    if raw.get("instance").is_none_or(Value::is_null) {
        let id = header("x-request-id").or_else(|| header("apigw-requestid"));
        raw["instance"] = id.into();
    }
    let mut problem = Problem::read(&raw);
    problem.retry_after = header(RETRY_AFTER.as_str())
        .and_then(|value| value.trim().parse().ok())
        .map(Duration::from_secs);
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Client {
        Client::new(&Connection {
            url: Url::parse(url).unwrap(),
            token: None,
            workspace: None,
        })
        .unwrap()
    }

    #[test]
    fn signed_url_never_leaves_an_encrypted_connection() {
        let encrypted = client("https://api.example.com");
        let local = client("http://127.0.0.1:8080");

        assert!(
            encrypted
                .signed(reqwest::Method::GET, "http://store.example.com/a")
                .is_err()
        );
        assert!(
            encrypted
                .signed(reqwest::Method::GET, "https://store.example.com/a")
                .is_ok()
        );
        assert!(
            local
                .signed(reqwest::Method::GET, "http://127.0.0.1:9000/a")
                .is_ok()
        );
        assert!(
            local
                .signed(reqwest::Method::GET, "file:///etc/passwd")
                .is_err()
        );
    }

    #[test]
    fn answer_of_a_gateway_becomes_a_problem() {
        let mut headers = HeaderMap::new();
        headers.insert("apigw-requestid", HeaderValue::from_static("abc="));
        headers.insert("retry-after", HeaderValue::from_static("2"));

        let problem = read_problem(
            StatusCode::SERVICE_UNAVAILABLE,
            &headers,
            br#"{"message":"Service Unavailable"}"#,
        );

        assert_eq!(problem.status, 503);
        assert_eq!(problem.detail.as_deref(), Some("Service Unavailable"));
        assert_eq!(problem.instance.as_deref(), Some("abc="));
        assert_eq!(problem.retry_after, Some(Duration::from_secs(2)));
    }

    #[test]
    fn page_of_a_proxy_becomes_a_problem() {
        let problem = read_problem(StatusCode::BAD_GATEWAY, &HeaderMap::new(), b"<html>oops");

        assert_eq!(
            (problem.status, problem.title.as_str()),
            (502, "Bad Gateway")
        );
    }
}
