//! A client of the API, as a user's program would be.

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;

/// An answer of the API.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: bytes::Bytes,
}

impl Answer {
    /// Returns the body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Checks the status, and shows the body when it is another.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "checking the status is often all there is to look at"
    )]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status.as_u16(),
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// Returns the code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Returns a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// A client with one principal's token.
#[derive(Clone, Debug)]
pub struct Client {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Client {
    /// Makes a client of the API at `url`.
    pub fn new(url: String, token: String) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_mins(1))
            .build()
            .expect("an HTTP client");
        Self { url, token, http }
    }

    /// Returns the same client with another token or key.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    /// Returns where the API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Makes a request with headers and a body.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send().await.expect("an answer")).await
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, path, &json, body.to_string()).await
    }

    /// PATCH of JSON.
    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send(Method::PATCH, path, &json, body.to_string())
            .await
    }

    /// Uploads bytes as the query says, such as `name=a.txt&type=bill`.
    pub async fn upload(&self, query: &str, bytes: impl Into<reqwest::Body>) -> Answer {
        self.send(Method::POST, &format!("/v1/files?{query}"), &[], bytes)
            .await
    }

    /// Uploads bytes and returns the file; any other answer than 201 fails the test.
    #[track_caller]
    pub fn put(&self, query: &str, bytes: impl Into<reqwest::Body>) -> impl Future<Output = Value> {
        let uploading = self.upload(query, bytes);
        async move { uploading.await.expect(201).json() }
    }

    /// Returns a file; any other answer than 200 fails the test.
    pub async fn file(&self, id: &str) -> Value {
        self.get(&format!("/v1/files/{id}"))
            .await
            .expect(200)
            .json()
    }

    /// Fetches a signed URL, without the token.
    pub async fn fetch(&self, url: &str) -> Answer {
        answer(self.http.get(url).send().await.expect("an answer")).await
    }

    /// PUTs to a signed URL with the headers that were signed.
    pub async fn put_signed(&self, part: &Value, bytes: impl Into<reqwest::Body>) -> Answer {
        let bytes = bytes.into();
        let length = bytes.as_bytes().map(<[u8]>::len);
        let mut request = self
            .http
            .put(part["url"].as_str().expect("a URL"))
            .body(bytes);
        // It is signed, and hyper says none of no bytes.
        if let Some(length) = length {
            request = request.header("content-length", length);
        }
        for (name, value) in part["headers"].as_object().into_iter().flatten() {
            request = request.header(name, value.as_str().unwrap_or_default());
        }
        answer(request.send().await.expect("an answer")).await
    }

    /// Fetches the content of a file through its signed URL.
    pub async fn content(&self, id: &str) -> Answer {
        let redirect = self
            .get(&format!("/v1/files/{id}/content"))
            .await
            .expect(302);
        self.fetch(redirect.header("location")).await
    }
}

async fn answer(response: reqwest::Response) -> Answer {
    Answer {
        status: response.status(),
        headers: response.headers().clone(),
        body: response.bytes().await.expect("a body"),
    }
}
