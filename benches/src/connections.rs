//! Connections to the API that are kept open and cost little: what is measured shares its cores with them.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
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
        let host = client.url().trim_start_matches("http://").to_owned();
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
            token: format!("Bearer {}", client.token()),
            idle: Mutex::new(idle),
        }
    }

    /// Makes a request on a connection that is idle and returns the body of the answer.
    ///
    /// # Panics
    /// When the answer has another status, or when more requests are made at once than [`AT_ONCE`].
    pub async fn send(&self, method: Method, path: &str, body: Bytes, status: StatusCode) -> Bytes {
        let mut sender = self.idle().pop().expect("an idle connection");
        sender.ready().await.expect("an open connection");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, &self.token)
            .body(Full::new(body))
            .expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let answered = answer.status();
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        assert_eq!(answered, status, "{}", String::from_utf8_lossy(&body));
        self.idle().push(sender);
        body
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
