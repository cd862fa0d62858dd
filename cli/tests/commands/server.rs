//! A stand-in for Sheaf and its object store on loopback, which notes every request it gets, and
//! the binary run against it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The credential every run is given.
pub(crate) const TOKEN: &str = "a-secret-token";

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and path with query: `GET /v1/files?limit=2`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Log = Arc<Mutex<Vec<Seen>>>;

/// A server on a port of its own.
pub(crate) struct Server {
    pub(crate) url: String,
    log: Log,
    /// What the command remembers between its runs.
    state: TempDir,
}

impl Server {
    /// Starts a server with these routes.
    pub(crate) async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let log = Log::default();
        let routes = routes.layer(from_fn_with_state(Arc::clone(&log), note));
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self {
            url: format!("http://{address}"),
            log,
            state: TempDir::new().unwrap(),
        }
    }

    /// Every request so far, in the order they came.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.lock().unwrap().clone()
    }

    /// The first lines of every request so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    /// Runs the command against this server.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        self.run_in(Path::new("."), arguments).await
    }

    /// Runs the command against this server, in a folder, with nothing of this process's environment.
    pub(crate) async fn run_in(&self, folder: &Path, arguments: &[&str]) -> Run {
        let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_sheaf"))
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("SHEAF_URL", &self.url)
            .env("SHEAF_TOKEN", TOKEN)
            .env("XDG_STATE_HOME", self.state.path())
            .env("TZ", "UTC")
            .output()
            .await
            .unwrap();
        Run::from(output)
    }
}

async fn note(State(log): State<Log>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    log.lock().unwrap().push(Seen {
        line: format!("{} {}", parts.method, parts.uri),
        headers: parts.headers.clone(),
        body: body.clone(),
    });
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails the test unless the command did what was asked.
    pub(crate) fn assert_success(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// An answer as `application/problem+json`.
pub(crate) fn problem(status: u16, mut fields: Value) -> Response {
    fields["type"] = json!("about:blank");
    fields["status"] = json!(status);
    fields["instance"] = json!("0199a0b1-7c00-7000-8000-0000000000ff");
    (
        StatusCode::from_u16(status).unwrap(),
        [(header::CONTENT_TYPE, "application/problem+json")],
        fields.to_string(),
    )
        .into_response()
}

/// A file as the API tells of it, with some fields as given.
pub(crate) fn file(fields: Value) -> Value {
    merged(include_str!("../fixtures/file.json"), fields)
}

/// A dossier as the API tells of it, with some fields as given.
pub(crate) fn dossier(fields: Value) -> Value {
    merged(include_str!("../fixtures/dossier.json"), fields)
}

fn merged(fixture: &str, fields: Value) -> Value {
    let mut value: Value = serde_json::from_str(fixture).unwrap();
    let Value::Object(fields) = fields else {
        panic!("fields are an object");
    };
    value.as_object_mut().unwrap().extend(fields);
    value
}
