//! The real runner in this process, behind a gate that can hold, cut or refuse single requests.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use domain::principal::Role;
use futures::StreamExt as _;
use jiff::SignedDuration;
use local::server::{Server, ServerSettings};
use runtime::clock::Clock;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::Notify;

use crate::server::Run;

/// Longest wait for something that is to happen: far above what it takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// What the gate does to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Keeps it from the server.
    HoldBefore,
    /// Keeps the answer from the client.
    HoldAfter,
    /// Passes so many bytes of the answer's body on, and then no more.
    HoldWithin(usize),
    /// Passes so many bytes of the answer's body on, and then breaks the line.
    CutWithin(usize),
    /// Answers itself.
    Answer(u16),
}

type Matches = Box<dyn Fn(&str) -> bool + Send>;

/// What to do to the nth request that matches.
struct Order {
    matches: Matches,
    left: usize,
    act: Act,
}

/// One request that came through.
#[derive(Clone, Debug)]
pub(crate) struct Passed {
    /// Method and path: `GET /v1/files/{id}`. The store's without its query, which is secret.
    pub(crate) line: String,
    pub(crate) range: Option<String>,
    /// The JSON of the answer, where it is one of the API.
    pub(crate) answer: Value,
}

struct Gate {
    url: String,
    api: String,
    /// Where the store is; a runner that comes back has another.
    store: Mutex<String>,
    http: reqwest::Client,
    orders: Mutex<VecDeque<Order>>,
    passed: Mutex<Vec<Passed>>,
    reached: Notify,
}

/// The real runner, and what a person on this machine has.
pub(crate) struct Live {
    pub(crate) clock: Clock,
    /// Where the person's files are.
    pub(crate) folder: TempDir,
    server: Option<Server>,
    gate: Arc<Gate>,
    data: TempDir,
    state: TempDir,
    token: String,
}

impl Live {
    pub(crate) async fn start() -> Self {
        Self::start_as(Role::Editor).await
    }

    /// Starts with what someone of another role has.
    pub(crate) async fn start_as(role: Role) -> Self {
        let data = TempDir::new().unwrap();
        let clock = Clock::manual();
        let server = serve(data.path(), &clock, 0).await;
        let token = server
            .stack
            .secrets
            .sign(
                &"acme".parse().unwrap(),
                role,
                "someone",
                clock.now(),
                SignedDuration::from_hours(24 * 365),
            )
            .unwrap();
        Self {
            gate: Gate::start(server.url()).await,
            clock,
            folder: TempDir::new().unwrap(),
            server: Some(server),
            data,
            state: TempDir::new().unwrap(),
            token,
        }
    }

    /// Stops the runner; until it comes back nobody answers.
    pub(crate) async fn stop(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    /// Starts the runner where it was.
    pub(crate) async fn come_back(&mut self) {
        let port = self.gate.api.rsplit(':').next().unwrap().parse().unwrap();
        self.server = Some(serve(self.data.path(), &self.clock, port).await);
    }

    /// The command, as the person runs it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sheaf"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("SHEAF_URL", &self.gate.url)
            .env("SHEAF_TOKEN", &self.token)
            .env("XDG_STATE_HOME", self.state.path())
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        let running = self.command(arguments).output();
        let output = tokio::time::timeout(PATIENCE * 2, running).await;
        Run::from(
            output
                .unwrap_or_else(|_| panic!("it does not end"))
                .unwrap(),
        )
    }

    /// Waits until the gate has done what it was told to.
    pub(crate) async fn held(&self) {
        let held = tokio::time::timeout(PATIENCE, self.gate.reached.notified());
        assert!(held.await.is_ok(), "nothing comes to the gate");
    }

    /// Starts the command and returns once the gate has done what it was told to.
    pub(crate) async fn run_until_held(&self, arguments: &[&str]) -> Child {
        let mut child = self.command(arguments).spawn().unwrap();
        tokio::select! {
            () = self.gate.reached.notified() => child,
            ended = child.wait() => {
                let output = child.wait_with_output().await.unwrap();
                panic!("it ended before: {ended:?} {output:?}");
            }
            () = tokio::time::sleep(PATIENCE) => panic!("it does not come to the gate"),
        }
    }

    /// Runs the command until the gate has done what it was told to, and kills it there.
    pub(crate) async fn run_and_kill(&self, arguments: &[&str]) {
        let mut child = self.run_until_held(arguments).await;
        child.kill().await.unwrap();
        self.gate.orders.lock().unwrap().clear();
    }

    /// Tells the gate what to do to the nth request from now on that matches.
    pub(crate) fn order(
        &self,
        act: Act,
        nth: usize,
        matches: impl Fn(&str) -> bool + Send + 'static,
    ) {
        self.gate.orders.lock().unwrap().push_back(Order {
            matches: Box::new(matches),
            left: nth,
            act,
        });
    }

