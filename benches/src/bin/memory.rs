//! Whether the memory of `sheaf serve` grows with the size of a file: one very large file up and down through presigned
//! parts, and one through tus, with what follows in the queues, and as a ZIP archive. Ends with 1 when it took more than
//! it may. The file is made and checked as it goes, and deleted after.
//!
//! `just bench-memory`, which builds `sheaf` beside it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and ends at the first error"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::served::Served;
use benches::{Wanted, folder_bytes, mebibytes, profile};
use bytes::{Bytes, BytesMut};
use clap::Parser;
use futures::{Stream, StreamExt as _};
use http::Method;
use reqwest::{Body, Response};
use serde_json::{Value, json};

/// What the runner may take above what it holds when it has nothing to do.
const MOST_BYTES: u64 = 64 << 20;
/// Parts under way.
const PARTS_AT_ONCE: usize = 4;
/// How many requests of tus a file is sent in: none ends where a part of S3 does.
const PIECES: u64 = 3;
/// What is made at once of a file.
const BLOCK: usize = 1 << 20;
/// Bytes in front of the name of an entry of a ZIP archive. Source: APPNOTE 6.3.10, 4.3.7.
const LOCAL_HEADER: usize = 30;
/// How long it is left alone before it is measured.
const REST: Duration = Duration::from_secs(5);

/// Measures the memory that a very large file takes.
#[derive(Parser)]
struct Arguments {
    /// How many bytes the file has.
    #[arg(long, default_value_t = 5 << 30)]
    bytes: u64,
    /// Where the data folder is made: there must be room for the file and its parts.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    within: PathBuf,
}

/// The ways a file comes in.
#[derive(Clone, Copy, Debug)]
enum Way {
    Presigned,
    Tus,
}

impl Way {
    const ALL: [Self; 2] = [Self::Presigned, Self::Tus];

    const fn name(self) -> &'static str {
        match self {
            Self::Presigned => "presigned parts",
            Self::Tus => "tus",
        }
    }

    /// Sends a file this way, and returns its id.
    async fn send(self, api: &Api, bytes: u64) -> String {
        match self {
            Self::Presigned => api.send_parts(bytes).await,
            Self::Tus => api.send_pieces(bytes).await,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in(&arguments.within).expect("a folder");
    let data = folder.path().join("data");
    let served = Served::start(&data);
    let api = Api::new(&served);
    println!(
        "{:.1} GiB, {}",
        mebibytes(arguments.bytes) / 1024.0,
        profile()
    );
    tokio::time::sleep(REST).await;
    let mut wanted = Wanted::default();
    for way in Way::ALL {
        let mut phases = Phases {
            served: &served,
            idle: served.process.resident_bytes(),
            way,
            wanted: &mut wanted,
        };
        let begun = Instant::now();
        let file = phases.measure("up", way.send(&api, arguments.bytes)).await;
        phases
            .measure("read by the pipeline", api.completed(&file))
            .await;
        phases
            .measure("down", api.fetch(&file, arguments.bytes))
            .await;
        // What has come is the same, however it came: one archive is enough.
        if let Way::Tus = way {
            let export = phases.measure("exported", api.export(&file)).await;
            phases
                .measure("archive down", api.fetch_archive(&export, arguments.bytes))
                .await;
            api.delete(&format!("/v1/exports/{export}"), 204).await;
        }
        println!(
            "{}: {:.0} s in all, {:.2} GiB on the disk",
            way.name(),
            begun.elapsed().as_secs_f64(),
            mebibytes(folder_bytes(&data)) / 1024.0
        );
        api.delete(&format!("/v1/files/{file}?permanent=true"), 200)
            .await;
        freed(&data).await;
    }
    wanted.tell()
}

/// What happens to a file that came in one way.
struct Phases<'a> {
    served: &'a Served,
    idle: u64,
    way: Way,
    wanted: &'a mut Wanted,
}

