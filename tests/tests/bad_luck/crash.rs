//! The runner ends while files are stored, each in one of the ways there are: what it acknowledged is there
//! afterwards, whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::Sha256;
use futures::future::join_all;
use jiff::SignedDuration;
use local::token::{Holder, issue};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::Client;

use crate::process::Process;
use crate::{bill, files, is_against_deployment, usage};

const UPLOADS: usize = 24;
const AT_ONCE: usize = 8;

/// More than one part holds.
const PARTS_BYTES: usize = 17 * 1024 * 1024;

/// How long after the restart every file must have gone through the pipeline.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a file was acknowledged with.
#[derive(Clone, Debug)]
enum Promise {
    /// Its bytes have this hash.
    Bytes(Sha256),
    /// It is what the template makes of this number.
    Report(usize),
}

/// The files that were acknowledged, by id.
type Acknowledged = Mutex<BTreeMap<String, Promise>>;

/// How the process ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// At once.
    Killed,
    /// By itself, because it is asked to.
    Asked,
}

/// When the process ends: so long after so many files were acknowledged.
#[derive(Debug)]
struct Moment {
    acknowledged: usize,
    later: Duration,
}

impl Moment {
    fn of(seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        Self {
            acknowledged: random.random_range(1..UPLOADS),
            later: Duration::from_micros(random.random_range(0..20_000)),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_file_survives_the_end_of_the_process() {
    if is_against_deployment() {
        return;
    }
    let ends = [End::Killed, End::Killed, End::Killed, End::Asked];
    for (seed, end) in (1..).zip(ends) {
        let moment = Moment::of(seed);
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");

        let acknowledged = store_until_the_end(&data, &moment, end).await;
        let process = Process::start(&data).await;
        let client = Client::new(process.url.clone(), token(&data));
        let all = completed(&client).await;

        assert!(
            acknowledged.len() >= moment.acknowledged,
            "{end:?} {moment:?}"
        );
        let by_id: BTreeMap<String, &Value> =
            all.iter().map(|file| (e2e::id(file), file)).collect();
        for (id, promise) in acknowledged {
            let file = by_id
                .get(&id)
                .unwrap_or_else(|| panic!("{id} is lost: {promise:?} {end:?} {moment:?}"));
            let hash = match promise {
                Promise::Bytes(hash) => hash,
                Promise::Report(number) => preview(&client, number).await,
            };
            assert_eq!(file["sha256"], hash.to_string(), "{end:?} {moment:?}");
            let content = client.content(&id).await.expect(200);
            assert_eq!(Sha256::of(&content.body), hash, "{end:?} {moment:?}");
        }
        // A name that was free, taken again, is there as before.
        client.put("name=after.txt", "after").await;
        assert!(usage(&client).await.0 > all.len() as u64);
        process.kill().await;
    }
}

fn token(data: &Path) -> String {
    let holder = Holder {
        workspace: "acme",
        role: "editor",
        subject: "someone",
    };
    issue(data, holder, SignedDuration::from_hours(1)).unwrap()
}

/// Stores files, eight at a time, and ends the runner at the moment. Returns what it had
/// acknowledged.
async fn store_until_the_end(data: &Path, moment: &Moment, end: End) -> BTreeMap<String, Promise> {
    let process = Process::start(data).await;
    let acknowledged = Acknowledged::default();
    let next = AtomicUsize::new(0);
    let api = Api {
        url: process.url.clone(),
        token: token(data),
        http: reqwest::Client::new(),
    };
    let storing = join_all((0..AT_ONCE).map(|_| store_some(&api, &next, &acknowledged)));
    let ending = async {
        while acknowledged.lock().unwrap().len() < moment.acknowledged {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(moment.later).await;
        match end {
            End::Killed => process.kill().await,
            End::Asked => assert_eq!(process.terminate().await, Some(0)),
        }
    };
    tokio::join!(storing, ending);
    acknowledged.into_inner().unwrap()
}

/// Stores the next file again and again, until there is none or nobody answers.
async fn store_some(api: &Api, next: &AtomicUsize, acknowledged: &Acknowledged) {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= UPLOADS {
            return;
        }
        let stored = match number % 12 {
            0 | 4 | 8 => api.direct(number).await,
            1 | 5 | 9 => api.generation(number).await,
            3 => api.signed(number, noise(number, PARTS_BYTES)).await,
            _ => {
                let text = bill("2024-11-29", &format!("{number}.00")).repeat(1 + number);
                api.signed(number, text.into_bytes()).await
            }
        };
        let Some((id, promise)) = stored else { return };
        acknowledged.lock().unwrap().insert(id, promise);
    }
}

/// Bytes that are no document, of each number others.
fn noise(number: usize, size_bytes: usize) -> Vec<u8> {
    let mut bytes = vec![0; size_bytes];
    StdRng::seed_from_u64(number as u64).fill(bytes.as_mut_slice());
    bytes
}

/// The parameters of a number's report.
fn report(number: usize) -> Value {
    json!({"title": format!("Report {number}"), "sections": []})
}

/// The hash of what a generation stores.
async fn preview(client: &Client, number: usize) -> Sha256 {
    let asked = json!({"format": "md", "parameters": report(number)});
    let answer = client.post("/v1/templates/report/preview", &asked).await;
    Sha256::of(&answer.expect(200).body)
}

/// The API of a process that may end. What is not answered is none; what is refused fails the test.
struct Api {
    url: String,
    token: String,
    http: reqwest::Client,
}

impl Api {
    async fn direct(&self, number: usize) -> Option<(String, Promise)> {
        let text = bill("2024-11-29", &format!("{number}.00")).repeat(1 + number);
        let hash = Sha256::of(text.as_bytes());
        let path = format!("/v1/files?name={number}.txt&type=bill&tag=pge");
        let file = self.post(&path, text).await?;
        Some((e2e::id(&file), Promise::Bytes(hash)))
    }

    async fn generation(&self, number: usize) -> Option<(String, Promise)> {
        let asked = json!({"template": "report", "format": "md", "parameters": report(number)});
        let made = self.post("/v1/generations", asked.to_string()).await?;
        let id = made["file_id"].as_str().unwrap().to_owned();
        Some((id, Promise::Report(number)))
    }

    /// Puts bytes to signed URLs, in as many parts as there are.
    async fn signed(&self, number: usize, bytes: Vec<u8>) -> Option<(String, Promise)> {
        let hash = Sha256::of(&bytes);
        let asked = json!({
            "name": format!("{number}.bin"), "size_bytes": bytes.len(), "sha256": hash.to_string(),
        });
        let begun = self.post("/v1/uploads", asked.to_string()).await?;
        let part_bytes = usize::try_from(begun["part_size_bytes"].as_u64().unwrap()).unwrap();
        for (part, chunk) in begun["parts"]
            .as_array()
            .unwrap()
            .iter()
            .zip(bytes.chunks(part_bytes))
        {
            let mut put = self.http.put(part["url"].as_str().unwrap());
            for (name, value) in part["headers"].as_object().unwrap() {
                put = put.header(name, value.as_str().unwrap());
            }
            let answer = put.body(chunk.to_vec()).send().await.ok()?;
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let id = begun["upload_id"].as_str().unwrap();
        let path = format!("/v1/uploads/{id}/complete");
        let file = self.post(&path, "{}".to_owned()).await?;
        Some((e2e::id(&file), Promise::Bytes(hash)))
    }

    /// Posts until it is done: S3's event may be finishing the same upload.
    async fn post(&self, path: &str, body: String) -> Option<Value> {
        loop {
            let answer = self
                .http
                .post(format!("{}{path}", self.url))
                .bearer_auth(&self.token)
                .header("content-type", "application/json")
                .body(body.clone())
                .send()
                .await
                .ok()?;
            if answer.status() == StatusCode::TOO_MANY_REQUESTS {
                continue;
            }
            assert_eq!(answer.status(), StatusCode::CREATED, "{path}");
            // The status alone is no acknowledgment: the file is known by what follows it.
            let body = answer.bytes().await.ok()?;
            return Some(serde_json::from_slice(&body).unwrap());
        }
    }
}

/// Waits until all files are completed, those that were never acknowledged, too; returns them.
async fn completed(client: &Client) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = files(client).await;
        let waiting: Vec<&Value> = all
            .iter()
            .filter(|file| file["status"] != "completed")
            .collect();
        if waiting.is_empty() {
            return all;
        }
        assert!(Instant::now() < deadline, "not completed: {waiting:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