    /// Returns the requests since the last time they were asked for.
    pub(crate) fn passed(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.gate.passed.lock().unwrap())
    }

    /// Writes a file of the person's and returns its hash.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        hex::encode(Sha256::digest(bytes))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Calls the API past the gate.
    pub(crate) async fn call(&self, method: reqwest::Method, path: &str) -> Value {
        let call = self
            .gate
            .http
            .request(method, format!("{}{path}", self.gate.api));
        let answer = call.bearer_auth(&self.token).send().await.unwrap();
        let bytes = answer.bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path).await
    }

    /// Returns the paths of all files, in order.
    pub(crate) async fn paths(&self) -> Vec<String> {
        let list = self
            .get("/v1/files?folder=/&recursive=true&limit=100")
            .await;
        let items = list["items"].as_array().unwrap().iter();
        let mut paths: Vec<String> = items
            .map(|item| item["path"].as_str().unwrap().to_owned())
            .collect();
        paths.sort_unstable();
        paths
    }

    /// Returns what is kept between runs, but for empty folders.
    pub(crate) fn remembered(&self, kind: &str) -> usize {
        let folder = self.state.path().join("sheaf").join(kind);
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

async fn serve(data: &Path, clock: &Clock, port: u16) -> Server {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let reader = PathBuf::from(env!("CARGO_BIN_EXE_sheaf"));
    let mut settings = ServerSettings::over(data.to_owned(), address, reader);
    settings.stack.clock = clock.clone();
    settings.sweeps = false;
    Server::start(settings).await.unwrap()
}

impl Gate {
    async fn start(api: String) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let gate = Arc::new(Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            api,
            store: Mutex::default(),
            http,
            orders: Mutex::default(),
            passed: Mutex::default(),
            reached: Notify::new(),
        });
        let routes = Router::new()
            .fallback(pass)
            .with_state(Arc::clone(&gate))
            .layer(axum::extract::DefaultBodyLimit::disable());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        gate
    }

    fn act_for(&self, line: &str) -> Option<Act> {
        let mut orders = self.orders.lock().unwrap();
        let order = orders.iter_mut().find(|order| (order.matches)(line))?;
        order.left -= 1;
        if order.left > 0 {
            return None;
        }
        let act = order.act;
        let at = orders.iter().position(|order| order.left == 0).unwrap();
        orders.remove(at);
        Some(act)
    }

    async fn hold(&self) -> ! {
        self.reached.notify_one();
        std::future::pending().await
    }

    /// Leads a signed URL through the gate.
    fn through(&self, url: &str) -> String {
        let at = url[8..].find('/').unwrap() + 8;
        url[..at].clone_into(&mut self.store.lock().unwrap());
        format!("{}{}", self.url, &url[at..])
    }
}

async fn pass(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_api = parts.uri.path().starts_with("/v1/");
    let line = format!("{} {}", parts.method, parts.uri.path());
    let act = gate.act_for(&line);
    match act {
        Some(Act::HoldBefore) => gate.hold().await,
        Some(Act::Answer(status)) => return StatusCode::from_u16(status).unwrap().into_response(),
        _ => {}
    }
    let base = if is_api {
        gate.api.clone()
    } else {
        gate.store.lock().unwrap().clone()
    };
    let mut headers = parts.headers.clone();
    let range = headers
        .get(header::RANGE)
        .map(|range| range.to_str().unwrap().to_owned());
    headers.insert(header::HOST, HeaderValue::from_str(&base[7..]).unwrap());
    let sent = gate
        .http
        .request(parts.method, format!("{base}{}", parts.uri))
        .headers(headers)
        .body(reqwest::Body::wrap_stream(body.into_data_stream()))
        .send()
        .await;
    let Ok(answer) = sent else {
        // As a proxy says it whose server is away.
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut passed = Passed {
        line,
        range,
        answer: Value::Null,
    };
    let body = if is_api {
        let bytes = lead_through(&gate, &mut headers, answer.bytes().await.unwrap().to_vec());
        passed.answer = serde_json::from_slice(&bytes).unwrap_or_default();
        Body::from(bytes)
    } else {
        limited(&gate, answer, act)
    };
    gate.passed.lock().unwrap().push(passed);
    if matches!(act, Some(Act::HoldAfter)) {
        gate.hold().await;
    }
    (status, headers, body).into_response()
}

fn lead_through(gate: &Gate, headers: &mut HeaderMap, bytes: Vec<u8>) -> Vec<u8> {
    headers.remove(header::CONTENT_LENGTH);
    if let Some(location) = headers.get_mut(header::LOCATION)
        && location.as_bytes().starts_with(b"http")
    {
        let led = gate.through(location.to_str().unwrap());
        *location = HeaderValue::from_str(&led).unwrap();
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(&bytes) else {
        return bytes;
    };
    let parts = value.get_mut("parts").and_then(Value::as_array_mut);
    for part in parts.into_iter().flatten() {
        let led = gate.through(part["url"].as_str().unwrap());
        part["url"] = led.into();
    }
    value.to_string().into_bytes()
}

fn limited(gate: &Arc<Gate>, answer: reqwest::Response, act: Option<Act>) -> Body {
    let (limit, is_cut) = match act {
        Some(Act::HoldWithin(limit)) => (limit, false),
        Some(Act::CutWithin(limit)) => (limit, true),
        _ => return Body::from_stream(answer.bytes_stream()),
    };
    let gate = Arc::clone(gate);
    let mut left = limit;
    let first = answer.bytes_stream().map(move |bytes| {
        let mut bytes = bytes.unwrap();
        bytes.truncate(left);
        left -= bytes.len();
        Ok::<_, std::io::Error>(bytes)
    });
    let first = first.take_while(|bytes| {
        let is_some = bytes.as_ref().is_ok_and(|bytes| !bytes.is_empty());
        std::future::ready(is_some)
    });
    let end = futures::stream::once(async move {
        if !is_cut {
            gate.hold().await;
        }
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(first.chain(end))
}

/// Bytes that are nobody else's.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
