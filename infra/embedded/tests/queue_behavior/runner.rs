//! The runner, and the handlers it calls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::message::Destination::Ingest;
use embedded::queue::{Counts, Runner, RunnerSettings};
use jiff::Timestamp;
use store::queue::Queue as _;
use tokio::sync::{Barrier, Semaphore, mpsc};

use crate::place::{LEASE, Place, TICK, counts};

/// What a handler answers.
type Answer = Result<SqsBatchResponse, String>;

/// A runner, and the events its handler was given.
struct Handled {
    events: mpsc::UnboundedReceiver<SqsEvent>,
    runner: Runner,
}

fn settings(concurrency: usize) -> RunnerSettings {
    RunnerSettings {
        batch: 3,
        concurrency,
        timeout: Duration::from_secs(20),
        visibility: LEASE,
    }
}

fn run(place: &Place, answer: impl Fn(&SqsEvent) -> Answer + Send + Sync + 'static) -> Handled {
    let (tell, events) = mpsc::unbounded_channel();
    let answer = Arc::new(answer);
    let runner = Runner::start(
        place.queue.clone(),
        Ingest,
        settings(2),
        move |event: SqsEvent| {
            tell.send(event.clone()).unwrap();
            let answer = Arc::clone(&answer);
            async move { answer(&event) }
        },
    );
    Handled { events, runner }
}

fn bodies(event: &SqsEvent) -> Vec<String> {
    event
        .records
        .iter()
        .map(|record| record.body.clone().unwrap())
        .collect()
}

/// Answers that the messages with this body failed.
fn failing(body: &'static str) -> impl Fn(&SqsEvent) -> Answer + Send + Sync {
    move |event| {
        let mut response = SqsBatchResponse::default();
        for record in event
            .records
            .iter()
            .filter(|record| record.body.as_deref() == Some(body))
        {
            response.add_failure(record.message_id.clone().unwrap());
        }
        Ok(response)
    }
}

/// Waits until the queue is as it should be. Each look lets the runner go on.
async fn eventually(place: &Place, expected: Counts) {
    let looks = async {
        while place.counts().await != expected {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), looks)
        .await
        .unwrap();
}

#[tokio::test]
async fn runner_hands_over_what_lambda_would() {
    let place = Place::start(3).await;
    place.send("body").await;
    let mut handled = run(&place, |_| Ok(SqsBatchResponse::default()));

    let event = handled.events.recv().await.unwrap();
    eventually(&place, counts(0, 0, 0)).await;
    handled.runner.stop().await;

    let record = &event.records[0];
    assert_eq!(record.body.as_deref(), Some("body"));
    assert_eq!(
        record.md5_of_body.as_deref(),
        Some("841a2d689ad86bd1611447453c22c6fc")
    );
    assert_eq!(record.event_source.as_deref(), Some("aws:sqs"));
    assert_eq!(record.attributes["ApproximateReceiveCount"], "1");
    assert_eq!(record.attributes["SentTimestamp"], "1700000000000");
    assert!(
        record
            .message_id
            .as_ref()
            .unwrap()
            .parse::<uuid::Uuid>()
            .is_ok()
    );
}

#[tokio::test]
async fn one_poisoned_message_holds_up_no_other() {
    let place = Place::start(2).await;
    for body in ["good", "poison", "better"] {
        place.send(body).await;
    }
    let mut handled = run(&place, failing("poison"));

    assert_eq!(
        bodies(&handled.events.recv().await.unwrap()),
        ["good", "poison", "better"]
    );
    eventually(&place, counts(1, 0, 0)).await;
    place.pass(Duration::from_secs(1));
    assert_eq!(bodies(&handled.events.recv().await.unwrap()), ["poison"]);
    eventually(&place, counts(0, 0, 1)).await;
    handled.runner.stop().await;
}

