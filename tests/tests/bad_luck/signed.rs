//! Signed URLs in the hands of someone who wants more than they were signed for: each is refused, and
//! the bytes stay what they were.

use domain::principal::Role;
use domain::upload::SESSION_LIFETIME;
use e2e::id;
use http::Method;
use jiff::SignedDuration;
use reqwest::Url;
use serde_json::{Value, json};
use testkit::{Client, Sheaf};

use crate::invariants::{objects, text};
use crate::{start, start_with};

/// A request by a signed URL.
#[derive(Clone, Debug)]
struct Signed {
    method: Method,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Signed {
    fn put(part: &Value, body: &[u8]) -> Self {
        let headers = part["headers"].as_object().unwrap().iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().into()));
        Self {
            method: Method::PUT,
            url: text(part, "url").parse().unwrap(),
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    async fn send(&self) -> (u16, Vec<u8>) {
        let http = reqwest::Client::new();
        let request = http.request(self.method.clone(), self.url.clone());
        let request = self.headers.iter().fold(request, |request, header| {
            request.header(header.0.as_str(), header.1.as_str())
        });
        let answer = request.body(self.body.clone()).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap().to_vec())
    }

    fn pairs(&self) -> Vec<(String, String)> {
        let pairs = self.url.query_pairs();
        pairs
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    fn with_pairs(&self, what: String, pairs: &[(String, String)]) -> (String, Self) {
        let mut changed = self.clone();
        changed.url.query_pairs_mut().clear().extend_pairs(pairs);
        (what, changed)
    }

    /// Everything that can be changed of it, one at a time.
    fn tampered(&self) -> Vec<(String, Self)> {
        let mut all = Vec::new();
        let pairs = self.pairs();
        for (at, (name, value)) in pairs.iter().enumerate() {
            let mut removed = pairs.clone();
            removed.remove(at);
            all.push(self.with_pairs(format!("{name} removed"), &removed));

            for other in altered(name, value) {
                let mut changed = pairs.clone();
                changed[at].1.clone_from(&other);
                all.push(self.with_pairs(format!("{name} = {other}"), &changed));

                let mut doubled = pairs.clone();
                doubled.push((name.clone(), other.clone()));
                all.push(self.with_pairs(format!("{name} doubled, then {other}"), &doubled));
                let mut doubled = pairs.clone();
                doubled.insert(at, (name.clone(), other.clone()));
                all.push(self.with_pairs(format!("{name} doubled, first {other}"), &doubled));
            }
        }
        for (name, value) in [
            ("x-id", "DeleteObject"),
            ("versionId", "1"),
            ("acl", ""),
            ("uploads", ""),
            ("response-content-encoding", "gzip"),
        ] {
            let mut more = pairs.clone();
            more.push((name.to_owned(), value.to_owned()));
            if !pairs.contains(&(name.to_owned(), value.to_owned())) {
                all.push(self.with_pairs(format!("{name} added"), &more));
            }
        }
        let path = self.url.path().to_owned();
        let (folder, name) = path.rsplit_once('/').unwrap();
        for other in [
            format!("{folder}/00000000-0000-4000-8000-000000000000"),
            format!("{folder}/../{name}"),
            format!("{folder}/%2e%2e/{name}"),
            format!("{path}/"),
            format!("{path}%00"),
            format!("/{path}"),
            path.to_uppercase(),
            path.replacen("acme", "other", 1),
            folder.to_owned(),
        ] {
            let mut changed = self.clone();
            changed.url.set_path(&other);
            // What a client resolves before it sends is the same request.
            if changed.url.path() != path {
                all.push((format!("path {other}"), changed));
            }
        }
        for method in ["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"] {
            let method: Method = method.parse().unwrap();
            if method != self.method {
                let what = format!("method {method}");
                let changed = Self {
                    method,
                    ..self.clone()
                };
                all.push((what, changed));
            }
        }
        for (at, (name, value)) in self.headers.iter().enumerate() {
            let mut removed = self.clone();
            removed.headers.remove(at);
            all.push((format!("header {name} removed"), removed));
            let mut changed = self.clone();
            changed.headers[at].1 = format!("{value}x");
            all.push((format!("header {name} changed"), changed));
        }
        all
    }
}

/// Other values that a parameter might be given.
fn altered(name: &str, value: &str) -> Vec<String> {
    let mut others = vec![format!("{value}0"), String::new()];
    match name {
        "X-Amz-Expires" => others.extend(["604800".to_owned(), "-1".to_owned()]),
        "X-Amz-Algorithm" => others.push("none".to_owned()),
        "X-Amz-SignedHeaders" => others.push("host".to_owned()),
        "X-Amz-Date" => others.push("20991231T000000Z".to_owned()),
        "partNumber" => others.push("2".to_owned()),
        "X-Amz-Signature" => others.push("0".repeat(value.len())),
        _ => {}
    }
    others.retain(|other| other != value);
    others
}

/// Whether what was asked for was given.
fn is_given(status: u16) -> bool {
    (200..300).contains(&status)
}

async fn begin(client: &Client, name: &str, size_bytes: usize) -> Value {
    let asked = json!({"name": name, "size_bytes": size_bytes, "on_conflict": "rename"});
    client.post("/v1/uploads", &asked).await.expect(201).json()
}

fn upload_route(begun: &Value) -> String {
    format!("/v1/uploads/{}", text(begun, "upload_id"))
}

async fn complete(client: &Client, begun: &Value) -> testkit::Answer {
    let complete = upload_route(begun) + "/complete";
    client.post(&complete, &json!({})).await
}

async fn arrived(client: &Client, begun: &Value) -> usize {
    let shown = client.get(&upload_route(begun)).await.expect(200).json();
    shown["arrived"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_to_fetch_fetches_what_it_was_signed_for_and_does_nothing_else() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let file = client.put("name=a.txt", "the bytes").await;
    let theirs = sheaf.client("other", Role::Editor);
    theirs.put("name=a.txt", "their bytes").await;
    sheaf.rest().await;
    let content = format!("/v1/files/{}/content", id(&file));
    let location = client.get(&content).await.expect(302);
    let signed = Signed {
        method: Method::GET,
        url: location.header("location").parse().unwrap(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    assert_eq!(signed.send().await, (200, b"the bytes".to_vec()));
    let before = objects(&sheaf).await;

    for (what, tampered) in signed.tampered() {
        let (status, body) = tampered.send().await;
        // A preflight of a browser is anybody's.
        let is_preflight = tampered.method == Method::OPTIONS;
        assert!(is_preflight || !is_given(status), "{what}: {status}");
        assert_ne!(status, 500, "{what}");
        let text = String::from_utf8_lossy(&body);
        assert!(!text.contains("bytes"), "{what}: {text}");
    }

    assert_eq!(objects(&sheaf).await, before);
    assert_eq!(signed.send().await, (200, b"the bytes".to_vec()));
    client
        .delete(&format!("/v1/files/{}?permanent=true", id(&file)))
        .await
        .expect(200);
    assert!(!is_given(signed.send().await.0), "it is gone");
}

/// Tampers with a URL to send bytes, of which none have come: none come.
async fn tamper_before(sheaf: &Sheaf, client: &Client, begun: &Value, signed: &Signed) {
    let before = objects(sheaf).await;
    for (what, tampered) in signed.tampered() {
        let (status, _) = tampered.send().await;
        let is_preflight = tampered.method == Method::OPTIONS;
        assert!(is_preflight || !is_given(status), "{what}: {status}");
        assert_ne!(status, 500, "{what}");
    }
    for body in [&b"longer bytes"[..], b"short", b""] {
        let other = Signed {
            body: body.to_vec(),
            ..signed.clone()
        };
        assert!(!is_given(other.send().await.0), "{} bytes", body.len());
    }
    assert_eq!(objects(sheaf).await, before);
    assert_eq!(arrived(client, begun).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_to_send_bytes_takes_them_once_and_nothing_else() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let begun = begin(&client, "a.txt", 9).await;
    let signed = Signed::put(&begun["parts"][0], b"the bytes");
    Box::pin(tamper_before(&sheaf, &client, &begun, &signed)).await;
    assert!(is_given(signed.send().await.0));

    let others = Signed {
        body: b"otherwise".to_vec(),
        ..signed.clone()
    };
    assert_eq!(others.send().await.0, 412, "before it is complete");
    let file = complete(&client, &begun).await.expect(201).json();
    assert_eq!(others.send().await.0, 412, "after it is complete");
    sheaf.rest().await;
    assert!(!is_given(others.send().await.0), "after it was read");
    for (what, tampered) in signed.tampered() {
        let (status, _) = tampered.send().await;
        let is_preflight = tampered.method == Method::OPTIONS;
        assert!(is_preflight || !is_given(status), "{what}: {status}");
    }

    let content = client.content(&id(&file)).await.expect(200);
    assert_eq!(content.body, "the bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_to_send_bytes_of_a_known_hash_takes_no_others() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let promised = domain::Sha256::of(b"the bytes").to_string();
    let asked = json!({"name": "a.txt", "size_bytes": 9, "sha256": promised});
    let begun = client.post("/v1/uploads", &asked).await.expect(201).json();
    let signed = Signed::put(&begun["parts"][0], b"otherwise");

    let (status, _) = signed.send().await;

    assert_eq!(status, 400);
    assert_eq!(arrived(&client, &begun).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_of_a_part_takes_that_part_and_nothing_once_the_file_is_there() {
    const PART: usize = 8 * 1024 * 1024;
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    // The last of three parts has few bytes.
    let size = 2 * PART + 9;
    let begun = begin(&client, "a.bin", size).await;
    let last = Signed::put(&begun["parts"][2], b"the bytes");
    Box::pin(tamper_before(&sheaf, &client, &begun, &last)).await;
    for part in &begun["parts"].as_array().unwrap()[..2] {
        client.put_signed(part, vec![7; PART]).await.expect(200);
    }
    assert!(is_given(last.send().await.0));
    let file = complete(&client, &begun).await.expect(201).json();
    sheaf.rest().await;

    let others = Signed {
        body: b"otherwise".to_vec(),
        ..last
    };
    assert!(!is_given(others.send().await.0));

    let shown = client.file(&id(&file)).await;
    let whole = [&vec![7; 2 * PART][..], b"the bytes"].concat();
    let hash = domain::Sha256::of(&whole).to_string();
    assert_eq!(shown["sha256"], hash);
    let content = client.content(&id(&file)).await.expect(200).body;
    assert!(content == whole, "other bytes");
    assert_eq!(objects(&sheaf).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_url_brings_of_an_upload_that_was_given_up_is_removed() {
    let Some(sheaf) = start().await else { return };
    let client = sheaf.admin();
    let begun = begin(&client, "a.txt", 9).await;
    let signed = Signed::put(&begun["parts"][0], b"the bytes");
    client.delete(&upload_route(&begun)).await.expect(204);

    // S3 knows nothing of sessions: the bytes come, and go when it says so.
    signed.send().await;
    sheaf.rest().await;

    complete(&client, &begun).await.expect(410);
    assert!(objects(&sheaf).await.is_empty());
    let large = begin(&client, "a.bin", 17 * 1024 * 1024).await;
    let part = Signed::put(&large["parts"][2], &vec![7; 1024 * 1024]);
    client.delete(&upload_route(&large)).await.expect(204);
    assert!(!is_given(part.send().await.0), "its parts are no more");
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_hold_no_longer_than_they_say_and_an_upload_no_longer_than_its_session() {
    let Some(sheaf) = start_with(testkit::Options::default()).await else {
        return;
    };
    let client = sheaf.admin();
    let begun = begin(&client, "a.txt", 9).await;
    let signed = Signed::put(&begun["parts"][0], b"the bytes");
    let file = client.put("name=b.txt", "the bytes").await;
    let content = format!("/v1/files/{}/content", id(&file));
    let location = client.get(&content).await.expect(302);
    let fetch: Url = location.header("location").parse().unwrap();
    let lives = |url: &Url| -> u64 {
        let mut pairs = url.query_pairs();
        let expires = pairs.find(|(name, _)| name == "X-Amz-Expires").unwrap();
        expires.1.parse().unwrap()
    };
    assert!(lives(&signed.url) <= 3600, "{}", signed.url);
    assert!(lives(&fetch) <= 300, "{fetch}");

    // S3's own clock is no test's: one that is long past is written into the URL, which is tampering,
    // and one that ends in a second is waited for.
    sheaf.advance(SESSION_LIFETIME + SignedDuration::from_secs(1));
    let sign = upload_route(&begun) + "/parts";
    client
        .post(&sign, &json!({"numbers": [1]}))
        .await
        .expect(410);
    assert_eq!(sheaf.sweep().await.uploads_aborted, 1);
    signed.send().await;
    sheaf.rest().await;
    complete(&client, &begun).await.expect(410);
    assert_eq!(arrived(&client, &begun).await, 0);
    assert_eq!(objects(&sheaf).await.len(), 1, "that of the file");
}
