//! Keys at a URL, asked of an issuer on a loopback port.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::SignedDuration;
use runtime::clock::Clock;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::Keys;

/// An issuer whose keys, health and speed a test decides.
struct Issuer {
    keys: Keys,
    clock: Clock,
    answer: Arc<Mutex<(StatusCode, String)>>,
    /// How often it was asked.
    asked: Arc<AtomicUsize>,
    /// Lets as many through as it has permits.
    gate: Arc<Semaphore>,
}

impl Issuer {
    async fn start(ids: &[&str]) -> Self {
        let clock = Clock::manual();
        let answer = Arc::new(Mutex::new((StatusCode::OK, key_set(ids))));
        let asked = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
        let shared = (Arc::clone(&answer), Arc::clone(&asked), Arc::clone(&gate));
        let router = Router::new().route(
            "/",
            get(move || {
                let (answer, asked, gate) = shared.clone();
                async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    let _through = gate.acquire().await.unwrap();
                    answer.lock().unwrap().clone()
                }
            }),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            keys: Keys::at(url, clock.clone()),
            clock,
            answer,
            asked,
            gate,
        }
    }

    fn publishes(&self, status: StatusCode, body: String) {
        *self.answer.lock().unwrap() = (status, body);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn knows(&self, id: &str) -> bool {
        self.keys.find(Some(id)).await.unwrap().is_some()
    }

    /// Holds back answers from now on, and has a request wait for one.
    async fn hold_up(&self, id: &'static str) -> tokio::task::JoinHandle<bool> {
        let before = self.asked();
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
        let keys = self.keys.clone();
        let waiting = tokio::spawn(async move { keys.find(Some(id)).await.unwrap().is_some() });
        while self.asked() == before {
            tokio::task::yield_now().await;
        }
        waiting
    }
}

fn key_set(ids: &[&str]) -> String {
    let keys: Vec<_> = ids
        .iter()
        .map(|id| serde_json::json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": "AA"}))
        .collect();
    serde_json::json!({ "keys": keys }).to_string()
}

#[tokio::test]
async fn requests_that_come_at_once_fetch_once() {
    let issuer = Issuer::start(&["a"]).await;

    let found = futures::future::join_all((0..20).map(|_| issuer.knows("a"))).await;

    assert_eq!(found, [true; 20]);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn unknown_key_is_looked_for_once_in_a_while_and_found_when_it_is_new() {
    let issuer = Issuer::start(&["a"]).await;
    assert!(issuer.knows("a").await);

    let made_up = futures::future::join_all((0..20).map(|_| issuer.knows("x"))).await;
    assert_eq!(made_up, [false; 20]);
    assert_eq!(issuer.asked(), 1);
    issuer.clock.advance(SignedDuration::from_secs(11));
    let made_up = futures::future::join_all((0..20).map(|_| issuer.knows("x"))).await;
    assert_eq!(made_up, [false; 20]);
    assert_eq!(issuer.asked(), 2);

    issuer.publishes(StatusCode::OK, key_set(&["a", "x"]));
    issuer.clock.advance(SignedDuration::from_secs(11));
    assert!(issuer.knows("x").await);
}

#[tokio::test]
async fn known_key_does_not_wait_while_a_slow_issuer_is_asked_for_another() {
    let issuer = Issuer::start(&["a"]).await;
    assert!(issuer.knows("a").await);
    issuer.clock.advance(SignedDuration::from_secs(11));
    let waiting = issuer.hold_up("x").await;

    assert!(issuer.knows("a").await);

    assert!(!waiting.is_finished());
    issuer.gate.add_permits(Semaphore::MAX_PERMITS);
    assert!(!waiting.await.unwrap());
}

#[tokio::test]
async fn known_key_whose_turn_it_is_to_fetch_is_not_held_up_by_a_slow_issuer() {
    let issuer = Issuer::start(&["a"]).await;
    assert!(issuer.knows("a").await);
    issuer.publishes(StatusCode::OK, key_set(&["b"]));
    issuer.clock.advance(SignedDuration::from_hours(2));
    let waiting = issuer.hold_up("a").await;

    // Both are answered while the issuer answers nobody.
    assert!(issuer.knows("a").await);
    assert!(waiting.await.unwrap());

    // The fetch went on, and what it brings counts.
    issuer.gate.add_permits(Semaphore::MAX_PERMITS);
    while issuer.knows("a").await {
        tokio::task::yield_now().await;
    }
    assert!(issuer.knows("b").await);
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn request_that_is_given_up_leaves_its_fetch_to_the_others() {
    let issuer = Issuer::start(&["a"]).await;

    let waiting = issuer.hold_up("a").await;
    waiting.abort();
    issuer.gate.add_permits(Semaphore::MAX_PERMITS);

    assert!(issuer.knows("a").await);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_of_an_issuer_that_is_down_are_used_for_a_day_and_no_longer() {
    let issuer = Issuer::start(&["a"]).await;
    assert!(issuer.knows("a").await);
    issuer.publishes(StatusCode::INTERNAL_SERVER_ERROR, String::new());

    issuer.clock.advance(SignedDuration::from_hours(23));
    assert!(issuer.knows("a").await);
    assert!(issuer.knows("a").await);
    assert_eq!(issuer.asked(), 2);
    issuer.clock.advance(SignedDuration::from_hours(2));
    assert!(issuer.keys.find(Some("a")).await.is_err());
    assert!(issuer.keys.find(Some("a")).await.is_err());
    assert_eq!(issuer.asked(), 3);

    issuer.publishes(StatusCode::OK, key_set(&["a"]));
    issuer.clock.advance(SignedDuration::from_secs(11));
    assert!(issuer.knows("a").await);
}

#[tokio::test]
async fn key_that_was_withdrawn_is_refused_after_an_hour() {
    let issuer = Issuer::start(&["a", "b"]).await;
    assert!(issuer.knows("a").await);
    issuer.publishes(StatusCode::OK, key_set(&["b"]));

    issuer.clock.advance(SignedDuration::from_mins(59));
    assert!(issuer.knows("a").await);
    issuer.clock.advance(SignedDuration::from_mins(2));
    assert!(!issuer.knows("a").await);
}

#[tokio::test]
async fn answer_that_is_too_large_is_not_read_to_its_end() {
    let issuer = Issuer::start(&[]).await;
    issuer.publishes(StatusCode::OK, " ".repeat(300_000) + &key_set(&["a"]));

    assert!(issuer.keys.find(Some("a")).await.is_err());
}
