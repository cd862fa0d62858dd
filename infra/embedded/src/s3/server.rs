//! Serves a store over HTTP: signatures are checked, browsers are answered, requests finish before it stops.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::store::Store;

/// How long requests may go on after the server was told to stop. A client that stalls must not keep the process.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// How long a client may take to send the head of a request.
const HEAD_OF_REQUEST: Duration = Duration::from_secs(30);

/// Pause after a connection could not be taken, as when files run out.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// The key every request must be signed with.
#[derive(Clone)]
pub struct Credentials {
    /// Names the key.
    pub access_key: String,
    /// The key.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

/// A store being served.
pub struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    accepting: JoinHandle<()>,
}

impl Server {
    /// Serves a store on a listener.
    pub fn start(
        store: Store,
        listener: TcpListener,
        credentials: Credentials,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let mut service = S3ServiceBuilder::new(store.clone());
        service.set_auth(SimpleAuth::from_single(
            credentials.access_key,
            credentials.secret_key,
        ));
        let stopping = CancellationToken::new();
        let accepting = tokio::spawn(serve(listener, service.build(), store, stopping.clone()));
        Ok(Self {
            address,
            stopping,
            accepting,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests and returns when those it had are answered and what they changed is on the disk.
    pub async fn stop(self) {
        self.stopping.cancel();
        if let Err(error) = self.accepting.await {
            tracing::error!(%error, "the object store's server failed");
        }
    }
}

async fn serve(
    listener: TcpListener,
    service: S3Service,
    store: Store,
    stopping: CancellationToken,
) {
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => serve_connection(stream, service.clone(), &connections),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, connections.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests to the object store were cut off");
    }
    store.finish().await;
}

fn serve_connection(stream: TcpStream, service: S3Service, connections: &GracefulShutdown) {
    // Answers are short; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_OF_REQUEST)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| answer(service.clone(), request)),
        );
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to the object store broke");
        }
    });
}

async fn answer(
    service: S3Service,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let from_browser = request.headers().contains_key(ORIGIN);
    if from_browser && is_preflight(&request) {
        return Ok(preflight(request.headers()));
    }
    let mut response = service.call(request.map(Body::from)).await?;
    if from_browser {
        allow_any_origin(response.headers_mut());
    }
    Ok(response)
}

fn is_preflight(request: &Request<Incoming>) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// Lets pages of any origin send signed requests: the signature is what allows them, and no cookie is involved.
fn preflight(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    allow_any_origin(headers);
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE"),
    );
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("ETag, Content-Length, Content-Range, Content-Disposition, Accept-Ranges, x-amz-checksum-sha256"),
    );
    headers.insert(
        VARY,
        HeaderValue::from_static(
            "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        ),
    );
}