#[tokio::test]
async fn batch_fails_as_a_whole_when_its_handler_does() {
    let answers: [fn(&SqsEvent) -> Answer; 3] = [
        |_| Err("no".to_owned()),
        |_| panic!("a handler that panics"),
        |_| {
            let mut response = SqsBatchResponse::default();
            response.add_failure("not a message of this batch");
            Ok(response)
        },
    ];
    for answer in answers {
        let place = Place::start(3).await;
        place.send("one").await;
        place.send("two").await;
        let mut handled = run(&place, answer);

        assert_eq!(
            bodies(&handled.events.recv().await.unwrap()),
            ["one", "two"]
        );
        handled.runner.stop().await;

        assert_eq!(place.counts().await, counts(2, 0, 0));
        place.pass(Duration::from_secs(1));
        let again: BTreeMap<_, _> = place
            .receive()
            .await
            .into_iter()
            .map(|m| (m.body, m.receives))
            .collect();
        assert_eq!(
            again,
            BTreeMap::from([("one".to_owned(), 2), ("two".to_owned(), 2)])
        );
    }
}

#[tokio::test]
async fn waiting_runner_is_woken_by_a_message() {
    let place = Place::start(3).await;
    let mut handled = run(&place, |_| Ok(SqsBatchResponse::default()));
    for body in ["first", "second"] {
        eventually(&place, counts(0, 0, 0)).await;
        place.send(body).await;
        assert_eq!(bodies(&handled.events.recv().await.unwrap()), [body]);
    }
    handled.runner.stop().await;
}

#[tokio::test]
async fn delayed_message_wakes_the_runner_when_it_is_due() {
    const DELAY: Duration = Duration::from_millis(300);
    let place = Place::with_clock(3, Arc::new(Timestamp::now)).await;
    let mut handled = run(&place, |_| Ok(SqsBatchResponse::default()));
    let sent = Instant::now();
    place
        .queue
        .send(Ingest, "later".to_owned(), DELAY)
        .await
        .unwrap();

    let event = handled.events.recv().await.unwrap();

    assert_eq!(bodies(&event), ["later"]);
    assert!(sent.elapsed() >= DELAY.saturating_sub(TICK));
    handled.runner.stop().await;
}

#[tokio::test]
async fn stopping_runner_lets_its_batches_finish_and_takes_no_more() {
    let place = Place::start(3).await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let may_end = Arc::new(Semaphore::new(0));
    let ends = Arc::clone(&may_end);
    let runner = Runner::start(
        place.queue.clone(),
        Ingest,
        settings(1),
        move |event: SqsEvent| {
            begun.send(bodies(&event)).unwrap();
            let ends = Arc::clone(&ends);
            async move {
                ends.acquire().await.unwrap().forget();
                Ok::<_, String>(SqsBatchResponse::default())
            }
        },
    );
    place.send("running").await;
    assert_eq!(begins.recv().await.unwrap(), ["running"]);
    place.send("waiting").await;

    let stopping = tokio::spawn(runner.stop());
    tokio::task::yield_now().await;
    may_end.add_permits(10);
    stopping.await.unwrap();

    assert!(begins.try_recv().is_err());
    assert_eq!(place.counts().await, counts(1, 0, 0));
}

#[tokio::test]
async fn no_more_batches_run_at_once_than_allowed() {
    let place = Place::start(3).await;
    for number in 0..30 {
        place.send(&number.to_string()).await;
    }
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    // Each batch waits for another, so two have to run at once, and has the time to meet a third.
    let pair = Arc::new(Barrier::new(2));
    let runner = Runner::start(
        place.queue.clone(),
        Ingest,
        settings(2),
        move |event: SqsEvent| {
            let (running, most, pair) =
                (Arc::clone(&running), Arc::clone(&most), Arc::clone(&pair));
            async move {
                assert_eq!(event.records.len(), 3);
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                pair.wait().await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, String>(SqsBatchResponse::default())
            }
        },
    );

    eventually(&place, counts(0, 0, 0)).await;
    runner.stop().await;

    assert_eq!(seen.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn handler_that_takes_too_long_is_given_up() {
    let place = Place::start(3).await;
    let impatient = RunnerSettings {
        timeout: Duration::from_millis(50),
        ..settings(1)
    };
    let (begun, mut begins) = mpsc::unbounded_channel();
    let runner = Runner::start(
        place.queue.clone(),
        Ingest,
        impatient,
        move |_: SqsEvent| {
            begun.send(()).unwrap();
            std::future::pending::<Result<SqsBatchResponse, String>>()
        },
    );
    place.send("body").await;
    begins.recv().await.unwrap();

    runner.stop().await;

    assert_eq!(place.counts().await, counts(1, 0, 0));
}
