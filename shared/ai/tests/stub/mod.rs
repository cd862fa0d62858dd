//! A server on loopback that answers like Bedrock's Converse operation, with what a test gives it.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Response, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What the server says to a request.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Reply {
    /// A JSON document.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, &body.to_string())
    }

    /// Any body, said to be JSON.
    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: Some(body.to_owned()),
        }
    }

    /// An error, by the name of its shape.
    pub(crate) fn exception(status: u16, name: &str) -> Self {
        let body = json!({"message": "as the test asked"});
        Self::json(status, &body).header("x-amzn-errortype", name)
    }

    /// No reply at all, on a connection that stays open.
    pub(crate) fn never() -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// A finished answer.
pub(crate) fn answer(text: &str) -> Reply {
    stopped(text, "end_turn")
}

/// An answer that ended for a reason.
pub(crate) fn stopped(text: &str, reason: &str) -> Reply {
    Reply::json(
        200,
        &json!({
            "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
            "stopReason": reason,
            "usage": {"inputTokens": 120, "outputTokens": 30, "totalTokens": 150},
            "metrics": {"latencyMs": 321},
        }),
    )
}

/// A request as it arrived.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// The server.
pub(crate) struct Stub {
    endpoint: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    replies: Vec<Reply>,
    requests: Mutex<Vec<Request>>,
}

impl Stub {
    /// Starts a server that gives each reply once and the last one from then on.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            replies,
            requests: Mutex::new(Vec::new()),
        });
        let router = Router::new()
            .fallback(reply)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            endpoint,
            shared,
            server,
        }
    }

    /// Settings that point the SDK here.
    pub(crate) fn aws(&self) -> SdkConfig {
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(&self.endpoint)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = self.shared.requests.lock();
        requests.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops the server and returns settings that point to where it was.
    pub(crate) async fn stop(self) -> SdkConfig {
        self.server.abort();
        let aws = self.aws();
        let _ = self.server.await;
        aws
    }
}

async fn reply(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response<Body> {
    let number = {
        let mut requests = shared.requests.lock().unwrap();
        requests.push(Request {
            path: uri.path().to_owned(),
            body: serde_json::from_slice(&body).unwrap(),
        });
        requests.len() - 1
    };
    let reply = &shared.replies[number.min(shared.replies.len() - 1)];
    let Some(body) = &reply.body else {
        return pending().await;
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(*name, value);
    }
    response.body(Body::from(body.clone())).unwrap()
}
