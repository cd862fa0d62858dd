//! Connections to a server that are kept open and cost little: what is measured shares its cores with them.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use testkit::Client;
use tokio::net::TcpStream;

use crate::AT_ONCE;

/// As many connections as there are requests at once, with one principal's token.
#[derive(Debug)]
pub struct Connections {
    host: String,
    token: String,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
}

impl Connections {
    /// Connects to where a client sends its requests, with its token.
    pub async fn like(client: &Client) -> Self {
        Self::new(client.url(), client.token()).await
    }

    /// Connects to a server.
    ///
    /// # Panics
    /// When nothing listens there.
    pub async fn new(url: &str, token: &str) -> Self {
        let host = url.trim_start_matches("http://").to_owned();
        let mut idle = Vec::new();
        for _ in 0..AT_ONCE {
            let stream = TcpStream::connect(&host).await.expect("a connection");
            stream.set_nodelay(true).expect("a socket option");
            let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("a connection");
            tokio::spawn(connection);
            idle.push(sender);
        }
        Self {
            host,
            token: format!("Bearer {token}"),
            idle: Mutex::new(idle),
        }
    }

    /// Makes a request on a connection that is idle and returns the body of the answer.
    ///
    /// # Panics
    /// When the answer has another status, or when more requests are made at once than [`AT_ONCE`].
    pub async fn send(&self, method: Method, path: &str, body: Bytes, status: StatusCode) -> Bytes {
        self.send_with(method, path, &[], body, status).await.1
    }

    /// Makes a request with headers, and returns those of the answer and its body.
    ///
    /// # Panics
    /// When the answer has another status, or when more requests are made at once than [`AT_ONCE`].
    pub async fn send_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        status: StatusCode,
    ) -> (HeaderMap, Bytes) {
        let mut sender = self.idle().pop().expect("an idle connection");
        sender.ready().await.expect("an open connection");
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let told = String::from_utf8_lossy(&body);
        assert_eq!(parts.status, status, "{path}: {told}");
        self.idle().push(sender);
        (parts.headers, body)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
