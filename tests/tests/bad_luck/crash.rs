//! The runner is killed while files are uploaded: what it acknowledged is there afterwards, whole.

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
use serde_json::Value;
use tempfile::TempDir;
use testkit::Client;

use crate::process::Process;
use crate::{bill, files, is_against_deployment, usage};

const UPLOADS: usize = 50;
const AT_ONCE: usize = 8;

/// How long after the restart every file must have gone through the pipeline.
const PATIENCE: Duration = Duration::from_mins(1);

/// The files that were acknowledged: the hash of the bytes of each, by id.
type Acknowledged = Mutex<BTreeMap<String, Sha256>>;

/// When the process is killed: so long after so many uploads were acknowledged.
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
    for seed in 1..=3 {
        let moment = Moment::of(seed);
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");

        let acknowledged = upload_until_killed(&data, &moment).await;
        let process = Process::start(&data).await;
        let client = Client::new(process.url.clone(), token(&data));
        let all = completed(&client).await;

        assert!(acknowledged.len() >= moment.acknowledged, "{moment:?}");
        let by_id: BTreeMap<String, &Value> =
            all.iter().map(|file| (e2e::id(file), file)).collect();
        for (id, hash) in acknowledged {
            let file = by_id
                .get(&id)
                .unwrap_or_else(|| panic!("{id} is lost: {moment:?}"));
            assert_eq!(file["sha256"], hash.to_string(), "{moment:?}");
            let content = client.content(&id).await.expect(200);
            assert_eq!(Sha256::of(&content.body), hash, "{moment:?}");
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

/// Uploads files, eight at a time, and kills the runner at the moment. Returns what it had
/// acknowledged.
async fn upload_until_killed(data: &Path, moment: &Moment) -> BTreeMap<String, Sha256> {
    let process = Process::start(data).await;
    let acknowledged = Acknowledged::default();
    let next = AtomicUsize::new(0);
    let url = process.url.clone();
    let token = token(data);
    let uploading = join_all((0..AT_ONCE).map(|_| upload_some(&url, &token, &next, &acknowledged)));
    let killing = async {
        while acknowledged.lock().unwrap().len() < moment.acknowledged {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(moment.later).await;
        process.kill().await;
    };
    tokio::join!(uploading, killing);
    acknowledged.into_inner().unwrap()
}

/// Uploads the next file again and again, until there is none or nobody answers.
async fn upload_some(url: &str, token: &str, next: &AtomicUsize, acknowledged: &Acknowledged) {
    let http = reqwest::Client::new();
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= UPLOADS {
            return;
        }
        let text = bill("2024-11-29", &format!("{number}.00")).repeat(1 + number);
        let hash = Sha256::of(text.as_bytes());
        let answer = http
            .post(format!(
                "{url}/v1/files?name={number}.txt&type=bill&tag=pge"
            ))
            .bearer_auth(token)
            .body(text)
            .send()
            .await;
        let Ok(answer) = answer else { return };
        assert_eq!(answer.status(), 201);
        // The status alone is no acknowledgment: the file is known by what follows it.
        let Ok(body) = answer.bytes().await else {
            return;
        };
        let file: Value = serde_json::from_slice(&body).unwrap();
        acknowledged.lock().unwrap().insert(e2e::id(&file), hash);
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