impl Phases<'_> {
    /// Measures what the runner takes at most while something goes on.
    async fn measure<T>(&mut self, what: &str, act: impl Future<Output = T>) -> T {
        self.served.process.forget_peak();
        let begun = Instant::now();
        let done = act.await;
        let above = self.served.process.peak_bytes().saturating_sub(self.idle);
        self.wanted.holds(
            above < MOST_BYTES,
            &format!(
                "{}, {what}: {:.1} MiB above the {:.1} MiB of idle, less than {:.0}; {:.0} s",
                self.way.name(),
                mebibytes(above),
                mebibytes(self.idle),
                mebibytes(MOST_BYTES),
                begun.elapsed().as_secs_f64()
            ),
        );
        done
    }
}

/// Waits until the bytes of what was deleted are gone.
async fn freed(data: &Path) {
    let begun = Instant::now();
    while folder_bytes(data) > 256 << 20 {
        assert!(begun.elapsed() < Duration::from_mins(5), "nothing is freed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The bytes of the file from `at`: each block of eight says where it is, so that none can be in another's place.
fn content(at: u64, bytes: u64) -> impl Stream<Item = Bytes> {
    let end = at + bytes;
    futures::stream::unfold(at, move |at| async move {
        let left = usize::try_from(end - at).unwrap_or(BLOCK).min(BLOCK);
        (left > 0).then(|| (block(at, left), at + left as u64))
    })
}

fn block(at: u64, bytes: usize) -> Bytes {
    let first = at / 8 * 8;
    let skipped = usize::try_from(at - first).expect("less than eight");
    let words = (skipped + bytes).div_ceil(8);
    let mut block = Vec::with_capacity(words * 8);
    for word in 0..words as u64 {
        block.extend_from_slice(&(first + word * 8).to_be_bytes());
    }
    Bytes::from(block).slice(skipped..skipped + bytes)
}

/// The API, by requests whose bodies are never whole in memory.
struct Api {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Api {
    fn new(served: &Served) -> Self {
        Self {
            url: served.url.clone(),
            token: served.token.clone(),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("an HTTP client"),
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
    }

    async fn send_parts(&self, bytes: u64) -> String {
        let begun = json!({"name": "parts.bin", "size_bytes": bytes});
        let begun = self.request(Method::POST, "/v1/uploads").json(&begun);
        let upload = json_of(sent(begun, 201).await).await;
        let id = upload["upload_id"].as_str().expect("an id");
        let size = upload["part_size_bytes"].as_u64().expect("a size");
        let count = upload["part_count"].as_u64().expect("a count");
        let parts = futures::stream::iter(1..=count).map(async |number| {
            let signed = json!({"numbers": [number]});
            let path = format!("/v1/uploads/{id}/parts");
            let signed = self.request(Method::POST, &path).json(&signed);
            let signed = json_of(sent(signed, 200).await).await;
            let at = (number - 1) * size;
            let etag = self
                .put(&signed["parts"][0], at, size.min(bytes - at))
                .await;
            json!({"number": number, "etag": etag})
        });
        let parts: Vec<Value> = parts.buffered(PARTS_AT_ONCE).collect().await;
        let path = format!("/v1/uploads/{id}/complete");
        let done = self
            .request(Method::POST, &path)
            .json(&json!({"parts": parts}));
        let file = json_of(sent(done, 201).await).await;
        file["id"].as_str().expect("an id").to_owned()
    }

    async fn put(&self, part: &Value, at: u64, bytes: u64) -> String {
        let url = part["url"].as_str().expect("a URL");
        let mut put = self.http.put(url).header("content-length", bytes);
        for (name, value) in part["headers"].as_object().into_iter().flatten() {
            put = put.header(name, value.as_str().expect("text"));
        }
        let answer = sent(put.body(body(at, bytes)), 200).await;
        let etag = answer.headers()["etag"].to_str().expect("text");
        etag.to_owned()
    }

    async fn send_pieces(&self, bytes: u64) -> String {
        let begun = self
            .request(Method::POST, "/v1/tus")
            .header("tus-resumable", "1.0.0")
            .header("upload-length", bytes)
            .header("upload-metadata", "filename dHVzLmJpbg==");
        let begun = sent(begun, 201).await;
        let path = begun.headers()["location"]
            .to_str()
            .expect("text")
            .to_owned();
        let piece = bytes.div_ceil(PIECES) | 1;
        let mut at = 0;
        loop {
            let length = piece.min(bytes - at);
            let request = self
                .request(Method::PATCH, &path)
                .header("tus-resumable", "1.0.0")
                .header("upload-offset", at)
                .header("content-type", "application/offset+octet-stream")
                .header("content-length", length)
                .body(body(at, length));
            let answer = sent(request, 204).await;
            at += length;
            if at == bytes {
                let file = answer.headers()["sheaf-file-id"].to_str();
                return file.expect("text").to_owned();
            }
        }
    }

    /// Waits until a file has been read.
    async fn completed(&self, id: &str) {
        loop {
            let file = self.request(Method::GET, &format!("/v1/files/{id}"));
            let file = json_of(sent(file, 200).await).await;
            match file["status"].as_str() {
                Some("completed") => return,
                Some("failed") => panic!("{file}"),
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Fetches a file, and checks each byte of it.
    async fn fetch(&self, id: &str, bytes: u64) {
        let asked = self.request(Method::GET, &format!("/v1/files/{id}/content"));
        let redirect = sent(asked, 302).await;
        let url = redirect.headers()["location"].to_str().expect("text");
        let answer = sent(self.http.get(url), 200).await;
        let mut at = 0;
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.expect("bytes");
            assert!(chunk == block(at, chunk.len()), "other bytes at {at}");
            at += chunk.len() as u64;
        }
        assert_eq!(at, bytes, "the file was cut off");
    }

    /// Has an archive made of a file, and waits until it is there.
    async fn export(&self, file: &str) -> String {
        let asked = json!({"files": [file]});
        let asked = self.request(Method::POST, "/v1/exports").json(&asked);
        let export = json_of(sent(asked, 202).await).await;
        let id = export["id"].as_str().expect("an id").to_owned();
        loop {
            let export = self.request(Method::GET, &format!("/v1/exports/{id}"));
            let export = json_of(sent(export, 200).await).await;
            match (export["state"].as_str(), export["job"]["state"].as_str()) {
                (Some("ready"), Some("done")) => return id,
                (_, Some("running")) => tokio::time::sleep(Duration::from_millis(200)).await,
                _ => panic!("{export}"),
            }
        }
    }

    /// Fetches an archive of one file, and checks each byte of that, which is its first entry, stored as it is.
    async fn fetch_archive(&self, export: &str, bytes: u64) {
        let asked = self.request(Method::GET, &format!("/v1/exports/{export}/content"));
        let redirect = sent(asked, 302).await;
        let url = redirect.headers()["location"].to_str().expect("text");
        let answer = sent(self.http.get(url), 200).await;
        let mut chunks = answer.bytes_stream();
        let mut begun = BytesMut::new();
        while begun.len() < LOCAL_HEADER {
            begun.extend_from_slice(&chunks.next().await.expect("more").expect("bytes"));
        }
        let number = |at: usize| usize::from(u16::from_le_bytes([begun[at], begun[at + 1]]));
        assert_eq!(&begun[..4], b"PK\x03\x04", "no archive");
        assert_eq!(number(8), 0, "the file is not stored as it is");
        let mut header = LOCAL_HEADER + number(26) + number(28);
        let mut at = 0;
        let mut rest = Some(begun.freeze());
        while let Some(mut chunk) = rest {
            let skipped = header.min(chunk.len());
            header -= skipped;
            let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
            let chunk = chunk.split_off(skipped);
            let chunk = chunk.slice(..left.min(chunk.len()));
            assert!(chunk == block(at, chunk.len()), "other bytes at {at}");
            at += chunk.len() as u64;
            rest = chunks.next().await.map(|chunk| chunk.expect("bytes"));
        }
        assert_eq!(at, bytes, "the archive was cut off");
    }

    async fn delete(&self, path: &str, status: u16) {
        sent(self.request(Method::DELETE, path), status).await;
    }
}

fn body(at: u64, bytes: u64) -> Body {
    Body::wrap_stream(content(at, bytes).map(Ok::<_, std::io::Error>))
}

async fn sent(request: reqwest::RequestBuilder, status: u16) -> Response {
    let answer = request.send().await.expect("an answer");
    if answer.status() == status {
        return answer;
    }
    let told = answer.status();
    panic!("{told}: {}", answer.text().await.unwrap_or_default());
}

async fn json_of(answer: Response) -> Value {
    answer.json().await.expect("JSON")
}
